//! The calls that a conversation of signalling tells of, while they are followed: one way to keep them, to number their
//! steps and to write them down, for the protocols that set calls up without SIP.

use std::collections::BTreeMap;

use overheard_ledger::{
    Body, Call, CallState, CallStep, Endpoint, HintBody, MAX_CALL_STEPS, MAX_EVIDENCE, Seen, Time,
};
use overheard_tap::{Evidence, Notes, Side};

use super::sdp::Description;
use super::sip::message::hash;

/// The most calls that a conversation keeps in mind; the oldest that is over is written down to make
/// room, else the oldest.
pub(crate) const MAX_CALLS: usize = 512;
/// The longest id, number or name that is kept, in bytes.
pub(crate) const MAX_TEXT: usize = 256;
/// The most digits that are kept of a call.
pub(crate) const MAX_DIGITS: usize = 128;
/// The most endpoints of media that one call announces.
const MAX_ANNOUNCED: usize = 32;

/// The calls of one conversation.
pub(crate) struct CallBook {
    protocol: &'static str,
    calls: BTreeMap<String, Followed>,
    begun: u64,
}

/// A call that is being followed.
pub(crate) struct Followed {
    /// What is known of it so far.
    pub(crate) call: Call,
    /// Position among the calls of the conversation: the order of writing.
    order: u64,
    /// From when on voice could pass both ways: that it was answered, where nothing else says so and it never rang.
    pub(crate) through: Option<Time>,
    digits: String,
    /// The endpoints that were announced, with their protocols.
    announced: Vec<(&'static str, Endpoint)>,
    evidence: Evidence,
    /// Messages that the evidence is of.
    messages: usize,
}

impl CallBook {
    /// Without calls yet; `protocol` is the signalling's name in the ledger.
    pub(crate) fn new(protocol: &'static str) -> CallBook {
        CallBook {
            protocol,
            calls: BTreeMap::new(),
            begun: 0,
        }
    }

    /// The call of this id, begun now where it is not known.
    pub(crate) fn begin(&mut self, id: &str, notes: &mut Notes<'_>) -> &mut Followed {
        let id = shortened(id);
        if !self.calls.contains_key(&id) && self.calls.len() >= MAX_CALLS {
            let oldest = self
                .calls
                .iter()
                .min_by_key(|(_, followed)| (!followed.is_over(), followed.order));
            if let Some(id) = oldest.map(|(id, _)| id.clone())
                && let Some(followed) = self.calls.remove(&id)
            {
                followed.write(notes);
            }
        }
        let (protocol, order) = (self.protocol, self.begun);
        self.begun += 1;
        self.calls.entry(id).or_insert_with_key(|id| Followed {
            call: Call {
                protocol: protocol.to_owned(),
                call_id: id.clone(),
                start: Some(notes.now()),
                ..Call::default()
            },
            order,
            through: None,
            digits: String::new(),
            announced: Vec::new(),
            evidence: Evidence::default(),
            messages: 0,
        })
    }

    /// The call of this id, where it is being followed.
    pub(crate) fn get(&mut self, id: &str) -> Option<&mut Followed> {
        self.calls.get_mut(&shortened(id))
    }

    /// Writes the call of this id down and forgets it.
    pub(crate) fn close(&mut self, id: &str, notes: &mut Notes<'_>) {
        if let Some(followed) = self.calls.remove(&shortened(id)) {
            followed.write(notes);
        }
    }

    /// Writes all of them down, in the order in which they began.
    pub(crate) fn finish(&mut self, notes: &mut Notes<'_>) {
        let mut calls: Vec<Followed> = std::mem::take(&mut self.calls).into_values().collect();
        calls.sort_by_key(|followed| followed.order);
        for followed in calls {
            followed.write(notes);
        }
    }

    /// Bytes of memory that it holds.
    pub(crate) fn held(&self) -> usize {
        // The ids, the names, the steps and the evidence of a call take about as much again.
        self.calls.len() * 4 * size_of::<Followed>()
    }
}

impl Followed {
    fn is_over(&self) -> bool {
        matches!(
            self.call.state,
            CallState::Ended | CallState::Failed | CallState::Cancelled
        )
    }

