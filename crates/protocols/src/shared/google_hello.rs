//! The client's hello of Google's QUIC before it carried TLS ("QUIC Crypto", 2016): a message of tags and
//! values, `CHLO`, which passes in clear or under a key that everybody can make.

use overheard_ledger::{Handshake, Name};
use overheard_tap::{Cursor, Cut, Evidence, Notes};

use super::hello::{label_text, name_text};

/// What the message begins with.
pub const TAG: &[u8] = b"CHLO";

/// Tags of one message (the specification allows 128).
const MAX_TAGS: u16 = 128;

/// Bytes of a value that are kept.
const MAX_VALUE: usize = 256;

/// A client's hello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoogleHello {
    /// Name of the server, lower case, without trailing dot; never empty.
    pub server_name: Option<String>,
    /// The program, as it names itself.
    pub software: Option<String>,
    /// The key exchange that the client chose of those that the server has: only in a hello that is complete.
    pub key_exchange: Option<String>,
    /// The cipher, likewise.
    pub cipher: Option<String>,
}

impl GoogleHello {
    /// Reads a hello at the beginning of `bytes`.
    ///
    /// # Errors
    /// [`Cut`] where it is none, or ends before its last value.
    pub fn parse(bytes: &[u8]) -> Result<GoogleHello, Cut> {
        let mut cursor = Cursor::new("google quic hello", bytes);
        let wrong = cursor.wrong();
        if cursor.take(TAG.len())? != TAG {
            return Err(wrong);
        }
        let tags = u16::from_le_bytes(cursor.array()?);
        cursor.skip(2)?;
        if tags > MAX_TAGS {
            return Err(wrong);
        }
        let mut index = cursor.sub("google quic tags", usize::from(tags) * 8)?;
        let mut hello = GoogleHello::default();
        let mut start = 0u32;
        while !index.is_empty() {
            let tag: [u8; 4] = index.array()?;
            let end = u32::from_le_bytes(index.array()?);
            let length = end.checked_sub(start).ok_or(wrong)?;
            start = end;
            let length = usize::try_from(length).map_err(|_| wrong)?;
            hello.value(tag, cursor.take(length)?);
        }
        Ok(hello)
    }

    fn value(&mut self, tag: [u8; 4], value: &[u8]) {
        let value = value.get(..MAX_VALUE).unwrap_or(value);
        let text = || Some(label_text(value)).filter(|text| !text.is_empty());
        match &tag {
            b"SNI\0" => self.server_name = Some(name_text(value)).filter(|name| !name.is_empty()),
            b"UAID" => self.software = text(),
            b"KEXS" => {
                self.key_exchange = match value {
                    b"C255" => Some("x25519".to_owned()),
                    b"P256" => Some("secp256r1".to_owned()),
                    _ => text(),
                }
            }
            b"AEAD" => {
                self.cipher = match value {
                    b"AESG" => Some("AES_128_GCM_12".to_owned()),
                    b"CC20" => Some("CHACHA20_POLY1305_12".to_owned()),
                    _ => text(),
                }
            }
            _ => {}
        }
    }

    /// Whether the client has all that it needs: what follows is sealed with the keys that it chose.
    pub fn is_complete(&self) -> bool {
        self.key_exchange.is_some()
    }

    /// Writes down the server's name.
    pub fn name(&self, evidence: &Evidence, notes: &mut Notes<'_>) {
        if let Some(name) = &self.server_name {
            let name = Name {
                source: "quic-sni".to_owned(),
                name: name.clone(),
            };
            notes.add_with(name, evidence.clone());
        }
    }

    /// The record of a handshake that began so. `version` is that of QUIC.
    pub fn handshake(self, protocol: &str, version: String) -> Handshake {
        let complete = self.is_complete();
        Handshake {
            protocol: protocol.to_owned(),
            version: Some(version),
            cipher_suite: self.cipher,
            key_exchange: self.key_exchange,
            server_name: self.server_name,
            client_software: self.software,
            // The server answers with a fresh key; what the client says before is sealed with a key of the server's
            // that lives for days.
            forward_secret: complete.then_some(true),
            quantum_safe: complete.then_some(false),
            ..Handshake::default()
        }
    }
}

/// A hello for tests.
#[cfg(test)]
pub fn sample(values: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let count = u16::try_from(values.len()).unwrap();
    let mut bytes = [TAG, &count.to_le_bytes(), &[0, 0]].concat();
    let mut end = 0u32;
    for (tag, value) in values {
        end += u32::try_from(value.len()).unwrap();
        bytes.extend(*tag);
        bytes.extend(end.to_le_bytes());
    }
    bytes.extend(values.iter().flat_map(|(_, value)| value.iter()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_their_values() {
        let bytes = sample(&[
            (b"PAD\0", &[b'-'; 900]),
            (b"SNI\0", b"WWW.Example."),
            (b"UAID", b"canary Chrome/60"),
            (b"AEAD", b"AESG"),
            (b"KEXS", b"C255"),
        ]);
        let hello = GoogleHello::parse(&bytes).unwrap();
        assert_eq!(hello.server_name.as_deref(), Some("www.example"));
        assert_eq!(hello.software.as_deref(), Some("canary Chrome/60"));
        assert_eq!(hello.key_exchange.as_deref(), Some("x25519"));
        assert!(hello.is_complete());
        let record = hello.handshake("quic", "QUIC Q050".to_owned());
        assert_eq!(
            super::super::key_exchange::exposure(&record),
            overheard_ledger::Exposure::Harvest
        );
        for end in 0..bytes.len() {
            assert!(GoogleHello::parse(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn an_index_that_goes_back_is_wrong() {
        let mut bytes = sample(&[(b"SNI\0", b"a.example"), (b"UAID", b"x")]);
        bytes[20..24].copy_from_slice(&1u32.to_le_bytes());
        assert!(GoogleHello::parse(&bytes).is_err());
        assert!(GoogleHello::parse(b"CHLO\xff\xff\0\0").is_err());
    }
}
