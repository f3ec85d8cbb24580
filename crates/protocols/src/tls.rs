//! TLS 1.3 (RFC 9846), TLS 1.2 and before (RFC 5246, RFC 8996), SSL 3.0 (RFC 6101), and SSL 2.0.
//!
//! The handshake passes in clear up to the point where both sides have a key: who is called, what was
//! offered and what was agreed on. From there on the conversation is sealed, and only counted.

mod opener;

use overheard_ledger::{Account, Body, Exposure, Handshake, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cut, Label, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::handshake_messages::{self, Event, Messages};
use crate::shared::handshake_rules::handshake_rules;
use crate::shared::hello::message;
use crate::shared::negotiation::Negotiation;
use crate::shared::sealing_rules::sealing_rules;
use crate::shared::ssl2;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "tls",
    title: "Transport Layer Security",
    over: &[Over::Stream],
    ports: &[443, 465, 636, 853, 989, 990, 993, 995, 5061],
    standard: "RFC 9846",
    exposure: Exposure::Unknown,
    probe,
    begin: |_| Box::new(Tls::new()),
    rules: RULES,
};

const SEALING: [Rule; 5] = sealing_rules!("tls", "TLS");
const HANDSHAKE: [Rule; 8] = handshake_rules!("tls", "TLS");

static RULES: &[Rule] = &[
    SEALING[0],
    SEALING[1],
    SEALING[2],
    SEALING[3],
    SEALING[4],
    HANDSHAKE[0],
    HANDSHAKE[1],
    HANDSHAKE[2],
    HANDSHAKE[3],
    HANDSHAKE[4],
    HANDSHAKE[5],
    HANDSHAKE[6],
    HANDSHAKE[7],
    Rule {
        id: "tls-insecure-renegotiation",
        title: "Renegotiation that is bound to nothing",
        severity: Severity::Info,
        exposure: Exposure::Unknown,
        // Only the analyzer sees what both hellos say of it.
        when: When::Observed,
        remedy: "Bring the server up to a version that knows RFC 5746, or turn renegotiation off.",
        standard: "RFC 5746; RFC 9325 section 3.5",
        explain: "The client can bind a second handshake to the first, and the server does not answer that it can too. Who can \
                  change packets may put words of their own before those of the client, and the server takes them for the \
                  client's. A tap that only listens gets nothing by it.",
    },
    Rule {
        id: "tls-server-name",
        title: "Names of servers in the handshake",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| {
            match &seen.record.body {
            Body::Name(name) if name.source == "tls-sni" => {
                Some("The names of the servers that are visited, from the first words of each conversation".to_owned())
            }
            _ => None,
        }
        }),
        remedy: "Use servers and clients that support encrypted client hello, and a resolver over TLS or HTTPS to fetch \
                 its keys.",
        standard: "RFC 9849",
        explain: "The client says the server's name before there is a key, so that the server can choose its \
                  certificate. A tap reads whom it is about to talk to.",
    },
    Rule {
        id: "tls-looks-like-tor",
        title: "Looks like Tor",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Handshake(record) if record.protocol == "tls" && looks_like_tor(record) => Some(
                format!("That Tor is probably used, by way of {}", seen.server()),
            ),
            _ => None,
        }),
        remedy: "Where the use of Tor itself must not show, reach it through a bridge with a pluggable transport.",
        standard: "RFC 7624 section 3.1",
        explain: "Relays of Tor make certificates for themselves, with two names that are drawn at random in a way that \
                  nobody else does. What is said stays sealed, and with whom stays hidden, but that Tor is used does not.",
    },
];

/// Whether a certificate is like those that relays of Tor make for themselves: issued by one name drawn at
/// random to another one, and asked for by a third.
fn looks_like_tor(record: &Handshake) -> bool {
    let drawn = |name: &str, end: &str| {
        let middle = name
            .strip_prefix("www.")
            .and_then(|name| name.strip_suffix(end));
        middle.is_some_and(|middle| {
            (4..=25).contains(&middle.len())
                && middle
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
        })
    };
    let common = |name: &str, end: &str| {
        name.strip_prefix("CN=")
            .is_some_and(|name| name.len() >= 16 && drawn(name, end))
    };
    record.alpn.is_none()
        && record
            .server_name
            .as_deref()
            .is_none_or(|name| drawn(name, ".com"))
        && record.certificate.as_ref().is_some_and(|certificate| {
            common(&certificate.subject, ".net")
                && common(&certificate.issuer, ".com")
                && certificate.names.is_empty()
        })
}

