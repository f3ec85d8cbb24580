//! Hears all streams that were recorded, and writes into the records what was said in them.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use foldhash::{HashMap, HashMapExt, HashSet};
use overheard_ledger::{Body, Exposure, Masked, Media, Record, Reveal, Time};
use overheard_tap::SoundStream;

use crate::audition::Audition;
use crate::dtmf::pressed;
use crate::encoding::{Codec, Encoding, Encodings};
use crate::listening::Listening;
use crate::player::{Player, Score};
use crate::spool::Spool;

/// Seconds of all streams up to which each is listened to from moment to moment; beyond, voices are looked for in a part of the time: it takes most of the work.
const THOROUGH: f64 = 7200.0;

/// What was heard of a stream.
pub(crate) struct Heard {
    /// Its record.
    pub(crate) record: usize,
    pub(crate) score: Score,
    /// From when to when there was sound, and the best of its rates.
    pub(crate) sound: Option<(Time, Time, u32)>,
    speech_seconds: f64,
    loudness: Vec<u8>,
    digits: String,
    opened: u64,
    unopened: u64,
    /// Whether it is in clear although nobody said so, and the codec's name where that was found, too.
    found_clear: bool,
    found_codec: Option<&'static str>,
    /// Whether the recorded packets could not be read.
    pub(crate) failed: bool,
}

/// Hears all streams of the records, at most `threads` at once, in the order of their records.
pub(crate) fn hear_all(spool: &Spool, records: &[Record], threads: usize) -> Vec<Heard> {
    let scores = scores(spool, records);
    let all: f64 = scores.iter().map(|(_, seconds, _)| seconds).sum();
    let thorough = all <= THOROUGH;
    let next = AtomicUsize::new(0);
    let heard = Mutex::new(Vec::new());
    let work = || {
        while let Some((record, seconds, score)) = scores.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let one = hear(spool, *record, *seconds, score, thorough);
            heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(one);
        }
    };
    if threads <= 1 || scores.len() <= 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads.min(scores.len()) {
                scope.spawn(work);
            }
        });
    }
    let mut heard = heard.into_inner().unwrap_or_else(PoisonError::into_inner);
    heard.sort_by_key(|one| one.record);
    heard
}

/// The streams that may be heard, with the places and the seconds of their records.
fn scores(spool: &Spool, records: &[Record]) -> Vec<(usize, f64, Score)> {
    let recorded: HashSet<SoundStream> = spool.streams().into_iter().collect();
    if recorded.is_empty() {
        return Vec::new();
    }
    let mut scores: Vec<(usize, f64, Score)> = Vec::new();
    let mut by_stream: HashMap<SoundStream, usize> = HashMap::new();
    for (place, record) in records.iter().enumerate() {
        let (Some(conversation), Body::Media(media)) = (record.conversation, &record.body) else {
            continue;
        };
        let Some(stream) =
            stream_of(conversation, media).filter(|stream| recorded.contains(stream))
        else {
            continue;
        };
        let keys = match &media.announced {
            Some(announced) => announced.keys.clone(),
            None => Vec::new(),
        };
        let sealed = match media.protection.as_str() {
            "dtls-srtp" | "zrtp" => continue,
            "sdes" | "sdes-in-clear" if keys.is_empty() => continue,
            "none" => false,
            _ => !keys.is_empty(),
        };
        let doubtful = media.protection.is_empty() && keys.is_empty();
        let encodings = Encodings::of(media);
        let unknown = doubtful && encodings.is_unknown();
        if !unknown && !encodings.worth_playing() {
            continue;
        }
        let score = Score {
            stream,
            encodings,
            keys,
            sealed,
            doubtful,
        };
        // A stream that was written down twice is heard once, with the longer record.
        match by_stream.get(&stream).and_then(|at| scores.get_mut(*at)) {
            Some(known) if known.1 < media.seconds => *known = (place, media.seconds, score),
            Some(_) => {}
            None => {
                by_stream.insert(stream, scores.len());
                scores.push((place, media.seconds, score));
            }
        }
    }
    scores
}

/// The recorded stream that a record is about.
pub(crate) fn stream_of(conversation: u64, media: &Media) -> Option<SoundStream> {
    let ssrc = u32::from_str_radix(media.ssrc.strip_prefix("0x")?, 16).ok()?;
    Some(SoundStream {
        conversation,
        source: media.source,
        ssrc,
    })
}

