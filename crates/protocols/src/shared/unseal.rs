//! Opening what TLS 1.2 (RFC 5246), TLS 1.3 (RFC 9846) and QUIC (RFC 9001) seal with an AEAD cipher, where the
//! secrets are known: those of QUIC's first packets, which anybody can make, and those that the owner of a
//! conversation gave.

use aes_gcm::aead::consts::{U8, U12, U16};
use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::aes::cipher::BlockEncrypt;
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ccm::Ccm;
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384};

use super::iana;

/// Bytes of the nonce of every cipher here.
const NONCE: usize = 12;

/// The hash of a cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

/// A cipher that seals and authenticates at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aead {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
    /// AES-128-CCM with a tag of 16 bytes.
    Aes128Ccm,
    /// AES-256-CCM with a tag of 16 bytes.
    Aes256Ccm,
    /// AES-128-CCM with a tag of 8 bytes.
    Aes128Ccm8,
    /// AES-256-CCM with a tag of 8 bytes.
    Aes256Ccm8,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

impl Aead {
    /// Bytes of its key.
    pub fn key_length(self) -> usize {
        match self {
            Aead::Aes128Gcm | Aead::Aes128Ccm | Aead::Aes128Ccm8 => 16,
            Aead::Aes256Gcm | Aead::Aes256Ccm | Aead::Aes256Ccm8 | Aead::ChaCha20Poly1305 => 32,
        }
    }

    /// Whether TLS 1.2 sends a part of the nonce with every record (RFC 5288 section 3, RFC 6655).
    pub fn has_explicit_nonce(self) -> bool {
        self != Aead::ChaCha20Poly1305
    }
}

/// What a cipher suite says of its cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// The cipher.
    pub aead: Aead,
    /// The hash that keys are derived with.
    pub hash: Hash,
}

impl Suite {
    /// TLS_AES_128_GCM_SHA256, with which QUIC begins.
    pub const INITIAL: Suite = Suite {
        aead: Aead::Aes128Gcm,
        hash: Hash::Sha256,
    };

    /// The suites that early data may be sealed with whose secret has so many bytes, the likeliest first.
    pub fn of_secret(length: usize) -> &'static [Suite] {
        const SHORT: [Suite; 2] = [
            Suite::INITIAL,
            Suite {
                aead: Aead::ChaCha20Poly1305,
                hash: Hash::Sha256,
            },
        ];
        const LONG: [Suite; 1] = [Suite {
            aead: Aead::Aes256Gcm,
            hash: Hash::Sha384,
        }];
        match length {
            48 => &LONG,
            _ => &SHORT,
        }
    }

    /// Of a cipher suite by its number; `None` where it is not known, or its cipher is not one of these.
    pub fn of(number: u16) -> Option<Suite> {
        let name = iana::known_cipher_suite(number)?;
        let aead = [
            ("_AES_128_GCM", Aead::Aes128Gcm),
            ("_AES_256_GCM", Aead::Aes256Gcm),
            ("_AES_128_CCM_8", Aead::Aes128Ccm8),
            ("_AES_256_CCM_8", Aead::Aes256Ccm8),
            ("_AES_128_CCM", Aead::Aes128Ccm),
            ("_AES_256_CCM", Aead::Aes256Ccm),
            ("_CHACHA20_POLY1305", Aead::ChaCha20Poly1305),
        ]
        .into_iter()
        .find(|(part, _)| name.contains(part))?
        .1;
        let hash = if name.ends_with("SHA384") {
            Hash::Sha384
        } else {
            Hash::Sha256
        };
        Some(Suite { aead, hash })
    }
}

