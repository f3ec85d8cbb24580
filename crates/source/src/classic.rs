//! The classic capture format, `pcap` (draft-ietf-opsawg-pcap), with its variants: both byte orders, micro-
//! and nanoseconds, and the longer record headers of Kuznetzov's and Borkmann's (netsniff-ng) changes to it.

use overheard_wire::{Cursor, Cut, LinkType};

use crate::Frame;
use crate::order::Order;
use crate::scan::{Format, Found, Next, Scan};

/// Bytes of the header of a file.
pub(crate) const FILE_HEADER: usize = 24;

/// The most bytes that a frame may have whatever the snap length; a file that says more is damaged. It is
/// what other tools take for the longest possible packet.
const MAX_USUAL_FRAME: u32 = 256 * 1024;

/// The most bytes that a frame may have where the snap length of the file allows for more.
const MAX_FRAME: u32 = 16 * 1024 * 1024;

/// How the magic number of a file says that it is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    order: Order,
    /// Nanoseconds in a unit of the fraction of a second.
    unit: u64,
    /// Bytes of the header of a record.
    record: usize,
}

impl Layout {
    /// The layout that the first four bytes of a file announce.
    pub(crate) fn of(magic: [u8; 4]) -> Option<Layout> {
        let layout = |order, magic| {
            let (unit, record) = match magic {
                0xa1b2_c3d4 => (1000, 16),
                0xa1b2_3c4d => (1, 16),
                0xa1b2_cd34 => (1000, 24),
                0xa1e2_cb12 => (1, 24),
                _ => return None,
            };
            Some(Layout {
                order,
                unit,
                record,
            })
        };
        layout(Order::Little, u32::from_le_bytes(magic))
            .or_else(|| layout(Order::Big, u32::from_be_bytes(magic)))
    }
}

/// A file of this format.
#[derive(Debug)]
pub(crate) struct Classic {
    layout: Layout,
    link: LinkType,
    longest: u32,
    minor: u16,
    begun: bool,
}

impl Classic {
    /// Reads the header of a file, of which `bytes` are the first.
    pub(crate) fn begin(layout: Layout, bytes: &[u8]) -> Result<Classic, String> {
        let order = layout.order;
        let header = |bytes| -> Result<(u16, u16, u32, u32), Cut> {
            let mut cursor = Cursor::new("pcap header", bytes);
            cursor.skip(4)?;
            let version = (order.u16(&mut cursor)?, order.u16(&mut cursor)?);
            cursor.skip(8)?;
            Ok((
                version.0,
                version.1,
                order.u32(&mut cursor)?,
                order.u32(&mut cursor)?,
            ))
        };
        let (major, minor, snap_length, link) =
            header(bytes).map_err(|_| "a pcap file cut off in its header")?;
        if major != 2 {
            return Err(format!(
                "a pcap file of the unknown version {major}.{minor}"
            ));
        }
        // The upper half says how long the frame check sequence is: it is not part of the link type.
        let link = LinkType(u16::try_from(link & 0xffff).unwrap_or_default());
        let longest = snap_length.clamp(MAX_USUAL_FRAME, MAX_FRAME);
        Ok(Classic {
            layout,
            link,
            longest,
            minor,
            begun: false,
        })
    }

    /// Seconds, fraction, captured length, length on the wire.
    #[inline]
    fn record(&self, header: &[u8]) -> Result<(u32, u32, u32, u32), Cut> {
        let order = self.layout.order;
        let mut cursor = Cursor::new("pcap record", header);
        let time = (order.u32(&mut cursor)?, order.u32(&mut cursor)?);
        let (captured, on_wire) = (order.u32(&mut cursor)?, order.u32(&mut cursor)?);
        // Before version 2.3 the lengths stood the other way around; files of 2.3 came in both.
        if self.minor < 3 || (self.minor == 3 && captured > on_wire) {
            return Ok((time.0, time.1, on_wire, captured));
        }
        Ok((time.0, time.1, captured, on_wire))
    }
}

impl Format for Classic {
    fn scan(&mut self, block: &[u8], mut at: usize, found: &mut Found<'_>) -> Scan {
        if !self.begun {
            if block.len() - at.min(block.len()) < FILE_HEADER {
                return Scan {
                    at,
                    next: Next::Need(FILE_HEADER),
                };
            }
            at += FILE_HEADER;
            self.begun = true;
            found.description.add_link_type(self.link);
        }
        let header_bytes = self.layout.record;
        loop {
            let rest = block.get(at..).unwrap_or_default();
            let Some((header, content)) = rest.split_at_checked(header_bytes) else {
                return Scan {
                    at,
                    next: Next::Need(header_bytes),
                };
            };
            let Ok((seconds, fraction, captured, on_wire)) = self.record(header) else {
                return Scan {
                    at,
                    next: Next::Need(header_bytes),
                };
            };
            if captured == 0 && is_reserved(rest) {
                let what = "holds only zeros".to_owned();
                return Scan {
                    at,
                    next: Next::Damaged(what),
                };
            }
            if captured > self.longest {
                let what = format!("says that it has {captured} bytes");
                return Scan {
                    at,
                    next: Next::Damaged(what),
                };
            }
            let length = captured as usize;
            if content.len() < length {
                return Scan {
                    at,
                    next: Next::Need(header_bytes + length),
                };
            }
            *found.count += 1;
            found.frames.push(Frame {
                number: *found.count,
                // At most 2^32 * (10^9 + 1000): it fits.
                time: u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.layout.unit,
                link: self.link,
                start: at + header_bytes,
                captured,
                on_wire: on_wire.max(captured),
            });
            at += header_bytes + length;
        }
    }

    fn unit(&self) -> &'static str {
        "frame"
    }
}

/// Whether nothing was ever written here: a recorder that reserves room and is killed leaves zeros behind,
/// gigabytes perhaps, in which every 16 bytes would be a frame without bytes in the year 1970.
fn is_reserved(bytes: &[u8]) -> bool {
    /// Zeros that no capture has for another reason: sixteen such frames in a row.
    const ENOUGH: usize = 256;
    bytes
        .get(..ENOUGH)
        .is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests;
