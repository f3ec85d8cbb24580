//! One call as its messages tell it: forks, holds, transfers, and how it ended (RFC 3261 sections 12 to 15).

use overheard_ledger::{Call, CallState, CallStep, MAX_CALL_STEPS, MAX_EVIDENCE};
use overheard_tap::{Evidence, Notes, Side};

use crate::shared::header_block::HeaderBlock;

use super::message::{METHODS, Start, bare_uri, elements, hash, parameter, uris};
use super::reasons::with_reason;

/// The most digits that are kept of a call.
pub(super) const MAX_DIGITS: usize = 128;
/// The most descriptions of one call that are remembered, to announce each only once.
const MAX_DESCRIPTIONS: usize = 64;
/// The most dialogs of one call that are told apart: a forked INVITE makes one with each telephone that answers.
const MAX_DIALOGS: usize = 16;

/// What one message says, as far as a call wants to know.
pub(super) struct Heard<'a, 'b> {
    pub(super) side: Side,
    pub(super) start: Start<'a>,
    /// Number and method of the transaction.
    pub(super) number: u32,
    pub(super) method: &'a str,
    pub(super) block: &'a HeaderBlock<'b>,
}

impl Heard<'_, '_> {
    /// Hashes of the tags of From and To; that of an empty text where there is none.
    fn tags(&self) -> (u64, u64) {
        let tag = |name, compact| {
            let value = self.block.get(name, compact);
            hash(
                value
                    .as_deref()
                    .and_then(|value| parameter(value, "tag"))
                    .unwrap_or_default(),
            )
        };
        (tag("From", "f"), tag("To", "t"))
    }

    /// Whether it belongs to a dialog that exists already: the other party's tag is known.
    pub(super) fn in_dialog(&self) -> bool {
        self.tags().1 != hash("")
    }

    /// A number that it shares with its repetitions, and with no other message of the call.
    pub(super) fn transaction(&self) -> u64 {
        let said = match self.start {
            Start::Request(method) => (method, 0),
            Start::Response(code) => (self.method, code),
        };
        hash(&(self.side, said, self.number, self.tags()))
    }

    /// It as a step of its call.
    pub(super) fn step(&self, notes: &Notes<'_>) -> CallStep {
        // A method that nobody registered may be any word.
        let method = if METHODS.contains(&self.method) {
            self.method
        } else {
            "request"
        };
        let what = match self.start {
            Start::Request(_) => method.to_owned(),
            Start::Response(code @ 100..=199) if method == "INVITE" => with_reason(code),
            Start::Response(code) => format!("{} ({method})", with_reason(code)),
        };
        CallStep {
            frame: notes.frame(),
            time: notes.now(),
            source: notes.endpoint(self.side),
            destination: notes.endpoint(self.side.other()),
            what,
        }
    }

    /// Who says it: the tag of From in requests, of To in responses.
    pub(super) fn party(&self) -> u64 {
        let (from, to) = self.tags();
        match self.start {
            Start::Request(_) => from,
            Start::Response(_) => to,
        }
    }
}

/// A call that is being followed.
pub(super) struct Followed {
    pub(super) call: Call,
    /// Position among the calls of the conversation: the order of writing.
    pub(super) order: u64,
    /// Number of the latest INVITE.
    invite: u32,
    pub(super) digits: String,
    /// Side and number of the latest request that carried a digit.
    pub(super) digit: Option<(usize, u32)>,
    /// Hashes of the session descriptions that were announced.
    descriptions: Vec<u64>,
    /// Hashes of the steps that were told.
    told: Vec<u64>,
    /// Hashes of the tags of those who answered, and whether their dialogs go on.
    dialogs: Vec<(u64, bool)>,
    /// Hashes of the tags of those who hold the call.
    holders: Vec<u64>,
    /// Number of the request that asked for the transfer.
    transfer: Option<u32>,
    pub(super) evidence: Evidence,
    /// Messages that the evidence is of.
    messages: usize,
}

