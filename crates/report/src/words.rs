//! Numbers, times and the headline in words that a person reads.

use overheard_judge::{Server, Side};
use overheard_ledger::{Account, Conversation, Endpoint, Time};

use crate::Report;
use crate::calls::words::exact;

/// Bytes in decimal units: `812 bytes`, `1.2 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    match bytes {
        1 => "1 byte".to_owned(),
        0..1000 => format!("{bytes} bytes"),
        _ => {
            let mut amount = bytes as f64 / 1000.0;
            let mut unit = "kB";
            for larger in UNITS.into_iter().skip(1) {
                // What would be rounded to 1000 is one of the next unit.
                if amount < 999.5 {
                    break;
                }
                amount /= 1000.0;
                unit = larger;
            }
            if amount < 9.95 {
                format!("{amount:.1} {unit}")
            } else {
                format!("{amount:.0} {unit}")
            }
        }
    }
}

/// A length of time in seconds, short: `0.2 s`, `25 s`, `3 min`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn span(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        _ if seconds <= 0.0 => "0 s".to_owned(),
        _ if seconds < 0.05 => "under 0.1 s".to_owned(),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..120 => format!("{whole} s"),
        120..7200 => format!("{} min", (whole + 30) / 60),
        7200..172_800 => two(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

pub(crate) fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

/// A length of time in seconds, spelled out: `14 minutes`.
fn spelled(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0 => "less than a second".to_owned(),
        1..120 => count(whole, "second", "seconds"),
        120..7200 => count((whole + 30) / 60, "minute", "minutes"),
        7200..172_800 => count((whole + 1800) / 3600, "hour", "hours"),
        _ => count((whole + 43_200) / 86_400, "day", "days"),
    }
}

/// A share in per cent, never rounded to none or to all of it: `61 %`, `under 1 %`, `over 99 %`.
pub(crate) fn share(part: u64, whole: u64) -> String {
    let percent = match whole {
        0 => 0.0,
        _ => part as f64 * 100.0 / whole as f64,
    };
    match part {
        0 => "0 %".to_owned(),
        _ if part >= whole => "100 %".to_owned(),
        _ if percent < 1.0 => "under 1 %".to_owned(),
        _ if percent > 99.0 => "over 99 %".to_owned(),
        _ => format!("{percent:.0} %"),
    }
}

/// A number of things: `1 call`, `2 calls`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// A number with its thousands apart: `12 345`, the space one that does not break.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut spaced = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            spaced.push('\u{a0}');
        }
        spaced.push(digit);
    }
    spaced
}

/// A moment to the second: `2026-01-01 09:00:00 UTC`.
pub(crate) fn moment(time: Time) -> String {
    let text = time.to_string();
    let seconds = text.split('.').next().unwrap_or(&text);
    format!("{} UTC", seconds.replace('T', " "))
}

/// The time of day to the second, in UTC: `09:00:00`.
pub(crate) fn clock(time: Time) -> String {
    let text = time.to_string();
    let day = text.split('T').nth(1).unwrap_or(&text);
    day.split('.').next().unwrap_or(day).to_owned()
}

/// The time of day to the millisecond, in UTC: `09:00:00.123`.
pub(crate) fn precise(time: Time) -> String {
    let text = time.to_string();
    let day = text.split('T').nth(1).unwrap_or(&text);
    day.chars().take(12).collect()
}

/// Frame numbers, at most `most` of them: `frame 12`, `frames 12, 15, …`.
pub(crate) fn frames(frames: &[u64], most: usize) -> String {
    let mut numbers: Vec<String> = frames.iter().take(most).map(u64::to_string).collect();
    if frames.len() > most {
        numbers.push("…".to_owned());
    }
    let word = if frames.len() == 1 { "frame" } else { "frames" };
    format!("{word} {}", numbers.join(", "))
}

/// What a byte's account means, for whom the ledger's word is too short.
pub(crate) fn account(name: &str) -> &'static str {
    match name {
        "read" => "understood, and readable to a tap",
        "sealed" => "encrypted",
        "unrecognised" => "of no protocol that overheard knows",
        "malformed" => "of a known protocol, but against its rules",
        "missing" => "lost on the way, or never captured",
        "duplicate" => "sent again, or captured twice",
        "limited" => "set aside by a limit on memory",
        _ => "",
    }
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

/// An endpoint; without its port where the transport has none.
pub(crate) fn endpoint(endpoint: Endpoint) -> String {
    match endpoint.port {
        0 => endpoint.ip.to_string(),
        _ => endpoint.to_string(),
    }
}

/// The server of a conversation by its best known name, with its endpoint. Not escaped.
pub(crate) fn server(conversation: &Conversation) -> String {
    let endpoint = endpoint(conversation.server);
    match conversation.server_names.first() {
        Some(name) => format!("{name} ({endpoint})"),
        None => endpoint,
    }
}

/// A server as handshakes name it, with its port. Not escaped.
pub(crate) fn upgradable(server: &Server<'_>) -> String {
    match server.name.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]:{}", server.port),
        Err(_) => format!("{}:{}", server.name, server.port),
    }
}

