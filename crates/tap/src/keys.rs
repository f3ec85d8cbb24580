//! Secrets of TLS that the owner of the conversations gave: with them, what is sealed can be opened for the
//! owner's own view, which is kept apart from what a tap learns.

use std::collections::HashMap;
use std::fmt;

use crate::limits::MAX_SECRETS;

/// Bytes of the random of a ClientHello, by which secrets are found.
const RANDOM: usize = 32;

/// The longest secret, in bytes: a hash of 512 bits.
const MAX_SECRET: usize = 64;

/// What a secret is for, as RFC 9850 labels it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// `CLIENT_RANDOM`: the master secret of TLS 1.2 and before.
    Master,
    /// `CLIENT_EARLY_TRAFFIC_SECRET`: data before the server's answer (0-RTT).
    ClientEarly,
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET`.
    ClientHandshake,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET`.
    ServerHandshake,
    /// `CLIENT_TRAFFIC_SECRET_0`.
    ClientTraffic,
    /// `SERVER_TRAFFIC_SECRET_0`.
    ServerTraffic,
}

impl Label {
    /// `None` for what opens nothing that is heard here: exporter secrets, those of encrypted client hello.
    fn of(text: &str) -> Option<Label> {
        // Early implementations of QUIC put their own name before it.
        Some(match text.strip_prefix("QUIC_").unwrap_or(text) {
            "CLIENT_RANDOM" => Label::Master,
            "CLIENT_EARLY_TRAFFIC_SECRET" => Label::ClientEarly,
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Label::ClientHandshake,
            "SERVER_HANDSHAKE_TRAFFIC_SECRET" => Label::ServerHandshake,
            "CLIENT_TRAFFIC_SECRET_0" => Label::ClientTraffic,
            "SERVER_TRAFFIC_SECRET_0" => Label::ServerTraffic,
            _ => return None,
        })
    }
}

/// The secrets of one conversation.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<(Label, Box<[u8]>)>);

impl Secrets {
    /// The secret of this label.
    pub fn get(&self, label: Label) -> Option<&[u8]> {
        let found = self.0.iter().find(|(known, _)| *known == label);
        found.map(|(_, secret)| &**secret)
    }
}

impl fmt::Debug for Secrets {
    /// The labels alone: a secret is never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(label, _)| label))
            .finish()
    }
}

/// All secrets that were given, by the random of the client's hello.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    by_random: HashMap<[u8; RANDOM], Secrets>,
    count: usize,
    dropped: u64,
}

impl Keys {
    /// Reads a key log (RFC 9850), as programs write it where `SSLKEYLOGFILE` is set, and as it stands in the
    /// Decryption Secrets Blocks of pcapng. What is no line of it is passed over; of two secrets for the same
    /// purpose the first stays. How many lines were secrets that can be used.
    pub fn read(&mut self, log: &[u8]) -> usize {
        log.split(|&byte| matches!(byte, b'\n' | b'\r'))
            .filter(|line| self.read_line(line).is_some())
            .count()
    }

    fn read_line(&mut self, line: &[u8]) -> Option<()> {
        let text = std::str::from_utf8(line).ok()?;
        let mut words = text.split_ascii_whitespace();
        let label = Label::of(words.next()?)?;
        let random: [u8; RANDOM] = digits(words.next()?)?.try_into().ok()?;
        let secret = digits(words.next()?)?;
        // A master secret has 48 bytes, a traffic secret those of a hash.
        if words.next().is_some() || secret.len() < 32 || secret.len() > MAX_SECRET {
            return None;
        }
        if self.count >= MAX_SECRETS && !self.by_random.contains_key(&random) {
            self.dropped += 1;
            return Some(());
        }
        let secrets = self.by_random.entry(random).or_default();
        if secrets.get(label).is_none() {
            secrets.0.push((label, secret.into()));
            self.count += 1;
        }
        Some(())
    }

    /// The secrets of the conversation that a client began with this random.
    pub fn of(&self, random: &[u8; RANDOM]) -> Option<&Secrets> {
        self.by_random.get(random)
    }

    /// Secrets that are kept.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Secrets that [`MAX_SECRETS`] set aside.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Bytes of hexadecimal digits, at most as many as a secret has.
fn digits(text: &str) -> Option<Vec<u8>> {
    if text.len() > 2 * MAX_SECRET || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pair = |pair: &[u8]| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

/// What became of a sealed conversation when it was tried to open it, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Something of it was opened.
    Opened,
    /// There were secrets for it, and they did not open it.
    WrongKeys,
    /// There were secrets for it, and its cipher is not one that is opened here.
    Unsupported,
    /// There were no secrets for it.
    NoKeys,
}

/// What was opened: pieces of what is inside a sealed conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Bytes that a side said.
    Bytes(Vec<u8>),
    /// This many bytes of what a side said could not be opened, because the capture lacks what they were in.
    Gap(u64),
    /// The side says nothing more.
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(label: &str, random: u8, secret: u8) -> String {
        let hex = |byte: u8, count: usize| format!("{byte:02x}").repeat(count);
        format!("{label} {} {}", hex(random, 32), hex(secret, 48))
    }

    #[test]
    fn a_log_is_read_as_far_as_it_is_one() {
        let mut keys = Keys::default();
        let log = [
            "# made by a program".to_owned(),
            line("CLIENT_RANDOM", 1, 2),
            line("client_random", 7, 2),
            line("QUIC_SERVER_TRAFFIC_SECRET_0", 1, 3).to_uppercase(),
            line("EXPORTER_SECRET", 1, 4),
            line("CLIENT_RANDOM", 5, 5) + " more",
            "CLIENT_RANDOM 0102 03".to_owned(),
            line("SERVER_TRAFFIC_SECRET_0", 2, 6) + "\r",
            String::new(),
        ]
        .join("\n");
        assert_eq!(keys.read(log.as_bytes()), 3);
        assert_eq!(keys.count(), 3);
        let secrets = keys.of(&[1; 32]).unwrap();
        assert_eq!(secrets.get(Label::Master), Some(&[2; 48][..]));
        assert_eq!(secrets.get(Label::ServerTraffic), Some(&[3; 48][..]));
        assert_eq!(secrets.get(Label::ClientTraffic), None);
        assert!(keys.of(&[2; 32]).is_some() && keys.of(&[7; 32]).is_none());
    }

    #[test]
    fn the_first_of_two_secrets_stays() {
        let mut keys = Keys::default();
        keys.read(line("CLIENT_RANDOM", 1, 2).as_bytes());
        keys.read(line("CLIENT_RANDOM", 1, 3).as_bytes());
        assert_eq!(keys.count(), 1);
        let secrets = keys.of(&[1; 32]).unwrap();
        assert_eq!(secrets.get(Label::Master), Some(&[2; 48][..]));
    }

    #[test]
    fn nothing_prints_a_secret() {
        let mut keys = Keys::default();
        keys.read(line("CLIENT_RANDOM", 1, 0xee).as_bytes());
        let printed = format!("{keys:?}");
        assert!(
            printed.contains("Master") && !printed.contains("238"),
            "{printed}"
        );
    }

    #[test]
    fn a_flood_of_secrets_is_counted_and_not_kept() {
        let mut keys = Keys::default();
        for number in 0..MAX_SECRETS + 10 {
            let log = format!("CLIENT_RANDOM {number:064x} {}", "ab".repeat(48));
            assert_eq!(keys.read(log.as_bytes()), 1);
        }
        assert_eq!((keys.count(), keys.dropped()), (MAX_SECRETS, 10));
    }
}
