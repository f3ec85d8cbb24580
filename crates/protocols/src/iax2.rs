//! The Inter-Asterisk eXchange, version 2 (RFC 5456): signalling and voice of all calls between two exchanges, or a telephone
//! and its exchange, in the datagrams of one conversation.
//!
//! Voice passes in frames that have no number of their own, only a time. What was lost is therefore not known, and packets are handed on
//! for decoding as RTP whose sequence numbers count the frames that came.

mod frame;

use std::collections::BTreeMap;

use overheard_ledger::{
    CallState, Credential, Exposure, MAX_EVIDENCE, Media, Rule, Severity, Time, When,
};
use overheard_tap::{
    Account, Analyzer, Chunk, Cursor, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side,
    Step,
};

use crate::shared::call_book::{CallBook, call_rules, party};
use crate::shared::hex::hex;
use crate::shared::sasl::{crackable_heard, password_heard};

use frame::{
    Full, HEAD, codec, element, elements, full, iax, kind, number, text, trunked, whole_time,
};

#[cfg(test)]
mod tests;

/// The most call numbers of both sides that are kept in mind; the one heard of longest ago makes room.
const MAX_LEGS: usize = 1024;
/// The most logins of one conversation that are written down.
const MAX_LOGINS: usize = 256;
/// The most frames of one trunk frame.
const MAX_TRUNKED: usize = 512;

/// The port (RFC 5456 section 10).
const PORT: u16 = 4569;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "iax2",
    title: "Inter-Asterisk eXchange",
    over: &[Over::Datagram],
    ports: &[PORT],
    standard: "RFC 5456",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Iax2::default()),
    rules: RULES,
};

const CALLS: [Rule; 2] = call_rules!(
    "iax2",
    "IAX2",
    "Carry IAX2 through a VPN, or replace it by SIP over TLS with SRTP.",
    "RFC 5456 section 10"
);

static RULES: &[Rule] = &[
    CALLS[0],
    CALLS[1],
    Rule {
        id: "iax2-password",
        title: "Telephone password in clear",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| password_heard(seen, "iax2")),
        remedy: "Allow MD5 or RSA as the only ways to log in, carry IAX2 through a VPN, and change the password.",
        standard: "RFC 5456 section 8.6.13",
        explain: "Whoever hears the password of a telephone makes calls in its name.",
    },
    Rule {
        id: "iax2-crackable-login",
        title: "Telephone login, to be guessed offline",
        severity: Severity::High,
        exposure: Exposure::Weak,
        when: When::Record(|seen| crackable_heard(seen, "iax2")),
        remedy: "Use long random passwords or RSA keys, and carry IAX2 through a VPN.",
        standard: "RFC 5456 section 8.6.15; RFC 6151",
        explain: "A telephone proves that it knows its password with an MD5 hash of it and of a challenge that passes in \
                  clear. Who saw both can try millions of passwords a second without the exchange noticing.",
    },
    Rule {
        id: "iax2-shared-key",
        title: "Calls sealed with a key made of a password",
        severity: Severity::Medium,
        exposure: Exposure::StolenKey,
        when: When::Observed,
        remedy: "Carry IAX2 through a VPN with forward secrecy, or use SIP over TLS with DTLS-SRTP.",
        standard: "RFC 5456 section 7; RFC 7624",
        explain: "The key of IAX2's encryption is the MD5 hash of the challenge, which passes in clear, and the password. \
                  Who learns the password, or guesses it, opens all calls that were ever recorded.",
    },
];

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = sample.first();
    if bytes.first().is_none_or(|first| first & 0x80 == 0) {
        return Probe::No;
    }
    let Ok(frame) = full(bytes) else {
        return Probe::No;
    };
    let known = frame.kind == kind::IAX && (1..=u32::from(iax::LAST)).contains(&frame.subclass);
    match elements(frame.payload).filter(|_| known) {
        Some(elements)
            if frame.is(iax::NEW)
                && frame.destination == 0
                && number(&elements, element::VERSION) == Some(2) =>
        {
            Probe::Sure
        }
        Some(_) if sample.has_port(PORT) => Probe::Likely(60),
        _ => Probe::No,
    }
}

