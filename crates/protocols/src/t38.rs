//! Fax over IP (ITU-T T.38) in datagrams of UDPTL: signals and pages of a fax, as they would sound on a telephone line.
//!
//! Nothing marks these datagrams, but their shape is narrow: lengths that fill them to the last byte, and few values
//! that are in use. What the machines say of themselves (ITU-T T.30) tells who sends to whom.

use overheard_ledger::{Exposure, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::per::Bits;

#[cfg(test)]
mod tests;

/// The most packets of an earlier time, or for repair, that one packet repeats.
const MAX_REPEATED: u8 = 32;
/// The most fields of a packet that are looked at.
const MAX_FIELDS: u8 = 64;
/// The longest frame of T.30 that is put together, in bytes.
const MAX_FRAME: usize = 256;
/// The highest number of a first packet that nothing else makes believable.
const MAX_FIRST: u16 = 64;
/// Packets that prove a fax.
const PROOF: u32 = 3;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "t38",
    title: "Fax over IP (T.38)",
    over: &[Over::Datagram],
    ports: &[],
    standard: "ITU-T T.38",
    exposure: Exposure::Unknown,
    probe,
    begin: |_| Box::new(T38::default()),
    rules: &[Rule {
        id: "t38-fax",
        title: "A fax whose pages can be read",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Send documents by sealed mail; where it must be fax, carry T.38 through a VPN or over DTLS.",
        standard: "ITU-T T.38; RFC 7345",
        explain: "The pages pass as they are scanned, unsealed. Whoever copies the packets puts them together again with \
                  programs that cost nothing.",
    }],
};

/// What the first part of a packet says (T.38 section 7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Internet<'a> {
    /// A signal of the line: its number.
    Indicator(u32),
    /// Data of a modulation, and their fields: type and bytes.
    Data(u32, Vec<(u32, &'a [u8])>),
}

/// An IFP packet that fills the bytes. The type of a field got a bit more in 2002 (T.38 annex A).
fn internet(bytes: &[u8]) -> Option<Internet<'_>> {
    fields(bytes, false).or_else(|| fields(bytes, true))
}

fn fields(bytes: &[u8], extensible: bool) -> Option<Internet<'_>> {
    let mut bits = Bits::new(bytes);
    let data = bits.bit()?;
    let kind = bits.bit()?;
    // What was added for V.8 and V.34 is not looked at.
    (!bits.bit()?).then_some(())?;
    let number = bits.bits(4)?;
    match (data, kind) {
        (false, false) => {
            (bytes.len() == 1 && bytes.first()? & 1 == 0).then_some(Internet::Indicator(number))
        }
        (true, true) if number <= 8 => {
            let count = bits.byte()?;
            (1..=MAX_FIELDS).contains(&count).then_some(())?;
            let mut fields = Vec::new();
            for _ in 0..count {
                let there = bits.bit()?;
                if extensible {
                    (!bits.bit()?).then_some(())?;
                }
                let kind = bits.bits(3)?;
                let field = match there {
                    true => {
                        let length = usize::from(bits.pair()?) + 1;
                        bits.octets(length)?
                    }
                    false => &[],
                };
                // HDLC data and pages have bytes, the ends of something have none.
                (there || !matches!(kind, 0 | 6)).then_some(())?;
                fields.push((kind, field));
            }
            bits.octets(0)?;
            bits.octets(1)
                .is_none()
                .then_some(Internet::Data(number, fields))
        }
        _ => None,
    }
}

/// A packet of UDPTL (T.38 section 9.1).
struct Packet<'a> {
    number: u16,
    inside: Internet<'a>,
    /// Packets of an earlier time that it repeats.
    repeated: u8,
}

fn open<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = match cursor.u8().ok()? {
        short @ ..0x80 => usize::from(short),
        long @ 0x80..0xc0 => usize::from(long & 0x3f) << 8 | usize::from(cursor.u8().ok()?),
        _ => return None,
    };
    cursor.take(length).ok()
}

fn packet(bytes: &[u8]) -> Option<Packet<'_>> {
    let mut cursor = Cursor::new("t38", bytes);
    let number = cursor.u16().ok()?;
    let inside = internet(open(&mut cursor)?)?;
    let kind = cursor.u8().ok()?;
    if kind == 0x80 {
        // Forward error correction: how many packets, and their sums.
        open(&mut cursor)?;
    } else if kind != 0 {
        return None;
    }
    let count = cursor.u8().ok()?;
    if count > MAX_REPEATED {
        return None;
    }
    for _ in 0..count {
        let earlier = open(&mut cursor)?;
        // The first packets repeat what there was not.
        let believed = kind == 0x80 || earlier.is_empty() || internet(earlier).is_some();
        believed.then_some(())?;
    }
    cursor.is_empty().then_some(Packet {
        number,
        inside,
        repeated: count,
    })
}

