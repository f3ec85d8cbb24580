//! HTTP/2 (RFC 9113) in clear: with prior knowledge, after `Upgrade: h2c`, or inside what was opened.
//! Requests, hosts, logins, and the size and hash of what is fetched, sent and pushed.
//!
//! The bytes of DATA are heard as they come; header blocks are decoded a field at a time. After a hole
//! a side goes on where the hole lies within a frame whose length is known; what a lost header
//! block put into the table of HPACK is then unknown, and said nowhere.

use overheard_ledger::{Exposure, Rule};
use overheard_tap::{
    Account, Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::http_rules::http_rules;

mod block;
mod frame;
mod hpack;
mod huffman;
mod streams;
#[cfg(test)]
mod tests;

use block::{Block, Credit};
use frame::{Frame, HEADER, Kind};
use hpack::Decoder;
use streams::Streams;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "http2",
    title: "Hypertext Transfer Protocol, version 2",
    over: &[Over::Stream],
    ports: &[80, 8080],
    standard: "RFC 9113",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Http2::default()),
    rules: &RULES,
};

static RULES: [Rule; 6] = http_rules!("http2");

/// What a client begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The most settings that a server may begin with, for that to be taken for HTTP/2.
const MAX_SETTINGS: usize = 64;

/// What the beginning of a side looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Nothing,
    No,
    More,
    Preface,
    Settings,
}

fn look(bytes: &[u8]) -> Look {
    let shorter = bytes.len().min(PREFACE.len());
    if shorter == 0 {
        return Look::Nothing;
    }
    if bytes.get(..shorter) == PREFACE.get(..shorter) {
        return if shorter == PREFACE.len() {
            Look::Preface
        } else {
            Look::More
        };
    }
    look_for_settings(bytes)
}

/// A SETTINGS frame (RFC 9113 section 6.5) that is no acknowledgement, with settings that exist.
fn look_for_settings(bytes: &[u8]) -> Look {
    /// Identifiers of RFC 9113 section 6.5.2, RFC 8441, RFC 9218, and what else is registered.
    const KNOWN: std::ops::RangeInclusive<u16> = 1..=16;
    let pattern = [(0, 0), (3, 4), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0)];
    if pattern
        .iter()
        .any(|&(at, byte)| bytes.get(at).is_some_and(|&here| here != byte))
    {
        return Look::No;
    }
    let Some(header) = bytes.get(..HEADER) else {
        return Look::More;
    };
    let Ok(length) = Cursor::new("http2 settings", header).u24() else {
        return Look::No;
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length % 6 != 0 || length > 6 * MAX_SETTINGS {
        return Look::No;
    }
    let Some(settings) = bytes.get(HEADER..HEADER.saturating_add(length)) else {
        return Look::More;
    };
    let known = |setting: &[u8]| {
        let id = Cursor::new("http2 setting", setting).u16();
        // Those of the form ?A?A are there to be ignored (GREASE).
        id.is_ok_and(|id| KNOWN.contains(&id) || id & 0x0f0f == 0x0a0a || id >= 0xf000)
    };
    if settings.chunks(6).all(known) {
        Look::Settings
    } else {
        Look::No
    }
}

fn probe(sample: &Sample<'_>) -> Probe {
    match (look(sample.client), look(sample.server)) {
        (Look::Preface, _) => Probe::Sure,
        (_, Look::Preface) => Probe::Reversed,
        // Only a server begins with settings; but a client whose preface was lost looks the same.
        (Look::Settings, Look::Nothing | Look::More) => Probe::Reversed,
        (Look::Settings, _) | (_, Look::Settings) => Probe::Sure,
        (Look::More, _) | (_, Look::More) if !sample.whole => Probe::More,
        _ => Probe::No,
    }
}

/// One conversation.
#[derive(Default)]
struct Http2 {
    client: Half,
    server: Half,
    streams: Streams,
    credit: Credit,
    /// Whether a frame was ever understood.
    begun: bool,
    /// Sides that said their last.
    ended: u8,
}

/// What one side is saying.
#[derive(Default)]
struct Half {
    state: State,
    decoder: Decoder,
    /// The header block on its way.
    block: Option<Box<Block>>,
}

#[derive(Default)]
enum State {
    /// Before anything: a preface, or a frame.
    #[default]
    Start,
    /// Before a frame.
    Header,
    /// In a frame.
    Payload(Frame),
    /// Where frames begin is not known any more. What comes is booked to this account.
    Lost(Account),
}

/// What one step of one side came to.
enum Progress {
    Took(usize),
    Need(usize),
    NotMine,
}

impl Analyzer for Http2 {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => return self.bytes(side, bytes, notes),
            Chunk::Gap(length) => self.gap(side, length, notes),
            Chunk::End => self.end(side, notes),
        }
        Step::Took(0)
    }

    fn held(&self) -> usize {
        let halves: usize = [&self.client, &self.server]
            .into_iter()
            .map(|half| {
                let block = half.block.as_ref().map_or(0, |block| block.held());
                half.decoder.held().saturating_add(block)
            })
            .sum();
        halves.saturating_add(self.streams.held())
    }
}

