//! What a payload type means: what signalling announced, else the static assignments of RFC 3551 section 6.

use overheard_ledger::{Announced, Encoding as Said, Media};

/// A codec, as far as it matters to decode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Pcmu,
    Pcma,
    G722,
    G726 {
        bits: u8,
        packing: Packing,
    },
    Gsm,
    Dvi4,
    L8,
    L16,
    Opus,
    /// Comfort noise (RFC 3389): silence.
    ComfortNoise,
    /// Telephone events (RFC 4733).
    Events,
    /// One that is not decoded.
    Other,
}

/// In which order the codes of G.726 lie in a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// The first code in the low bits (RFC 3551 section 4.5.4).
    Low,
    /// The first code in the high bits, as in ATM (ITU-T I.366.2 annex E): `AAL2-G726-32`.
    High,
}

/// What a payload type means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) codec: Codec,
    /// Ticks of the time stamps a second.
    pub(crate) clock: u32,
    pub(crate) channels: u8,
}

/// The most ticks a second that are believed: those of video.
const MAX_CLOCK: u32 = 192_000;

impl Encoding {
    fn new(codec: Codec, clock: u32, channels: u8) -> Encoding {
        Encoding {
            codec,
            clock,
            channels,
        }
    }

    /// Whether it can be heard.
    pub(crate) fn is_sound(self) -> bool {
        !matches!(
            self.codec,
            Codec::ComfortNoise | Codec::Events | Codec::Other
        )
    }

    /// What a name means that signalling gave; a clock or channels that it did not give are the usual ones.
    pub(crate) fn named(name: &str, clock: u32, channels: u8) -> Encoding {
        let upper = name.to_ascii_uppercase();
        let (codec, usual) = match upper.as_str() {
            "PCMU" => (Codec::Pcmu, 8000),
            "PCMA" => (Codec::Pcma, 8000),
            "G722" => (Codec::G722, 8000),
            "GSM" => (Codec::Gsm, 8000),
            "DVI4" => (Codec::Dvi4, 8000),
            "L8" => (Codec::L8, 8000),
            "L16" => (Codec::L16, 44_100),
            "OPUS" => (Codec::Opus, 48_000),
            "CN" => (Codec::ComfortNoise, 8000),
            "TELEPHONE-EVENT" => (Codec::Events, 8000),
            "G721" => (g726(4, Packing::Low), 8000),
            _ => (g726_named(&upper).unwrap_or(Codec::Other), 8000),
        };
        let clock = match (codec, clock) {
            // Whatever is announced, these have this clock (RFC 3551 section 4.5.2, RFC 7587 section 4.1).
            (Codec::G722 | Codec::Opus, _) | (_, 0) => usual,
            (_, clock) => clock.min(MAX_CLOCK),
        };
        // What Opus announces says nothing of the packets (RFC 7587 section 7).
        let channels = match codec {
            Codec::Opus => 1,
            _ => channels.max(1),
        };
        Encoding::new(codec, clock, channels)
    }

    /// The static assignment of a payload type (RFC 3551 tables 4 and 5).
    fn fixed(payload_type: u8) -> Encoding {
        let (codec, clock, channels) = match payload_type {
            0 => (Codec::Pcmu, 8000, 1),
            2 => (g726(4, Packing::Low), 8000, 1),
            3 => (Codec::Gsm, 8000, 1),
            5 => (Codec::Dvi4, 8000, 1),
            6 => (Codec::Dvi4, 16_000, 1),
            8 => (Codec::Pcma, 8000, 1),
            9 => (Codec::G722, 8000, 1),
            10 => (Codec::L16, 44_100, 2),
            11 => (Codec::L16, 44_100, 1),
            // 19 was reserved for it before it had a number of its own.
            13 | 19 => (Codec::ComfortNoise, 8000, 1),
            16 => (Codec::Dvi4, 11_025, 1),
            17 => (Codec::Dvi4, 22_050, 1),
            25..=34 => (Codec::Other, 90_000, 1),
            _ => (Codec::Other, 8000, 1),
        };
        Encoding::new(codec, clock, channels)
    }
}

