//! SRTP (RFC 3711) with keys that passed in clear (RFC 4568): what anybody on the line can open.
//!
//! The authentication tag decides which key fits, and which packets are believed. F8 (RFC 3711 section 4.1.2) and the null cipher
//! stay unopened.

use aes::cipher::{KeyInit, KeyIvInit, StreamCipher};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use hmac::{Hmac, Mac};
use overheard_ledger::MediaKey;
use sha1::Sha1;

use crate::packet::Header;

/// Keys that are tried on a packet, at most.
const MAX_KEYS: usize = 16;
/// Packets that none of the keys opened, from the beginning of a stream, before no more is tried.
const PATIENCE: u32 = 500;
/// Rollovers before the capture began that are thought of, where the first packets fit none: each is 22 minutes of speech.
const MAX_ROLLOVERS: u32 = 4;
/// Bytes of the salt of AES in counter mode, and of GCM.
const SALT: usize = 14;
const GCM_SALT: usize = 12;
/// Bytes of the tag of GCM (RFC 7714 section 13.1).
const GCM_TAG: usize = 16;

type CounterMode<Cipher> = ctr::Ctr128BE<Cipher>;

/// How the packets of a suite are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suite {
    /// AES in counter mode, and so many bytes of a tag of HMAC-SHA1.
    Counter {
        tag: usize,
    },
    Gcm,
}

/// Bytes of the master key, and the way of sealing.
fn suite(name: &str) -> Option<(usize, Suite)> {
    let counter = |key, tag| Some((key, Suite::Counter { tag }));
    match name.to_ascii_uppercase().as_str() {
        "AES_CM_128_HMAC_SHA1_80" => counter(16, 10),
        "AES_CM_128_HMAC_SHA1_32" => counter(16, 4),
        // RFC 6188 section 3; the second spelling is that of its draft, which is still in use.
        "AES_192_CM_HMAC_SHA1_80" | "AES_CM_192_HMAC_SHA1_80" => counter(24, 10),
        "AES_192_CM_HMAC_SHA1_32" | "AES_CM_192_HMAC_SHA1_32" => counter(24, 4),
        "AES_256_CM_HMAC_SHA1_80" | "AES_CM_256_HMAC_SHA1_80" => counter(32, 10),
        "AES_256_CM_HMAC_SHA1_32" | "AES_CM_256_HMAC_SHA1_32" => counter(32, 4),
        "AEAD_AES_128_GCM" => Some((16, Suite::Gcm)),
        "AEAD_AES_256_GCM" => Some((32, Suite::Gcm)),
        _ => None,
    }
}

/// Runs AES in counter mode over bytes.
fn counter_mode(key: &[u8], block: [u8; 16], bytes: &mut [u8]) -> Option<()> {
    match key.len() {
        16 => CounterMode::<aes::Aes128>::new_from_slices(key, &block)
            .ok()?
            .apply_keystream(bytes),
        24 => CounterMode::<aes::Aes192>::new_from_slices(key, &block)
            .ok()?
            .apply_keystream(bytes),
        32 => CounterMode::<aes::Aes256>::new_from_slices(key, &block)
            .ok()?
            .apply_keystream(bytes),
        _ => return None,
    }
    Some(())
}

/// Combines a number with bytes that begin at a place.
fn combine(block: &mut [u8], place: usize, number: &[u8]) {
    for (byte, part) in block.iter_mut().skip(place).zip(number) {
        *byte ^= part;
    }
}

/// What a label of the key derivation makes of a master key (RFC 3711 section 4.3.1), with a derivation rate of 0.
fn derive(master: &[u8], salt: &[u8], label: u8, length: usize) -> Option<Vec<u8>> {
    let mut block = [0; 16];
    combine(&mut block, 0, salt);
    combine(&mut block, 7, &[label]);
    let mut key = vec![0; length];
    counter_mode(master, block, &mut key)?;
    Some(key)
}

/// The keys of a session, from one that was announced.
#[derive(Clone)]
struct Session {
    suite: Suite,
    key: Vec<u8>,
    salt: Vec<u8>,
    /// Keyed already, where tags are HMACs.
    tags: Option<Hmac<Sha1>>,
    /// Bytes of the master key identifier at the end of a packet, and what they say.
    identifier: Option<(u64, u8)>,
}

impl Session {
    fn new(announced: &MediaKey) -> Option<Session> {
        let (length, suite) = suite(&announced.suite)?;
        let (master, salt) = announced.key.split_at_checked(length)?;
        let salt_length = match suite {
            Suite::Counter { .. } => SALT,
            Suite::Gcm => GCM_SALT,
        };
        let salt = salt.get(..salt_length)?;
        let tags = match suite {
            Suite::Counter { .. } => {
                let key = derive(master, salt, 1, 20)?;
                Some(<Hmac<Sha1> as Mac>::new_from_slice(&key).ok()?)
            }
            Suite::Gcm => None,
        };
        Some(Session {
            suite,
            key: derive(master, salt, 0, length)?,
            salt: derive(master, salt, 2, salt_length)?,
            tags,
            identifier: announced.identifier.filter(|(_, bytes)| *bytes > 0),
        })
    }