impl Http2 {
    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut at = 0_usize;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return Step::Took(at);
            }
            match self.step(side, rest, notes) {
                Progress::Took(taken) => at = at.saturating_add(taken),
                Progress::Need(_) | Progress::NotMine if at > 0 => return Step::Took(at),
                Progress::Need(needed) => return Step::Need(needed),
                Progress::NotMine => return Step::NotMine(Cut::wrong("http2 frame", 0)),
            }
        }
    }

    /// One step of one side. `bytes` are not empty. A step that takes nothing changes the state to one that
    /// will.
    fn step(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Progress {
        match &mut self.half(side).state {
            State::Start => match look(bytes) {
                Look::Preface => {
                    self.begun = true;
                    self.half(side).state = State::Header;
                    Progress::Took(PREFACE.len())
                }
                Look::More if bytes.first() == PREFACE.first() => Progress::Need(PREFACE.len()),
                _ => self.frame(side, bytes, notes),
            },
            State::Header => self.frame(side, bytes, notes),
            State::Payload(frame) => {
                let frame = *frame;
                self.payload(side, frame, bytes, notes)
            }
            State::Lost(account) => {
                notes.account(*account, bytes.len());
                Progress::Took(bytes.len())
            }
        }
    }

    /// The header of a frame, with what stands before its payload.
    fn frame(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Progress {
        let (frame, taken) = match Frame::read(bytes) {
            frame::Read::Frame(frame, taken) => (frame, taken),
            frame::Read::Need(needed) => return Progress::Need(needed),
            frame::Read::Wrong if !self.begun => return Progress::NotMine,
            frame::Read::Wrong => {
                self.lose(side, Account::Malformed, notes);
                return Progress::Took(0);
            }
        };
        self.begun = true;
        if frame.kind.is_header() {
            self.credit.earn(taken);
        }
        // Nothing may come between the frames of a header block (RFC 9113 section 6.10).
        let continues = frame.kind == Kind::Continuation
            && self
                .half(side)
                .block
                .as_ref()
                .is_some_and(|block| block.stream == frame.stream);
        if !continues {
            self.break_block(side, notes);
        }
        match frame.kind {
            Kind::Headers | Kind::PushPromise => {
                self.half(side).block = Some(Box::new(Block::new(&frame, notes)));
            }
            // Its beginning was not heard.
            Kind::Continuation if !continues => self.half(side).decoder.lose(),
            Kind::RstStream => self.streams.reset(side, frame.stream, notes),
            Kind::Goaway => self.streams.go_away(side, frame.about, notes),
            _ => {}
        }
        self.half(side).state = State::Payload(frame);
        if frame.left == 0 && frame.padding == 0 {
            self.frame_end(side, &frame, notes);
        }
        Progress::Took(taken)
    }

    /// Bytes within a frame.
    fn payload(
        &mut self,
        side: Side,
        mut frame: Frame,
        bytes: &[u8],
        notes: &mut Notes<'_>,
    ) -> Progress {
        let part = bytes.get(..frame.left).unwrap_or(bytes);
        let padding = bytes.len().saturating_sub(part.len()).min(frame.padding);
        match frame.kind {
            _ if part.is_empty() => {}
            Kind::Data => self.streams.data(side, frame.stream, part, notes),
            kind if kind.is_header() => {
                self.credit.earn(part.len());
                let credit = &mut self.credit;
                let half = match side {
                    Side::Client => &mut self.client,
                    Side::Server => &mut self.server,
                };
                match &mut half.block {
                    Some(block) => block.hear(part, &mut half.decoder, credit, notes),
                    None => notes.account(Account::Unrecognised, part.len()),
                }
            }
            _ => {}
        }
        frame.left = frame.left.saturating_sub(part.len());
        frame.padding = frame.padding.saturating_sub(padding);
        self.half(side).state = State::Payload(frame);
        if frame.left == 0 && frame.padding == 0 {
            self.frame_end(side, &frame, notes);
        }
        Progress::Took(part.len().saturating_add(padding))
    }

    fn frame_end(&mut self, side: Side, frame: &Frame, notes: &mut Notes<'_>) {
        self.half(side).state = State::Header;
        if frame.kind == Kind::Data && frame.ends_stream() {
            self.streams.end(side, frame.stream, notes);
        }
        if frame.kind.is_header()
            && frame.ends_headers()
            && let Some(block) = self.half(side).block.take()
        {
            if !block.is_whole() {
                self.half(side).decoder.lose();
            }
            self.streams.block(side, *block, notes);
        }
    }

    /// The header block on its way will not be whole: what was heard of it counts.
    fn break_block(&mut self, side: Side, notes: &mut Notes<'_>) {
        if let Some(block) = self.half(side).block.take() {
            self.half(side).decoder.lose();
            self.streams.block(side, *block, notes);
        }
    }

    /// Where the next frame of a side begins is not known.
    fn lose(&mut self, side: Side, account: Account, notes: &mut Notes<'_>) {
        self.break_block(side, notes);
        self.half(side).state = State::Lost(account);
        self.streams.lose(side, notes);
    }

    fn gap(&mut self, side: Side, length: u64, notes: &mut Notes<'_>) {
        let State::Payload(mut frame) = self.half(side).state else {
            return self.lose(side, Account::Unrecognised, notes);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > frame.left.saturating_add(frame.padding) {
            return self.lose(side, Account::Unrecognised, notes);
        }
        if frame.left > 0 {
            match frame.kind {
                Kind::Data => self.streams.hole(side, frame.stream),
                kind if kind.is_header() => {
                    let half = self.half(side);
                    half.decoder.lose();
                    if let Some(block) = &mut half.block {
                        block.hole();
                    }
                }
                _ => {}
            }
        }
        frame.padding = frame
            .padding
            .saturating_sub(length.saturating_sub(frame.left));
        frame.left = frame.left.saturating_sub(length);
        self.half(side).state = State::Payload(frame);
        if frame.left == 0 && frame.padding == 0 {
            self.frame_end(side, &frame, notes);
        }
    }

    fn end(&mut self, side: Side, notes: &mut Notes<'_>) {
        self.lose(side, Account::Unrecognised, notes);
        self.ended = self.ended.saturating_add(1);
        if self.ended >= 2 {
            self.streams.close(notes);
        }
    }
}
