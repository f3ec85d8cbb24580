//! Keeps the packets of media that analyzers hand over, in memory.

use std::sync::{Arc, Mutex};

use overheard_follow::{Aids, Options};
use overheard_ledger::{Reveal, Time};
use overheard_tap::{Protocol, Recorder, SoundStream};

use crate::{HeardScene, follow_aided, sorted};

/// A packet of media, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeptPacket {
    /// The stream.
    pub stream: SoundStream,
    /// When it arrived.
    pub time: Time,
    /// Header and all.
    pub packet: Vec<u8>,
}

#[derive(Debug, Default)]
struct Keeper(Mutex<Vec<KeptPacket>>);

impl Recorder for Keeper {
    fn record(&self, _shard: usize, stream: SoundStream, time: Time, packet: &[u8]) {
        let packet = packet.to_vec();
        let mut kept = self.0.lock().expect("nobody panics while recording");
        kept.push(KeptPacket {
            stream,
            time,
            packet,
        });
    }
}

/// Lets `protocols` hear a capture, and gives the packets of media that they handed to the recorder, by stream and
/// in the order of arrival.
pub fn hear_kept(protocols: &[&'static Protocol], pcap: &[u8]) -> (HeardScene, Vec<KeptPacket>) {
    let protocols: &'static [&'static Protocol] = Box::leak(protocols.to_vec().into_boxed_slice());
    let options = Options {
        reveal: Reveal::Yes,
        ..Options::default()
    };
    let keeper = Arc::new(Keeper::default());
    let aids = Aids {
        recorder: Some(keeper.clone()),
        ..Aids::default()
    };
    let heard = follow_aided(protocols, pcap, options, aids);
    let mut kept = std::mem::take(&mut *keeper.0.lock().expect("nobody panics while recording"));
    kept.sort_by_key(|kept| (kept.stream, kept.time));
    let scene = HeardScene {
        records: sorted(heard.records),
        hints: heard.hints,
    };
    (scene, kept)
}
