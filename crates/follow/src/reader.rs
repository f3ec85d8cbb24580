//! The reader: decodes every frame, and gives each packet to the shard that it belongs to.
//!
//! Shards are heard by whoever is free ([`crate::crew`]); with one thread, by the reader.

use std::num::NonZeroU32;
use std::thread;
use std::time::Instant;

use overheard_ledger::{Account, Time};
use overheard_source::{Batch, Captures, Frame, SourceError};
use overheard_tap::Notebook;
use overheard_tap::limits::MAX_RECORDS;
use overheard_wire::{
    Addresses, Packet, Span, Transport, TroubleKind, Tunnels, decode, decode_datagram,
};

use crate::budget::Budget;
use crate::conversation::Arrived;
use crate::crew::{self, Crew};
use crate::defragment::{self, Defragmenter, Whole};
use crate::hearing::{Moment, Protocols};
use crate::key::{Key, protocol};
use crate::outcome::{Aids, Heard, Options};
use crate::shard::{SHARDS, Shard, Totals};

/// A packet of a conversation, in a [`Decoded`] batch. Small: workers read them one after the other, and
/// of most packets nothing else.
struct Item {
    key: Key,
    /// Whether the lower endpoint of the key sent it.
    from_low: bool,
    tunnels: Tunnels,
    transport: Transport,
    payload: Span,
    /// Index of its frame in the batch.
    frame: u32,
    /// Index of the datagram that it became whole with, in [`Decoded::wholes`].
    whole: Option<NonZeroU32>,
}

/// A batch after its headers have been read.
#[derive(Default)]
struct Decoded {
    batch: Batch,
    /// Packets by shard, in the order of the capture.
    items: [Vec<Item>; SHARDS],
    wholes: Vec<Whole>,
}

/// Follows the conversations of a capture and lets `protocols` hear them. `progress` is told the
/// position in the input (as [`Captures::position`]) after every batch.
///
/// # Errors
/// [`SourceError`] where an input cannot be read before anything was learned from it.
pub fn follow(
    captures: &mut Captures,
    protocols: Protocols,
    options: Options,
    progress: &mut dyn FnMut(u64),
) -> Result<Heard, SourceError> {
    follow_with(captures, protocols, options, Aids::default(), progress)
}

/// As [`follow`], with what helps.
///
/// # Errors
/// As [`follow`].
pub fn follow_with(
    captures: &mut Captures,
    protocols: Protocols,
    options: Options,
    aids: Aids,
    progress: &mut dyn FnMut(u64),
) -> Result<Heard, SourceError> {
    let mut reader = Reader {
        heard: Heard::default(),
        defragmenter: Defragmenter::new(Budget::of(options.memory).fragments),
    };
    let crew = Crew::new((0..SHARDS).map(|index| Lane {
        index,
        shard: Shard::new(index, protocols, options, &aids),
    }));
    let workers = options.threads.saturating_sub(1).min(SHARDS - 1);
    let read = thread::scope(|scope| {
        for worker in 1..=workers {
            let crew = &crew;
            scope.spawn(move || crew.work(worker * SHARDS / (workers + 1)));
        }
        let read = reader.read_all(captures, &crew, workers, progress);
        crew.close();
        read
    });
    read?;
    Ok(reader.finish(crew.finished()))
}

type Finished = (Notebook, Notebook, Totals);

/// A shard, and which packets of a batch are its own.
struct Lane {
    index: usize,
    shard: Shard,
}

impl crew::Lane for Lane {
    type Batch = Decoded;
    type Finished = Finished;

    fn hear(&mut self, decoded: &Decoded) {
        let Some(items) = decoded.items.get(self.index) else {
            return;
        };
        self.shard.seek(items.iter().map(|item| &item.key));
        for (turn, item) in items.iter().enumerate() {
            decoded.lend(item, |packet| self.shard.hear(turn, &item.key, packet));
        }
    }

    fn finish(self) -> Finished {
        self.shard.finish()
    }
}