/// Who has to change something.
pub(crate) fn side(side: Side) -> &'static str {
    match side {
        Side::Server => "the server",
        Side::Clients => "the clients",
        Side::Both => "both sides",
    }
}

/// Things one after another: `a`, `a and b`, `a, b and c`.
pub(crate) fn list(things: &[String]) -> String {
    match things {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl Report<'_> {
    /// What the tap would have, in one or two plain sentences. What is zero is left out; that nothing
    /// could be read is said, and so are what was not recognised and that hearing was interrupted.
    pub fn headline(&self) -> String {
        let headline = self.whole_headline();
        match self.capture().interrupted {
            true => format!("Interrupted: this is only the beginning. {headline}"),
            false => headline,
        }
    }

    fn whole_headline(&self) -> String {
        if self.capture().packets == 0 {
            return "The capture holds no packets: there was nothing to hear.".to_owned();
        }
        let facts = &self.facts;
        let mut accounts = self.accounts();
        let total = accounts.total();
        let unrecognised = *accounts.get_mut(Account::Unrecognised);
        let mut clauses: Vec<String> = Vec::new();
        let heard = [
            (facts.calls_heard, "call", "calls", facts.speech_of_calls),
            (
                facts.streams_heard,
                "audio stream",
                "audio streams",
                facts.speech_of_streams,
            ),
        ];
        let heard: Vec<String> = heard
            .into_iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, one, many, speech)| match speech.said(exact) {
                Some(speech) => format!("{} ({speech})", count(number, one, many)),
                None => count(number, one, many),
            })
            .collect();
        if !heard.is_empty() {
            clauses.push(format!("heard {}", list(&heard)));
        }
        if facts.calls_seen > 0 {
            let (one, many) = match facts.calls_heard {
                0 => ("call", "calls"),
                _ => ("more call", "more calls"),
            };
            clauses.push(format!("seen {}", count(facts.calls_seen, one, many)));
        }
        if facts.letters > 0 {
            clauses.push(format!(
                "read {}",
                count(facts.letters, "letter", "letters")
            ));
        }
        if facts.passwords > 0 {
            let taken = count(facts.passwords, "password", "passwords");
            clauses.push(format!("taken {taken}"));
        }
        let nothing = clauses.is_empty();
        if nothing {
            clauses.push(self.little());
        }
        let later = (facts.sealed_opening_later > 0).then(|| {
            let share = share(facts.sealed_opening_later, facts.sealed);
            format!("could store {share} of the sealed bytes to open later")
        });
        let when = match self.seconds() {
            Some(seconds) => format!("In {}", spelled(seconds)),
            None => "In this capture".to_owned(),
        };
        let said = match (later, clauses.as_slice()) {
            (Some(later), _) => format!("{}, and {later}", clauses.join(", ")),
            (None, [one]) => one.clone(),
            (None, _) => list(&clauses),
        };
        let mut headline = format!("{when} a tap would have {said}.");
        if unrecognised > 0 && (nothing || unrecognised.saturating_mul(10) >= total) {
            headline.push_str(&format!(
                " {} of the payload was not recognised, which does not mean that it is sealed.",
                capitalised(&share(unrecognised, total))
            ));
        }
        headline
    }

    /// How many servers wait for which side to be upgraded, in one sentence.
    pub(crate) fn sides_in_words(&self) -> String {
        let of = |wanted: Option<Side>| {
            let sides = self
                .servers
                .iter()
                .filter(|server| server.key_exchanges.side() == wanted);
            u64::try_from(sides.count()).unwrap_or(u64::MAX)
        };
        let counted = [
            (of(Some(Side::Server)), "to be upgraded themselves"),
            (of(Some(Side::Clients)), "their clients to be upgraded"),
            (of(Some(Side::Both)), "both"),
        ];
        let parts: Vec<String> = counted
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| match number {
                1 => format!(
                    "1 needs {}",
                    what.replace("themselves", "itself").replace("their", "its")
                ),
                _ => format!("{} need {what}", grouped(number)),
            })
            .collect();
        let all = u64::try_from(self.servers.len()).unwrap_or(u64::MAX);
        let all = count(all, "server", "servers");
        match parts.is_empty() {
            true => format!(
                "Of {all} that answered a handshake, none is known to need an upgrade for a post-quantum key exchange."
            ),
            false => format!(
                "For a post-quantum key exchange, of {all} that answered a handshake {}.",
                list(&parts)
            ),
        }
    }

    /// What there is to say where no call, letter or password was readable.
    fn little(&self) -> String {
        let facts = &self.facts;
        let read = [
            (facts.names, "name", "names"),
            (facts.requests, "request", "requests"),
            (facts.files, "file", "files"),
        ];
        let read: Vec<String> = read
            .into_iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, one, many)| count(number, one, many))
            .collect();
        match (read.is_empty(), self.accounts().read) {
            (false, _) => format!("read {}, but no call, letter or password", list(&read)),
            (true, 0) => "read nothing".to_owned(),
            (true, some) => format!("read {}, but no call, letter or password", bytes(some)),
        }
    }
}
