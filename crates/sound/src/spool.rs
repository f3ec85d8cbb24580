//! Packets of media, kept until all has been heard: in memory while there is room, the rest in a temporary
//! file that has no name and whose key ends with the process.
//!
//! What lies in the file is found from the end of each stream on: every block says where the one before it is, so that
//! memory does not grow with the length of a call.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use foldhash::HashMap;
use overheard_ledger::Time;
use overheard_tap::{Recorder, SoundStream};

/// The most bytes that the temporary file may take: about 260 hours of telephone calls.
pub const MAX_SPOOL: u64 = 16 << 30;

/// Those who record at the same time, at most.
const LANES: usize = 16;
/// Bytes of a block that say where the one before it is.
const LINK: usize = 12;
/// Streams that are written to the file together where memory runs short.
const TOGETHER: usize = 64;
/// The most streams that a lane keeps, and how many it keeps however little memory there is. Where there are more, those
/// that hardly began make room; of those that are turned away, a quarter as many pass before it is tried again: looking
/// takes time.
const MAX_STREAMS: usize = 16_384;
const MIN_STREAMS: usize = 64;
/// A stream with fewer packets hardly began: most likely it is no media at all.
const BEGUN: u64 = 4;
/// Bytes before each packet: its time and its length.
const PREFIX: usize = 10;

/// Keeps packets of media.
#[derive(Debug)]
pub struct Spool {
    lanes: Vec<Mutex<Lane>>,
    log: Mutex<Log>,
    /// Bytes that the streams of a lane may hold in memory.
    in_memory: usize,
    /// The most streams that a lane keeps.
    max_streams: usize,
    /// Bytes that a lane may write.
    in_file: u64,
}

#[derive(Debug, Default)]
struct Lane {
    streams: HashMap<SoundStream, Kept>,
    /// Bytes of memory that the packets take, and bytes of packets in them.
    held: usize,
    waiting: usize,
    /// What is on its way to the file.
    leaving: Vec<u8>,
    written: u64,
    set_aside: u64,
    /// Packets of streams for which there was no room.
    turned_away: u64,
}

/// What is kept of a stream.
#[derive(Debug, Default)]
struct Kept {
    /// The last block of it in the file.
    last: Option<Block>,
    /// What comes after that.
    latest: Vec<u8>,
    packets: u64,
}

/// A part of the file.
#[derive(Clone, Copy, Debug)]
struct Block {
    start: u64,
    length: u32,
}

/// The file: only ever written at its end, so that no two bytes of it are encrypted alike.
#[derive(Debug)]
struct Log {
    file: Option<File>,
    key: [u8; 32],
    end: u64,
    /// Whether the file's own position is its end.
    at_end: bool,
    problem: Option<io::Error>,
}

impl Spool {
    /// A spool that holds at most so many bytes in memory.
    pub fn new(memory: usize) -> Spool {
        Spool {
            lanes: (0..LANES).map(|_| Mutex::default()).collect(),
            log: Mutex::new(Log {
                file: None,
                key: [0; 32],
                end: 0,
                at_end: true,
                problem: None,
            }),
            in_memory: memory / LANES,
            max_streams: (memory / LANES / 2 / size_of::<(SoundStream, Kept)>())
                .clamp(MIN_STREAMS, MAX_STREAMS),
            in_file: MAX_SPOOL / LANES as u64,
        }
    }

    /// Streams of which packets were kept, in their order.
    pub fn streams(&self) -> Vec<SoundStream> {
        let mut all: Vec<SoundStream> = Vec::new();
        for lane in &self.lanes {
            all.extend(lock(lane).streams.keys());
        }
        all.sort_unstable();
        all
    }

    /// Packets that were set aside: by a limit, or because the temporary file could not be written.
    pub fn set_aside(&self) -> u64 {
        self.lanes.iter().map(|lane| lock(lane).set_aside).sum()
    }

    /// Why the temporary file could not be written, where that happened.
    pub fn problem(&self) -> Option<String> {
        lock(&self.log).problem.as_ref().map(io::Error::to_string)
    }

