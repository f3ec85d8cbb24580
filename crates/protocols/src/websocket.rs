//! WebSockets (RFC 6455): messages both ways in what began as HTTP.
//!
//! The frames of a client are masked with a number that stands beside them, which hides nothing. Messages of SIP
//! (RFC 7118) are heard as those of any other telephone; of other messages only their being readable is told.

use overheard_ledger::{Exposure, Rule, SERVER, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::sip::Listener;
use crate::shared::sip::message::start_line;

/// The longest message that is put together, where it may be one of SIP.
const MAX_MESSAGE: usize = 128 * 1024;
/// The longest first line by which a message of SIP is known.
const MAX_FIRST_LINE: usize = 2048;
/// Bytes by which a message that cannot be one of SIP is known: a method begins with letters.
const TELLING: usize = 3;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "websocket",
    title: "WebSocket",
    over: &[Over::Stream],
    ports: &[],
    standard: "RFC 6455",
    exposure: Exposure::Open,
    // It begins as HTTP, which hands it over.
    probe: |_: &Sample<'_>| Probe::No,
    begin: |_| Box::new(WebSocket::default()),
    rules: &[Rule {
        id: "websocket-messages",
        title: "Messages of a WebSocket in clear",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Open the WebSocket with wss:// only, and let the server refuse ws://.",
        standard: "RFC 6455 section 10.6",
        explain: "A program and its server go on talking in the connection that a page was fetched with: chats, positions, \
                      prices, what is typed. The mask on what a browser sends stands beside it and protects nothing.",
    }],
};

/// One conversation.
#[derive(Default)]
struct WebSocket {
    sides: [Sender; 2],
    listener: Listener,
    /// Whether somebody said something.
    told: bool,
    ended: u8,
}

/// What a side is saying.
#[derive(Default)]
struct Sender {
    /// Bytes of a frame that are passed over.
    left: u64,
    /// The message on its way, as far as it came, where it may be one of SIP.
    message: Option<Vec<u8>>,
}

/// The header of a frame (RFC 6455 section 5.2).
struct Header {
    last: bool,
    /// Bits that extensions give a meaning: compression.
    reserved: bool,
    opcode: u8,
    length: u64,
    mask: [u8; 4],
    /// Bytes of the header itself.
    bytes: usize,
}

/// Continuation, text, binary.
const DATA: std::ops::RangeInclusive<u8> = 0..=2;
/// Close, ping, pong.
const CONTROL: std::ops::RangeInclusive<u8> = 8..=10;

/// The bytes that a header needs, of which two are there.
fn header_bytes(two: [u8; 2]) -> usize {
    let [_, second] = two;
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 != 0 { 4 } else { 0 }
}

fn header(bytes: &[u8]) -> Result<Header, Cut> {
    let mut cursor = Cursor::new("websocket frame", bytes);
    let first = cursor.u8()?;
    let second = cursor.u8()?;
    let opcode = first & 0x0f;
    let last = first & 0x80 != 0;
    let length = match second & 0x7f {
        126 => u64::from(cursor.u16()?),
        127 => cursor.u64()?,
        short => u64::from(short),
    };
    // A length has no sign; a frame of control is short and whole.
    let is_control = CONTROL.contains(&opcode);
    if length >> 63 != 0 || (is_control && (length > 125 || !last)) {
        return Err(Cut::wrong("websocket frame", 1));
    }
    if !is_control && !DATA.contains(&opcode) {
        return Err(Cut::wrong("websocket frame", 0));
    }
    let mut mask = [0; 4];
    if second & 0x80 != 0 {
        mask = cursor.u32()?.to_be_bytes();
    }
    Ok(Header {
        last,
        reserved: first & 0x70 != 0,
        opcode,
        length,
        mask,
        bytes: cursor.position(),
    })
}

impl Header {
    /// The bytes of the frame with the mask taken off.
    fn unmasked<'a>(&'a self, payload: &'a [u8]) -> impl Iterator<Item = u8> + 'a {
        payload
            .iter()
            .zip(self.mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask)
    }
}

