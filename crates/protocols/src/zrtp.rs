//! ZRTP (RFC 6189): keys for a call, made in the stream of the call itself.
//!
//! Both sides say hello in clear and one commits to a choice; what the media are sealed with follows from
//! it. The media themselves are RTP's to hear.

use overheard_ledger::{Body, Exposure, Handshake, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::host_name::printable;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "zrtp",
    title: "ZRTP media path key agreement",
    over: &[Over::Datagram],
    ports: &[],
    standard: "RFC 6189",
    exposure: Exposure::Unknown,
    probe,
    begin: |_| Box::new(Zrtp::default()),
    rules: RULES,
};

static RULES: &[Rule] = &[
    Rule {
        id: "zrtp-classical-key-exchange",
        title: "Call sealed by a classical key exchange",
        severity: Severity::Low,
        exposure: Exposure::Harvest,
        when: When::Record(|seen| match &seen.record.body {
            Body::Handshake(record)
                if record.protocol == "zrtp" && record.quantum_safe == Some(false) =>
            {
                Some(format!(
                    "What is said in calls with {}, once it has a quantum computer",
                    seen.server()
                ))
            }
            _ => None,
        }),
        remedy: "Use telephones whose ZRTP has a hybrid key agreement, as that of Linphone (BZRTP) has.",
        standard: "RFC 6189 section 4.4.1; RFC 7624 section 3",
        explain: "The key agreement is sound today, and nobody in between can listen. A quantum computer would open it, \
                  and a tap can store the call until there is one.",
    },
    Rule {
        id: "zrtp-software",
        title: "Software of a telephone",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Handshake(record) if record.protocol == "zrtp" => {
                let software = record.server_software.as_deref()?;
                Some(format!("That {} runs {software}", seen.server()))
            }
            _ => None,
        }),
        remedy: "Keep the software up to date; the protocol has a field for its name, which need not say much.",
        standard: "RFC 6189 section 5.2",
        explain: "Each side says the name of its software before there is a key. A tap reads there which weaknesses to \
                  look for.",
    },
];

/// Key agreements of one hello that are kept: the count of them has four bits.
const MAX_AGREEMENTS: usize = 15;

/// The message in a packet: what stands before it, and the checksum behind it, left out (RFC 6189
/// section 5).
fn message(bytes: &[u8]) -> Result<([u8; 8], Cursor<'_>), Cut> {
    let mut cursor = Cursor::new("zrtp packet", bytes);
    let wrong = cursor.wrong();
    let [first, _, _, _] = cursor.array()?;
    if first != 0x10 || cursor.array()? != *b"ZRTP" {
        return Err(wrong);
    }
    cursor.skip(4)?;
    if cursor.array()? != [0x50, 0x5a] {
        return Err(wrong);
    }
    // The length counts words, from the preamble on.
    let length = usize::from(cursor.u16()?) * 4;
    let kind = cursor.array()?;
    let body = length.checked_sub(12).ok_or(wrong)?;
    Ok((kind, cursor.sub("zrtp message", body)?))
}

fn probe(sample: &Sample<'_>) -> Probe {
    match message(sample.first()) {
        Ok(_) => Probe::Sure,
        Err(_) => Probe::No,
    }
}

#[derive(Default)]
struct Zrtp {
    /// What client and server said they run.
    software: [Option<String>; 2],
    version: Option<String>,
    offered: [Vec<String>; 2],
    /// What was committed to, and by whom.
    commit: Option<(Side, Choice)>,
    evidence: Evidence,
    written: bool,
}

/// What a side commits to.
struct Choice {
    hash: String,
    cipher: String,
    tag: String,
    agreement: String,
}

/// Whether a key agreement holds against a quantum computer; `None` where its name does not say: those that
/// rest on an earlier one (pre-shared and multistream mode, RFC 6189 sections 4.4.2 and 4.4.3) and those
/// that are not known. Beyond RFC 6189 section 5.1.5 there are those of BZRTP: `X255` to `K448` on the curves of
/// RFC 7748, `KYB1` to `KYB3` with Kyber, and `X2K5` and `X4K1`, which join the two.
fn is_quantum_safe(agreement: &str) -> Option<bool> {
    match agreement {
        "DH2k" | "DH3k" | "EC25" | "EC38" | "EC52" | "X255" | "X448" | "K255" | "K448" => {
            Some(false)
        }
        "KYB1" | "KYB2" | "KYB3" | "X2K5" | "X4K1" => Some(true),
        _ => None,
    }
}

