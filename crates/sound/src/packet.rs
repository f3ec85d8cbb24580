//! A packet of RTP (RFC 3550 section 5.1), taken apart.

use overheard_ledger::Time;
use overheard_tap::{Cursor, Cut};

/// The version of RTP.
const VERSION: u8 = 2;

/// The fields of a header that playing needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) has_padding: bool,
    /// Bytes before the payload: those that SRTP leaves in clear.
    pub(crate) bytes: usize,
}

impl Header {
    /// Reads the header of a packet.
    pub(crate) fn read(packet: &[u8]) -> Result<Header, Cut> {
        let mut cursor = Cursor::new("rtp", packet);
        let first = cursor.u8()?;
        if first >> 6 != VERSION {
            return Err(Cut::wrong("rtp", 0));
        }
        let second = cursor.u8()?;
        let sequence = cursor.u16()?;
        let timestamp = cursor.u32()?;
        let ssrc = cursor.u32()?;
        cursor.skip(4 * usize::from(first & 0x0f))?;
        if first & 0x10 != 0 {
            cursor.skip(2)?;
            let words = cursor.u16()?;
            cursor.skip(4 * usize::from(words))?;
        }
        Ok(Header {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence,
            timestamp,
            ssrc,
            has_padding: first & 0x20 != 0,
            bytes: cursor.position(),
        })
    }

    /// The payload without its padding.
    pub(crate) fn without_padding<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        if !self.has_padding {
            return payload;
        }
        let padding = payload.last().map_or(0, |&count| usize::from(count));
        payload
            .get(..payload.len().saturating_sub(padding))
            .unwrap_or_default()
    }
}

/// A packet whose payload can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// When it arrived.
    pub(crate) time: Time,
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A packet as it passes.
    pub(crate) fn rtp(
        payload_type: u8,
        sequence: u16,
        timestamp: u32,
        ssrc: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }

    #[test]
    fn contributors_extension_and_padding_are_no_sound() {
        let mut packet = rtp(0x80 | 8, 7, 160, 9, &[]);
        packet[0] |= 0x20 | 0x10 | 2;
        packet.extend([0; 8]);
        packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        packet.extend([b's', b'o', 0, 0, 3]);
        let header = Header::read(&packet).unwrap();
        assert_eq!(header.bytes, 28);
        assert!(header.marker);
        assert_eq!(header.payload_type, 8);
        assert_eq!(header.without_padding(&packet[header.bytes..]), b"so");
    }

    #[test]
    fn padding_longer_than_the_payload_leaves_nothing() {
        let mut packet = rtp(0, 7, 160, 9, &[200]);
        packet[0] |= 0x20;
        let header = Header::read(&packet).unwrap();
        assert_eq!(header.without_padding(&packet[12..]), b"");
        assert_eq!(header.without_padding(b""), b"");
    }

    #[test]
    fn what_is_cut_or_of_another_version_is_no_packet() {
        let packet = rtp(0, 7, 160, 9, b"sound");
        for length in 0..12 {
            assert!(Header::read(&packet[..length]).is_err());
        }
        assert!(Header::read(&[0x40; 20]).is_err());
    }
}
