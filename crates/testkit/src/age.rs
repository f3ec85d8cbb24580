//! Opens what was sealed in the age format (age-encryption.org/v1) for an X25519 recipient, by the format's text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};

/// A secret of the format's own examples, and the recipient that goes with it.
pub const EXAMPLE: ([u8; 32], &str) = (
    [0x42; 32],
    "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
);

/// Bytes that are sealed together, with their tag.
const SEALED_CHUNK: usize = (64 << 10) + 16;

/// What was sealed; `None` where the secret does not open it or it was changed.
pub fn open(secret: &[u8; 32], sealed: &[u8]) -> Option<Vec<u8>> {
    let secret = StaticSecret::from(*secret);
    let end = sealed.windows(5).position(|window| window == b"\n--- ")?;
    let text = std::str::from_utf8(&sealed[..end]).ok()?;
    let lines: Vec<&str> = text.split('\n').collect();
    let ["age-encryption.org/v1", share, wrapped] = lines[..] else {
        return None;
    };
    let share = STANDARD_NO_PAD
        .decode(share.strip_prefix("-> X25519 ")?)
        .ok()?;
    let share: [u8; 32] = share.try_into().ok()?;
    let shared = secret.diffie_hellman(&PublicKey::from(share));
    let salt = [share, PublicKey::from(&secret).to_bytes()].concat();
    let wrapping = derive(&salt, shared.as_bytes(), b"age-encryption.org/v1/X25519");
    let wrapped = STANDARD_NO_PAD.decode(wrapped).ok()?;
    let file_key = unseal(&wrapping, [0; 12], &wrapped)?;

    let line_end = end + 5 + 43;
    let said = STANDARD_NO_PAD.decode(&sealed[end + 5..line_end]).ok()?;
    let mut tag = <Hmac<Sha256> as Mac>::new_from_slice(&derive(&[], &file_key, b"header")).ok()?;
    tag.update(&sealed[..end + 4]);
    tag.verify_slice(&said).ok()?;

    let (nonce, mut rest) = sealed[line_end + 1..].split_at(16);
    let payload = derive(nonce, &file_key, b"payload");
    let mut opened = Vec::new();
    for number in 0_u64.. {
        let (chunk, after) = rest.split_at(rest.len().min(SEALED_CHUNK));
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = u8::from(after.is_empty());
        opened.extend(unseal(&payload, nonce, chunk)?);
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    Some(opened)
}

fn derive(salt: &[u8], secret: &[u8], purpose: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let derived = Hkdf::<Sha256>::new(Some(salt), secret).expand(purpose, &mut key);
    derived.expect("32 bytes are not too many");
    key
}

fn unseal(key: &[u8; 32], nonce: [u8; 12], sealed: &[u8]) -> Option<Vec<u8>> {
    let (sealed, tag) = sealed.split_at_checked(sealed.len().checked_sub(16)?)?;
    let mut opened = sealed.to_vec();
    ChaCha20Poly1305::new(Key::from_slice(key))
        .decrypt_in_place_detached(&Nonce::from(nonce), &[], &mut opened, tag.into())
        .ok()?;
    Some(opened)
}
