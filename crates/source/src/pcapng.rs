//! The next generation capture format, `pcapng` (draft-ietf-opsawg-pcapng): sections, each with a byte order
//! and interfaces of its own, and packets in simple, enhanced and obsolete blocks.
//!
//! Name resolution, interface statistics, custom and unknown blocks are passed over, and so are decryption
//! secrets unless the owner of the conversations asks for them: a tap has neither the names nor the secrets that
//! somebody put into the file afterwards.

use overheard_wire::{Cursor, Cut, LinkType};

use crate::Frame;
use crate::order::Order;
use crate::scan::{Format, Found, Next, Scan};

/// The first block of a file is at least this long: enough to know that it is one.
pub(crate) const FIRST_BLOCK: usize = 28;

/// The longest block that is read, in bytes. A longer packet is damage; what is no packet is passed over.
pub(crate) const MAX_BLOCK: u32 = 16 * 1024 * 1024;

/// The most interfaces of a section.
const MAX_INTERFACES: usize = 65_536;

/// Bytes of a block's type and length.
const BLOCK_HEADER: usize = 8;
/// Bytes of a block around its body: type, length, and length again.
const AROUND: u32 = 12;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;

/// The kind of secrets that is a key log of TLS (RFC 9850): `TLSK`.
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Blocks that hold no packet and yet have a number of their own in Wireshark: custom blocks, entries of the
/// systemd journal, and events of Sysdig. They take a number here too, for frames to have the same ones.
const NUMBERED: &[u32] = &[
    0x0bad,
    0x4000_0bad,
    9,
    0x204,
    0x208,
    0x216,
    0x217,
    0x221,
    0x222,
];

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_IF_NAME: u16 = 2;
const OPTION_IF_TSRESOL: u16 = 9;
const OPTION_IF_TSOFFSET: u16 = 14;

/// How the time stamps of an interface become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// So many nanoseconds.
    Nanoseconds(u64),
    /// So many of it in a nanosecond.
    InNanosecond(u64),
    /// A second divided by two to this power.
    Halved(u32),
    /// Less than any time that a time stamp can count.
    Nothing,
}

impl Unit {
    /// From the option `if_tsresol`: the power of ten, or of two where the highest bit is set.
    fn of(resolution: u8) -> Unit {
        let power = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            return Unit::Halved(power);
        }
        match power {
            0..=9 => Unit::Nanoseconds(10u64.pow(9 - power)),
            10.. => 10u64
                .checked_pow(power - 9)
                .map_or(Unit::Nothing, Unit::InNanosecond),
        }
    }

    #[inline]
    fn nanoseconds(self, count: u64) -> u64 {
        match self {
            Unit::Nanoseconds(unit) => count.saturating_mul(unit),
            Unit::InNanosecond(units) => count / units,
            Unit::Halved(power) => {
                u64::try_from((u128::from(count) * 1_000_000_000) >> power).unwrap_or(u64::MAX)
            }
            Unit::Nothing => 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    snap_length: u32,
    unit: Unit,
    /// Nanoseconds to add to every time.
    offset: i64,
}

impl Interface {
    #[inline]
    fn time(&self, high: u32, low: u32) -> u64 {
        let count = u64::from(high) << 32 | u64::from(low);
        self.unit
            .nanoseconds(count)
            .saturating_add_signed(self.offset)
    }
}

/// Why a block could not be read.
enum Trouble {
    /// Its content is longer than the block.
    Cut,
    /// In other words.
    Other(String),
}

impl From<Cut> for Trouble {
    fn from(_: Cut) -> Trouble {
        Trouble::Cut
    }
}

/// A file of this format.
#[derive(Debug)]
pub(crate) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// Time of the last packet that had one.
    time: u64,
}

impl Pcapng {
    /// A file of which nothing was read yet.
    pub(crate) fn new() -> Pcapng {
        Pcapng {
            order: Order::Little,
            interfaces: Vec::new(),
            time: 0,
        }
    }