/// Bytes of a record header: type, version, length (RFC 9846 section 5.1).
const HEADER: usize = 5;

/// Bytes that each side may say in an unknown protocol before its first hello.
const MAX_PREAMBLE: usize = 2048;

/// The longest record body that is believed, in bytes (RFC 5246 section 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;

mod content {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
    pub const HEARTBEAT: u8 = 24;
}

/// Type and length of the record at the beginning of `bytes`; `None` where they cannot be a record's.
/// The slice is to hold at least [`HEADER`] bytes.
fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let &[kind, major, minor, high, low] = bytes.first_chunk::<HEADER>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    // 1.1 is TLCP (GB/T 38636), which is TLS 1.1 in all else.
    let version = matches!((major, minor), (3, 0..=4) | (1, 1));
    let known = (content::CHANGE_CIPHER_SPEC..=content::HEARTBEAT).contains(&kind);
    (known && version && length <= MAX_RECORD).then_some((kind, length))
}

/// What the first bytes of a side look like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Silent,
    Other,
    TooShort,
    ClientHello,
    ServerHello,
    /// In the middle of a conversation: weight.
    Midway(u8),
}

fn look(bytes: &[u8]) -> Look {
    match *bytes {
        [] => Look::Silent,
        [content::HANDSHAKE, ..] => look_at_handshake(bytes),
        [content::CHANGE_CIPHER_SPEC..=content::HEARTBEAT, ..] if bytes.len() < HEADER => {
            Look::TooShort
        }
        [content::CHANGE_CIPHER_SPEC..=content::HEARTBEAT, ..] => midway(bytes),
        _ => look_at_ssl2(bytes),
    }
}

fn look_at_handshake(bytes: &[u8]) -> Look {
    let Some(&kind) = bytes.get(HEADER) else {
        return match *bytes {
            [_] | [_, 3] | [_, 1] | [_, 3, 0..=4, ..] | [_, 1, 1, ..] => Look::TooShort,
            _ => Look::Other,
        };
    };
    // The length of the first message follows: that of a hello is never near the largest.
    let believable = header(bytes).is_some_and(|(_, length)| length > 0)
        && bytes.get(6).is_none_or(|&high| high < 4);
    const CLIENT_KEY_EXCHANGE: u8 = 16;
    match kind {
        _ if !believable => Look::Other,
        message::CLIENT_HELLO => Look::ClientHello,
        message::SERVER_HELLO | message::HELLO_RETRY_REQUEST => Look::ServerHello,
        message::CERTIFICATE | message::SERVER_KEY_EXCHANGE | CLIENT_KEY_EXCHANGE => {
            Look::Midway(50)
        }
        _ => Look::Other,
    }
}

fn look_at_ssl2(bytes: &[u8]) -> Look {
    match ssl2::read(bytes) {
        Ok((ssl2::Message::ClientHello(_), _)) => Look::ClientHello,
        Ok((ssl2::Message::ServerHello(_), _)) => Look::ServerHello,
        Ok(_) => Look::Other,
        Err(cut) if cut.needed > 0 && bytes.first().is_some_and(|first| first & 0x80 != 0) => {
            match *bytes {
                [_, _, 1, 3, 0..=4, ..] | [_, _, 1, 0, 2, ..] | [_, _, 4, 0..=1, 1, ..] => {
                    Look::TooShort
                }
                _ if bytes.len() < HEADER => Look::TooShort,
                _ => Look::Other,
            }
        }
        Err(_) => Look::Other,
    }
}