/// The voice of one side of a call.
struct Voice {
    ssrc: u32,
    format: u32,
    packets: u64,
    duplicates: u64,
    reordered: u64,
    sequence: u16,
    highest: u32,
    first: Time,
    last: Time,
    evidence: Evidence,
    frames: usize,
}

/// A call number of one side.
struct Leg {
    call: Option<String>,
    /// The number that the other side has for the call.
    peer: u16,
    /// The time of the frame that began it, and of the latest.
    began: u32,
    timestamp: u32,
    format: u32,
    /// Who is asked to log in.
    user: Option<String>,
    /// Number of the latest frame with a key.
    key: Option<u8>,
    voice: Option<Voice>,
    /// Encryption was agreed on, and holds from the next frame on.
    agreed: bool,
    sealed: bool,
    /// When it was heard of last.
    heard: Time,
}

struct Iax2 {
    book: CallBook,
    /// By side and call number.
    legs: BTreeMap<(usize, u16), Leg>,
    /// Calls and streams of voice so far.
    begun: u32,
    logins: Vec<(Option<String>, bool)>,
    /// A login that waits for its answer.
    login: Option<(Credential, Evidence)>,
    open: bool,
    ended: bool,
}

impl Default for Iax2 {
    fn default() -> Iax2 {
        Iax2 {
            book: CallBook::new(PROTOCOL.name),
            legs: BTreeMap::new(),
            begun: 0,
            logins: Vec::new(),
            login: None,
            open: false,
            ended: false,
        }
    }
}

impl Analyzer for Iax2 {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => match bytes {
                [0, 0, ..] => self.meta(side, bytes, notes),
                [0x80..=0xff, ..] => self.full(side, bytes, notes),
                _ => self.mini(side, bytes, notes),
            },
            Chunk::Gap(_) => Step::NotMine(Cut::wrong("iax2", 0)),
            Chunk::End => {
                if std::mem::replace(&mut self.ended, true) {
                    self.write_login(None, notes);
                    for ((side, _), leg) in std::mem::take(&mut self.legs) {
                        write_voice(side, leg, notes);
                    }
                    self.book.finish(notes);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        self.book.held() + self.legs.len() * 2 * size_of::<Leg>()
    }
}

impl Iax2 {
    fn full(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        // Of an encrypted frame only the call numbers can be read (RFC 5456 section 7).
        if let Some(&[a, b]) = bytes.get(..2)
            && let Some(leg) = self
                .legs
                .get_mut(&(side.index(), u16::from_be_bytes([a, b]) & 0x7fff))
            && leg.sealed
        {
            leg.heard = notes.now();
            notes.account(Account::Sealed, bytes.len().saturating_sub(4));
            return Step::Took(bytes.len());
        }
        let frame = match full(bytes) {
            Ok(frame) => frame,
            Err(cut) => return Step::NotMine(cut),
        };
        let elements = match frame.kind {
            kind::IAX => match elements(frame.payload) {
                Some(elements) => elements,
                None => return Step::NotMine(Cut::wrong("iax2 element", HEAD)),
            },
            _ => Vec::new(),
        };
        if frame.is(iax::NEW) {
            self.begin(side, &frame, &elements, notes);
        }
        let call = self.place(side, &frame, notes);
        match frame.kind {
            kind::IAX => self.control(side, &frame, call, &elements, notes),
            kind::VOICE => {
                if let Some(leg) = self.legs.get_mut(&(side.index(), frame.source)) {
                    leg.format = frame.subclass;
                    leg.timestamp = frame.timestamp;
                }
                self.voice(side, frame.source, frame.timestamp, frame.payload, notes);
            }
            kind::CONTROL => self.state(side, &frame, call, notes),
            kind::DTMF => {
                let again = self
                    .legs
                    .get_mut(&(side.index(), frame.source))
                    .is_some_and(|leg| leg.key.replace(frame.outbound) == Some(frame.outbound));
                let key = char::from_u32(frame.subclass)
                    .filter(|key| key.is_ascii_digit() || "*#ABCDabcd".contains(*key));
                if let Some(followed) = call.and_then(|call| self.book.get(&call))
                    && let Some(key) = key.filter(|_| !again && !frame.repeated)
                {
                    followed.step(side, "DTMF", notes);
                    followed.digit(key);
                }
            }
            _ => {}
        }
        Step::Took(bytes.len())
    }