impl Decoded {
    /// Lends the packet of an item.
    fn lend(&self, item: &Item, hear: impl FnOnce(&Arrived<'_>)) {
        let Some(frame) = self.batch.frames.get(item.frame as usize) else {
            return;
        };
        let whole = item
            .whole
            .and_then(|number| self.wholes.get(number.get() as usize - 1));
        let bytes = whole.map_or_else(|| self.batch.bytes_of(frame), |whole| &whole.bytes);
        let payload = item.payload.of(bytes);
        hear(&Arrived {
            moment: Moment {
                frame: frame.number,
                time: Time(frame.time),
            },
            from_low: item.from_low,
            tunnels: item.tunnels,
            transport: item.transport,
            payload,
            length: u64::from(item.payload.length).max(payload.len() as u64),
            on_wire: whole.map_or(u64::from(frame.on_wire), |whole| whole.on_wire),
            frames: whole.map_or(1, |whole| whole.frames),
            earlier: whole.map_or(&[], |whole| &whole.earlier),
            conflicts: whole.map(|whole| &whole.conflicts),
        });
    }
}

/// IP protocol and ports of a transport that makes conversations. A transport whose ports could not be
/// read belong to none: port 0 would throw strangers together.
fn transport_of(transport: &Transport) -> Option<(u8, (u16, u16))> {
    Some(match transport {
        Transport::None | Transport::Arp | Transport::Fragment(_) => return None,
        Transport::Tcp(tcp) => (protocol::TCP, (tcp.ports.source, tcp.ports.destination)),
        Transport::Udp(ports) => (protocol::UDP, (ports.source, ports.destination)),
        Transport::UdpLite(ports) => (protocol::UDP_LITE, (ports.source, ports.destination)),
        Transport::Sctp(ports) => (protocol::SCTP, (ports.source, ports.destination)),
        Transport::Icmp { v6, .. } => (
            if *v6 {
                protocol::ICMPV6
            } else {
                protocol::ICMP
            },
            (0, 0),
        ),
        Transport::Other(protocol::TCP | protocol::UDP | protocol::UDP_LITE | protocol::SCTP) => {
            return None;
        }
        Transport::Other(number) => (*number, (0, 0)),
    })
}

/// The reader's own state: fragments, and what belongs to no conversation.
struct Reader {
    heard: Heard,
    defragmenter: Defragmenter,
}

impl Reader {
    /// Reads to the end of the capture, and hears what nobody else is hearing.
    ///
    /// Where to hear a batch takes less time than to read it, as where all is sealed, the others are left
    /// asleep: to wake them would cost more than they save.
    fn read_all(
        &mut self,
        captures: &mut Captures,
        crew: &Crew<Lane>,
        workers: usize,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), SourceError> {
        let (mut alone, mut is_quick) = (true, true);
        loop {
            crew.make_room();
            let began = Instant::now();
            let Some(decoded) = self.read(captures, crew.used().unwrap_or_default())? else {
                return Ok(());
            };
            let read = Instant::now();
            alone = if alone {
                is_quick
            } else {
                crew.is_idle(workers)
            };
            crew.post(decoded, !alone);
            if alone {
                crew.hear_all();
                is_quick = workers == 0 || read.elapsed() < read - began;
            }
            progress(captures.position());
        }
    }

    /// The next batch with its headers read, in the memory of a used one.
    fn read(
        &mut self,
        captures: &mut Captures,
        mut decoded: Decoded,
    ) -> Result<Option<Decoded>, SourceError> {
        if !self.fill(captures, &mut decoded.batch)? {
            return Ok(None);
        }
        self.decode(&mut decoded);
        Ok(Some(decoded))
    }

    /// Fills a batch. Where an input fails after something was heard, what was heard is kept and the
    /// failure becomes a notice.
    fn fill(&mut self, captures: &mut Captures, batch: &mut Batch) -> Result<bool, SourceError> {
        match captures.fill(batch) {
            Err(error) if self.heard.packets > 0 => {
                self.heard
                    .notices
                    .push(format!("{error}; what follows was not heard"));
                Ok(false)
            }
            filled => filled,
        }
    }

    /// Reads the headers of a batch.
    fn decode(&mut self, decoded: &mut Decoded) {
        decoded.items.iter_mut().for_each(Vec::clear);
        decoded.wholes.clear();
        for index in 0..u32::try_from(decoded.batch.frames.len()).unwrap_or(u32::MAX) {
            let Some(&frame) = decoded.batch.frames.get(index as usize) else {
                return;
            };
            let bytes = decoded.batch.bytes_of(&frame);
            self.count(&frame);
            let packet = decode(frame.link, bytes, frame.on_wire);
            let payload = packet.payload.of(bytes);
            let Some(addresses) = packet.addresses else {
                self.leave(&packet, payload);
                continue;
            };
            if let Transport::Fragment(fragment) = packet.transport {
                let whole = self.defragmenter.take(&defragment::Arrived {
                    addresses,
                    tunnels: packet.tunnels,
                    fragment,
                    bytes: payload,
                    length: u64::from(packet.payload.length).max(payload.len() as u64),
                    on_wire: u64::from(frame.on_wire),
                    moment: Moment {
                        frame: frame.number,
                        time: Time(frame.time),
                    },
                });
                if let Some(whole) = whole {
                    self.join(decoded, index, whole, 0);
                }
                continue;
            }
            self.place(&mut decoded.items, &packet, addresses, index, None, payload);
        }
    }