    /// Plays a stream back from its beginning.
    pub fn play(&self, stream: SoundStream) -> Playback<'_> {
        let lane = self
            .lanes
            .iter()
            .position(|lane| lock(lane).streams.contains_key(&stream));
        Playback {
            spool: self,
            stream,
            lane,
            ahead: None,
            block: Vec::new(),
            in_memory: false,
            place: 0,
        }
    }

    /// The blocks of a stream, the last one first.
    fn blocks(&self, lane: usize, stream: &SoundStream) -> io::Result<Vec<Block>> {
        let last = self
            .lanes
            .get(lane)
            .and_then(|lane| lock(lane).streams.get(stream)?.last);
        let mut blocks = Vec::new();
        let mut link = Vec::new();
        let mut next = last;
        while let Some(place) = next {
            blocks.push(place);
            let start = Block {
                length: LINK as u32,
                ..place
            };
            self.fetch(start, &mut link)?;
            // Blocks are only ever written behind those before them: it comes to an end.
            next = Block::linked(&link).filter(|before| before.start < place.start);
        }
        Ok(blocks)
    }

    /// What of a stream is still in memory.
    fn latest(&self, lane: usize, stream: &SoundStream, into: &mut Vec<u8>) {
        into.clear();
        if let Some(lane) = self.lanes.get(lane)
            && let Some(kept) = lock(lane).streams.get(stream)
        {
            into.extend_from_slice(&kept.latest);
        }
    }

    /// Writes blocks of these lengths at the end of the file; gives where they begin.
    fn store(&self, blocks: &mut [u8], lengths: &[usize]) -> Option<u64> {
        let mut log = lock(&self.log);
        if log.problem.is_some() {
            return None;
        }
        match log.append(blocks, lengths) {
            Ok(start) => Some(start),
            Err(problem) => {
                log.problem = Some(problem);
                None
            }
        }
    }

    fn fetch(&self, place: Block, into: &mut Vec<u8>) -> io::Result<()> {
        let mut log = lock(&self.log);
        let key = log.key;
        into.clear();
        into.resize(usize::try_from(place.length).unwrap_or(0), 0);
        let Some(file) = &mut log.file else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.seek(SeekFrom::Start(place.start))?;
        file.read_exact(into)?;
        log.at_end = false;
        seal(&key, place.start, into);
        Ok(())
    }
}

impl Block {
    /// What the block behind it says of it.
    fn link(block: Option<Block>) -> [u8; LINK] {
        let mut link = [0; LINK];
        if let Some(block) = block
            && let Some((start, length)) = link.split_first_chunk_mut()
        {
            *start = block.start.to_le_bytes();
            length.copy_from_slice(&block.length.to_le_bytes());
        }
        link
    }

    /// The block that a link tells of; `None` where it tells of none.
    fn linked(link: &[u8]) -> Option<Block> {
        let (start, rest) = link.split_first_chunk()?;
        let block = Block {
            start: u64::from_le_bytes(*start),
            length: u32::from_le_bytes(*rest.first_chunk()?),
        };
        (block.length > 0).then_some(block)
    }
}

impl Log {
    fn append(&mut self, blocks: &mut [u8], lengths: &[usize]) -> io::Result<u64> {
        let start = self.end;
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                getrandom::fill(&mut self.key).map_err(io::Error::other)?;
                self.file.insert(tempfile::tempfile()?)
            }
        };
        let mut place = start;
        let mut rest = &mut *blocks;
        for &length in lengths {
            let (block, behind) = rest.split_at_mut(length.min(rest.len()));
            seal(&self.key, place, block);
            place += block.len() as u64;
            rest = behind;
        }
        if !self.at_end {
            file.seek(SeekFrom::Start(start))?;
        }
        // Where this fails, nothing is written any more.
        file.write_all(blocks)?;
        self.at_end = true;
        self.end = place;
        Ok(start)
    }
}

/// Encrypts or decrypts (RFC 8439 section 2.4) the bytes that begin at a place of the file. A place is written
/// once, so its number serves as nonce.
fn seal(key: &[u8; 32], start: u64, bytes: &mut [u8]) {
    let mut nonce = [0; 12];
    if let Some(part) = nonce.first_chunk_mut() {
        *part = start.to_le_bytes();
    }
    ChaCha20::new(key.into(), &nonce.into()).apply_keystream(bytes);
}

impl Recorder for Spool {
    fn record(&self, shard: usize, stream: SoundStream, time: Time, packet: &[u8]) {
        let Some(lane) = self.lanes.get(shard % LANES) else {
            return;
        };
        let mut lane = lock(lane);
        let Ok(length) = u16::try_from(packet.len()) else {
            lane.set_aside += 1;
            return;
        };
        if lane.streams.len() >= self.max_streams && !lane.streams.contains_key(&stream) {
            if lane.turned_away.is_multiple_of(self.max_streams as u64 / 4) {
                lane.make_room(self.max_streams);
            }
            if lane.streams.len() >= self.max_streams {
                lane.turned_away += 1;
                lane.set_aside += 1;
                return;
            }
        }
        let cost = PREFIX + packet.len();
        if lane.written + (lane.waiting + cost) as u64 > self.in_file {
            lane.set_aside += 1;
            return;
        }
        let kept = lane.streams.entry(stream).or_default();
        let before = kept.latest.capacity();
        kept.packets += 1;
        kept.push(time, length, packet);
        let grown = kept.latest.capacity() - before;
        lane.held += grown;
        lane.waiting += cost;
        if lane.held > self.in_memory {
            self.relieve(&mut lane);
        }
    }
}

impl Kept {
    /// Adds a packet; the room for it grows by half.
    fn push(&mut self, time: Time, length: u16, packet: &[u8]) {
        let cost = PREFIX + packet.len();
        let needed = self.latest.len() + cost;
        if needed > self.latest.capacity() {
            let room = (self.latest.capacity() / 2 * 3).max(needed);
            self.latest.reserve_exact(room - self.latest.len());
        }
        self.latest.extend(time.0.to_le_bytes());
        self.latest.extend(length.to_le_bytes());
        self.latest.extend(packet);
    }
}

