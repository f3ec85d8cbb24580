//! The header of RTP, and what one packet alone says of whether it is RTP.

use overheard_tap::{Cursor, Cut};

use crate::shared::payload_types::{frame_bytes, static_encoding};

/// The fixed header (RFC 3550 section 5.1).
#[derive(Clone, Copy)]
pub(crate) struct Header {
    contributors: u8,
    /// The profile of the header extension, where there is one.
    extension: Option<u16>,
    /// Whether it says that padding follows, and the end of the packet does not contradict that.
    pub(crate) padding_fits: bool,
    /// Whether the marker is set: of voice, the first packet after silence (RFC 3551 section 4.1).
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Bytes after the header, padding and authentication tag included.
    pub(crate) payload: usize,
}

/// Reads the header that a packet begins with.
///
/// # Errors
/// Where it is of another version, of RTCP, or breaks off.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, Cut> {
    let mut cursor = Cursor::new("rtp", bytes);
    let first = cursor.u8()?;
    if first >> 6 != 2 {
        return Err(Cut::wrong("rtp", 0));
    }
    let second = cursor.u8()?;
    let payload_type = second & 0x7f;
    // 64 to 95 with the marker are the packet types of RTCP (RFC 5761 section 4).
    if (64..=95).contains(&payload_type) {
        return Err(Cut::wrong("rtp", 1));
    }
    let sequence = cursor.u16()?;
    let timestamp = cursor.u32()?;
    let ssrc = cursor.u32()?;
    let contributors = first & 0x0f;
    cursor.skip(4 * usize::from(contributors))?;
    let mut extension = None;
    if first & 0x10 != 0 {
        extension = Some(cursor.u16()?);
        let words = cursor.u16()?;
        cursor.skip(4 * usize::from(words))?;
    }
    let payload = cursor.rest();
    let padding = payload.last().map_or(0, |&count| usize::from(count));
    let padding_fits = first & 0x20 == 0 || (1..=payload.len()).contains(&padding);
    Ok(Header {
        contributors,
        extension,
        padding_fits,
        marker: second & 0x80 != 0,
        payload_type,
        sequence,
        timestamp,
        ssrc,
        payload: payload.len(),
    })
}

/// Whether so many bytes are whole frames of a payload type; `None` where its frames have no fixed size.
pub(crate) fn whole_frames(payload_type: u8, bytes: usize) -> Option<bool> {
    let frame = frame_bytes(payload_type)?;
    // The last frame of G.729 may be one of 2 bytes that describes silence (RFC 3551 section 4.5.6).
    let rest = bytes % frame;
    Some(bytes > 0 && (rest == 0 || (payload_type == 18 && rest == 2)))
}

/// Whether they are whole frames with an authentication tag of SRTP behind, of the usual 10, 4 or 16 bytes
/// (RFC 3711 section 5.2, RFC 4568 section 6.2, RFC 7714 section 13.2).
pub(crate) fn has_tagged_frames(payload_type: u8, bytes: usize) -> bool {
    let without = |tag| {
        bytes
            .checked_sub(tag)
            .and_then(|bytes| whole_frames(payload_type, bytes))
    };
    [10, 4, 16]
        .into_iter()
        .any(|tag| without(tag) == Some(true))
}

impl Header {
    /// Whether it has the general extension of RFC 8285, which begins with a number of its own.
    pub(crate) fn has_general_extension(&self) -> bool {
        self.extension
            .is_some_and(|profile| profile == 0xbede || profile >> 4 == 0x100)
    }

    /// Whether a stream may be believed to begin with it, before a second packet was seen: how much a
    /// guess weighs, 0 for none.
    pub(crate) fn weight(&self) -> u8 {
        let general = self.has_general_extension();
        let fits = whole_frames(self.payload_type, self.payload);
        let dynamic = self.payload_type >= 96;
        if self.payload == 0 {
            0
        } else if !self.padding_fits {
            // SRTP seals the number of bytes of padding, too.
            if dynamic && general { 5 } else { 0 }
        } else if fits == Some(true) {
            30
        } else if self.contributors != 0 || (self.extension.is_some() && !general) {
            // Mixers, and extensions of one program's own: rare.
            if dynamic { 5 } else { 0 }
        } else if fits == Some(false) {
            let sealed = has_tagged_frames(self.payload_type, self.payload);
            match sealed {
                true => 15,
                // Some senders fill packets of G.711 and G.722 with as many samples as they have at hand.
                false if matches!(self.payload_type, 0 | 8 | 9) => 5,
                false => 0,
            }
        } else if static_encoding(self.payload_type).is_some() {
            20
        } else if dynamic {
            10
        } else {
            0
        }
    }
}
