//! NTP (RFC 5905), with its control messages (RFC 9327) and its sealed sister NTS (RFC 8915).

use overheard_ledger::{Exposure, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ntp",
    title: "Network Time Protocol",
    over: &[Over::Datagram],
    ports: &[PORT],
    standard: "RFC 5905",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Ntp::default()),
    rules: &[Rule {
        id: UNAUTHENTICATED,
        title: "Time taken from an answer that anybody could have given",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Let clients use Network Time Security (chrony, ntpsec) with servers that offer it.",
        standard: "RFC 8915",
        explain: "Whoever is on the line can answer in the server's place and shift a computer's clock: expired \
                  certificates become valid again and logs tell a false story. A clock's offset and precision also \
                  tell devices apart.",
    }],
};

const PORT: u16 = 123;
const UNAUTHENTICATED: &str = "ntp-unauthenticated";
/// Bytes of the header (RFC 5905 section 7.3).
const HEADER: usize = 48;
/// Bytes of the header of a control message (RFC 9327 section 2).
const CONTROL_HEADER: usize = 12;
/// Bytes of a key identifier with an MD5 digest, and with a SHA-1 digest.
const AUTHENTICATORS: [usize; 2] = [20, 24];

const SYMMETRIC_ACTIVE: u8 = 1;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;
const BROADCAST: u8 = 5;
const CONTROL: u8 = 6;
const PRIVATE: u8 = 7;

/// What a datagram is.
enum Message {
    /// About the time; whether something proves where it is from.
    Time { mode: u8, authenticated: bool },
    /// About the server itself.
    Control,
}

fn read(bytes: &[u8], missing: bool) -> Result<Message, Cut> {
    let mut cursor = Cursor::new("ntp", bytes);
    let wrong = cursor.wrong();
    let first = cursor.u8()?;
    let (version, mode) = (first >> 3 & 7, first & 7);
    if !(1..=4).contains(&version) {
        return Err(wrong);
    }
    match mode {
        SYMMETRIC_ACTIVE..=BROADCAST => {
            if cursor.u8()? > 16 {
                return Err(wrong);
            }
            if !missing {
                cursor.skip(HEADER - 2)?;
                if !cursor.remaining().is_multiple_of(4) {
                    return Err(wrong);
                }
            }
            let behind = bytes.len().saturating_sub(HEADER);
            Ok(Message::Time {
                mode,
                authenticated: AUTHENTICATORS.contains(&behind) || has_nts(cursor),
            })
        }
        CONTROL if version >= 2 => {
            cursor.skip(9)?;
            let count = usize::from(cursor.u16()?);
            // Data is padded to 32 bits, and an authenticator may follow.
            let fits =
                missing || (count <= cursor.remaining() && cursor.remaining() <= count + 3 + 24);
            if bytes.len() >= CONTROL_HEADER && fits {
                Ok(Message::Control)
            } else {
                Err(wrong)
            }
        }
        // Request code, number of items and their size: ntpd's own, never specified.
        PRIVATE if bytes.len() >= 8 => Ok(Message::Control),
        _ => Err(wrong),
    }
}

/// Whether an NTS cookie or its authenticator is among the extension fields (RFC 7822, RFC 8915
/// section 5.7).
fn has_nts(mut fields: Cursor<'_>) -> bool {
    while let (Ok(kind), Ok(length)) = (fields.u16(), fields.u16()) {
        if matches!(kind, 0x0204 | 0x0404) {
            return true;
        }
        match usize::from(length).checked_sub(4) {
            Some(rest) if length >= 16 && fields.skip(rest).is_ok() => {}
            _ => return false,
        }
    }
    false
}

fn probe(sample: &Sample<'_>) -> Probe {
    if !sample.has_port(PORT) {
        return Probe::No;
    }
    let bytes = sample.first();
    let from_client = !sample.client.is_empty();
    match read(bytes, false) {
        // Peers and servers may both use the port; then who answers is the server.
        Ok(Message::Time { mode: CLIENT, .. }) if !from_client => Probe::Reversed,
        Ok(Message::Time { mode: SERVER, .. }) if from_client => Probe::Reversed,
        Ok(Message::Time { .. }) if bytes.len() == HEADER => Probe::Likely(90),
        Ok(Message::Time { .. }) => Probe::Likely(70),
        Ok(Message::Control) => Probe::Likely(60),
        Err(_) if read(bytes, true).is_ok() && bytes.len() < HEADER => Probe::Likely(20),
        Err(_) => Probe::No,
    }
}

#[derive(Default)]
struct Ntp {
    observed: bool,
}

impl Analyzer for Ntp {
    fn hear(&mut self, _side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let Chunk::Bytes(bytes) = chunk else {
            return Step::Took(0);
        };
        match read(bytes, notes.missing() > 0) {
            Ok(Message::Time {
                mode: SERVER | BROADCAST,
                authenticated: false,
            }) if !self.observed => {
                self.observed = true;
                let server = notes.server();
                notes.observe(
                    UNAUTHENTICATED,
                    format!("Which computers set their clocks by {server}, and what it answers"),
                );
                Step::Took(bytes.len())
            }
            Ok(_) => Step::Took(bytes.len()),
            Err(cut) => Step::NotMine(cut),
        }
    }
}

#[cfg(test)]
mod tests;