    /// Type and length of a block; the byte order changes with a section header.
    fn begin_block(&mut self, rest: &[u8]) -> Result<(u32, u32), Next> {
        let more = |_: Cut| Next::Need(BLOCK_HEADER);
        let mut cursor = Cursor::new("pcapng block", rest);
        let kind = self.order.u32(&mut cursor).map_err(more)?;
        if kind == SECTION_HEADER {
            let magic = rest
                .get(BLOCK_HEADER..)
                .and_then(|rest| rest.first_chunk::<4>());
            self.order = match magic.ok_or(Next::Need(BLOCK_HEADER + 4))? {
                [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
                [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
                _ => {
                    return Err(Next::Damaged(
                        "begins a section of no known byte order".into(),
                    ));
                }
            };
        }
        let length = self.order.u32(&mut cursor).map_err(more)?;
        // Some writers forget the padding in the length, but not in the file.
        let padded = length
            .checked_next_multiple_of(4)
            .filter(|_| length >= AROUND);
        Ok((
            kind,
            padded.ok_or_else(|| Next::Damaged(format!("says that it has {length} bytes")))?,
        ))
    }

    /// Reads a block; `body` is what is between its lengths and stands at `at` in the block of bytes read.
    fn block(
        &mut self,
        kind: u32,
        body: &[u8],
        at: usize,
        found: &mut Found<'_>,
    ) -> Result<(), Trouble> {
        match kind {
            ENHANCED_PACKET => self.enhanced(body, at, found),
            SIMPLE_PACKET => self.simple(body, at, found),
            OBSOLETE_PACKET => self.obsolete(body, at, found),
            INTERFACE_DESCRIPTION => self.interface(body, found),
            SECTION_HEADER => self.section(body),
            DECRYPTION_SECRETS => self.secrets(body, found),
            _ => {
                *found.count += u64::from(NUMBERED.contains(&kind));
                Ok(())
            }
        }
    }

    fn section(&mut self, body: &[u8]) -> Result<(), Trouble> {
        let mut cursor = Cursor::new("pcapng section", body);
        cursor.skip(4)?;
        let (major, minor) = (self.order.u16(&mut cursor)?, self.order.u16(&mut cursor)?);
        if major != 1 {
            return Err(Trouble::Other(format!(
                "begins a section of the unknown version {major}.{minor}"
            )));
        }
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&mut self, body: &[u8], found: &mut Found<'_>) -> Result<(), Trouble> {
        let order = self.order;
        let mut cursor = Cursor::new("pcapng interface", body);
        let link = LinkType(order.u16(&mut cursor)?);
        cursor.skip(2)?;
        let snap_length = order.u32(&mut cursor)?;
        let mut interface = Interface {
            link,
            snap_length,
            unit: Unit::of(6),
            offset: 0,
        };
        for_each_option(order, cursor, |code, value| match (code, value) {
            (OPTION_IF_NAME, name) => found.description.add_interface(name),
            (OPTION_IF_TSRESOL, [resolution, ..]) => interface.unit = Unit::of(*resolution),
            (OPTION_IF_TSOFFSET, seconds) => {
                if let Ok(seconds) = order.u64(&mut Cursor::new("if_tsoffset", seconds)) {
                    interface.offset = seconds.cast_signed().saturating_mul(1_000_000_000);
                }
            }
            _ => {}
        });
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(Trouble::Other(format!(
                "describes more than {MAX_INTERFACES} interfaces"
            )));
        }
        self.interfaces.push(interface);
        found.description.add_link_type(link);
        Ok(())
    }

    /// Secrets that open what is in the packets.
    fn secrets(&self, body: &[u8], found: &mut Found<'_>) -> Result<(), Trouble> {
        let mut cursor = Cursor::new("pcapng secrets", body);
        let mut read = || -> Result<(u32, &[u8]), Cut> {
            let (kind, length) = (self.order.u32(&mut cursor)?, self.order.u32(&mut cursor)?);
            Ok((kind, cursor.take(length as usize)?))
        };
        // Nothing of the packets is lost where they are damaged.
        if let Ok((TLS_KEY_LOG, log)) = read() {
            found.description.add_secrets(log, *found.count > 0);
        }
        Ok(())
    }

    fn interface_of(&self, id: u32) -> Result<Interface, Trouble> {
        let interface = usize::try_from(id)
            .ok()
            .and_then(|id| self.interfaces.get(id));
        interface
            .copied()
            .ok_or_else(|| Trouble::Other(format!("is of interface {id}, which was not described")))
    }

    #[inline]
    fn enhanced(&mut self, body: &[u8], at: usize, found: &mut Found<'_>) -> Result<(), Trouble> {
        let order = self.order;
        let mut cursor = Cursor::new("pcapng enhanced packet", body);
        let interface = self.interface_of(order.u32(&mut cursor)?)?;
        self.timed(interface, cursor, at, found)
    }

    /// The block of before 2006: an interface number of 16 bits and a count of drops.
    fn obsolete(&mut self, body: &[u8], at: usize, found: &mut Found<'_>) -> Result<(), Trouble> {
        let order = self.order;
        let mut cursor = Cursor::new("pcapng packet", body);
        let interface = self.interface_of(order.u16(&mut cursor)?.into())?;
        cursor.skip(2)?;
        self.timed(interface, cursor, at, found)
    }

    /// From the time stamp on, enhanced and obsolete packets are alike.
    #[inline]
    fn timed(
        &mut self,
        interface: Interface,
        mut cursor: Cursor<'_>,
        at: usize,
        found: &mut Found<'_>,
    ) -> Result<(), Trouble> {
        let order = self.order;
        let (high, low) = (order.u32(&mut cursor)?, order.u32(&mut cursor)?);
        let (captured, on_wire) = (order.u32(&mut cursor)?, order.u32(&mut cursor)?);
        let start = at + cursor.position();
        cursor.skip(captured as usize)?;
        self.time = interface.time(high, low);
        self.push(interface.link, start, captured, on_wire, found);
        if !cursor.is_empty() {
            // Padding to 32 bits; where even that is missing there are no options.
            let padding = captured.wrapping_neg() as usize % 4;
            if cursor.skip(padding).is_ok() {
                let number = *found.count;
                for_each_option(order, cursor, |code, value| {
                    if code == OPTION_COMMENT {
                        found.description.add_comment(number, value);
                    }
                });
            }
        }
        Ok(())
    }

    /// A packet with neither interface nor time: it is of the first interface, and gets the time of the
    /// packet before it.
    fn simple(&mut self, body: &[u8], at: usize, found: &mut Found<'_>) -> Result<(), Trouble> {
        let interface = self.interface_of(0)?;
        let mut cursor = Cursor::new("pcapng simple packet", body);
        let on_wire = self.order.u32(&mut cursor)?;
        let snap_length = if interface.snap_length == 0 {
            u32::MAX
        } else {
            interface.snap_length
        };
        let captured = on_wire.min(snap_length);
        let start = at + cursor.position();
        cursor.skip(captured as usize)?;
        self.push(interface.link, start, captured, on_wire, found);
        Ok(())
    }

    #[inline]
    fn push(
        &self,
        link: LinkType,
        start: usize,
        captured: u32,
        on_wire: u32,
        found: &mut Found<'_>,
    ) {
        *found.count += 1;
        let on_wire = on_wire.max(captured);
        found.frames.push(Frame {
            number: *found.count,
            time: self.time,
            link,
            start,
            captured,
            on_wire,
        });
    }
}

/// Goes through a list of options, as far as it is whole.
fn for_each_option(order: Order, mut cursor: Cursor<'_>, mut each: impl FnMut(u16, &[u8])) {
    let mut next = || -> Result<Option<(u16, &[u8])>, Cut> {
        let (code, length) = (
            order.u16(&mut cursor)?,
            usize::from(order.u16(&mut cursor)?),
        );
        if code == OPTION_END {
            return Ok(None);
        }
        let value = cursor.take(length)?;
        // The last one may lack its padding.
        let _ = cursor.skip(length.wrapping_neg() % 4);
        Ok(Some((code, value)))
    };
    while let Ok(Some((code, value))) = next() {
        each(code, value);
    }
}

impl Format for Pcapng {
    fn scan(&mut self, block: &[u8], mut at: usize, found: &mut Found<'_>) -> Scan {
        loop {
            let rest = block.get(at..).unwrap_or_default();
            let (kind, length) = match self.begin_block(rest) {
                Ok(header) => header,
                Err(next) => return Scan { at, next },
            };
            if length > MAX_BLOCK {
                let read = matches!(
                    kind,
                    SECTION_HEADER
                        | INTERFACE_DESCRIPTION
                        | OBSOLETE_PACKET
                        | SIMPLE_PACKET
                        | ENHANCED_PACKET
                );
                let damaged = || Next::Damaged(format!("says that it has {length} bytes"));
                return Scan {
                    at,
                    next: if read {
                        damaged()
                    } else {
                        Next::Skip(length.into())
                    },
                };
            }
            let bytes = length as usize;
            let Some(whole) = rest.get(..bytes) else {
                return Scan {
                    at,
                    next: Next::Need(bytes),
                };
            };
            let body = whole.get(BLOCK_HEADER..bytes - 4).unwrap_or_default();
            let damaged = |what| Scan {
                at,
                next: Next::Damaged(what),
            };
            let again = self.order.u32(&mut Cursor::new(
                "pcapng block",
                whole.get(bytes - 4..).unwrap_or_default(),
            ));
            if again
                .ok()
                .and_then(|again| again.checked_next_multiple_of(4))
                != Some(length)
            {
                return damaged("has two lengths that differ".into());
            }
            match self.block(kind, body, at + BLOCK_HEADER, found) {
                Ok(()) => at += bytes,
                Err(Trouble::Cut) => return damaged("is too short for what it holds".into()),
                Err(Trouble::Other(what)) => return damaged(what),
            }
        }
    }

    fn unit(&self) -> &'static str {
        "block"
    }

    fn may_hold_secrets(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
