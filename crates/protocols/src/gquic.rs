//! Google's QUIC up to version Q049, before it became the standard ("QUIC Wire Layout Specification",
//! 2016): the client's hello passes in clear, and all that follows it is sealed.
//!
//! Version Q050 seals the hello as the standard does: it is heard as `quic`.

use overheard_ledger::{Account, Body, Exposure, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::google_hello::{GoogleHello, TAG};
use crate::shared::key_exchange;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "gquic",
    title: "Google's QUIC, before the standard",
    over: &[Over::Datagram],
    ports: &[443, 80],
    standard: "QUIC Wire Layout Specification (Google, 2016)",
    exposure: Exposure::Unknown,
    probe,
    begin: |_| Box::new(GoogleQuic::default()),
    rules: RULES,
};

static RULES: &[Rule] = &[Rule {
    id: "gquic-obsolete",
    title: "QUIC of a version that nobody maintains",
    severity: Severity::Medium,
    exposure: Exposure::Harvest,
    when: When::Record(|seen| match &seen.record.body {
        Body::Handshake(record) if record.protocol == PROTOCOL.name => Some(format!(
            "Whom the client talks to at {}, with which program, and what is said once it has a quantum computer",
            seen.server()
        )),
        _ => None,
    }),
    remedy: "Bring client and server up to date: QUIC version 1 with TLS 1.3 and a hybrid group.",
    standard: "RFC 9000; RFC 9001",
    explain: "Google's own QUIC says the server's name and the program in clear, knows only classical key exchanges, and \
                  seals the client's first words with a key of the server's that lives for days. It was given up for the \
                  standard of 2021.",
}];

/// Bytes at the beginning of a packet among which the hello begins: headers, hash and the frame's own.
const BEFORE_HELLO: usize = 96;

/// The shortest packet that is not taken on trust: flags, number, hash.
const MIN_PACKET: usize = 9;

/// The version of a packet's header, where it has one: up to Q043 behind flags and connection id, later as in
/// the invariants of QUIC (RFC 8999).
fn version(packet: &[u8]) -> Option<[u8; 4]> {
    let &flags = packet.first()?;
    let number: [u8; 4] = if flags & 0x80 != 0 {
        *packet.get(1..)?.first_chunk()?
    } else if flags & 0x01 != 0 && flags & 0x08 != 0 {
        *packet.get(9..)?.first_chunk()?
    } else {
        return None;
    };
    let known = match number {
        [b'Q', b'0', tens @ b'0'..=b'4', b'0'..=b'9'] => {
            (flags & 0x80 != 0) == (tens == b'4' && number[3] >= b'4')
        }
        _ => false,
    };
    known.then_some(number)
}

fn probe(sample: &Sample<'_>) -> Probe {
    match version(sample.first()) {
        // Only a client says hello, and only a server says which versions it has.
        Some(_) if sample.client.is_empty() && hello(sample.server).is_some() => Probe::Reversed,
        Some(_) => Probe::Sure,
        None => Probe::No,
    }
}

/// The client's hello in a packet, as far as there is one.
fn hello(packet: &[u8]) -> Option<GoogleHello> {
    let front = packet.get(..BEFORE_HELLO).unwrap_or(packet);
    let at = front.windows(TAG.len()).position(|bytes| bytes == TAG)?;
    GoogleHello::parse(packet.get(at..)?).ok()
}

#[derive(Default)]
struct GoogleQuic {
    /// The version that the client asked for last.
    version: Option<[u8; 4]>,
    /// The last hello, until it is written.
    hello: Option<GoogleHello>,
    /// The name that was written.
    name: Option<String>,
    evidence: Evidence,
    written: bool,
}

impl GoogleQuic {
    fn packet(&mut self, side: Side, packet: &[u8], notes: &mut Notes<'_>) -> Step {
        let version = version(packet);
        // What has no version belongs here by the conversation alone.
        if version.is_none() && (self.version.is_none() || packet.len() < MIN_PACKET) {
            return Step::NotMine(Cut::wrong("google quic packet", 0));
        }
        if side == Side::Client {
            self.version = version.or(self.version);
        } else {
            self.version = self.version.or(version);
        }
        match (side, hello(packet)) {
            (Side::Client, Some(hello)) => self.hear(hello, notes),
            _ if version.is_none() => notes.account(Account::Sealed, packet.len()),
            _ => {}
        }
        Step::Took(packet.len())
    }