    /// The payload of a packet, where its tag is right.
    fn open(&self, packet: &[u8], header: &Header, rollovers: u32) -> Option<Vec<u8>> {
        let mut body = packet;
        if let Some(tag) = self.tag_bytes() {
            let (before, tag) = body.split_at_checked(body.len().checked_sub(tag)?)?;
            let sealed = self.without_identifier(before)?;
            let mut hmac = self.tags.clone()?;
            hmac.update(sealed);
            hmac.update(&rollovers.to_be_bytes());
            hmac.verify_truncated_left(tag).ok()?;
            body = sealed;
        } else {
            body = self.without_identifier(body)?;
        }
        let (clear, sealed) = body.split_at_checked(header.bytes)?;
        let mut payload = sealed.to_vec();
        match self.suite {
            Suite::Counter { .. } => {
                // RFC 3711 section 4.1.1.
                let mut block = [0; 16];
                combine(&mut block, 0, &self.salt);
                combine(&mut block, 4, &header.ssrc.to_be_bytes());
                combine(&mut block, 8, &rollovers.to_be_bytes());
                combine(&mut block, 12, &header.sequence.to_be_bytes());
                counter_mode(&self.key, block, &mut payload)?;
            }
            Suite::Gcm => {
                // RFC 7714 section 8.1.
                let mut nonce = [0; GCM_SALT];
                combine(&mut nonce, 0, &self.salt);
                combine(&mut nonce, 2, &header.ssrc.to_be_bytes());
                combine(&mut nonce, 6, &rollovers.to_be_bytes());
                combine(&mut nonce, 10, &header.sequence.to_be_bytes());
                let tag = payload.split_off(payload.len().checked_sub(GCM_TAG)?);
                let tag: &[u8; GCM_TAG] = tag.as_slice().try_into().ok()?;
                let (nonce, tag) = (&nonce.into(), &(*tag).into());
                match self.key.len() {
                    16 => Aes128Gcm::new_from_slice(&self.key)
                        .ok()?
                        .decrypt_in_place_detached(nonce, clear, &mut payload, tag),
                    _ => Aes256Gcm::new_from_slice(&self.key)
                        .ok()?
                        .decrypt_in_place_detached(nonce, clear, &mut payload, tag),
                }
                .ok()?;
            }
        }
        Some(payload)
    }

    fn tag_bytes(&self) -> Option<usize> {
        match self.suite {
            Suite::Counter { tag } => Some(tag),
            Suite::Gcm => None,
        }
    }

    /// What comes before the master key identifier; `None` where it names another key.
    fn without_identifier<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let Some((number, length)) = self.identifier else {
            return Some(bytes);
        };
        let at = bytes.len().checked_sub(usize::from(length))?;
        let (before, identifier) = bytes.split_at_checked(at)?;
        let said = identifier
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        (said == number).then_some(before)
    }
}

/// Opens the packets of one stream, in the order of their arrival.
pub(crate) struct Unsealing {
    sessions: Vec<Session>,
    /// The one that opened the packet before.
    current: usize,
    /// The rollover counter, and the highest sequence number (RFC 3711 section 3.3.1).
    rollovers: u32,
    highest: Option<u16>,
    /// Packets that were opened, and that were not.
    pub(crate) opened: u64,
    pub(crate) unopened: u64,
    failed: u32,
}

impl Unsealing {
    /// With keys, any of which may be the right one; `None` where none of them is of a suite that is known.
    pub(crate) fn new(keys: &[MediaKey]) -> Option<Unsealing> {
        let sessions: Vec<Session> = keys
            .iter()
            .take(MAX_KEYS)
            .filter_map(Session::new)
            .collect();
        if sessions.is_empty() {
            return None;
        }
        Some(Unsealing {
            sessions,
            current: 0,
            rollovers: 0,
            highest: None,
            opened: 0,
            unopened: 0,
            failed: 0,
        })
    }

    /// The payload of a packet, where one of the keys opens it and its tag is right.
    pub(crate) fn open(&mut self, packet: &[u8], header: &Header) -> Option<Vec<u8>> {
        if self.highest.is_none() && self.failed >= PATIENCE {
            self.unopened += 1;
            return None;
        }
        let found = match self.highest {
            Some(highest) => self.open_with(packet, header, self.guess(highest, header.sequence)),
            None => {
                (0..MAX_ROLLOVERS).find_map(|rollovers| self.open_with(packet, header, rollovers))
            }
        };
        // With a new key the counter may begin anew.
        let found = found.or_else(|| match self.rollovers {
            0 => None,
            _ => self.open_with(packet, header, 0),
        });
        let Some((session, rollovers, payload)) = found else {
            self.failed = self.failed.saturating_add(1);
            self.unopened += 1;
            return None;
        };
        let later = |highest: u16| header.sequence.wrapping_sub(highest) < 0x8000;
        if self.highest.is_none_or(later) || session != self.current {
            self.highest = Some(header.sequence);
            self.rollovers = rollovers;
        }
        self.current = session;
        self.opened += 1;
        Some(payload)
    }

    /// How often the sequence number had begun anew when this one was sent, most likely.
    fn guess(&self, highest: u16, sequence: u16) -> u32 {
        let ahead = sequence.wrapping_sub(highest) < 0x8000;
        match (ahead, sequence > highest) {
            (true, false) if sequence != highest => self.rollovers.wrapping_add(1),
            (false, true) => self.rollovers.wrapping_sub(1),
            _ => self.rollovers,
        }
    }

    fn open_with(
        &self,
        packet: &[u8],
        header: &Header,
        rollovers: u32,
    ) -> Option<(usize, u32, Vec<u8>)> {
        let (before, from) = self.sessions.split_at_checked(self.current)?;
        let tried = from
            .iter()
            .enumerate()
            .map(|(at, session)| (at + self.current, session));
        tried
            .chain(before.iter().enumerate())
            .find_map(|(at, session)| {
                Some((at, rollovers, session.open(packet, header, rollovers)?))
            })
    }
}

#[cfg(test)]
pub(crate) mod tests;