/// The ciphers, made ready with a key.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large variant: Initial packets of QUIC"
)]
enum Cipher {
    Aes128Gcm(Aes128Gcm),
    // As large as all others together.
    Aes256Gcm(Box<Aes256Gcm>),
    Aes128Ccm(Box<Ccm<Aes128, U16, U12>>),
    Aes256Ccm(Box<Ccm<Aes256, U16, U12>>),
    Aes128Ccm8(Box<Ccm<Aes128, U8, U12>>),
    Aes256Ccm8(Box<Ccm<Aes256, U8, U12>>),
    ChaCha20Poly1305(Box<ChaCha20Poly1305>),
}

/// A key, and the nonce that it is used with.
pub struct Sealing {
    cipher: Cipher,
    iv: [u8; NONCE],
}

impl Sealing {
    /// `None` where the key has not the length that the cipher takes.
    pub fn new(aead: Aead, key: &[u8], iv: [u8; NONCE]) -> Option<Sealing> {
        let cipher = match aead {
            Aead::Aes128Gcm => Cipher::Aes128Gcm(Aes128Gcm::new_from_slice(key).ok()?),
            Aead::Aes256Gcm => Cipher::Aes256Gcm(Box::new(Aes256Gcm::new_from_slice(key).ok()?)),
            Aead::Aes128Ccm => Cipher::Aes128Ccm(Box::new(Ccm::new_from_slice(key).ok()?)),
            Aead::Aes256Ccm => Cipher::Aes256Ccm(Box::new(Ccm::new_from_slice(key).ok()?)),
            Aead::Aes128Ccm8 => Cipher::Aes128Ccm8(Box::new(Ccm::new_from_slice(key).ok()?)),
            Aead::Aes256Ccm8 => Cipher::Aes256Ccm8(Box::new(Ccm::new_from_slice(key).ok()?)),
            Aead::ChaCha20Poly1305 => {
                Cipher::ChaCha20Poly1305(Box::new(ChaCha20Poly1305::new_from_slice(key).ok()?))
            }
        };
        Some(Sealing { cipher, iv })
    }

    /// Of a traffic secret (RFC 9846 section 7.3); in QUIC the labels begin with a `prefix` of the
    /// version's: `quic `.
    pub fn of_secret(suite: Suite, secret: &[u8], prefix: &str) -> Option<Sealing> {
        let mut key = [0; 32];
        let key = key.get_mut(..suite.aead.key_length())?;
        expand(suite.hash, secret, &[prefix, "key"], key)?;
        let mut iv = [0; NONCE];
        expand(suite.hash, secret, &[prefix, "iv"], &mut iv)?;
        Sealing::new(suite.aead, key, iv)
    }

    /// The nonce of the record or packet with this number (RFC 9846 section 5.3).
    pub fn nonce(&self, number: u64) -> [u8; NONCE] {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().skip(NONCE - 8).zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }

    /// The nonce of which the last eight bytes were sent (RFC 5288 section 3).
    pub fn explicit_nonce(&self, sent: [u8; 8]) -> [u8; NONCE] {
        let mut nonce = self.iv;
        for (byte, sent) in nonce.iter_mut().skip(NONCE - 8).zip(sent) {
            *byte = sent;
        }
        nonce
    }

    /// Opens what was sealed, its tag at the end; `None` where this is not its key, or it was changed.
    pub fn open(&self, nonce: [u8; NONCE], associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        match &self.cipher {
            Cipher::Aes128Gcm(cipher) => open(cipher, nonce, associated, sealed),
            Cipher::Aes256Gcm(cipher) => open(&**cipher, nonce, associated, sealed),
            Cipher::Aes128Ccm(cipher) => open(&**cipher, nonce, associated, sealed),
            Cipher::Aes256Ccm(cipher) => open(&**cipher, nonce, associated, sealed),
            Cipher::Aes128Ccm8(cipher) => open(&**cipher, nonce, associated, sealed),
            Cipher::Aes256Ccm8(cipher) => open(&**cipher, nonce, associated, sealed),
            Cipher::ChaCha20Poly1305(cipher) => open(&**cipher, nonce, associated, sealed),
        }
    }

