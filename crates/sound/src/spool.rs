//! Packets of media, kept until all has been heard: a little of each stream in memory, the rest in a temporary
//! file that has no name and whose key ends with the process.

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
/// Bytes of a stream that are written to the file together.
const BLOCK: usize = 4096;
/// The most streams that a lane keeps. Where there are more, those that hardly began make room.
const MAX_STREAMS: usize = 16_384;
/// Streams that are turned away before it is looked again whether some can make room: looking takes time.
const PATIENCE: u64 = MAX_STREAMS as u64 / 4;
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
    /// Bytes that a lane may write.
    in_file: u64,
}

#[derive(Debug, Default)]
struct Lane {
    streams: HashMap<SoundStream, Kept>,
    /// Bytes in memory.
    held: usize,
    written: u64,
    set_aside: u64,
    /// Packets of streams for which there was no room.
    turned_away: u64,
}

/// What is kept of a stream.
#[derive(Debug, Default)]
struct Kept {
    blocks: Vec<Block>,
    /// What comes after the blocks.
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
                problem: None,
            }),
            in_memory: memory / LANES,
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
            next_block: 0,
            block: Vec::new(),
            place: 0,
        }
    }

    /// Fetches a block of a stream, by its number; that behind the last one is what is still in memory. `false` where there are no more.
    fn block(
        &self,
        lane: usize,
        stream: &SoundStream,
        number: usize,
        into: &mut Vec<u8>,
    ) -> io::Result<bool> {
        let Some(lane) = self.lanes.get(lane) else {
            return Ok(false);
        };
        let lane = lock(lane);
        let Some(kept) = lane.streams.get(stream) else {
            return Ok(false);
        };
        if let Some(place) = kept.blocks.get(number) {
            let place = *place;
            drop(lane);
            self.fetch(place, into)?;
            return Ok(true);
        }
        into.clear();
        into.extend_from_slice(&kept.latest);
        Ok(number == kept.blocks.len())
    }

    /// Writes a block at the end of the file.
    fn store(&self, block: &mut [u8]) -> Option<Block> {
        let length = u32::try_from(block.len()).ok()?;
        let mut log = lock(&self.log);
        if log.problem.is_some() {
            return None;
        }
        match log.append(block) {
            Ok(start) => Some(Block { start, length }),
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
        seal(&key, place.start, into);
        Ok(())
    }
}

impl Log {
    fn append(&mut self, block: &mut [u8]) -> io::Result<u64> {
        let start = self.end;
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                getrandom::fill(&mut self.key).map_err(io::Error::other)?;
                self.file.insert(tempfile::tempfile()?)
            }
        };
        seal(&self.key, start, block);
        file.seek(SeekFrom::Start(start))?;
        file.write_all(block)?;
        self.end += block.len() as u64;
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
        if lane.streams.len() >= MAX_STREAMS && !lane.streams.contains_key(&stream) {
            if lane.turned_away.is_multiple_of(PATIENCE) {
                lane.make_room();
            }
            if lane.streams.len() >= MAX_STREAMS {
                lane.turned_away += 1;
                lane.set_aside += 1;
                return;
            }
        }
        let cost = (PREFIX + packet.len()) as u64;
        if lane.written + lane.held as u64 + cost > self.in_file {
            lane.set_aside += 1;
            return;
        }
        let kept = lane.streams.entry(stream).or_default();
        kept.packets += 1;
        kept.latest.extend(time.0.to_le_bytes());
        kept.latest.extend(length.to_le_bytes());
        kept.latest.extend(packet);
        let is_full = kept.latest.len() >= BLOCK;
        lane.held += PREFIX + packet.len();
        if is_full {
            self.write_out(&mut lane, &stream);
        } else if lane.held > self.in_memory {
            // Rare: only with more streams at once than there are blocks in memory.
            let longest = lane
                .streams
                .iter()
                .max_by_key(|(stream, kept)| (kept.latest.len(), **stream))
                .map(|(stream, _)| *stream);
            if let Some(longest) = longest {
                self.write_out(&mut lane, &longest);
            }
        }
    }
}

impl Spool {
    /// Moves what a stream holds in memory to the file.
    fn write_out(&self, lane: &mut Lane, stream: &SoundStream) {
        let Some(kept) = lane.streams.get_mut(stream) else {
            return;
        };
        let mut block = std::mem::take(&mut kept.latest);
        lane.held = lane.held.saturating_sub(block.len());
        let packets = count(&block);
        match self.store(&mut block) {
            Some(place) => {
                kept.blocks.push(place);
                lane.written += block.len() as u64;
            }
            None => {
                kept.packets = kept.packets.saturating_sub(packets);
                lane.set_aside += packets;
            }
        }
        block.clear();
        kept.latest = block;
    }
}

impl Lane {
    /// Forgets the streams that hardly began. Where that are few, the next try is a while off.
    fn make_room(&mut self) {
        let before = self.streams.len();
        let (mut held, mut forgotten) = (0, 0);
        self.streams.retain(|_, kept| {
            let stays = kept.packets >= BEGUN;
            if !stays {
                held += kept.latest.len();
                forgotten += kept.packets;
            }
            stays
        });
        self.held = self.held.saturating_sub(held);
        self.set_aside += forgotten;
        self.turned_away += u64::from(before - self.streams.len() < MAX_STREAMS / 4);
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
    next_block: usize,
    block: Vec<u8>,
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
            let (number, stream) = (self.next_block, self.stream);
            if !self.spool.block(lane, &stream, number, &mut self.block)? {
                self.lane = None;
                return Ok(None);
            }
            self.next_block += 1;
            self.place = 0;
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