    /// Something was said of it: `what` is the word of the protocol. What a side says twice in a row is
    /// sent again, and is no step.
    pub(crate) fn step(&mut self, side: Side, what: &str, notes: &Notes<'_>) {
        if self.messages < MAX_EVIDENCE {
            self.messages += 1;
            self.evidence.join(&notes.evidence());
        }
        let source = notes.endpoint(side);
        let steps = &mut self.call.steps;
        let last = steps.iter().rev().find(|step| step.source == source);
        if steps.len() < MAX_CALL_STEPS && last.is_none_or(|last| last.what != what) {
            steps.push(CallStep {
                frame: notes.frame(),
                time: notes.now(),
                source,
                destination: notes.endpoint(side.other()),
                what: shortened(what),
            });
        }
    }

    /// Who called, where that was not known.
    pub(crate) fn from(&mut self, party: Option<String>) {
        self.call.from = self.call.from.take().or(party);
    }

    /// Who was called, where that was not known.
    pub(crate) fn to(&mut self, party: Option<String>) {
        self.call.to = self.call.to.take().or(party);
    }

    /// A key was pressed during the call.
    pub(crate) fn digit(&mut self, digit: char) {
        if self.digits.len() < MAX_DIGITS {
            self.digits.push(digit);
        }
    }

    /// It rings.
    pub(crate) fn ringing(&mut self, notes: &Notes<'_>) {
        if self.call.state <= CallState::Ringing {
            self.call.state = CallState::Ringing;
            self.call.ringing.get_or_insert(notes.now());
        }
    }

    /// It was answered.
    pub(crate) fn answered(&mut self, notes: &Notes<'_>) {
        if self.call.state <= CallState::Ringing {
            self.call.state = CallState::Answered;
            self.call.answer.get_or_insert(notes.now());
        }
    }

    /// It is over: where nobody had answered, it was given up, or it failed for a reason.
    pub(crate) fn ended(&mut self, reason: Option<String>, notes: &Notes<'_>) {
        self.settle();
        self.call.state = match self.call.state {
            CallState::Answered => CallState::Ended,
            CallState::Attempted | CallState::Ringing if reason.is_some() => CallState::Failed,
            CallState::Attempted | CallState::Ringing => CallState::Cancelled,
            over => {
                self.call.reason = self.call.reason.take().or(reason);
                self.call.state = over;
                return;
            }
        };
        self.call.end = Some(notes.now());
        self.call.reason = self.call.reason.take().or(reason);
    }

    /// The voice of this call will go to an endpoint: said to `join` once. `codec` is the payload type and its name,
    /// where one was agreed; `protection` is `none` where nothing seals it.
    pub(crate) fn expect(
        &mut self,
        endpoint: Endpoint,
        codec: Option<(u8, &str)>,
        protection: Option<&str>,
        notes: &mut Notes<'_>,
    ) {
        if endpoint.port == 0 || endpoint.ip.is_unspecified() || !self.is_new("rtp", endpoint) {
            return;
        }
        expect(endpoint, codec, protection, Some(&self.call.call_id), notes);
    }

    /// A conversation of H.245 at an endpoint will be about this call: what it announces is this call's.
    pub(crate) fn expect_control(&mut self, endpoint: Endpoint, notes: &mut Notes<'_>) {
        if self.is_new("h245", endpoint) {
            notes.hint(HintBody::Expect {
                endpoint,
                protocol: "h245",
                label: Some(self.call.call_id.clone()),
                details: Vec::new(),
            });
        }
    }

    /// The endpoints that a description of a session (RFC 8866) announces for this call: each is said to `join` once.
    pub(crate) fn announce(&mut self, body: &[u8], notes: &mut Notes<'_>) {
        let description = Description::parse(body);
        let mut party = None;
        let before = self.announced.len();
        for announcement in description.announcements() {
            // A party is where it listens: who sets the call up tells its description to the other one too.
            party = party.or(Some(hash(&announcement.endpoint)));
            if self.is_new(announcement.protocol, announcement.endpoint) {
                notes.hint(announcement.of_call(&self.call.call_id));
            }
        }
        if self.announced.len() > before
            && let Some(party) = party
            && let Some(described) = description.of_party(&self.call.call_id, party)
        {
            notes.hint(described);
        }
    }

    /// Whether an endpoint was not announced yet, and may be.
    fn is_new(&mut self, protocol: &'static str, endpoint: Endpoint) -> bool {
        let announced = (protocol, endpoint);
        let new = self.announced.len() < MAX_ANNOUNCED && !self.announced.contains(&announced);
        if new {
            self.announced.push(announced);
        }
        new
    }

    fn settle(&mut self) {
        if self.call.state == CallState::Attempted && self.through.is_some() {
            self.call.state = CallState::Answered;
            self.call.answer = self.through;
        }
    }

