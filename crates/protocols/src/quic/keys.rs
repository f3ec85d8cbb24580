//! What packets are protected with (RFC 9001 section 5). The keys of Initial packets are made of a connection
//! id that passes in clear, so that anybody on the line has them; the others of secrets that only an owner has.

use hkdf::Hkdf;
use sha2::Sha256;

use super::header::LongPacket;
use super::version::Derivation;
use crate::shared::unseal::{Hash, HeaderMask, Sealing, Suite, expand};

/// Bits of the first byte that are masked, of a long header and of a short one (RFC 9001 section 5.4.1).
const MASKED_OF_LONG: u8 = 0x0f;
const MASKED_OF_SHORT: u8 = 0x1f;

/// What one side protects its packets with.
pub(super) struct Keys {
    header: HeaderMask,
    packet: Sealing,
}

/// A packet that was opened.
pub(super) struct Opened {
    /// Packet number.
    pub(super) number: u64,
    /// Its frames.
    pub(super) frames: Vec<u8>,
}

/// A packet whose header can be read.
pub(super) struct Unmasked<'a> {
    header: Vec<u8>,
    number: u64,
    sealed: &'a [u8],
}

impl Unmasked<'_> {
    /// Opens it, if this is the key.
    pub(super) fn open(&self, sealing: &Sealing) -> Option<Opened> {
        let nonce = sealing.nonce(self.number);
        Some(Opened {
            number: self.number,
            frames: sealing.open(nonce, &self.header, self.sealed)?,
        })
    }

    /// Whether the bit of the key phase is set, in a short header (RFC 9001 section 6).
    pub(super) fn is_odd_phase(&self) -> bool {
        self.header.first().is_some_and(|first| first & 4 != 0)
    }
}

fn initial(derivation: &Derivation, connection_id: &[u8]) -> [u8; 32] {
    let (secret, _) = Hkdf::<Sha256>::extract(Some(&derivation.salt), connection_id);
    secret.into()
}

/// The keys of client and server for the connection id that the client chose for the server.
pub(super) fn both(derivation: &Derivation, connection_id: &[u8]) -> Option<[Keys; 2]> {
    let initial = initial(derivation, connection_id);
    Some([
        Keys::new(derivation, &initial, "client in")?,
        Keys::new(derivation, &initial, "server in")?,
    ])
}

/// The client's keys alone.
pub(super) fn client(derivation: &Derivation, connection_id: &[u8]) -> Option<Keys> {
    Keys::new(derivation, &initial(derivation, connection_id), "client in")
}

impl Keys {
    /// `None` does not happen: every length is one that HKDF can give.
    fn new(derivation: &Derivation, initial: &[u8; 32], side: &str) -> Option<Keys> {
        let mut secret = [0; 32];
        expand(Hash::Sha256, initial, &[side], &mut secret)?;
        Keys::of_secret(Suite::INITIAL, &secret, derivation.prefix)
    }

    /// Of a traffic secret; the labels begin with the `prefix` of the version, and a space.
    pub(super) fn of_secret(suite: Suite, secret: &[u8], prefix: &str) -> Option<Keys> {
        let prefix = format!("{prefix} ");
        Some(Keys {
            header: HeaderMask::of_secret(suite, secret, &prefix)?,
            packet: Sealing::of_secret(suite, secret, &prefix)?,
        })
    }

    /// Opens a packet with a long header, if these are its keys. `largest` is the largest packet number
    /// that the side has used so far.
    pub(super) fn open(&self, packet: &LongPacket<'_>, largest: Option<u64>) -> Option<Opened> {
        let unmasked = self.unmask(packet.bytes, packet.number_at, MASKED_OF_LONG, largest)?;
        self.open_unmasked(&unmasked)
    }

    /// Makes the header of a packet with a short one readable, whose packet number begins at `number_at`.
    pub(super) fn unmask_short<'a>(
        &self,
        packet: &'a [u8],
        number_at: usize,
        largest: Option<u64>,
    ) -> Option<Unmasked<'a>> {
        self.unmask(packet, number_at, MASKED_OF_SHORT, largest)
    }

    fn unmask<'a>(
        &self,
        packet: &'a [u8],
        number_at: usize,
        masked: u8,
        largest: Option<u64>,
    ) -> Option<Unmasked<'a>> {
        let (before, protected) = packet.split_at_checked(number_at)?;
        let mask = self.header.mask(protected.get(4..20)?.first_chunk()?);
        let mut header = before.to_vec();
        let first = header.first_mut()?;
        *first ^= mask.first()? & masked;
        let count = usize::from(*first & 3) + 1;
        let (number, sealed) = protected.split_at_checked(count)?;
        let number = number.iter().zip(mask.get(1..)?);
        header.extend(number.map(|(byte, mask)| byte ^ mask));
        let number = full_number(header.get(number_at..)?, largest);
        Some(Unmasked {
            header,
            number,
            sealed,
        })
    }

    /// Goes to the keys of the next phase, which has the same mask; gives those of before.
    pub(super) fn renewed(&mut self, next: Keys) -> Sealing {
        std::mem::replace(&mut self.packet, next.packet)
    }

    /// Opens a packet whose header was made readable, if these are its keys.
    pub(super) fn open_unmasked(&self, packet: &Unmasked<'_>) -> Option<Opened> {
        packet.open(&self.packet)
    }

    /// Protects a packet of which `header` goes to the end of the packet number.
    #[cfg(test)]
    pub(super) fn seal(&self, header: &[u8], number: u64, frames: &[u8]) -> Vec<u8> {
        let sealed = self.packet.seal(self.packet.nonce(number), header, frames);
        let count = usize::from(header[0] & 3) + 1;
        let mask = self.header.mask(sealed[4 - count..].first_chunk().unwrap());
        let mut packet = header.to_vec();
        let masked = if header[0] & 0x80 == 0 {
            MASKED_OF_SHORT
        } else {
            MASKED_OF_LONG
        };
        packet[0] ^= mask[0] & masked;
        for at in 0..count {
            packet[header.len() - count + at] ^= mask[1 + at];
        }
        packet.extend(sealed);
        packet
    }
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