/// Records one after the other, heard from the middle of a conversation on.
fn midway(bytes: &[u8]) -> Look {
    let mut rest = bytes;
    let mut records: u8 = 0;
    while let Some((kind, length)) = header(rest) {
        let plausible = match kind {
            content::CHANGE_CIPHER_SPEC => length == 1,
            content::ALERT => length == 2 || length >= 16,
            content::APPLICATION_DATA => length >= 16,
            _ => length > 0,
        };
        if !plausible {
            return Look::Other;
        }
        records = records.saturating_add(1);
        match rest.get(HEADER + length..) {
            Some(next) if records < 4 => rest = next,
            _ => break,
        }
    }
    match records {
        0 => Look::Other,
        1 => Look::Midway(30),
        _ => Look::Midway(60),
    }
}

/// Where the first record that is nothing but a hello begins, among the first [`MAX_PREAMBLE`] bytes: TLS
/// that begins inside another protocol, after what protocols call an upgrade or STARTTLS.
fn find_hello(bytes: &[u8]) -> Option<usize> {
    const WINDOW: usize = HEADER + handshake_messages::HEADER + 2;
    let preamble = bytes.get(..MAX_PREAMBLE + WINDOW - 1).unwrap_or(bytes);
    for at in memchr::memchr_iter(content::HANDSHAKE, preamble) {
        let window = preamble.get(at..at + WINDOW).unwrap_or_default();
        let &[
            content::HANDSHAKE,
            3,
            0..=4,
            record_high,
            record_low,
            kind,
            0,
            high,
            low,
            3,
            0..=4,
        ] = window
        else {
            continue;
        };
        let record = u16::from_be_bytes([record_high, record_low]);
        let hello = u16::from_be_bytes([high, low]);
        let fits = match kind {
            message::CLIENT_HELLO => hello.checked_add(4) == Some(record),
            message::SERVER_HELLO => hello.checked_add(4).is_some_and(|whole| whole <= record),
            _ => false,
        };
        if fits && hello >= 38 && usize::from(record) <= MAX_RECORD {
            return Some(at);
        }
    }
    None
}

/// A conversation that begins with something else: it may still come to TLS.
fn probe_preamble(sample: &Sample<'_>) -> Probe {
    if find_hello(sample.client).is_some() || find_hello(sample.server).is_some() {
        return Probe::Likely(20);
    }
    let long = sample.client.len() > MAX_PREAMBLE || sample.server.len() > MAX_PREAMBLE;
    if sample.whole || long {
        Probe::No
    } else {
        Probe::More
    }
}

fn probe(sample: &Sample<'_>) -> Probe {
    match probe_beginning(sample) {
        Probe::No => probe_preamble(sample),
        probe => probe,
    }
}

fn probe_beginning(sample: &Sample<'_>) -> Probe {
    // Who opens a connection need not be who says ClientHello (the data connections of FTP), and the
    // analyzer hears either way round. So the sides are only exchanged where the port speaks for it too.
    let reversed = if PROTOCOL.ports.contains(&sample.client_port) {
        Probe::Reversed
    } else {
        Probe::Likely(95)
    };
    match (look(sample.client), look(sample.server)) {
        (Look::ClientHello, Look::ClientHello) => Probe::Likely(60),
        (Look::ClientHello, _) => Probe::Sure,
        (Look::Other, Look::ServerHello) => Probe::Likely(70),
        (Look::ServerHello, Look::Silent | Look::ClientHello | Look::TooShort) => reversed,
        (Look::Silent | Look::TooShort, Look::ClientHello) => reversed,
        (_, Look::ServerHello) => Probe::Sure,
        (Look::ServerHello, _) => Probe::Likely(70),
        (Look::Other, Look::Silent | Look::TooShort | Look::Other) => Probe::No,
        (Look::Silent, Look::Other) => Probe::No,
        (Look::Midway(weight), Look::Midway(other)) => Probe::Likely(weight.max(other) + 20),
        (Look::Midway(weight), Look::Silent | Look::TooShort) => Probe::Likely(weight),
        (Look::Silent | Look::TooShort, Look::Midway(weight)) => Probe::Likely(weight),
        (Look::Other | Look::Midway(_), Look::Midway(_) | Look::Other) => Probe::No,
        (Look::TooShort | Look::Silent, _) if sample.whole => Probe::No,
        (Look::TooShort | Look::Silent, Look::TooShort | Look::Silent) => Probe::More,
        _ => Probe::No,
    }
}