    /// A call begins, unless it is the same frame again.
    fn begin(
        &mut self,
        side: Side,
        frame: &Full<'_>,
        elements: &[(u8, &[u8])],
        notes: &mut Notes<'_>,
    ) {
        let key = (side.index(), frame.source);
        let again = |leg: &Leg| leg.call.is_some() && leg.began == frame.timestamp;
        let again = self.legs.get(&key).is_some_and(again);
        // With a token that the other side had asked for (RFC 5457) it is the same call.
        let open = |call: &str| {
            self.book
                .get(call)
                .is_some_and(|followed| followed.call.state == CallState::Attempted)
        };
        let before = self.legs.get(&key).and_then(|leg| leg.call.clone());
        if again || (frame.outbound == 0 && before.as_deref().is_some_and(open)) {
            return;
        }
        if let Some(leg) = self.legs.remove(&key) {
            write_voice(key.0, leg, notes);
        }
        self.begun = self.begun.wrapping_add(1);
        // A call has no other name than the number that its caller gave it, which comes again later.
        let id = format!("{}@{}/{}", frame.source, notes.endpoint(side), self.begun);
        let followed = self.book.begin(&id, notes);
        let get = |name| text(elements, name).as_deref().and_then(party);
        followed.from(
            get(element::CALLING_NUMBER)
                .or_else(|| get(element::CALLING_ANI))
                .or_else(|| get(element::CALLING_NAME))
                .or_else(|| get(element::USERNAME)),
        );
        followed.to(get(element::CALLED_NUMBER).or_else(|| get(element::DNID)));
        let format = number(elements, element::FORMAT).unwrap_or_default();
        self.leg(key, notes, |leg| {
            leg.call = Some(id);
            leg.began = frame.timestamp;
            leg.format = format;
        });
    }

    /// The place of a call number, made where it is new.
    fn leg(&mut self, key: (usize, u16), notes: &mut Notes<'_>, change: impl FnOnce(&mut Leg)) {
        if self.legs.len() >= MAX_LEGS && !self.legs.contains_key(&key) {
            let oldest = self.legs.iter().min_by_key(|(_, leg)| leg.heard);
            if let Some(oldest) = oldest.map(|(key, _)| *key)
                && let Some(leg) = self.legs.remove(&oldest)
            {
                write_voice(oldest.0, leg, notes);
            }
        }
        let leg = self.legs.entry(key).or_insert_with(|| Leg {
            call: None,
            peer: 0,
            began: 0,
            timestamp: 0,
            format: 0,
            user: None,
            key: None,
            voice: None,
            agreed: false,
            sealed: false,
            heard: notes.now(),
        });
        leg.heard = notes.now();
        change(leg);
    }

