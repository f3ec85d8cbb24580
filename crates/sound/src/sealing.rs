//! Sealing for one who may hear it: a writer of the age format (age-encryption.org/v1) for X25519 recipients.
//!
//! The format is small, and what it takes of cryptography is here anyway; the crate of the same name also brings what its own
//! command line needs.

use std::io::{self, Write};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bech32::Bech32;
use bech32::primitives::decode::CheckedHrpstring;
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};

/// Bytes that are sealed together.
const CHUNK: usize = 64 << 10;
/// What a key of the format is derived for.
const FOR_WRAPPING: &[u8] = b"age-encryption.org/v1/X25519";
const FOR_HEADER: &[u8] = b"header";
const FOR_PAYLOAD: &[u8] = b"payload";

/// Whom something is sealed to: an X25519 recipient of age, `age1...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

/// Why a text is no recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no recipient of age with an X25519 key (age1...)")]
pub struct RecipientError;

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Recipient, RecipientError> {
        let decoded = CheckedHrpstring::new::<Bech32>(text).map_err(|_| RecipientError)?;
        let bytes: Vec<u8> = decoded.byte_iter().collect();
        match (decoded.hrp().as_str(), bytes.try_into()) {
            ("age", Ok(key)) => Ok(Recipient(key)),
            _ => Err(RecipientError),
        }
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn derive(salt: &[u8], secret: &[u8], purpose: &[u8]) -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand(purpose, &mut key)
        .map_err(|_| io::Error::other("no key can be derived"))?;
    Ok(key)
}

/// Seals bytes in place, and puts their tag behind.
fn seal(cipher: &ChaCha20Poly1305, nonce: &Nonce, bytes: &mut Vec<u8>) -> io::Result<()> {
    let tag = cipher
        .encrypt_in_place_detached(nonce, &[], bytes)
        .map_err(|_| io::Error::other("too much to be sealed at once"))?;
    bytes.extend_from_slice(&tag);
    Ok(())
}

fn cipher(key: [u8; 32]) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&Key::from(key))
}

/// The header: the file's key, sealed to a recipient, and a tag of what is said.
fn header(recipient: &Recipient, file_key: &[u8; 16]) -> io::Result<Vec<u8>> {
    let secret = StaticSecret::from(random()?);
    let share = PublicKey::from(&secret);
    let shared = secret.diffie_hellman(&PublicKey::from(recipient.0));
    if !shared.was_contributory() {
        return Err(io::Error::other("the recipient's key is of low order"));
    }
    let salt = [share.to_bytes(), recipient.0].concat();
    let wrapping = cipher(derive(&salt, shared.as_bytes(), FOR_WRAPPING)?);
    let mut wrapped = file_key.to_vec();
    seal(&wrapping, &Nonce::default(), &mut wrapped)?;
    let mut header = format!(
        "age-encryption.org/v1\n-> X25519 {}\n{}\n---",
        STANDARD_NO_PAD.encode(share.as_bytes()),
        STANDARD_NO_PAD.encode(wrapped),
    );
    let key = derive(&[], file_key, FOR_HEADER)?;
    let mut tag = <Hmac<Sha256> as Mac>::new_from_slice(&key)
        .map_err(|_| io::Error::other("no tag can be made"))?;
    tag.update(header.as_bytes());
    header += " ";
    header += &STANDARD_NO_PAD.encode(tag.finalize().into_bytes());
    header += "\n";
    Ok(header.into_bytes())
}

/// Seals what is written to it. Without [`Sealing::finish`] what was written cannot be opened to its end.
pub struct Sealing<W: Write> {
    out: W,
    cipher: ChaCha20Poly1305,
    chunk: Vec<u8>,
    /// The number of the chunk.
    number: u64,
}

impl<W: Write> std::fmt::Debug for Sealing<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealing").finish_non_exhaustive()
    }
}

impl<W: Write> Sealing<W> {
    /// Begins to seal to a recipient: writes the header.
    ///
    /// # Errors
    /// Where `out` cannot be written, the system gives no random bytes, or the recipient's key is none.
    pub fn to(recipient: &Recipient, mut out: W) -> io::Result<Sealing<W>> {
        let file_key = random()?;
        out.write_all(&header(recipient, &file_key)?)?;
        let nonce: [u8; 16] = random()?;
        out.write_all(&nonce)?;
        Ok(Sealing {
            out,
            cipher: cipher(derive(&nonce, &file_key, FOR_PAYLOAD)?),
            chunk: Vec::with_capacity(CHUNK + 16),
            number: 0,
        })
    }

    /// Writes the last part, and gives the output back.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Seals the chunk that is held.
    fn seal(&mut self, last: bool) -> io::Result<()> {
        let mut nonce = [0; 12];
        let number = self.number.to_be_bytes();
        for (byte, part) in nonce.iter_mut().skip(3).zip(number) {
            *byte = part;
        }
        nonce[11] = u8::from(last);
        seal(&self.cipher, &Nonce::from(nonce), &mut self.chunk)?;
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        self.number += 1;
        Ok(())
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits until more comes: the last one must say that it is the last.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.seal(false)?;
        }
        let room = (CHUNK - self.chunk.len()).min(bytes.len());
        let (now, _) = bytes.split_at_checked(room).unwrap_or_default();
        self.chunk.extend_from_slice(now);
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