    /// Reads on in a datagram that has become whole; inside a tunnel that may be another fragment.
    fn join(&mut self, decoded: &mut Decoded, index: u32, whole: Whole, depth: usize) {
        let packet = decode_datagram(whole.addresses, whole.tunnels, whole.protocol, &whole.bytes);
        let payload = packet.payload.of(&whole.bytes);
        let Some(addresses) = packet.addresses else {
            self.leave(&packet, payload);
            return;
        };
        let moment = decoded
            .batch
            .frames
            .get(index as usize)
            .map(|frame| Moment {
                frame: frame.number,
                time: Time(frame.time),
            });
        if let (Transport::Fragment(fragment), Some(moment)) = (packet.transport, moment) {
            let arrived = defragment::Arrived {
                addresses,
                tunnels: packet.tunnels,
                fragment,
                bytes: payload,
                length: u64::from(packet.payload.length).max(payload.len() as u64),
                on_wire: whole.on_wire,
                moment,
            };
            if let Some(inner) = self.defragmenter.take(&arrived)
                && depth < overheard_wire::MAX_LAYERS
            {
                self.join(decoded, index, inner, depth + 1);
            }
            return;
        }
        let number = u32::try_from(decoded.wholes.len() + 1)
            .ok()
            .and_then(NonZeroU32::new);
        self.place(
            &mut decoded.items,
            &packet,
            addresses,
            index,
            number,
            payload,
        );
        decoded.wholes.push(whole);
    }

    /// Puts a packet where its shard will find it; what belongs to no conversation is booked here.
    fn place(
        &mut self,
        items: &mut [Vec<Item>; SHARDS],
        packet: &Packet,
        addresses: Addresses,
        frame: u32,
        whole: Option<NonZeroU32>,
        payload: &[u8],
    ) {
        let Some((ip_protocol, ports)) = transport_of(&packet.transport) else {
            self.leave(packet, payload);
            return;
        };
        let (key, from_low) = Key::new(ip_protocol, addresses, ports);
        let shard = usize::try_from(key.spread() % SHARDS as u64).unwrap_or(0);
        if let Some(items) = items.get_mut(shard) {
            items.push(Item {
                key,
                from_low,
                tunnels: packet.tunnels,
                transport: packet.transport,
                payload: packet.payload,
                frame,
                whole,
            });
        }
    }

    fn count(&mut self, frame: &Frame) {
        let heard = &mut self.heard;
        heard.packets += 1;
        heard.bytes += u64::from(frame.on_wire.max(frame.captured));
        heard.captured_bytes += u64::from(frame.captured);
        heard.truncated_packets += u64::from(frame.captured < frame.on_wire);
        let (start, end) = heard.span.unwrap_or((frame.time, frame.time));
        heard.span = Some((start.min(frame.time), end.max(frame.time)));
    }

    /// Books the payload of a frame that belongs to no conversation.
    fn leave(&mut self, packet: &Packet, payload: &[u8]) {
        let captured = payload.len() as u64;
        let length = u64::from(packet.payload.length).max(captured);
        if packet.addresses.is_none() && packet.transport == Transport::None {
            self.heard.undecoded_packets += 1;
        }
        let malformed = packet
            .trouble
            .is_some_and(|trouble| trouble.kind == TroubleKind::Malformed);
        let account = match packet.transport {
            _ if malformed => Account::Malformed,
            Transport::Arp => Account::Read,
            _ => Account::Unrecognised,
        };
        self.heard.loose.add(account, captured);
        self.heard.loose.add(Account::Missing, length - captured);
        self.heard.offered += length;
    }

    fn finish(mut self, finished: impl Iterator<Item = Finished>) -> Heard {
        self.defragmenter.finish();
        let books = &self.defragmenter.books;
        let mut heard = self.heard;
        heard.loose += books.accounts;
        heard.offered += books.arrived + books.holes;
        if books.conflicts.bytes > 0 {
            heard.notices.push(format!(
                "{} bytes of fragments that never became whole datagrams came twice with different contents",
                books.conflicts.bytes
            ));
        }
        let mut totals = Totals::default();
        let finished: Vec<Finished> = finished.collect();
        let records = finished.iter().map(|(book, _, _)| book.records.len());
        heard.records.reserve_exact(records.sum());
        let hints = finished.iter().map(|(book, _, _)| book.hints.len());
        heard.hints.reserve_exact(hints.sum());
        for (book, opened, of_shard) in finished {
            heard.records.extend(book.records);
            heard.hints.extend(book.hints);
            heard.opened.records.extend(opened.records);
            heard.opened.hints.extend(opened.hints);
            heard.opened.counts.join(&of_shard.opened);
            totals.offered += of_shard.offered;
            totals.evicted += of_shard.evicted;
            totals.set_aside += of_shard.set_aside;
            totals.dropped += of_shard.dropped;
        }
        heard.offered += totals.offered;
        heard.loose += totals.dropped.accounts;
        if totals.evicted > 0 {
            heard.notices.push(format!(
                "{} conversations were taken for finished early, those silent longest first, because following more at once needs more memory than --memory allows",
                totals.evicted
            ));
        }
        if totals.dropped.conversations > 0 {
            heard.notices.push(format!(
                "{} conversations are counted and not listed, those in which nothing was said first, because listing more needs more memory than --memory allows",
                totals.dropped.conversations
            ));
        }
        if totals.dropped.notes > 0 {
            heard.notices.push(format!(
                "{} names and other notes were set aside, the least telling first, because keeping more needs more memory than --memory allows",
                totals.dropped.notes
            ));
        }
        if totals.set_aside > 0 {
            heard.notices.push(format!(
                "{} notes were set aside, because one conversation may give {MAX_RECORDS}",
                totals.set_aside
            ));
        }
        heard
    }
}