fn g726(bits: u8, packing: Packing) -> Codec {
    Codec::G726 { bits, packing }
}

fn g726_named(name: &str) -> Option<Codec> {
    let (rate, packing) = match name.strip_prefix("AAL2-") {
        Some(rate) => (rate, Packing::High),
        None => (name, Packing::Low),
    };
    match rate.strip_prefix("G726-")? {
        "16" => Some(g726(2, packing)),
        "24" => Some(g726(3, packing)),
        "32" => Some(g726(4, packing)),
        "40" => Some(g726(5, packing)),
        _ => None,
    }
}

/// What the payload types of a stream mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encodings {
    announced: Vec<(u8, Encoding)>,
    /// The type that most packets have, and of what it was said to be where its clock was not.
    main: Option<(u8, Encoding)>,
    main_type: u8,
}

impl Encodings {
    pub(crate) fn of(media: &Media) -> Encodings {
        let said: &[Said] = match &media.announced {
            Some(announced) => {
                let Announced { encodings, .. } = &**announced;
                encodings
            }
            None => &[],
        };
        let announced = said
            .iter()
            .map(|said| {
                let named = Encoding::named(&said.name, said.clock, said.channels);
                (said.payload_type, named)
            })
            .collect();
        let main = media
            .codec
            .as_deref()
            .filter(|_| media.payload_type >= 96)
            .map(|name| (media.payload_type, Encoding::named(name, 0, 1)));
        Encodings {
            announced,
            main,
            main_type: media.payload_type,
        }
    }

    /// What a payload type means. `payload` helps where nobody said it: a type of its own for packets that are events by
    /// their form is taken for that.
    pub(crate) fn meaning(&self, payload_type: u8, payload: &[u8]) -> Encoding {
        let said = self.announced.iter().chain(&self.main);
        if let Some((_, encoding)) = said.clone().find(|(number, _)| *number == payload_type) {
            return *encoding;
        }
        let clock = self.main_clock();
        if payload_type >= 96 && payload_type != self.main_type && is_event(payload) {
            return Encoding::new(Codec::Events, clock, 1);
        }
        match Encoding::fixed(payload_type) {
            Encoding {
                codec: Codec::Other,
                ..
            } if payload_type >= 96 => Encoding::new(Codec::Other, clock, 1),
            encoding => encoding,
        }
    }

    /// The clock of the type that most packets have.
    fn main_clock(&self) -> u32 {
        let said = self.announced.iter().chain(&self.main);
        said.clone()
            .find(|(number, _)| *number == self.main_type)
            .map_or(Encoding::fixed(self.main_type).clock, |(_, encoding)| {
                encoding.clock
            })
    }

    /// The type that most packets have, and what it means.
    pub(crate) fn main(&self) -> (u8, Encoding) {
        (self.main_type, self.meaning(self.main_type, &[]))
    }

    /// Whether nobody said what the type that most packets have is.
    pub(crate) fn is_unknown(&self) -> bool {
        let said = self.announced.iter().chain(&self.main);
        self.main_type >= 96 && !said.clone().any(|(number, _)| *number == self.main_type)
    }

    /// Says what a payload type means, whatever was announced.
    pub(crate) fn correct(&mut self, payload_type: u8, encoding: Encoding) {
        self.announced.retain(|(number, _)| *number != payload_type);
        self.announced.push((payload_type, encoding));
    }

    /// Whether some of it may be heard or be events.
    pub(crate) fn worth_playing(&self) -> bool {
        let main = self.meaning(self.main_type, &[]);
        let plays = |encoding: &Encoding| encoding.is_sound() || encoding.codec == Codec::Events;
        plays(&main) || self.announced.iter().any(|(_, encoding)| plays(encoding))
    }
}

/// Whether a payload has the form of a telephone event: one of the keys of a telephone, the reserved bit clear, a
/// duration of less than 8 seconds at 8 kHz (RFC 4733 section 2.3).
fn is_event(payload: &[u8]) -> bool {
    matches!(payload, [0..=15, flags, _, _] if flags & 0x40 == 0)
}

#[cfg(test)]
mod tests;
