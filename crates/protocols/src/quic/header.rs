//! Long headers of QUIC (RFC 9000 section 17.2, RFC 8999).

use overheard_tap::{Cursor, Cut};

use super::version::is_version_2;

/// The longest connection id, in bytes (RFC 9000 section 17.2).
pub(super) const MAX_CONNECTION_ID: usize = 20;

/// Bytes from the beginning of the packet number to the end of the sample that protects the header
/// (RFC 9001 section 5.4.2): no packet is shorter.
const MIN_PROTECTED: usize = 20;

/// What a packet with a long header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    VersionNegotiation,
}

/// A packet with a long header.
#[derive(Clone, Copy, Debug)]
pub(super) struct LongPacket<'a> {
    pub(super) version: u32,
    pub(super) kind: Kind,
    pub(super) destination: &'a [u8],
    pub(super) source: &'a [u8],
    /// The whole packet, as far as it is there.
    pub(super) bytes: &'a [u8],
    /// Where the packet number begins; 0 in a Retry and a version negotiation, which have none.
    pub(super) number_at: usize,
    /// Whether the packet is there to its end.
    pub(super) is_whole: bool,
    /// The versions of a version negotiation, four bytes each.
    pub(super) offered: &'a [u8],
}

impl<'a> LongPacket<'a> {
    /// Reads one packet; the cursor goes to its end.
    ///
    /// # Errors
    /// [`Cut`] where the header ends early or contradicts itself.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<LongPacket<'a>, Cut> {
        let packet = cursor.peek();
        let start = cursor.position();
        let first = cursor.u8()?;
        if first & 0x80 == 0 {
            return Err(cursor.wrong());
        }
        let version = cursor.u32()?;
        let destination = connection_id(cursor)?;
        let source = connection_id(cursor)?;
        let kind = kind(version, first);
        let mut number_at = 0;
        let mut is_whole = true;
        let mut offered: &[u8] = &[];
        match kind {
            Kind::VersionNegotiation => {
                offered = cursor.rest();
                if offered.is_empty() || !offered.len().is_multiple_of(4) {
                    return Err(cursor.wrong());
                }
            }
            // A token, and the tag of its integrity.
            Kind::Retry => {
                if cursor.remaining() < 16 {
                    return Err(cursor.wrong());
                }
                cursor.rest();
            }
            Kind::Initial | Kind::ZeroRtt | Kind::Handshake => {
                if kind == Kind::Initial {
                    let token = length(cursor)?;
                    cursor.skip(token)?;
                }
                let length = length(cursor)?;
                if length < MIN_PROTECTED {
                    return Err(cursor.wrong());
                }
                number_at = cursor.position() - start;
                is_whole = cursor.skip(length).is_ok();
                if !is_whole {
                    cursor.rest();
                }
            }
        }
        let bytes = packet.get(..cursor.position() - start).unwrap_or(packet);
        Ok(LongPacket {
            version,
            kind,
            destination,
            source,
            bytes,
            number_at,
            is_whole,
            offered,
        })
    }

    /// The versions that a version negotiation offers.
    pub(super) fn versions(&self) -> impl Iterator<Item = u32> {
        let words = self.offered.chunks_exact(4);
        words.filter_map(|word| Some(u32::from_be_bytes(*word.first_chunk()?)))
    }
}

fn kind(version: u32, first: u8) -> Kind {
    let number = first >> 4 & 3;
    // Version 2 counts from another one.
    let number = if is_version_2(version) {
        number.wrapping_sub(1) & 3
    } else {
        number
    };
    match (version, number) {
        (0, _) => Kind::VersionNegotiation,
        (_, 0) => Kind::Initial,
        (_, 1) => Kind::ZeroRtt,
        (_, 2) => Kind::Handshake,
        _ => Kind::Retry,
    }
}

fn connection_id<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Cut> {
    let id = cursor.vector8("quic connection id")?.rest();
    if id.len() > MAX_CONNECTION_ID {
        return Err(cursor.wrong());
    }
    Ok(id)
}

/// A variable-length integer (RFC 9000 section 16).
pub(super) fn number(cursor: &mut Cursor<'_>) -> Result<u64, Cut> {
    let first = cursor.u8()?;
    let mut number = u64::from(first & 0x3f);
    for _ in 1..1_u8 << (first >> 6) {
        number = number << 8 | u64::from(cursor.u8()?);
    }
    Ok(number)
}

/// A variable-length integer that says how many bytes follow.
pub(super) fn length(cursor: &mut Cursor<'_>) -> Result<usize, Cut> {
    let number = number(cursor)?;
    usize::try_from(number).map_err(|_| cursor.wrong())
}