fn probe(sample: &Sample<'_>) -> Probe {
    let Some(packet) = packet(sample.first()) else {
        return Probe::No;
    };
    // Silence that repeats nothing is a few zeros.
    let silent = packet.inside == Internet::Indicator(0) && packet.repeated == 0;
    match !silent && (packet.repeated > 0 || packet.number < MAX_FIRST) {
        true => Probe::Likely(45),
        false => Probe::No,
    }
}

/// What one side says.
#[derive(Default)]
struct Machine {
    last: Option<u16>,
    /// The frame of T.30 that is being put together.
    frame: Vec<u8>,
}

#[derive(Default)]
struct T38 {
    machines: [Machine; 2],
    packets: u32,
    /// Who sends and who receives, by the numbers that the machines give.
    sender: Option<String>,
    receiver: Option<String>,
    pages: bool,
    ended: bool,
}

impl Analyzer for T38 {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => match packet(bytes) {
                Some(packet) => {
                    self.packet(side, packet, notes);
                    Step::Took(bytes.len())
                }
                None => Step::NotMine(Cut::wrong("t38", 0)),
            },
            Chunk::Gap(_) => Step::NotMine(Cut::wrong("t38", 0)),
            Chunk::End => {
                let last = std::mem::replace(&mut self.ended, true);
                if last && self.packets >= PROOF {
                    self.finish(notes);
                }
                Step::Took(0)
            }
        }
    }
}

impl T38 {
    fn packet(&mut self, side: Side, packet: Packet<'_>, notes: &mut Notes<'_>) {
        let [client, server] = &mut self.machines;
        let machine = match side {
            Side::Client => client,
            Side::Server => server,
        };
        // Sent again, or late.
        let step = machine.last.map(|last| packet.number.wrapping_sub(last));
        if step.is_some_and(|step| step == 0 || step > u16::MAX / 2) {
            return;
        }
        machine.last = Some(packet.number);
        self.packets = self.packets.saturating_add(1);
        if self.packets == PROOF {
            notes.expose(Exposure::Open);
        }
        let Internet::Data(modulation, fields) = packet.inside else {
            return;
        };
        for (kind, bytes) in fields {
            // All but V.21 are pages.
            self.pages |= modulation != 0 && !bytes.is_empty();
            if modulation != 0 {
                continue;
            }
            if machine.frame.len() + bytes.len() <= MAX_FRAME {
                machine.frame.extend_from_slice(bytes);
            }
            // 2 and 4: the frame is whole and right.
            if matches!(kind, 2 | 4) {
                match *machine.frame.as_slice() {
                    [0xff, 0xc0 | 0xc8, 0x42 | 0xc2, ref number @ ..] => {
                        self.sender = identification(number).or(self.sender.take());
                    }
                    [0xff, 0xc0 | 0xc8, 0x02, ref number @ ..] => {
                        self.receiver = identification(number).or(self.receiver.take());
                    }
                    _ => {}
                }
            }
            if kind != 0 {
                machine.frame.clear();
            }
        }
    }

    fn finish(&mut self, notes: &mut Notes<'_>) {
        let what = match self.pages {
            true => "The pages of a fax",
            false => "That a fax is sent",
        };
        let from = self
            .sender
            .as_deref()
            .map(|number| format!(" from {number}"));
        let to = self
            .receiver
            .as_deref()
            .map(|number| format!(" to {number}"));
        let learns = format!(
            "{what}{}{}",
            from.unwrap_or_default(),
            to.unwrap_or_default()
        );
        notes.observe("t38-fax", learns);
    }
}

/// The number that a machine gives of itself: 20 characters, the last first, each with its lowest bit first (T.30 section 5.3.6.2.4).
fn identification(bytes: &[u8]) -> Option<String> {
    let characters = bytes.get(..20)?.iter().rev();
    let number: String = characters
        .map(|byte| char::from(byte.reverse_bits()))
        .collect();
    let number = number.trim();
    let plain = |character: char| (' '..='~').contains(&character);
    (!number.is_empty() && number.chars().all(plain)).then(|| number.to_owned())
}
