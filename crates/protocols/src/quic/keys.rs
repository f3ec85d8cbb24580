//! The keys of Initial packets (RFC 9001 section 5): made of a connection id that passes in clear, so
//! that anybody on the line has them.

use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::BlockEncrypt;
use aes_gcm::{Aes128Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

use super::header::LongPacket;
use super::version::Derivation;

/// Bytes of the tag at the end of a packet.
const TAG: usize = 16;

/// What one side protects its Initial packets with.
pub(super) struct Keys {
    header: Aes128,
    packet: Aes128Gcm,
    iv: [u8; 12],
}

/// An Initial packet that was opened.
pub(super) struct Opened {
    /// Packet number.
    pub(super) number: u64,
    /// Its frames.
    pub(super) frames: Vec<u8>,
}

/// The keys of client and server for the connection id that the client chose for the server.
pub(super) fn both(derivation: &Derivation, connection_id: &[u8]) -> Option<[Keys; 2]> {
    let initial = Hkdf::<Sha256>::new(Some(&derivation.salt), connection_id);
    Some([
        Keys::new(derivation, &initial, "client in")?,
        Keys::new(derivation, &initial, "server in")?,
    ])
}

/// The client's keys alone.
pub(super) fn client(derivation: &Derivation, connection_id: &[u8]) -> Option<Keys> {
    let initial = Hkdf::<Sha256>::new(Some(&derivation.salt), connection_id);
    Keys::new(derivation, &initial, "client in")
}

impl Keys {
    /// `None` does not happen: every length is one that HKDF can give.
    fn new(derivation: &Derivation, initial: &Hkdf<Sha256>, side: &str) -> Option<Keys> {
        let secret: [u8; 32] = expand(initial, &[side])?;
        let secret = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let prefix = derivation.prefix;
        let key: [u8; 16] = expand(&secret, &[prefix, " key"])?;
        let header: [u8; 16] = expand(&secret, &[prefix, " hp"])?;
        Some(Keys {
            header: Aes128::new(&header.into()),
            packet: Aes128Gcm::new(&key.into()),
            iv: expand(&secret, &[prefix, " iv"])?,
        })
    }

    /// Opens an Initial packet, if these are its keys. `largest` is the largest packet number that the
    /// side has used so far.
    pub(super) fn open(&self, packet: &LongPacket<'_>, largest: Option<u64>) -> Option<Opened> {
        let (before, protected) = packet.bytes.split_at_checked(packet.number_at)?;
        let mask = self.mask(protected.get(4..20)?.first_chunk()?);
        let mut header = before.to_vec();
        let first = header.first_mut()?;
        *first ^= mask.first()? & 0x0f;
        let count = usize::from(*first & 3) + 1;
        let (number, sealed) = protected.split_at_checked(count)?;
        let number = number.iter().zip(mask.get(1..)?);
        header.extend(number.map(|(byte, mask)| byte ^ mask));
        let sent = header.get(packet.number_at..)?;
        let number = full_number(sent, largest);
        let (sealed, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
        let tag: [u8; TAG] = *tag.first_chunk()?;
        let mut frames = sealed.to_vec();
        let nonce = Nonce::from(self.nonce(number));
        self.packet
            .decrypt_in_place_detached(&nonce, &header, &mut frames, &Tag::from(tag))
            .ok()?;
        Some(Opened { number, frames })
    }

    /// What a header is masked with (RFC 9001 section 5.4.3).
    fn mask(&self, sample: &[u8; 16]) -> [u8; 16] {
        let mut block = (*sample).into();
        self.header.encrypt_block(&mut block);
        block.into()
    }

    fn nonce(&self, number: u64) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }

    /// Protects a packet of which `header` goes to the end of the packet number.
    #[cfg(test)]
    pub(super) fn seal(&self, header: &[u8], number: u64, frames: &[u8]) -> Vec<u8> {
        let mut sealed = frames.to_vec();
        let nonce = Nonce::from(self.nonce(number));
        let tag = self
            .packet
            .encrypt_in_place_detached(&nonce, header, &mut sealed)
            .unwrap();
        sealed.extend(tag);
        let count = usize::from(header[0] & 3) + 1;
        let mask = self.mask(sealed[4 - count..].first_chunk().unwrap());
        let mut packet = header.to_vec();
        packet[0] ^= mask[0] & 0x0f;
        for at in 0..count {
            packet[header.len() - count + at] ^= mask[1 + at];
        }
        packet.extend(sealed);
        packet
    }
}

/// HKDF-Expand-Label with an empty context (RFC 9846 section 7.1); the label comes in parts.
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &[&str]) -> Option<[u8; N]> {
    const PREFIX: &str = "tls13 ";
    let length = u16::try_from(N).ok()?.to_be_bytes();
    let label_length = PREFIX.len() + label.iter().map(|part| part.len()).sum::<usize>();
    let label_length = [u8::try_from(label_length).ok()?];
    let mut info: Vec<&[u8]> = vec![&length, &label_length, PREFIX.as_bytes()];
    info.extend(label.iter().map(|part| part.as_bytes()));
    info.push(&[0]);
    let mut out = [0; N];
    secret.expand_multi_info(&info, &mut out).ok()?;
    Some(out)
}

/// The packet number of which only the last bytes were sent: the one nearest to what is expected next
/// (RFC 9000 appendix A.3).
fn full_number(sent: &[u8], largest: Option<u64>) -> u64 {
    let window = 1_u64 << (8 * sent.len().min(4));
    let sent = sent
        .iter()
        .fold(0, |number, &byte| number << 8 | u64::from(byte));
    let expected = largest.map_or(0, |largest| largest.saturating_add(1));
    let candidate = (expected & !(window - 1)) | sent;
    if candidate.saturating_add(window / 2) <= expected {
        candidate.saturating_add(window)
    } else if candidate > expected.saturating_add(window / 2) && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_number_is_the_one_nearest_to_the_next() {
        // The example of RFC 9000 appendix A.3.
        assert_eq!(full_number(&[0x9b, 0x32], Some(0xa82f_30ea)), 0xa82f_9b32);
        assert_eq!(full_number(&[7], None), 7);
        assert_eq!(full_number(&[0xff], None), 0xff);
        assert_eq!(full_number(&[1], Some(0xfe)), 0x101);
        assert_eq!(full_number(&[0xfe], Some(0x100)), 0xfe);
    }
}
