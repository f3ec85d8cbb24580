//! What a person says of a call: how it ended, how good the line was, and whether the tap hears the words.

use overheard_ledger::{CallState, Exposure};

use super::{Side, Stream, Talk};
use crate::words;

/// The most codecs, protections or digits that a line names.
const MAX_NAMED: usize = 3;

/// What a tap has of the words of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// All that was said.
    Heard,
    /// One side of it, because the other was sealed or did not pass.
    OneSide,
    /// It is encrypted.
    Sealed,
    /// Sound passed, and nothing says whether it is sealed.
    Unknown,
    /// No sound was captured.
    Nothing,
}

impl Hearing {
    /// The word of the formats for programs.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Hearing::Heard => "heard",
            Hearing::OneSide => "one-side",
            Hearing::Sealed => "sealed",
            Hearing::Unknown => "unknown",
            Hearing::Nothing => "nothing",
        }
    }
}

/// A length of time as a clock shows it: `<0:01`, `0:25`, `3:12`, `1:02:05`.
pub(crate) fn minutes(seconds: f64) -> String {
    if seconds > 0.0 && seconds < 0.5 {
        return "<0:01".to_owned();
    }
    let whole = seconds.round().max(0.0) as u64;
    let (minutes, seconds) = (whole / 60, whole % 60);
    match minutes {
        0..60 => format!("{minutes}:{seconds:02}"),
        _ => format!("{}:{:02}:{seconds:02}", minutes / 60, minutes % 60),
    }
}

/// A length of time to the second, in words: `45 s`, `1 min 20 s`, `2 h 5 min`.
pub(crate) fn exact(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => words::two(whole / 60, "min", whole % 60, "s"),
        _ => words::two(whole / 3600, "h", whole % 3600 / 60, "min"),
    }
}

/// How much was said, where it was decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Speech {
    /// Seconds, of all who speak together; `None` where nothing was decoded.
    pub(crate) seconds: Option<f64>,
    /// Whether something that can be listened to was not decoded, so that it is more perhaps.
    pub(crate) partial: bool,
}

impl Speech {
    /// Adds what a call says.
    pub(crate) fn add(&mut self, talk: &Talk<'_>) {
        for stream in talk.told().iter().filter(|stream| stream.is_audible()) {
            match stream.media.speech_seconds {
                Some(seconds) => self.seconds = Some(self.seconds.unwrap_or(0.0) + seconds),
                None => self.partial = true,
            }
        }
    }

    /// `1 min 20 s of speech`, its length as `shown` writes it; `None` where nothing can be said.
    pub(crate) fn said(self, shown: fn(f64) -> String) -> Option<String> {
        let least = if self.partial { "at least " } else { "" };
        match self.seconds {
            Some(seconds) if seconds >= 0.5 => Some(format!("{least}{} of speech", shown(seconds))),
            Some(_) if !self.partial => Some("no speech".to_owned()),
            _ => None,
        }
    }
}

/// A loss in per cent, never rounded to none: `0 %`, `under 0.1 %`, `0.4 %`, `12 %`.
fn percent(loss: f64) -> String {
    match loss {
        _ if loss <= 0.0 => "0 %".to_owned(),
        _ if loss < 0.1 => "under 0.1 %".to_owned(),
        _ if loss < 9.95 => format!("{loss:.1} %"),
        _ => format!("{loss:.0} %"),
    }
}