impl Spool {
    /// Writes out the streams that take more than others, and gives their memory back: more than half of what is held,
    /// so that looking through all of them is rare.
    fn relieve(&self, lane: &mut Lane) {
        let average = lane.held / lane.streams.len().max(1);
        let mut large: Vec<SoundStream> = lane
            .streams
            .iter()
            .filter(|(_, kept)| kept.latest.capacity() > average / 2)
            .map(|(stream, _)| *stream)
            .collect();
        large.sort_unstable();
        for streams in large.chunks(TOGETHER) {
            self.write_out(lane, streams);
        }
        lane.leaving = Vec::new();
    }

    /// Moves what these streams hold in memory to the file, and gives back the memory.
    fn write_out(&self, lane: &mut Lane, streams: &[SoundStream]) {
        let mut blocks = std::mem::take(&mut lane.leaving);
        blocks.clear();
        let mut lengths = [0; TOGETHER];
        for (stream, length) in streams.iter().zip(&mut lengths) {
            let Some(kept) = lane.streams.get(stream) else {
                continue;
            };
            if !kept.latest.is_empty() {
                *length = LINK + kept.latest.len();
                blocks.extend(Block::link(kept.last));
                blocks.extend(&kept.latest);
            }
        }
        let mut start = match blocks.is_empty() {
            true => None,
            false => self.store(&mut blocks, &lengths),
        };
        for (stream, length) in streams.iter().zip(lengths) {
            let Some(kept) = lane.streams.get_mut(stream) else {
                continue;
            };
            if let Some(place) = &mut start
                && let Ok(size @ 1..) = u32::try_from(length)
            {
                kept.last = Some(Block {
                    start: *place,
                    length: size,
                });
                *place += length as u64;
                lane.written += length as u64;
            } else {
                let packets = count(&kept.latest);
                kept.packets = kept.packets.saturating_sub(packets);
                lane.set_aside += packets;
            }
            lane.waiting = lane.waiting.saturating_sub(kept.latest.len());
            lane.held = lane.held.saturating_sub(kept.latest.capacity());
            kept.latest = Vec::new();
        }
        lane.leaving = blocks;
    }
}

impl Lane {
    /// Forgets the streams that hardly began. Where that are few, the next try is a while off.
    fn make_room(&mut self, max_streams: usize) {
        let before = self.streams.len();
        let (mut held, mut waiting, mut forgotten) = (0, 0, 0);
        self.streams.retain(|_, kept| {
            let stays = kept.packets >= BEGUN;
            if !stays {
                held += kept.latest.capacity();
                waiting += kept.latest.len();
                forgotten += kept.packets;
            }
            stays
        });
        self.held = self.held.saturating_sub(held);
        self.waiting = self.waiting.saturating_sub(waiting);
        self.set_aside += forgotten;
        self.turned_away += u64::from(before - self.streams.len() < max_streams / 4);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The packet that a block begins with, with its time, and what follows it.
fn split(block: &[u8]) -> Option<(Time, &[u8], &[u8])> {
    let (time, rest) = block.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (packet, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((Time(u64::from_le_bytes(*time)), packet, rest))
}

fn count(mut block: &[u8]) -> u64 {
    let mut packets = 0;
    while let Some((_, _, rest)) = split(block) {
        packets += 1;
        block = rest;
    }
    packets
}

/// The packets of a stream, in the order of their arrival. One block of them is in memory at a time.
#[derive(Debug)]
pub struct Playback<'a> {
    spool: &'a Spool,
    stream: SoundStream,
    lane: Option<usize>,
    /// The blocks that come, the next one last; `None` before the first.
    ahead: Option<Vec<Block>>,
    block: Vec<u8>,
    /// Whether the block is what was still in memory, behind which nothing comes.
    in_memory: bool,
    /// Where in the block the next packet is.
    place: usize,
}

impl Playback<'_> {
    /// The next packet, header and all, with the time of its arrival; `None` behind the last.
    ///
    /// # Errors
    /// Where the temporary file cannot be read.
    pub fn next_packet(&mut self) -> io::Result<Option<(Time, &[u8])>> {
        let Some(lane) = self.lane else {
            return Ok(None);
        };
        while self.place >= self.block.len() {
            let ahead = match &mut self.ahead {
                Some(ahead) => ahead,
                None => self.ahead.insert(self.spool.blocks(lane, &self.stream)?),
            };
            self.place = 0;
            match ahead.pop() {
                Some(next) => {
                    self.spool.fetch(next, &mut self.block)?;
                    self.place = LINK;
                }
                None if self.in_memory => {
                    self.lane = None;
                    return Ok(None);
                }
                None => {
                    self.in_memory = true;
                    self.spool.latest(lane, &self.stream, &mut self.block);
                }
            }
        }
        let unplayed = self.block.get(self.place..).unwrap_or_default();
        let Some((time, packet, _)) = split(unplayed) else {
            self.lane = None;
            return Ok(None);
        };
        self.place += PREFIX + packet.len();
        Ok(Some((time, packet)))
    }
}

#[cfg(test)]
mod tests;