    /// Bytes of the tag.
    pub fn tag_length(&self) -> usize {
        match &self.cipher {
            Cipher::Aes128Ccm8(_) | Cipher::Aes256Ccm8(_) => 8,
            _ => 16,
        }
    }

    /// Seals, for tests to have something to open.
    #[cfg(test)]
    pub fn seal(&self, nonce: [u8; NONCE], associated: &[u8], inside: &[u8]) -> Vec<u8> {
        match &self.cipher {
            Cipher::Aes128Gcm(cipher) => seal(cipher, nonce, associated, inside),
            Cipher::Aes256Gcm(cipher) => seal(&**cipher, nonce, associated, inside),
            Cipher::Aes128Ccm(cipher) => seal(&**cipher, nonce, associated, inside),
            Cipher::Aes256Ccm(cipher) => seal(&**cipher, nonce, associated, inside),
            Cipher::Aes128Ccm8(cipher) => seal(&**cipher, nonce, associated, inside),
            Cipher::Aes256Ccm8(cipher) => seal(&**cipher, nonce, associated, inside),
            Cipher::ChaCha20Poly1305(cipher) => seal(&**cipher, nonce, associated, inside),
        }
    }
}

fn open<C>(cipher: &C, nonce: [u8; NONCE], associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>>
where
    C: AeadInPlace<NonceSize = U12>,
{
    let tag = size_of::<aes_gcm::aead::Tag<C>>();
    let (sealed, tag) = sealed.split_at_checked(sealed.len().checked_sub(tag)?)?;
    let mut inside = sealed.to_vec();
    cipher
        .decrypt_in_place_detached(
            &GenericArray::from(nonce),
            associated,
            &mut inside,
            GenericArray::from_slice(tag),
        )
        .ok()?;
    Some(inside)
}

#[cfg(test)]
fn seal<C>(cipher: &C, nonce: [u8; NONCE], associated: &[u8], inside: &[u8]) -> Vec<u8>
where
    C: AeadInPlace<NonceSize = U12>,
{
    let mut sealed = inside.to_vec();
    let nonce = GenericArray::from(nonce);
    let tag = cipher.encrypt_in_place_detached(&nonce, associated, &mut sealed);
    sealed.extend(tag.unwrap());
    sealed
}

/// What the header of a packet of QUIC is masked with (RFC 9001 section 5.4).
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large variant: Initial packets of QUIC"
)]
pub enum HeaderMask {
    /// AES-128 in the electronic code book.
    Aes128(Aes128),
    /// AES-256 likewise.
    Aes256(Box<Aes256>),
    /// ChaCha20, by its key.
    ChaCha20([u8; 32]),
}

impl HeaderMask {
    /// Of a traffic secret; the label begins with the `prefix` of the version's.
    pub fn of_secret(suite: Suite, secret: &[u8], prefix: &str) -> Option<HeaderMask> {
        let mut key = [0; 32];
        let length = suite.aead.key_length();
        expand(suite.hash, secret, &[prefix, "hp"], key.get_mut(..length)?)?;
        Some(match suite.aead {
            Aead::ChaCha20Poly1305 => HeaderMask::ChaCha20(key),
            _ if length == 16 => {
                HeaderMask::Aes128(Aes128::new(GenericArray::from_slice(key.get(..16)?)))
            }
            _ => HeaderMask::Aes256(Box::new(Aes256::new(&key.into()))),
        })
    }

    /// The mask that this sample of a packet gives.
    pub fn mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        let mut mask = [0; 5];
        let mut block = (*sample).into();
        match self {
            HeaderMask::Aes128(cipher) => cipher.encrypt_block(&mut block),
            HeaderMask::Aes256(cipher) => cipher.encrypt_block(&mut block),
            HeaderMask::ChaCha20(key) => {
                let [a, b, c, d, nonce @ ..] = *sample;
                let mut cipher = ChaCha20::new(key.into(), &nonce.into());
                // The counter of blocks, of 64 bytes each.
                cipher.seek(u64::from(u32::from_le_bytes([a, b, c, d])) * 64);
                cipher.apply_keystream(&mut mask);
                return mask;
            }
        }
        for (mask, byte) in mask.iter_mut().zip(block) {
            *mask = byte;
        }
        mask
    }
}