/// How good the line of some streams was: `loss 0.4 %, jitter 3.1 ms`.
pub(crate) fn quality(streams: &[Stream<'_>]) -> Option<String> {
    let loss = Talk::loss(streams).map(|loss| format!("loss {}", percent(loss)));
    let mut said = Vec::from_iter(loss);
    if let Some(jitter) = Talk::jitter(streams) {
        said.push(format!("jitter {jitter:.1}\u{a0}ms"));
    }
    let again: u64 = streams.iter().map(|one| one.media.duplicates).sum();
    let late: u64 = streams.iter().map(|one| one.media.reordered).sum();
    if again > 0 {
        said.push(format!("{} doubled", words::grouped(again)));
    }
    if late > 0 {
        said.push(format!("{} out of order", words::grouped(late)));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// The codecs of some streams. Not escaped.
pub(crate) fn codecs(streams: &[Stream<'_>]) -> Option<String> {
    named(streams.iter().map(|stream| match &stream.media.codec {
        Some(codec) => codec.clone(),
        None => format!("payload type {}", stream.media.payload_type),
    }))
}

/// Things, each once, the first few of them.
fn named(things: impl Iterator<Item = String>) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for thing in things {
        if !names.contains(&thing) {
            names.push(thing);
        }
    }
    let more = names.len() > MAX_NAMED;
    names.truncate(MAX_NAMED);
    if more {
        names.push("…".to_owned());
    }
    (!names.is_empty()).then(|| names.join(", "))
}

/// How media is protected, as the field calls it. Not escaped.
pub(crate) fn protection(protection: &str) -> String {
    match protection {
        "none" => "not sealed".to_owned(),
        "sdes-in-clear" => "sealed in name, its key went by in clear".to_owned(),
        "" => "not known whether it is sealed".to_owned(),
        "sdes" => "sealed: SRTP, its key went by sealed (SDES)".to_owned(),
        other => format!("sealed: {}", other.to_uppercase()),
    }
}

/// What becomes of a sealed recording.
pub(crate) fn later(exposure: Exposure) -> Option<&'static str> {
    match exposure {
        Exposure::Harvest => Some("store now, decrypt later"),
        Exposure::Sealed => Some("stays closed"),
        Exposure::StolenKey => Some("opens with the server's key"),
        Exposure::Weak => Some("opens today"),
        Exposure::Open | Exposure::Unknown => None,
    }
}

impl Talk<'_> {
    /// Who called, or whose sound was there first. Not escaped.
    pub(crate) fn caller(&self) -> String {
        self.party(Side::Caller)
    }

    /// Who was called, or the other end. Not escaped.
    pub(crate) fn callee(&self) -> String {
        self.party(Side::Callee)
    }

    fn party(&self, side: Side) -> String {
        let known = match side {
            Side::Caller => self.known(|leg| leg.from.as_deref()),
            Side::Callee => self.known(|leg| leg.to.as_deref()),
        };
        let sound = || {
            let first = self.streams.first().filter(|_| self.legs.is_empty())?;
            let (source, destination) = (first.media.source, first.media.destination);
            Some(words::endpoint(match side == first.side {
                true => source,
                false => destination,
            }))
        };
        match known {
            // The scheme says nothing that the address does not.
            Some(uri) => ["sip:", "sips:", "tel:"]
                .iter()
                .find_map(|scheme| uri.strip_prefix(scheme))
                .unwrap_or(uri)
                .to_owned(),
            None => sound().unwrap_or_else(|| "unknown".to_owned()),
        }
    }

    /// How it came to its end: `hung up`, `486 Busy Here`. Not escaped.
    pub(crate) fn ending(&self) -> String {
        let Some(call) = self.call() else {
            return match self.call_id() {
                Some(_) => "its signalling is not in the ledger".to_owned(),
                None => "sound without signalling".to_owned(),
            };
        };
        let plain = match call.state {
            CallState::Attempted => "no answer seen",
            CallState::Ringing if call.ringing.is_some() => "no answer seen",
            CallState::Ringing => "rang, no answer seen",
            CallState::Cancelled => "given up by the caller",
            CallState::Failed => "refused or failed",
            CallState::Answered => "no end seen",
            CallState::Ended => "hung up",
        };
        match (self.known(|leg| leg.reason.as_deref()), call.state) {
            (Some(reason), CallState::Failed) => reason.to_owned(),
            (Some(reason), _) => format!("{plain} ({reason})"),
            (None, _) => plain.to_owned(),
        }
    }

    /// What else befell it: diverted, transferred, held, told under another name. Not escaped.
    pub(crate) fn turns(&self) -> Vec<String> {
        let mut turns = Vec::new();
        if let Some(asserted) = self.known(|leg| leg.asserted.as_deref()) {
            turns.push(format!("the network calls the caller {asserted}"));
        }
        if let Some(first) = self.known(|leg| leg.diverted_from.as_deref()) {
            turns.push(format!("diverted from {first}"));
        }
        if let Some(next) = self.known(|leg| leg.transferred_to.as_deref()) {
            turns.push(format!("transferred to {next}"));
        }
        let holds = self.legs.iter().map(|leg| leg.holds).max().unwrap_or(0);
        match holds {
            0 => {}
            1 => turns.push("held once".to_owned()),
            _ => turns.push(format!("held {holds} times")),
        }
        match self.legs.len() {
            0 | 1 => {}
            legs => turns.push(format!("seen on {legs} legs")),
        }
        turns
    }

    /// Digits that were pressed, as the records show them: masked unless revealed. Not escaped.
    pub(crate) fn digits(&self) -> Option<String> {
        let signalled = self.legs.iter().filter_map(|leg| leg.digits.as_ref());
        let played = self
            .streams
            .iter()
            .filter_map(|one| one.media.digits.as_ref());
        named(
            signalled
                .chain(played)
                .map(|digits| digits.as_str().to_owned()),
        )
    }

    /// What a tap has of the words, of streams as [`Talk::told`] gives them.
    pub(crate) fn hearing(&self, told: &[Stream<'_>]) -> Hearing {
        let audible = |side| {
            told.iter()
                .any(|stream| stream.side == side && stream.is_audible())
        };
        match (audible(Side::Caller), audible(Side::Callee)) {
            (true, true) => Hearing::Heard,
            (true, false) | (false, true) => Hearing::OneSide,
            _ if told.is_empty() => Hearing::Nothing,
            _ if told.iter().any(|one| !one.media.protection.is_empty()) => Hearing::Sealed,
            _ => Hearing::Unknown,
        }
    }

    /// Whether the tap hears the words: `heard: 3:12, 2:05 of speech`. Not escaped.
    pub(crate) fn heard(&self) -> String {
        let told = self.told();
        let hearing = self.hearing(&told);
        match hearing {
            Hearing::Nothing => match self.known(|leg| leg.answer) {
                Some(_) => "not heard: its sound is not in the capture".to_owned(),
                None => "nothing was said".to_owned(),
            },
            Hearing::Unknown => "not known whether its sound is sealed".to_owned(),
            Hearing::Sealed => {
                let of = |stream: &Stream<'_>| {
                    let protection = &*stream.media.protection;
                    let said = self::protection(protection);
                    Some(match (protection, later(stream.class())) {
                        ("", _) => return None,
                        (_, Some(later)) => format!("{said}, {later}"),
                        (_, None) => said,
                    })
                };
                named(told.iter().filter_map(of)).unwrap_or_default()
            }
            Hearing::Heard | Hearing::OneSide => {
                let audible: Vec<Stream<'_>> =
                    told.into_iter().filter(Stream::is_audible).collect();
                let key = audible
                    .iter()
                    .any(|one| one.media.protection == "sdes-in-clear");
                let mut said = String::new();
                if key {
                    said.push_str("sealed in name, key went by in clear: ");
                }
                said.push_str("heard");
                if let (Hearing::OneSide, Some(one)) = (hearing, audible.first()) {
                    said.push_str(&format!(", {} only", one.side.name()));
                }
                if let Some((start, end)) = Talk::span_of(&audible) {
                    said.push_str(&format!(": {}", minutes(end.seconds_since(start))));
                }
                if let Some(speech) = self.speech().said(minutes) {
                    said.push_str(&format!(", {speech}"));
                }
                said
            }
        }
    }
}