    fn write(mut self, notes: &mut Notes<'_>) {
        self.settle();
        let digits = (!self.digits.is_empty()).then(|| notes.mask(&self.digits));
        notes.add_with(
            Call {
                digits,
                ..self.call
            },
            self.evidence,
        );
    }
}

/// Says to `join` that RTP will go to an endpoint, and RTCP to the one behind it; `label` is the call, where it is known.
pub(crate) fn expect(
    endpoint: Endpoint,
    codec: Option<(u8, &str)>,
    protection: Option<&str>,
    label: Option<&str>,
    notes: &mut Notes<'_>,
) {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut details = Vec::new();
    details.extend(codec.map(|(payload_type, name)| pair(&payload_type.to_string(), name)));
    details.push(pair("media", "audio"));
    details.extend(protection.map(|protection| pair("protection", protection)));
    let ports = [
        ("rtp", Some(endpoint.port)),
        ("rtcp", endpoint.port.checked_add(1)),
    ];
    for (protocol, port) in ports {
        let Some(port) = port else { continue };
        notes.hint(HintBody::Expect {
            endpoint: Endpoint::new(endpoint.ip, port),
            protocol,
            label: label.map(str::to_owned),
            details: details.clone(),
        });
    }
}

/// At most [`MAX_TEXT`] bytes of a text, cut between characters.
pub(crate) fn shortened(text: &str) -> String {
    let end = (0..=MAX_TEXT.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// A party as calls name it: a number as a URI (RFC 3966), anything else as it stands; `None` where it is empty.
pub(crate) fn party(text: &str) -> Option<String> {
    let text = text.trim_matches(|character: char| character == '\0' || character.is_whitespace());
    let number = text.strip_prefix('+').unwrap_or(text);
    let is_number = !number.is_empty()
        && number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'#'));
    match (is_number, text.is_empty()) {
        (_, true) => None,
        (true, _) => Some(format!("tel:{}", shortened(text))),
        (false, _) => Some(shortened(text)),
    }
}

/// What a rule says of a call of this protocol: who called whom.
pub(crate) fn call_heard(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let call = call_of(seen, protocol)?;
    let somebody = "somebody";
    let from = call.from.as_deref().unwrap_or(somebody);
    let to = call.to.as_deref().unwrap_or(somebody);
    Some(match call.state {
        CallState::Answered | CallState::Ended => {
            format!("That {from} called {to}, when, and for how long")
        }
        _ => format!("That {from} tried to call {to}, and when"),
    })
}

/// What a rule says of a call of this protocol during which keys were pressed.
pub(crate) fn digits_heard(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let call = call_of(seen, protocol)?;
    call.digits.as_ref()?;
    let from = call.from.as_deref().unwrap_or("somebody");
    let to = call.to.as_deref().unwrap_or("somebody");
    Some(format!(
        "The keys that were pressed during the call of {from} to {to}: a PIN, a number of an account"
    ))
}

fn call_of<'a>(seen: &'a Seen<'_>, protocol: &str) -> Option<&'a Call> {
    match &seen.record.body {
        Body::Call(call) if call.protocol == protocol => Some(call),
        _ => None,
    }
}

/// The rules of a signalling protocol by its name in the ledger, what people call it, what to do, and the standard
/// that says so.
macro_rules! call_rules {
    ($name:literal, $title:literal, $remedy:literal, $standard:literal) => {{
        use overheard_ledger::{Exposure, Rule, Severity, When};
        use $crate::shared::call_book::{call_heard, digits_heard};
        [
            Rule {
                id: concat!($name, "-call"),
                title: concat!("Who called whom, and when, in ", $title),
                severity: Severity::High,
                exposure: Exposure::Open,
                when: When::Record(|seen| call_heard(seen, $name)),
                remedy: $remedy,
                standard: $standard,
                explain: "The messages that set a call up name the caller and the called, and show when it rang, was \
                          answered and ended. Collected over weeks they draw the picture of who works with whom.",
            },
            Rule {
                id: concat!($name, "-digits"),
                title: concat!("Keys pressed during a call, in ", $title),
                severity: Severity::Critical,
                exposure: Exposure::Open,
                when: When::Record(|seen| digits_heard(seen, $name)),
                remedy: $remedy,
                standard: $standard,
                explain: "What is typed during a call is mostly a secret: the PIN of a mailbox, the number of a card. \
                          Each key passes in a message of its own.",
            },
        ]
    }};
}
pub(crate) use call_rules;