impl Followed {
    pub(super) fn new(call_id: &str, order: u64, invite: u32, block: &HeaderBlock<'_>) -> Followed {
        let address = |name, compact| block.get(name, compact).and_then(|value| bare_uri(&value));
        let call = Call {
            protocol: "sip".to_owned(),
            call_id: call_id.to_owned(),
            from: address("From", "f"),
            to: address("To", "t"),
            ..Call::default()
        };
        Followed {
            call,
            order,
            invite,
            digits: String::new(),
            digit: None,
            descriptions: Vec::new(),
            told: Vec::new(),
            dialogs: Vec::new(),
            holders: Vec::new(),
            transfer: None,
            evidence: Evidence::default(),
            messages: 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(
            self.call.state,
            CallState::Ended | CallState::Failed | CallState::Cancelled
        )
    }

    /// Memory outside of the structure itself, about, in bytes.
    pub(super) fn held(&self) -> usize {
        size_of::<Followed>() + self.call.steps.len() * (size_of::<CallStep>() + 32)
    }

    /// Whether a description was not announced yet.
    pub(super) fn is_new(&mut self, description: u64) -> bool {
        if self.descriptions.contains(&description) {
            return false;
        }
        if self.descriptions.len() < MAX_DESCRIPTIONS {
            self.descriptions.push(description);
        }
        true
    }

    pub(super) fn hear(&mut self, heard: &Heard<'_, '_>, notes: &Notes<'_>) {
        if self.messages < MAX_EVIDENCE {
            self.messages += 1;
            self.evidence.join(&notes.evidence());
        }
        self.step(heard, notes);
        match heard.start {
            Start::Request("INVITE") => self.invited(heard, notes),
            Start::Request("CANCEL") if self.call.state <= CallState::Ringing => {
                self.call.state = CallState::Cancelled;
                self.call.end = Some(notes.now());
            }
            Start::Request("BYE") => self.left(heard, notes),
            Start::Request("REFER") => {
                let target = heard
                    .block
                    .get("Refer-To", "r")
                    .and_then(|value| bare_uri(&value));
                if target.is_some() {
                    self.call.transferred_to = target;
                    self.transfer = Some(heard.number);
                }
            }
            Start::Response(code) if heard.method == "INVITE" => self.answered(code, heard, notes),
            // Refused, other than to ask for a password.
            Start::Response(300..=400 | 402..=406 | 408..)
                if heard.method == "REFER" && self.transfer == Some(heard.number) =>
            {
                self.call.transferred_to = None;
            }
            _ => {}
        }
    }

    /// Tells a step, once: what is said again is the same in all that names a transaction.
    fn step(&mut self, heard: &Heard<'_, '_>, notes: &Notes<'_>) {
        if self.call.steps.len() >= MAX_CALL_STEPS {
            return;
        }
        let transaction = heard.transaction();
        if !self.told.contains(&transaction) {
            self.told.push(transaction);
            self.call.steps.push(heard.step(notes));
        }
    }

    fn invited(&mut self, heard: &Heard<'_, '_>, notes: &Notes<'_>) {
        let call = &mut self.call;
        if matches!(call.state, CallState::Failed) && heard.number != self.invite {
            // Asked for again, with the password or at another address.
            call.state = CallState::Attempted;
            call.end = None;
            call.reason = None;
        }
        if call.state <= CallState::Ringing {
            self.invite = heard.number;
        }
        call.start.get_or_insert(notes.now());
        if call.answer.is_some() {
            return;
        }
        if call.asserted.is_none() {
            call.asserted = uris(heard.block, "P-Asserted-Identity")
                .into_iter()
                .find(|uri| Some(uri) != call.from.as_ref());
        }
        if call.diverted_from.is_none() {
            // The latest diversion stands first (RFC 5806).
            call.diverted_from = uris(heard.block, "Diversion")
                .pop()
                .or_else(|| first_called(heard.block));
        }
    }

    /// An answer to an INVITE.
    fn answered(&mut self, code: u16, heard: &Heard<'_, '_>, notes: &Notes<'_>) {
        let (now, call) = (notes.now(), &mut self.call);
        match code {
            180..=199 if call.state == CallState::Attempted => {
                call.state = CallState::Ringing;
            }
            200..=299 => {
                let (_, tag) = heard.tags();
                if !self.dialogs.iter().any(|&(known, _)| known == tag)
                    && self.dialogs.len() < MAX_DIALOGS
                {
                    self.dialogs.push((tag, true));
                }
                // An answer may cross the caller's change of mind.
                if !matches!(call.state, CallState::Answered | CallState::Ended) {
                    call.state = CallState::Answered;
                    call.answer = Some(now);
                    call.end = None;
                    call.reason = None;
                }
            }
            487 if call.state <= CallState::Ringing => {
                call.state = CallState::Cancelled;
                call.end = Some(now);
            }
            300.. if call.state <= CallState::Ringing => {
                call.state = CallState::Failed;
                call.end = Some(now);
                call.reason = Some(with_reason(code));
            }
            _ => {}
        }
        if matches!(code, 180 | 183) && call.answer.is_none() {
            call.ringing.get_or_insert(now);
        }
    }

    /// A BYE: the call is over when nobody who answered is left.
    fn left(&mut self, heard: &Heard<'_, '_>, notes: &Notes<'_>) {
        if self.call.state == CallState::Ended {
            return;
        }
        let (from, to) = heard.tags();
        if let Some((_, goes_on)) = self
            .dialogs
            .iter_mut()
            .find(|(tag, _)| *tag == from || *tag == to)
        {
            *goes_on = false;
            if self.dialogs.iter().any(|&(_, goes_on)| goes_on) {
                return;
            }
        }
        self.call.state = CallState::Ended;
        self.call.end = Some(notes.now());
    }

    /// Whoever offers a description in a call that goes on may put it on hold, or take it back (RFC 3264
    /// section 8.4).
    pub(super) fn offered(&mut self, heard: &Heard<'_, '_>, holds: bool) {
        let party = heard.party();
        // A call whose beginning was not heard goes on where an INVITE knows both parties.
        let goes_on = self.call.answer.is_some() || (heard.method == "INVITE" && heard.in_dialog());
        let holder = self.holders.iter().position(|&known| known == party);
        match (holder, holds) {
            (None, true) if goes_on && self.holders.len() < MAX_DIALOGS => {
                self.holders.push(party);
                self.call.holds = self.call.holds.saturating_add(1);
            }
            (Some(at), false) => {
                self.holders.swap_remove(at);
            }
            _ => {}
        }
    }
}

/// Who was called first, where History-Info says that the call was diverted: an entry then has the reason in its
/// address, or what kind of change it was (RFC 7044).
fn first_called(block: &HeaderBlock<'_>) -> Option<String> {
    let fields: Vec<_> = block.all("History-Info", "").take(MAX_DIALOGS).collect();
    let entries = || fields.iter().flat_map(|value| elements(value));
    let diverted = entries().any(|entry| {
        let entry = entry.to_ascii_lowercase();
        // Of the kinds only a change of the person called (`mp`) is a diversion.
        ["reason=", ";cause=", ";mp="]
            .iter()
            .any(|sign| entry.contains(sign))
    });
    let is_first = |entry: &&str| parameter(entry, "index") == Some("1");
    diverted.then(|| entries().find(is_first).and_then(bare_uri))?
}