    fn hear(&mut self, hello: GoogleHello, notes: &mut Notes<'_>) {
        if self.written {
            return;
        }
        self.evidence.join(&notes.evidence());
        if hello.server_name != self.name {
            hello.name(&notes.evidence(), notes);
            self.name.clone_from(&hello.server_name);
        }
        let complete = hello.is_complete();
        self.hello = Some(hello);
        if complete {
            self.write(notes);
        }
    }

    fn write(&mut self, notes: &mut Notes<'_>) {
        let (Some(hello), Some(version)) = (self.hello.take(), self.version) else {
            return;
        };
        self.written = true;
        let version = String::from_utf8_lossy(&version).into_owned();
        let record = hello.handshake(PROTOCOL.name, format!("QUIC {version}"));
        notes.expose(key_exchange::exposure(&record));
        notes.add_with(record, std::mem::take(&mut self.evidence));
    }
}

impl Analyzer for GoogleQuic {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.packet(side, bytes, notes),
            Chunk::Gap(_) => Step::Took(0),
            Chunk::End => {
                self.write(notes);
                Step::Took(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use overheard_testkit::{Scene, hear};

    use super::*;
    use crate::shared::google_hello::sample;

    fn packet(version: &[u8; 4], hello: &[u8]) -> Vec<u8> {
        let frame = [&[0xa0, 1, 0, 4][..], hello].concat();
        match version[3] {
            b'6' => [
                &[0xc3][..],
                version,
                &[0x50],
                &[7; 8],
                &[0, 0, 0, 1],
                &[9; 12],
                &frame,
            ]
            .concat(),
            _ => [&[0x09][..], &[7; 8], version, &[1], &[9; 12], &frame].concat(),
        }
    }

    fn records(version: &[u8; 4], hellos: &[Vec<u8>]) -> (Vec<String>, Exposure) {
        let mut scene = Scene::new();
        let talk = scene.udp("192.0.2.10:50000", "192.0.2.25:443");
        for hello in hellos {
            scene.client(talk, &packet(version, hello));
            scene.server(talk, &[&[0x40; 2][..], &[0xee; 60]].concat());
        }
        let heard = hear(&[&PROTOCOL], &scene.pcap());
        let overheard_ledger::Body::Conversation(talk) = &heard.records[0].body else {
            panic!("{}", heard.ledger());
        };
        assert_eq!(talk.accounts.sealed, 62 * hellos.len() as u64);
        (heard.content(), talk.exposure)
    }

    #[test]
    fn the_name_and_the_choice_are_read_once() {
        let first = sample(&[(b"SNI\0", b"news.example"), (b"UAID", b"Chrome/60")]);
        let full = sample(&[
            (b"SNI\0", b"news.example"),
            (b"AEAD", b"AESG"),
            (b"KEXS", b"C255"),
        ]);
        for (version, name) in [(b"Q043", "QUIC Q043"), (b"Q046", "QUIC Q046")] {
            let (said, exposure) = records(version, &[first.clone(), full.clone(), full.clone()]);
            assert_eq!(said.len(), 2, "{said:?}");
            assert!(said[0].contains(r#""source":"quic-sni","name":"news.example""#));
            assert!(
                said[1].contains(name) && said[1].contains("x25519"),
                "{said:?}"
            );
            assert_eq!(exposure, Exposure::Harvest);
            let (said, exposure) = records(version, std::slice::from_ref(&first));
            assert!(said[1].contains("Chrome/60"), "{said:?}");
            assert_eq!(exposure, Exposure::Unknown);
        }
    }

    #[test]
    fn other_versions_and_other_headers_are_left_alone() {
        assert_eq!(version(&packet(b"Q043", b"")), Some(*b"Q043"));
        assert_eq!(version(&packet(b"Q046", b"")), Some(*b"Q046"));
        for other in [
            &packet(b"Q050", b"")[..],
            &packet(b"T051", b""),
            b"\x09short",
            &[],
        ] {
            assert_eq!(version(other), None, "{other:?}");
        }
        // Each version has its header.
        let mut wrong = packet(b"Q046", b"");
        wrong[4] = b'3';
        assert_eq!(version(&wrong), None);
    }
}