    /// Which call a frame belongs to; the two call numbers are known to belong together from then on.
    fn place(&mut self, side: Side, frame: &Full<'_>, notes: &mut Notes<'_>) -> Option<String> {
        let key = (side.index(), frame.source);
        let other = (side.other().index(), frame.destination);
        let mut peer = self.legs.get(&other).and_then(|leg| leg.call.clone());
        let format = self.legs.get(&other).map(|leg| leg.format);
        // A number that was another call's before is free again when the other side uses it for this one.
        if let Some(leg) = self.legs.get(&key)
            && peer.is_some()
            && leg.call.is_some()
            && leg.call != peer
        {
            let over = |call: &str, book: &mut CallBook| {
                book.get(call)
                    .is_none_or(|followed| followed.call.state >= CallState::Ended)
            };
            let mine = leg.call.clone().unwrap_or_default();
            if over(&mine, &mut self.book) {
                if let Some(leg) = self.legs.remove(&key) {
                    write_voice(key.0, leg, notes);
                }
            } else {
                peer = None;
            }
        }
        let mut call = None;
        self.leg(key, notes, |leg| {
            if frame.destination != 0 {
                leg.peer = frame.destination;
            }
            if leg.format == 0 {
                leg.format = format.unwrap_or_default();
            }
            leg.call = leg.call.take().or(peer);
            call.clone_from(&leg.call);
        });
        call
    }

    /// Frames that set calls up and end them, and log in.
    fn control(
        &mut self,
        side: Side,
        frame: &Full<'_>,
        call: Option<String>,
        elements: &[(u8, &[u8])],
        notes: &mut Notes<'_>,
    ) {
        let Ok(subclass) = u8::try_from(frame.subclass) else {
            return;
        };
        let what = match subclass {
            iax::NEW => "NEW",
            iax::HANGUP => "HANGUP",
            iax::REJECT => "REJECT",
            iax::ACCEPT => "ACCEPT",
            iax::AUTHREQ => "AUTHREQ",
            iax::AUTHREP => "AUTHREP",
            _ => "",
        };
        if let Some(followed) = call.as_deref().and_then(|call| self.book.get(call))
            && !what.is_empty()
            && !frame.repeated
        {
            followed.step(side, what, notes);
            // 16 is that somebody laid down (ITU-T Q.850).
            let code = number(elements, element::CAUSE_CODE);
            let cause = text(elements, element::CAUSE)
                .or(code.map(|code| format!("Q.850 {code}")))
                .filter(|_| code != Some(16));
            match subclass {
                iax::HANGUP => followed.ended(cause, notes),
                iax::REJECT => followed.ended(cause.or(Some("REJECT".to_owned())), notes),
                _ => {}
            }
        }
        let both = [
            (side.index(), frame.source),
            (side.other().index(), frame.destination),
        ];
        if let Some(user) = text(elements, element::USERNAME) {
            for key in both {
                if let Some(leg) = self.legs.get_mut(&key) {
                    leg.user = Some(user.clone());
                }
            }
        }
        match subclass {
            iax::ACCEPT => {
                for key in both {
                    if let Some(leg) = self.legs.get_mut(&key) {
                        leg.format = number(elements, element::FORMAT).unwrap_or(leg.format);
                    }
                }
                self.write_login(Some(true), notes);
            }
            iax::AUTHREQ => {
                let agreed = number(elements, element::ENCRYPTION).is_some_and(|bits| bits != 0);
                for key in both {
                    if let Some(leg) = self.legs.get_mut(&key) {
                        leg.agreed = agreed;
                    }
                }
            }
            iax::AUTHREP | iax::REGREQ => {
                let user = both
                    .iter()
                    .find_map(|key| self.legs.get(key).and_then(|leg| leg.user.clone()));
                self.login(elements, user, notes);
                let sealed = |leg: &Leg| leg.agreed && subclass == iax::AUTHREP;
                if both
                    .iter()
                    .any(|key| self.legs.get(key).is_some_and(sealed))
                {
                    for key in both {
                        if let Some(leg) = self.legs.get_mut(&key) {
                            leg.sealed = true;
                        }
                    }
                    notes.observe(
                        "iax2-shared-key",
                        "The calls, once it has the password that their key is made of",
                    );
                    if !self.open {
                        notes.expose(Exposure::StolenKey);
                    }
                }
            }
            iax::REGACK => self.write_login(Some(true), notes),
            iax::REGREJ => self.write_login(Some(false), notes),
            // A call may be refused for other reasons than its login.
            iax::REJECT => self.write_login(None, notes),
            _ => {}
        }
    }