/// HKDF-Expand-Label with an empty context (RFC 9846 section 7.1); the label comes in parts. `None` where
/// the secret is too short, or more is asked for than HKDF gives.
pub fn expand(hash: Hash, secret: &[u8], label: &[&str], out: &mut [u8]) -> Option<()> {
    const PREFIX: &str = "tls13 ";
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_length = PREFIX.len() + label.iter().map(|part| part.len()).sum::<usize>();
    let label_length = [u8::try_from(label_length).ok()?];
    let before: [&[u8]; 3] = [&length, &label_length, PREFIX.as_bytes()];
    let label = label.iter().map(|part| part.as_bytes());
    let context: &[u8] = &[0];
    let info: Vec<&[u8]> = before.into_iter().chain(label).chain([context]).collect();
    match hash {
        Hash::Sha256 => Hkdf::<Sha256>::from_prk(secret)
            .ok()?
            .expand_multi_info(&info, out)
            .ok(),
        Hash::Sha384 => Hkdf::<Sha384>::from_prk(secret)
            .ok()?
            .expand_multi_info(&info, out)
            .ok(),
    }
}

/// The secret that follows on one: `traffic upd` of TLS 1.3 (RFC 9846 section 7.2), `quic ku` of QUIC.
pub fn next_secret(hash: Hash, secret: &[u8], label: &[&str]) -> Option<Vec<u8>> {
    let mut next = vec![0; secret.len()];
    expand(hash, secret, label, &mut next)?;
    Some(next)
}

/// The keys of both sides of TLS 1.2, client and server, of its master secret (RFC 5246 section 6.3).
pub fn of_master(
    suite: Suite,
    master: &[u8],
    client_random: &[u8; 32],
    server_random: &[u8; 32],
) -> Option<[Sealing; 2]> {
    let seed = [&b"key expansion"[..], server_random, client_random].concat();
    let fixed = if suite.aead.has_explicit_nonce() {
        4
    } else {
        NONCE
    };
    let length = suite.aead.key_length();
    let block = match suite.hash {
        Hash::Sha256 => expand_master::<Hmac<Sha256>>(master, &seed, 2 * (length + fixed))?,
        Hash::Sha384 => expand_master::<Hmac<Sha384>>(master, &seed, 2 * (length + fixed))?,
    };
    let (keys, ivs) = block.split_at_checked(2 * length)?;
    let of = |side: usize| {
        let mut iv = [0; NONCE];
        let given = ivs.get(side * fixed..)?.get(..fixed)?;
        for (byte, &given) in iv.iter_mut().zip(given) {
            *byte = given;
        }
        Sealing::new(suite.aead, keys.get(side * length..)?.get(..length)?, iv)
    };
    Some([of(0)?, of(1)?])
}

/// P_hash (RFC 5246 section 5).
fn expand_master<M: Mac + KeyInit>(secret: &[u8], seed: &[u8], length: usize) -> Option<Vec<u8>> {
    let hash = |parts: &[&[u8]]| {
        let mut mac = <M as Mac>::new_from_slice(secret).ok()?;
        parts.iter().for_each(|part| mac.update(part));
        Some(mac.finalize().into_bytes().to_vec())
    };
    let mut out = Vec::with_capacity(length + 48);
    let mut link = hash(&[seed])?;
    while out.len() < length {
        out.extend(hash(&[&link, seed])?);
        link = hash(&[&link])?;
    }
    out.truncate(length);
    Some(out)
}

#[cfg(test)]
mod tests;