/// One conversation.
struct Tls {
    talk: Negotiation,
    sides: [Half; 2],
    /// SSL 2.0 was agreed on: its record, until the cipher is known.
    ssl2: Option<Box<Handshake>>,
    /// Records that came before the server's answer, where the owner gave a key for them.
    early: Vec<u8>,
    /// Whether the owner's keys were asked for this conversation.
    asked: bool,
}

/// What one side is in the middle of.
#[derive(Default)]
struct Half {
    /// Type of the record that is being heard, and bytes that it still has.
    record: Option<(u8, usize)>,
    messages: Messages,
    /// The first byte of an alert whose second is still to come.
    alert: Option<u8>,
    /// Whether a record was heard.
    begun: bool,
    /// Whether bytes were lost where no record says how many.
    lost: bool,
    /// Whether the rest passes in clear, under a NULL cipher.
    open: bool,
    /// Whether the rest makes no sense.
    garbled: bool,
}

/// What becomes of a side.
enum Then {
    GoOn,
    Seal,
}

impl Tls {
    fn new() -> Tls {
        Tls {
            talk: Negotiation::new("tls"),
            sides: Default::default(),
            ssl2: None,
            early: Vec::new(),
            asked: false,
        }
    }

    fn half(&mut self, side: Side) -> &mut Half {
        let [client, server] = &mut self.sides;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// The rest of a side is sealed: that is all there is to be heard from it.
    fn seal(&mut self, side: Side, at: usize, notes: &mut Notes<'_>) -> Step {
        self.talk.close(side);
        self.settle(notes);
        self.open(notes);
        Step::Sealed(at)
    }

    /// Looks whether the owner gave keys for what is sealed.
    fn open(&mut self, notes: &mut Notes<'_>) {
        let (Some(keys), Some(agreed)) = (notes.keys(), self.talk.agreed()) else {
            return;
        };
        if std::mem::replace(&mut self.asked, true) {
            return;
        }
        match opener::begin(keys, agreed) {
            Ok(mut opener) => {
                opener.hear_early(&std::mem::take(&mut self.early), notes);
                notes.open_with(Box::new(opener));
            }
            Err(outcome) => notes.outcome(outcome),
        }
    }

    /// Keeps bytes of a record that came before the server's answer, its header first.
    fn keep_early(&mut self, bytes: &[u8], notes: &Notes<'_>) {
        let Some(keys) = notes.keys() else { return };
        let random = self.talk.client_random();
        let secrets = random.and_then(|random| keys.of(random));
        if secrets.is_some_and(|secrets| secrets.get(Label::ClientEarly).is_some())
            && self.early.len() + bytes.len() <= opener::MAX_EARLY
        {
            self.early.extend_from_slice(bytes);
        }
    }

    fn settle(&mut self, notes: &mut Notes<'_>) {
        if self.ssl2.is_none() {
            self.talk.write_when_known(notes);
        }
    }

    fn hear_bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let half = self.half(side);
        if half.open {
            return Step::Took(bytes.len());
        }
        if half.garbled {
            notes.account(Account::Malformed, bytes.len());
            return Step::Took(bytes.len());
        }
        if half.lost {
            if bytes.len() < HEADER {
                return Step::Need(HEADER);
            }
            if header(bytes).is_none() {
                // In the middle of a record whose beginning was lost: what it was cannot be said, but
                // after a hello nearly all is sealed.
                return match self.talk.has_hello() {
                    true => self.seal(side, 0, notes),
                    false => Step::NotMine(Cut::wrong("tls record", 0)),
                };
            }
            half.lost = false;
        }
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                self.settle(notes);
                return Step::Took(at);
            }
            let (kind, left) = match self.half(side).record {
                Some(record) => record,
                None => {
                    if let Some(step) = self.hear_ssl2(side, at, rest, notes) {
                        return step;
                    }
                    if rest.len() < HEADER {
                        if at == 0 {
                            return Step::Need(HEADER);
                        }
                        self.settle(notes);
                        return Step::Took(at);
                    }
                    let Some((kind, length)) = header(rest) else {
                        return self.strange(side, at, bytes, notes);
                    };
                    if self.is_sealed(side, kind, length) {
                        return self.seal(side, at, notes);
                    }
                    self.half(side).begun = true;
                    if kind == content::APPLICATION_DATA {
                        self.keep_early(rest.get(..HEADER).unwrap_or_default(), notes);
                    }
                    at += HEADER;
                    (kind, length)
                }
            };
            let rest = bytes.get(at..).unwrap_or_default();
            let body = rest.get(..left).unwrap_or(rest);
            let left = left - body.len();
            self.half(side).record = (left > 0).then_some((kind, left));
            match kind {
                content::HANDSHAKE => {
                    let (taken, then) = self.hear_handshake(side, body, notes);
                    at += taken;
                    if let Then::Seal = then {
                        return self.seal(side, at, notes);
                    }
                }
                content::CHANGE_CIPHER_SPEC => {
                    at += body.len();
                    if left == 0
                        && let Some(step) = self.change_cipher(side, at, bytes, notes)
                    {
                        return step;
                    }
                }
                content::APPLICATION_DATA => {
                    notes.account(Account::Sealed, body.len());
                    self.keep_early(body, notes);
                    if side != self.talk.answerer() {
                        self.talk.hear_early_data();
                    }
                    at += body.len();
                }
                content::ALERT => {
                    at += body.len();
                    self.hear_alert(side, body, notes);
                }
                _ => at += body.len(),
            }
        }
    }

    /// An alert in clear: its level and its description, which may come apart.
    fn hear_alert(&mut self, side: Side, body: &[u8], notes: &mut Notes<'_>) {
        for &byte in body {
            let half = self.half(side);
            match half.alert.take() {
                None => half.alert = Some(byte),
                Some(level) => self.talk.hear_alert(level, byte, &notes.evidence()),
            }
        }
    }

    /// Whether this record, and so all that follows it on this side, is encrypted.
    fn is_sealed(&self, side: Side, kind: u8, length: usize) -> bool {
        match kind {
            // Data before the server's answer may be followed by a second ClientHello.
            content::APPLICATION_DATA => {
                side == self.talk.answerer() || !self.talk.has_early_data()
            }
            content::ALERT => length != 2,
            _ => false,
        }
    }

    fn hear_handshake(&mut self, side: Side, body: &[u8], notes: &mut Notes<'_>) -> (usize, Then) {
        let mut at = 0;
        while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
            let heard = self.half(side).messages.hear(rest);
            at += heard.taken;
            if heard.wanted {
                self.half(side).messages.evidence.join(&notes.evidence());
            }
            if heard.dropped > 0 {
                notes.account(Account::Limited, heard.dropped);
            }
            match heard.event {
                Event::None => {}
                Event::Nonsense => return (at, Then::Seal),
                Event::Message(kind, body) => {
                    let evidence = std::mem::take(&mut self.half(side).messages.evidence);
                    // A hello that cannot be read was still said: what follows it may be understood.
                    let _ = self.talk.hear(side, kind, &body, &evidence, notes);
                    if kind == message::SERVER_HELLO
                        && side == self.talk.answerer()
                        && self.talk.is_tls13() == Some(true)
                    {
                        return (at, Then::Seal);
                    }
                }
                Event::Skipped(kind) => {
                    let _ = self.talk.hear(side, kind, &[], &notes.evidence(), notes);
                }
            }
        }
        (at, Then::GoOn)
    }

    /// A side goes to the cipher; in TLS 1.3 the message has no meaning, and a second ClientHello or the
    /// ServerHello may follow it.
    fn change_cipher(
        &mut self,
        side: Side,
        at: usize,
        bytes: &[u8],
        notes: &mut Notes<'_>,
    ) -> Option<Step> {
        if self.talk.is_tls13() == Some(true) || self.talk.may_repeat() {
            return None;
        }
        self.talk.change_cipher(side);
        if self.talk.is_null() {
            self.half(side).open = true;
            self.settle(notes);
            return Some(Step::Took(bytes.len()));
        }
        Some(self.seal(side, at, notes))
    }

    /// A message of SSL 2.0, which can only be the first of a side (and the client's second).
    fn hear_ssl2(
        &mut self,
        side: Side,
        at: usize,
        rest: &[u8],
        notes: &mut Notes<'_>,
    ) -> Option<Step> {
        if self.half(side).begun && self.ssl2.is_none() && !self.talk.may_be_ssl2() {
            return None;
        }
        if rest
            .first()
            .is_some_and(|first| (content::CHANGE_CIPHER_SPEC..=content::HEARTBEAT).contains(first))
        {
            return None;
        }
        let (message, length) = match ssl2::read(rest) {
            Ok(read) => read,
            Err(cut)
                if cut.needed > 0
                    && (self.talk.may_be_ssl2() || look_at_ssl2(rest) == Look::TooShort) =>
            {
                return Some(if at > 0 {
                    Step::Took(at)
                } else {
                    Step::Need(rest.len() + cut.needed - cut.had)
                });
            }
            Err(_) => return None,
        };
        self.half(side).begun = true;
        let evidence = notes.evidence();
        match message {
            ssl2::Message::ClientHello(hello) => {
                self.talk.hear_client(side, *hello, &evidence, notes);
                self.settle(notes);
                Some(Step::Took(at + length))
            }
            ssl2::Message::ServerHello(certificate) => {
                self.ssl2 = Some(Box::new(ssl2::agreed(
                    certificate.map(|certificate| *certificate),
                )));
                self.talk.join_evidence(&evidence);
                self.talk.close(side);
                Some(Step::Sealed(at + length))
            }
            ssl2::Message::MasterKey(cipher) => {
                let agreed = self
                    .ssl2
                    .take()
                    .map_or_else(|| ssl2::agreed(None), |record| *record);
                let record = Handshake {
                    cipher_suite: Some(cipher),
                    ..agreed
                };
                self.talk.join_evidence(&evidence);
                self.talk.write_instead(record, notes);
                Some(Step::Sealed(at + length))
            }
        }
    }

    /// Bytes where a record should begin, and none does.
    fn strange(&mut self, side: Side, at: usize, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        if !self.half(side).begun {
            // Another protocol came before: its words end where the hello begins.
            if let Some(start) = find_hello(bytes) {
                notes.account(Account::Unrecognised, start);
                return Step::Took(start);
            }
            if bytes.len() <= MAX_PREAMBLE {
                return Step::Need(bytes.len() + 1);
            }
        }
        if !self.talk.has_hello() {
            return Step::NotMine(Cut::wrong("tls record", at));
        }
        self.half(side).garbled = true;
        notes.account(Account::Malformed, bytes.len().saturating_sub(at));
        self.talk.close(side);
        self.settle(notes);
        Step::Took(bytes.len())
    }

    fn hear_gap(&mut self, side: Side, bytes: u64) {
        let half = self.half(side);
        half.messages.lose(bytes);
        half.record = match half.record {
            Some((kind, left)) => {
                let rest = usize::try_from(bytes)
                    .ok()
                    .and_then(|bytes| left.checked_sub(bytes));
                half.lost = rest.is_none();
                rest.filter(|&rest| rest > 0).map(|rest| (kind, rest))
            }
            None => {
                half.lost = true;
                None
            }
        };
        if half.record.is_none() {
            half.messages = Messages::default();
        }
        half.begun = true;
    }
}

impl Analyzer for Tls {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.hear_bytes(side, bytes, notes),
            Chunk::Gap(bytes) => {
                self.hear_gap(side, bytes);
                Step::Took(0)
            }
            Chunk::End => {
                self.talk.close(side);
                if side == self.talk.answerer().other()
                    && let Some(record) = self.ssl2.take()
                {
                    self.talk.write_instead(*record, notes);
                }
                self.settle(notes);
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        let halves = self.sides.iter().map(|half| half.messages.held());
        halves.sum::<usize>() + self.early.capacity()
    }
}

#[cfg(test)]
mod tests;