    fn login(&mut self, elements: &[(u8, &[u8])], user: Option<String>, notes: &mut Notes<'_>) {
        let name = text(elements, element::USERNAME);
        let (mechanism, secret) = match (
            text(elements, element::PASSWORD),
            text(elements, element::MD5_RESULT),
            element(elements, element::RSA_RESULT),
        ) {
            (Some(password), _, _) => ("plain", password),
            (_, Some(result), _) => ("md5", result),
            (_, _, Some(result)) => ("rsa", hex(result.get(..32).unwrap_or(result))),
            _ => return,
        };
        self.write_login(None, notes);
        let user = name.or(user);
        let credential = Credential {
            protocol: PROTOCOL.name.to_owned(),
            mechanism: mechanism.to_owned(),
            user,
            secret: Some(notes.mask(&secret)),
            crackable: mechanism == "md5",
            accepted: None,
        };
        self.login = Some((credential, notes.evidence()));
    }

    fn write_login(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        let Some((mut credential, mut evidence)) = self.login.take() else {
            return;
        };
        let key = (credential.user.clone(), credential.crackable);
        if self.logins.contains(&key) || self.logins.len() >= MAX_LOGINS {
            return;
        }
        self.logins.push(key);
        credential.accepted = accepted;
        if accepted.is_some() {
            evidence.join(&notes.evidence());
        }
        notes.add_with(credential, evidence);
    }

    /// What the other end of the line does (RFC 5456 section 8.3).
    fn state(&mut self, side: Side, frame: &Full<'_>, call: Option<String>, notes: &Notes<'_>) {
        let Some(followed) = call.and_then(|call| self.book.get(&call)) else {
            return;
        };
        let what = match frame.subclass {
            1 => "hangup",
            3 => "ringing",
            4 => "answer",
            5 => "busy",
            8 => "congestion",
            14 => "progress",
            15 => "proceeding",
            16 => "hold",
            17 => "unhold",
            _ => return,
        };
        followed.step(side, what, notes);
        match what {
            "ringing" => followed.ringing(notes),
            "answer" => followed.answered(notes),
            "hangup" => followed.ended(None, notes),
            "busy" | "congestion" => followed.ended(Some(what.to_owned()), notes),
            "hold" if !frame.repeated => {
                followed.call.holds = followed.call.holds.saturating_add(1);
            }
            _ => {}
        }
    }

    /// Voice alone, with the lower half of its time (RFC 5456 section 8.1.2).
    fn mini(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut cursor = Cursor::new("iax2", bytes);
        let head = (cursor.u16(), cursor.u16());
        let (Ok(source), Ok(time)) = head else {
            return Step::NotMine(Cut::wrong("iax2", 0));
        };
        let payload = cursor.rest();
        let Some(leg) = self.legs.get_mut(&(side.index(), source)) else {
            return Step::NotMine(Cut::wrong("iax2", 0));
        };
        leg.heard = notes.now();
        if leg.sealed {
            notes.account(Account::Sealed, payload.len());
            return Step::Took(bytes.len());
        }
        let timestamp = whole_time(leg.timestamp, time);
        leg.timestamp = leg.timestamp.max(timestamp);
        self.voice(side, source, timestamp, payload, notes);
        Step::Took(bytes.len())
    }

