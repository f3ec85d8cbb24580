//! What is watched in a session: the media that a description offers, and the transport that was agreed on for each.

use std::net::IpAddr;

use overheard_ledger::{Endpoint, HintBody};
use overheard_tap::Notes;

use crate::shared::payload_types::static_encoding;

/// The most media of a description, and formats of each, that are kept.
const MAX_MEDIA: usize = 32;
const MAX_FORMATS: usize = 16;
/// The longest name that is kept, in bytes.
const MAX_NAME: usize = 256;
/// The most transports of one conversation that are announced.
const MAX_ANNOUNCED: usize = 256;

/// A media description: its kind, its formats and the URI by which it is set up.
#[derive(Default)]
struct Media {
    kind: String,
    formats: Vec<(u8, String)>,
    control: String,
}

/// What one conversation sets up.
#[derive(Default)]
pub(super) struct Session {
    media: Vec<Media>,
    announced: usize,
    /// Transports that seal (SAVP), and others.
    sealed: usize,
    open: usize,
    video: bool,
    audio: bool,
    /// What was said of the media that pass between the messages.
    interleaved: Option<Vec<(String, String)>>,
}

/// The transport of a SETUP (RFC 2326 section 12.39).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transport {
    profile: String,
    client: Option<(u16, Option<u16>)>,
    server: Option<(u16, Option<u16>)>,
    group: Option<(u16, Option<u16>)>,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    /// Between the messages of this conversation (RFC 2326 section 10.12).
    interleaved: bool,
}

impl Transport {
    /// The first of the alternatives.
    pub(super) fn parse(value: &str) -> Transport {
        let mut transport = Transport::default();
        let first = value.split(',').next().unwrap_or_default();
        for (at, part) in first.split(';').take(MAX_MEDIA).enumerate() {
            let (name, value) = part.trim().split_once('=').unwrap_or((part.trim(), ""));
            let value = value.trim_matches('"');
            match name.to_ascii_lowercase().as_str() {
                _ if at == 0 => transport.profile = name.to_ascii_uppercase(),
                "client_port" => transport.client = ports(value),
                "server_port" => transport.server = ports(value),
                "port" => transport.group = ports(value),
                "interleaved" => transport.interleaved = true,
                "source" => transport.source = value.parse().ok(),
                "destination" => transport.destination = value.parse().ok(),
                _ => {}
            }
        }
        transport
    }

    /// What this one leaves out, as the other says it.
    pub(super) fn or(self, other: Transport) -> Transport {
        Transport {
            profile: match self.profile.is_empty() {
                true => other.profile,
                false => self.profile,
            },
            client: self.client.or(other.client),
            server: self.server.or(other.server),
            group: self.group.or(other.group),
            source: self.source.or(other.source),
            destination: self.destination.or(other.destination),
            interleaved: self.interleaved || other.interleaved,
        }
    }
}

/// `55664-55665`.
fn ports(value: &str) -> Option<(u16, Option<u16>)> {
    let (first, second) = value.split_once('-').unwrap_or((value, ""));
    Some((first.trim().parse().ok()?, second.trim().parse().ok()))
}

impl Session {
    /// Bytes of memory that it holds.
    pub(super) fn held(&self) -> usize {
        self.media.len() * 512
    }

    /// Whether all media that were set up are sealed.
    pub(super) fn is_sealed(&self) -> bool {
        self.sealed > 0 && self.open == 0
    }

    /// Whether media pass between the messages.
    pub(super) fn is_interleaved(&self) -> bool {
        self.interleaved.is_some()
    }