/// A name of four characters, filled up with blanks.
fn name(cursor: &mut Cursor<'_>) -> Result<String, Cut> {
    Ok(printable(cursor.take(4)?).trim_end().to_owned())
}

impl Analyzer for Zrtp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let Chunk::Bytes(bytes) = chunk else {
            return Step::Took(0);
        };
        let (kind, body) = match message(bytes) {
            Ok(message) => message,
            Err(cut) => return Step::NotMine(cut),
        };
        // What is cut short inside a message was said all the same.
        let _ = match &kind {
            b"Hello   " => self.hello(side, body, notes),
            b"Commit  " => self.commit(side, body, notes),
            // Both have the keys.
            b"Confirm2" | b"Conf2ACK" => {
                self.write(notes);
                Ok(())
            }
            _ => Ok(()),
        };
        Step::Took(bytes.len())
    }
}

impl Zrtp {
    /// RFC 6189 section 5.2.
    fn hello(&mut self, side: Side, mut body: Cursor<'_>, notes: &Notes<'_>) -> Result<(), Cut> {
        let version = printable(body.take(4)?);
        let software = printable(body.take(16)?).trim().to_owned();
        body.skip(32 + 12)?;
        let counts = body.u32()?;
        let count = |shift: u32| usize::try_from(counts >> shift & 0xf).unwrap_or_default();
        body.skip((count(16) + count(12) + count(8)) * 4)?;
        let mut agreements = Vec::new();
        for _ in 0..count(4).min(MAX_AGREEMENTS) {
            agreements.push(name(&mut body)?);
        }
        if let Some(slot) = self.software.get_mut(side.index())
            && slot.is_none()
        {
            *slot = Some(software).filter(|software| !software.is_empty());
            self.evidence.join(&notes.evidence());
        }
        if let Some(slot) = self.offered.get_mut(side.index()) {
            *slot = agreements;
        }
        self.version.get_or_insert(version);
        Ok(())
    }

    /// RFC 6189 section 5.4.
    fn commit(&mut self, side: Side, mut body: Cursor<'_>, notes: &Notes<'_>) -> Result<(), Cut> {
        body.skip(32 + 12)?;
        let choice = Choice {
            hash: name(&mut body)?,
            cipher: name(&mut body)?,
            tag: name(&mut body)?,
            agreement: name(&mut body)?,
        };
        if self.commit.is_none() {
            self.evidence.join(&notes.evidence());
        }
        // Where both commit, the later one that is believed cannot be told by a tap without their values;
        // they mostly choose the same.
        self.commit = Some((side, choice));
        Ok(())
    }

    fn write(&mut self, notes: &mut Notes<'_>) {
        let Some((side, choice)) = self.commit.take() else {
            return;
        };
        if std::mem::replace(&mut self.written, true) {
            return;
        }
        self.evidence.join(&notes.evidence());
        let [client_software, server_software] = self.software.clone();
        let [client, server] = std::mem::take(&mut self.offered);
        let offered = match side {
            Side::Client => client,
            Side::Server => server,
        };
        let safe = is_quantum_safe(&choice.agreement);
        let record = Handshake {
            protocol: PROTOCOL.name.to_owned(),
            version: self.version.take().map(|version| format!("ZRTP {version}")),
            cipher_suite: Some(format!("{}+{}+{}", choice.cipher, choice.tag, choice.hash)),
            key_exchange: Some(choice.agreement),
            offered_key_exchange: offered,
            client_software,
            server_software,
            forward_secret: safe.map(|_| true),
            quantum_safe: safe,
            ..Handshake::default()
        };
        match safe {
            Some(true) => notes.expose(Exposure::Sealed),
            Some(false) => notes.expose(Exposure::Harvest),
            None => {}
        }
        notes.add_with(record, self.evidence.clone());
    }
}

#[cfg(test)]
mod tests;
