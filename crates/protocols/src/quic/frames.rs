//! The frames of Initial packets: those of the standard, and Google's, which T050 and T051 still use.

use overheard_tap::{Cursor, Cut};

use super::header::{length, number};
use super::version::has_google_frames;

/// Offset and bytes of a CRYPTO frame.
pub(super) type Crypto<'a> = (u64, &'a [u8]);

/// The next frame of an Initial packet; `None` where it is another than CRYPTO.
///
/// # Errors
/// [`Cut`] at the end, and at a frame that may not stand there.
pub(super) fn next<'a>(version: u32, cursor: &mut Cursor<'a>) -> Result<Option<Crypto<'a>>, Cut> {
    if has_google_frames(version) {
        of_google(cursor)
    } else {
        of_standard(cursor)
    }
}

/// As [`next`], of RFC 9000 section 12.4.
fn of_standard<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Crypto<'a>>, Cut> {
    const PADDING: u64 = 0;
    const PING: u64 = 1;
    const ACK: u64 = 2;
    const ACK_ECN: u64 = 3;
    const CRYPTO: u64 = 6;
    match number(cursor)? {
        // A client's first packet is mostly padding (RFC 9000 section 14.1).
        PADDING => {
            let zeros = cursor.peek().iter().take_while(|&&byte| byte == 0).count();
            cursor.skip(zeros)?;
        }
        PING => {}
        kind @ (ACK | ACK_ECN) => {
            // Largest, delay.
            number(cursor)?;
            number(cursor)?;
            let ranges = number(cursor)?;
            number(cursor)?;
            for _ in 0..ranges {
                number(cursor)?;
                number(cursor)?;
            }
            if kind == ACK_ECN {
                for _ in 0..3 {
                    number(cursor)?;
                }
            }
        }
        CRYPTO => {
            let offset = number(cursor)?;
            let count = length(cursor)?;
            return Ok(Some((offset, cursor.take(count)?)));
        }
        // CONNECTION_CLOSE is the last that is said.
        _ => return Err(cursor.wrong()),
    }
    Ok(None)
}

/// As [`next`], of Google's QUIC ("QUIC Wire Layout Specification", and what Chromium sends).
fn of_google<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Crypto<'a>>, Cut> {
    const PADDING: u8 = 0;
    const PING: u8 = 7;
    const CRYPTO: u8 = 8;
    match cursor.u8()? {
        PADDING | PING => {}
        CRYPTO => {
            let offset = number(cursor)?;
            let count = length(cursor)?;
            return Ok(Some((offset, cursor.take(count)?)));
        }
        // ACK: 01nullmm, where n says that there are several ranges, l and m how long the numbers are.
        kind if kind & 0xc0 == 0x40 => {
            const LENGTHS: [usize; 4] = [1, 2, 4, 6];
            let size = |bits: u8| LENGTHS.get(usize::from(bits & 3)).copied().unwrap_or(6);
            let range = size(kind);
            // Largest, and the time since it came.
            cursor.skip(size(kind >> 2) + 2)?;
            let ranges = if kind & 0x20 == 0 { 0 } else { cursor.u8()? };
            cursor.skip(range)?;
            cursor.skip(usize::from(ranges) * (1 + range))?;
            let times = usize::from(cursor.u8()?);
            if times > 0 {
                cursor.skip(5 + (times - 1) * 3)?;
            }
        }
        _ => return Err(cursor.wrong()),
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T051: u32 = u32::from_be_bytes(*b"T051");

    fn crypto_of(version: u32, frames: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut cursor = Cursor::new("test", frames);
        let mut found = Vec::new();
        while let Ok(frame) = next(version, &mut cursor) {
            found.extend(frame.map(|(offset, bytes)| (offset, bytes.to_vec())));
        }
        found
    }

    #[test]
    fn frames_around_crypto_are_passed_over() {
        let frames = [
            &[0, 1, 2, 5, 0, 1, 0, 7, 7][..],
            &[3, 5, 0, 0, 0, 1, 1, 1],
            &[6, 9, 2, 0xaa, 0xbb, 0],
            &[0x1c, 6, 1, 0xcc],
        ]
        .concat();
        assert_eq!(crypto_of(1, &frames), [(9, vec![0xaa, 0xbb])]);
    }

    #[test]
    fn frames_of_google() {
        let frames = [
            &[0x40, 1, 0, 0, 1, 0][..],
            &[
                0x65, 1, 1, 0, 0, 2, 0, 9, 5, 0, 1, 6, 0, 1, 2, 9, 0, 0, 0, 0, 9, 0, 0,
            ],
            &[8, 0, 2, 0xaa, 0xbb, 0, 7],
        ]
        .concat();
        assert_eq!(crypto_of(T051, &frames), [(0, vec![0xaa, 0xbb])]);
    }

    #[test]
    fn a_frame_that_claims_too_much_ends_the_packet() {
        assert!(crypto_of(1, &[6, 0, 5, 1, 2]).is_empty());
        assert!(
            crypto_of(
                1,
                &[
                    2, 5, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 6, 0, 1, 2
                ]
            )
            .is_empty()
        );
        assert!(crypto_of(T051, &[0x60, 1, 0, 0, 0xff, 1]).is_empty());
    }
}