/// Whether a message that begins so may be one of SIP.
fn may_be_sip(beginning: &[u8]) -> bool {
    let begun = beginning.trim_ascii_start();
    let line = begun
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    if line.len() < begun.len() {
        return start_line(line).is_some();
    }
    line.len() < MAX_FIRST_LINE && line.iter().take(TELLING).all(u8::is_ascii_uppercase)
}

impl Analyzer for WebSocket {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.bytes(side, bytes, notes),
            Chunk::Gap(length) => {
                let sender = self.sender(side);
                sender.message = None;
                if sender.left < length {
                    // Where the next frame begins is not known, and nothing in it says so.
                    return Step::NotMine(Cut::wrong("websocket frame", 0));
                }
                sender.left -= length;
                Step::Took(0)
            }
            Chunk::End => {
                self.ended = self.ended.saturating_add(1);
                if self.ended >= 2 {
                    self.listener.finish(notes);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        let messages = self.sides.iter().filter_map(|side| side.message.as_ref());
        messages.map(Vec::capacity).sum::<usize>() + self.listener.held()
    }
}

impl WebSocket {
    fn sender(&mut self, side: Side) -> &mut Sender {
        let [client, server] = &mut self.sides;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let sender = self.sender(side);
        if sender.left > 0 {
            let there = usize::try_from(sender.left)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            sender.left -= there as u64;
            return Step::Took(there);
        }
        let &[first, second, ..] = bytes else {
            return Step::Need(2);
        };
        let needed = header_bytes([first, second]);
        if bytes.len() < needed {
            return Step::Need(needed);
        }
        let frame = match header(bytes) {
            Ok(frame) => frame,
            Err(cut) => return Step::NotMine(cut),
        };
        let payload = bytes.get(frame.bytes..).unwrap_or_default();
        let length = usize::try_from(frame.length).unwrap_or(usize::MAX);
        if !DATA.contains(&frame.opcode) {
            // A ping between the frames of a message leaves it as it is.
            return self.pass(side, &frame, payload);
        }
        let step = self.data(side, &frame, payload, length, notes);
        // Not before it is taken: what is written down for a step that needs more does not remain.
        if matches!(step, Step::Took(_)) && !self.told && frame.length > 0 {
            self.told = true;
            notes.observe(
                "websocket-messages",
                format!("What is said in the WebSocket to {SERVER}"),
            );
        }
        step
    }

    /// Hears a frame that is a message or a part of one, of which `payload` is there.
    fn data(
        &mut self,
        side: Side,
        frame: &Header,
        payload: &[u8],
        length: usize,
        notes: &mut Notes<'_>,
    ) -> Step {
        let sender = self.sender(side);
        let before = match (frame.opcode, sender.message.take()) {
            (0, None) => return self.pass(side, frame, payload),
            (0, before) => before.unwrap_or_default(),
            _ => Vec::new(),
        };
        if frame.reserved || before.len().saturating_add(length) > MAX_MESSAGE {
            return self.pass(side, frame, payload);
        }
        if before.is_empty() {
            let beginning: Vec<u8> = frame
                .unmasked(payload.get(..length.min(payload.len())).unwrap_or_default())
                .take(MAX_FIRST_LINE)
                .collect();
            let enough = payload.len() >= length.min(TELLING);
            if enough && length > 0 && !may_be_sip(&beginning) {
                return self.pass(side, frame, payload);
            }
        }
        let Some(payload) = payload.get(..length) else {
            sender.message = (frame.opcode == 0).then_some(before);
            return Step::Need(frame.bytes.saturating_add(length));
        };
        let mut message = before;
        message.extend(frame.unmasked(payload));
        if frame.last {
            self.listener.datagram(side, &message, notes);
        } else {
            sender.message = Some(message);
        }
        Step::Took(frame.bytes.saturating_add(length))
    }

    /// Passes over the payload of a frame.
    fn pass(&mut self, side: Side, frame: &Header, payload: &[u8]) -> Step {
        let length = usize::try_from(frame.length).unwrap_or(usize::MAX);
        let there = length.min(payload.len());
        self.sender(side).left = frame.length.saturating_sub(there as u64);
        Step::Took(frame.bytes.saturating_add(there))
    }
}

#[cfg(test)]
mod tests;