    /// What is watched, for people.
    pub(super) fn kinds(&self) -> &'static str {
        match (self.video, self.audio) {
            (true, true) => "pictures and sound",
            (false, true) => "sound",
            _ => "pictures",
        }
    }

    /// Reads a description of the session (RFC 8866, RFC 2326 appendix C).
    pub(super) fn describe(&mut self, body: &[u8]) {
        self.media.clear();
        for line in body.split(|&byte| byte == b'\n') {
            let Ok(line) = std::str::from_utf8(line) else {
                continue;
            };
            let line = line.trim_end();
            if let Some(value) = line.strip_prefix("m=") {
                if self.media.len() == MAX_MEDIA {
                    break;
                }
                let mut words = value.split_ascii_whitespace();
                let kind = shortened(words.next().unwrap_or_default());
                let formats = words
                    .skip(2)
                    .filter_map(|word| word.parse().ok())
                    .take(MAX_FORMATS);
                let formats = formats
                    .map(|format| (format, static_encoding(format).unwrap_or("").to_owned()))
                    .collect();
                self.media.push(Media {
                    kind,
                    formats,
                    control: String::new(),
                });
            }
            let Some(media) = self.media.last_mut() else {
                continue;
            };
            if let Some(value) = line.strip_prefix("a=control:") {
                media.control = shortened(value.trim());
            } else if let Some(value) = line.strip_prefix("a=rtpmap:") {
                let (number, name) = value.split_once(' ').unwrap_or((value, ""));
                let name = name.trim().split('/').next().unwrap_or_default();
                if let Ok(number) = number.parse::<u8>()
                    && let Some(format) =
                        media.formats.iter_mut().find(|(known, _)| *known == number)
                {
                    format.1 = shortened(name);
                }
            }
        }
    }

    /// A transport was agreed on for the media of this URI: who asked for it, and who serves it.
    pub(super) fn announce(
        &mut self,
        uri: &str,
        transport: &Transport,
        (asks, serves): (Endpoint, Endpoint),
        notes: &mut Notes<'_>,
    ) {
        let named =
            |media: &&Media| !media.control.is_empty() && uri.ends_with(media.control.as_str());
        let media = self
            .media
            .iter()
            .find(named)
            .or(match self.media.as_slice() {
                [only] => Some(only),
                _ => None,
            });
        let sealed = transport.profile.contains("SAVP");
        let mut details: Vec<(String, String)> = Vec::new();
        if let Some(media) = media {
            for (number, name) in media.formats.iter().filter(|(_, name)| !name.is_empty()) {
                details.push((number.to_string(), name.clone()));
            }
            details.push(("media".to_owned(), media.kind.clone()));
            self.video |= media.kind == "video";
            self.audio |= media.kind == "audio";
        }
        match sealed {
            true => self.sealed += 1,
            false => {
                self.open += 1;
                details.push(("protection".to_owned(), "none".to_owned()));
            }
        }
        if transport.interleaved {
            let said = self.interleaved.get_or_insert_default();
            for detail in details {
                if said.len() < MAX_MEDIA * MAX_FORMATS && !said.contains(&detail) {
                    said.push(detail);
                }
            }
            let details = said.clone();
            if self.announced < MAX_ANNOUNCED {
                self.announced += 1;
                notes.hint(HintBody::Expect {
                    endpoint: asks,
                    protocol: "rtp",
                    label: None,
                    details,
                });
            }
            return;
        }
        let receiver = transport.destination.unwrap_or(asks.ip);
        let sender = transport.source.unwrap_or(serves.ip);
        let pairs = [
            (receiver, transport.client),
            (receiver, transport.group),
            (sender, transport.server),
        ];
        for (ip, ports) in pairs {
            let Some((rtp, rtcp)) = ports else { continue };
            let rtcp = rtcp.or(rtp.checked_add(1));
            for (protocol, port) in [("rtp", Some(rtp)), ("rtcp", rtcp)] {
                let Some(port) = port.filter(|&port| port != 0) else {
                    continue;
                };
                if self.announced >= MAX_ANNOUNCED {
                    return;
                }
                self.announced += 1;
                notes.hint(HintBody::Expect {
                    endpoint: Endpoint::new(ip, port),
                    protocol,
                    label: None,
                    details: details.clone(),
                });
            }
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}