fn hear(spool: &Spool, record: usize, seconds: f64, score: &Score, thorough: bool) -> Heard {
    let mut score = score.clone();
    let found = match settle(spool, &mut score) {
        Ok(found) => found,
        Err(_) => return Heard::nothing(record, score, true),
    };
    if score.doubtful && found.is_none() {
        return Heard::nothing(record, score, false);
    }
    let mut player = Player::new(spool, &score);
    let mut listening = Listening::new(seconds, thorough);
    let failed = loop {
        match player.next() {
            Ok(Some(piece)) => listening.hear(&piece),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    let (opened, unopened) = player.opened();
    let sound = listening.start.zip(player.end());
    let digits = pressed(&player.events.digits, &listening.tones.digits);
    Heard {
        record,
        sound: sound.map(|(start, end)| (start, end, listening.best_rate)),
        speech_seconds: listening.speech_seconds(),
        loudness: listening.loudness(),
        digits,
        opened,
        unopened,
        found_clear: score.doubtful,
        found_codec: found.flatten(),
        failed,
        score,
    }
}

/// Settles by listening what signalling does not tell, or tells wrongly: the codec of an unknown type, and the order of the codes of
/// G.726. `None` where nothing shows that the stream is in clear; else the name of a codec that was found.
fn settle(spool: &Spool, score: &mut Score) -> io::Result<Option<Option<&'static str>>> {
    let (payload_type, encoding) = score.encodings.main();
    let is_g726 = matches!(encoding.codec, Codec::G726 { .. });
    if !score.doubtful && (score.sealed || !is_g726) {
        return Ok(None);
    }
    let audition = Audition::of(spool, score.stream)?;
    if score.doubtful && score.encodings.is_unknown() {
        if !audition.is_opus(payload_type) {
            return Ok(None);
        }
        score
            .encodings
            .correct(payload_type, Encoding::named("opus", 0, 1));
        return Ok(Some(Some("opus")));
    }
    let packed = audition.packed(payload_type, encoding);
    if packed != encoding {
        score.encodings.correct(payload_type, packed);
    }
    let is_clear = !score.doubtful || audition.is_smooth(payload_type, packed);
    Ok(is_clear.then_some(None))
}

impl Heard {
    /// A stream of which nothing can be heard.
    fn nothing(record: usize, score: Score, failed: bool) -> Heard {
        Heard {
            record,
            score,
            sound: None,
            speech_seconds: 0.0,
            loudness: Vec::new(),
            digits: String::new(),
            opened: 0,
            unopened: 0,
            found_clear: false,
            found_codec: None,
            failed,
        }
    }
}

/// Writes what was heard into the records.
pub(crate) fn write_down(heard: &[Heard], records: &mut [Record], reveal: Reveal) {
    let mut dialled: HashMap<String, &str> = HashMap::new();
    let mut sealed: HashSet<u64> = HashSet::default();
    let mut opened: HashSet<u64> = HashSet::default();
    for one in heard {
        let Some(Body::Media(media)) = records.get_mut(one.record).map(|record| &mut record.body)
        else {
            continue;
        };
        if one.sound.is_some() {
            media.speech_seconds = Some(one.speech_seconds);
            media.loudness.clone_from(&one.loudness);
        }
        if !one.digits.is_empty() {
            media.digits = Some(Masked::new(&one.digits, reveal));
            if let Some(call) = &media.call_id {
                let most = dialled.entry(call.clone()).or_default();
                if most.len() < one.digits.len() {
                    *most = &one.digits;
                }
            }
        }
        if one.found_clear && one.sound.is_some() {
            "none".clone_into(&mut media.protection);
            if let Some(codec) = one.found_codec {
                media.codec = Some(codec.to_owned());
            }
            opened.insert(one.score.stream.conversation);
        }
        if one.opened > 0 && media.protection != "sdes-in-clear" {
            "sdes-in-clear".clone_into(&mut media.protection);
            opened.insert(one.score.stream.conversation);
        } else if one.opened == 0 && one.unopened > 0 && media.protection == "sdes-in-clear" {
            "sdes".clone_into(&mut media.protection);
            sealed.insert(one.score.stream.conversation);
        }
    }
    expose(records, &opened, &sealed);
    for record in records {
        if let Body::Call(call) = &mut record.body
            && call.digits.is_none()
            && let Some(digits) = dialled.get(&call.call_id)
        {
            call.digits = Some(Masked::new(digits, reveal));
        }
    }
}

/// Corrects the exposure of conversations whose tags proved another protection.
fn expose(records: &mut [Record], opened: &HashSet<u64>, sealed: &HashSet<u64>) {
    if opened.is_empty() && sealed.is_empty() {
        return;
    }
    let mut open: HashSet<u64> = opened.clone();
    for record in records.iter() {
        if let (Some(id), Body::Media(media)) = (record.conversation, &record.body)
            && matches!(media.protection.as_str(), "none" | "sdes-in-clear")
        {
            open.insert(id);
        }
    }
    for record in records {
        if let Body::Conversation(conversation) = &mut record.body {
            let id = conversation.id;
            if opened.contains(&id) {
                conversation.exposure = Exposure::Open;
            } else if sealed.contains(&id) && !open.contains(&id) {
                conversation.exposure = Exposure::Unknown;
            }
        }
    }
}