    /// Video, or the voice of many calls in one datagram (RFC 5456 sections 8.1.3.1 and 8.1.3.2).
    fn meta(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let wrong = Step::NotMine(Cut::wrong("iax2 meta", 0));
        let Some((&[_, _, command, data], rest)) = bytes.split_first_chunk::<4>() else {
            return wrong;
        };
        if command & 0x80 != 0 {
            let source = u16::from_be_bytes([command & 0x7f, data]);
            let Some(leg) = self.legs.get_mut(&(side.index(), source)) else {
                return wrong;
            };
            leg.heard = notes.now();
            if leg.sealed {
                notes.account(Account::Sealed, rest.len());
            }
            return Step::Took(bytes.len());
        }
        if command != 1 || data > 1 || self.legs.is_empty() {
            return wrong;
        }
        let mut cursor = Cursor::new("iax2 trunk", rest);
        let Ok(trunk_time) = cursor.u32() else {
            return wrong;
        };
        for _ in 0..MAX_TRUNKED {
            let Some((source, time, payload)) = trunked(&mut cursor, data == 1) else {
                break;
            };
            let Some(leg) = self.legs.get_mut(&(side.index(), source & 0x7fff)) else {
                continue;
            };
            leg.heard = notes.now();
            if leg.sealed {
                notes.account(Account::Sealed, payload.len());
                continue;
            }
            let timestamp = match time {
                Some(time) => whole_time(leg.timestamp, time),
                None => trunk_time,
            };
            leg.timestamp = timestamp.max(leg.timestamp);
            self.voice(side, source & 0x7fff, timestamp, payload, notes);
        }
        Step::Took(bytes.len() - cursor.remaining())
    }

    fn voice(
        &mut self,
        side: Side,
        source: u16,
        timestamp: u32,
        payload: &[u8],
        notes: &mut Notes<'_>,
    ) {
        let now = notes.now();
        let Some(leg) = self.legs.get_mut(&(side.index(), source)) else {
            return;
        };
        if payload.is_empty() {
            return;
        }
        if !std::mem::replace(&mut self.open, true) {
            notes.expose(Exposure::Open);
        }
        let format = leg.format;
        if leg.voice.is_none() {
            self.begun = self.begun.wrapping_add(1);
        }
        let begun = self.begun;
        let voice = leg.voice.get_or_insert_with(|| Voice {
            // Call numbers are used again: the order makes them different.
            ssrc: begun << 16 | u32::from(source),
            format,
            packets: 0,
            duplicates: 0,
            reordered: 0,
            sequence: 0,
            highest: timestamp,
            first: now,
            last: now,
            evidence: Evidence::default(),
            frames: 0,
        });
        if voice.packets > 0 {
            voice.duplicates += u64::from(timestamp == voice.highest);
            voice.reordered += u64::from(timestamp < voice.highest);
        }
        let again = voice.packets > 0 && timestamp == voice.highest;
        voice.packets += 1;
        voice.format = format;
        voice.highest = voice.highest.max(timestamp);
        voice.last = voice.last.max(now);
        if voice.frames < MAX_EVIDENCE {
            voice.frames += 1;
            voice.evidence.join(&notes.evidence());
        }
        // The formats that have a fixed payload type count 8 samples a millisecond (RFC 3551 section 6).
        if let Some((payload_type, _)) = codec(format).filter(|&(number, _)| number < 96 && !again)
        {
            let mut packet = Vec::with_capacity(HEAD + payload.len());
            packet.extend([0x80, payload_type]);
            packet.extend(voice.sequence.to_be_bytes());
            packet.extend(timestamp.wrapping_mul(8).to_be_bytes());
            packet.extend(voice.ssrc.to_be_bytes());
            packet.extend_from_slice(payload);
            voice.sequence = voice.sequence.wrapping_add(1);
            notes.keep_sound(notes.endpoint(side), voice.ssrc, &packet);
        }
    }
}

fn write_voice(side: usize, leg: Leg, notes: &mut Notes<'_>) {
    let Some(voice) = leg.voice else { return };
    let side = match side {
        0 => Side::Client,
        _ => Side::Server,
    };
    let (source, destination) = (notes.endpoint(side), notes.endpoint(side.other()));
    let codec = codec(voice.format);
    let media = Media {
        payload_type: codec.map_or(96, |(payload_type, _)| payload_type),
        codec: codec.map(|(_, name)| name.to_owned()),
        packets: voice.packets,
        duplicates: voice.duplicates,
        reordered: voice.reordered,
        seconds: voice.last.seconds_since(voice.first),
        protection: "none".to_owned(),
        call_id: leg.call,
        ..Media::new(voice.ssrc, source, destination)
    };
    notes.add_with(media, voice.evidence);
}
