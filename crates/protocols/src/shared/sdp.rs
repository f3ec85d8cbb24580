//! The Session Description Protocol (RFC 8866): which endpoints will receive media, in which codecs, and
//! how they are to be protected (RFC 3605, 4568, 5763, 8839, 9143).

use std::net::IpAddr;

use overheard_ledger::{
    DescribedMedia, Description as Described, Encoding, Endpoint, HintBody, MediaKey,
};

use super::base64;
use super::payload_types::static_encoding;

/// The most media descriptions of one session that are looked at.
const MAX_MEDIA: usize = 32;
/// The most formats, codecs, keys and candidates of one media description, each.
const MAX_ATTRIBUTES: usize = 32;
/// The most endpoints that one media description may announce.
const MAX_PORTS: u16 = 16;
/// The longest name of a codec or suite that is kept, in characters.
const MAX_NAME: usize = 64;
/// The longest parameters of a format that are kept, in characters.
const MAX_PARAMETERS: usize = 512;
/// The longest master key with its salt that is kept, in bytes: twice what the longest of the registry have.
const MAX_KEY: usize = 96;
/// The port that stands where there is none yet (RFC 8839, RFC 4145).
const DISCARD: u16 = 9;

/// An endpoint that a description announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// Where the packets will be received.
    pub(crate) endpoint: Endpoint,
    /// `rtp`, `rtcp` or `t38` (a fax in UDPTL or TPKT, ITU-T T.38).
    pub(crate) protocol: &'static str,
    /// What is said of it: ("0", "PCMU") for a payload type, ("media", "audio"), ("direction", "sendonly"),
    /// ("crypto", suite), ("protection", "none" or "sdes-in-clear" or "dtls-srtp"), ("zrtp", "").
    pub(crate) details: Vec<(String, String)>,
}

impl Announcement {
    /// What it tells `join` of a call.
    pub(crate) fn of_call(self, call: &str) -> HintBody {
        HintBody::Expect {
            endpoint: self.endpoint,
            protocol: self.protocol,
            label: Some(call.to_owned()),
            details: self.details,
        }
    }
}

/// What a session description says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    media: Vec<MediaDescription>,
    /// Names of the media that share the transport of the first of them (RFC 9143).
    bundle: Vec<String>,
}

#[derive(Clone, Debug, Default)]
struct MediaDescription {
    kind: String,
    port: u16,
    count: u16,
    transport: String,
    formats: Vec<u8>,
    address: Option<IpAddr>,
    codecs: Vec<Encoding>,
    /// Parameters of formats, which may stand before their encoding.
    parameters: Vec<(u8, String)>,
    direction: Option<&'static str>,
    rtcp: Option<(u16, Option<IpAddr>)>,
    suites: Vec<String>,
    /// Keys with the tags of their lines.
    keys: Vec<(u32, MediaKey)>,
    fingerprint: bool,
    zrtp: bool,
    fax: bool,
    rtcp_only_muxed: bool,
    /// Its name in a group (RFC 5888), and whether it goes only with the group.
    name: Option<String>,
    bundle_only: bool,
    ssrcs: Vec<u32>,
    /// Component (1 RTP, 2 RTCP), address and port.
    candidates: Vec<(u8, IpAddr, u16)>,
    /// Private addresses that candidates give away.
    private: Vec<IpAddr>,
}

impl Description {
    /// Reads a description. Lines that are not understood are passed over; a body that is no session
    /// description gives one without media.
    pub(crate) fn parse(body: &[u8]) -> Description {
        let mut session = MediaDescription::default();
        let mut media: Vec<MediaDescription> = Vec::new();
        let mut bundle: Vec<String> = Vec::new();
        for line in body.split(|&byte| byte == b'\n' || byte == b'\r') {
            let Some((&kind, [b'=', value @ ..])) = line.split_first() else {
                continue;
            };
            let Ok(value) = std::str::from_utf8(value) else {
                continue;
            };
            let value = value.trim();
            if kind == b'm' {
                if media.len() == MAX_MEDIA {
                    break;
                }
                // A description that fails still ends the one before it, whose attributes are over.
                media.push(media_line(value).unwrap_or_default());
                continue;
            }
            if let (b'a', Some(names)) = (kind, value.strip_prefix("group:BUNDLE "))
                && bundle.is_empty()
            {
                let names = names.split_ascii_whitespace().take(MAX_MEDIA);
                bundle.extend(names.map(shortened));
            }
            let part = media.last_mut().unwrap_or(&mut session);
            match kind {
                b'c' => part.address = connection(value).or(part.address),
                b'a' => part.attribute(value),
                _ => {}
            }
        }
        for part in &mut media {
            part.address = part.address.or(session.address);
            part.direction = part.direction.or(session.direction);
            part.fingerprint |= session.fingerprint;
            part.zrtp |= session.zrtp;
        }
        Description { media, bundle }
    }

    /// Whether it puts its receiver on hold: the first sound in it is only sent, not sent at all, or to be sent
    /// nowhere (RFC 3264 section 8.4, and `0.0.0.0` as before it).
    pub(crate) fn holds(&self) -> bool {
        let sound = self.media.iter().find(|part| part.kind == "audio");
        sound.or(self.media.first()).is_some_and(|part| {
            let nowhere = part.address.is_some_and(|address| address.is_unspecified())
                && part.port != DISCARD
                && part.candidates.is_empty();
            part.port != 0 && (nowhere || matches!(part.direction, Some("sendonly" | "inactive")))
        })
    }

    /// Private addresses (RFC 1918, RFC 4193) that its candidates give away, each once.
    pub(crate) fn private_addresses(&self) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = self
            .media
            .iter()
            .flat_map(|part| &part.private)
            .copied()
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What it tells `join` as the description by one party of a call, for those who decode its media.
    pub(crate) fn of_party(&self, call: &str, party: u64) -> Option<HintBody> {
        let media = self.described();
        (!media.is_empty()).then(|| {
            HintBody::Described(Box::new(Described {
                call: call.to_owned(),
                party,
                media,
            }))
        })
    }

    /// What it says of each of its media, for those who decode them, in its order.
    fn described(&self) -> Vec<DescribedMedia> {
        let received_at = |part: &MediaDescription| -> Vec<Endpoint> {
            part.received()
                .into_iter()
                .filter_map(|(protocol, endpoint)| (protocol == "rtp").then_some(endpoint))
                .collect()
        };
        let first = self.bundle.first().and_then(|first| {
            self.media
                .iter()
                .find(|part| part.name.as_ref() == Some(first))
        });
        let shared = first.map(&received_at).unwrap_or_default();
        let of_part = |part: &MediaDescription| {
            let refused = part.port == 0 && !part.bundle_only;
            let mut endpoints = received_at(part);
            let bundled = part
                .name
                .as_ref()
                .is_some_and(|name| self.bundle.contains(name));
            if endpoints.is_empty() && bundled && !refused {
                endpoints.clone_from(&shared);
            }
            DescribedMedia {
                endpoints,
                refused,
                ssrcs: part.ssrcs.clone(),
                secure: part.transport.contains("SAVP"),
                fingerprint: part.fingerprint,
                zrtp: part.zrtp,
                encodings: part.encodings(),
                keys: part.keys.clone(),
            }
        };
        self.media.iter().map(of_part).collect()
    }

    /// The encryption suites whose keys stand in the description itself (RFC 4568), each once.
    pub(crate) fn suites_in_clear(&self) -> Vec<&str> {
        let mut suites: Vec<&str> = self
            .media
            .iter()
            .flat_map(|part| &part.suites)
            .map(String::as_str)
            .collect();
        suites.sort_unstable();
        suites.dedup();
        suites
    }

    /// The endpoints that will receive RTP and RTCP, in the order of the description. What is on hold by
    /// address (`0.0.0.0`), refused (port 0), not RTP, or given by host name is left out.
    pub(crate) fn announcements(&self) -> Vec<Announcement> {
        let mut all = Vec::new();
        for part in &self.media {
            let details = part.details();
            for (protocol, endpoint) in part.received() {
                let announcement = Announcement {
                    endpoint,
                    protocol,
                    details: details.clone(),
                };
                if !all.contains(&announcement) {
                    all.push(announcement);
                }
            }
        }
        all
    }
}

impl MediaDescription {
    /// Where its packets will be received, and of which protocol they will be.
    fn received(&self) -> Vec<(&'static str, Endpoint)> {
        let mut all = Vec::new();
        let mut add = |protocol, address: IpAddr, port: u16| {
            if port != 0 && port != DISCARD && !address.is_unspecified() {
                all.push((protocol, Endpoint::new(address, port)));
            }
        };
        if self.port == 0 {
            return all;
        }
        if self.fax {
            if let Some(address) = self.address {
                add("t38", address, self.port);
            }
            return all;
        }
        if !self.transport.contains("RTP/") {
            return all;
        }
        if let Some(address) = self.address {
            for pair in 0..self.count.clamp(1, MAX_PORTS) {
                let port = self.port.saturating_add(pair.saturating_mul(2));
                add("rtp", address, port);
                if self.rtcp.is_none() && !self.rtcp_only_muxed && port != DISCARD {
                    add("rtcp", address, port.saturating_add(1));
                }
            }
        }
        if let Some((port, address)) = self.rtcp
            && let Some(address) = address.or(self.address)
        {
            add("rtcp", address, port);
        }
        for &(component, address, port) in &self.candidates {
            add(if component == 1 { "rtp" } else { "rtcp" }, address, port);
        }
        all
    }

    /// The encodings of its formats with their parameters, as far as it names them.
    fn encodings(&self) -> Vec<Encoding> {
        let parameters = |format: u8| {
            let found = self.parameters.iter().find(|(of, _)| *of == format);
            found.map_or(String::new(), |(_, value)| value.clone())
        };
        self.codecs
            .iter()
            .map(|encoding| Encoding {
                parameters: parameters(encoding.payload_type),
                ..encoding.clone()
            })
            .collect()
    }

    fn attribute(&mut self, value: &str) {
        let (name, value) = value.split_once(':').unwrap_or((value, ""));
        match name {
            "rtpmap" if self.codecs.len() < MAX_ATTRIBUTES => self.codecs.extend(rtpmap(value)),
            "fmtp" if self.parameters.len() < MAX_ATTRIBUTES => {
                self.parameters.extend(format_parameters(value));
            }
            "mid" => self.name = Some(shortened(value.trim())),
            "bundle-only" => self.bundle_only = true,
            "rtcp-mux-only" => self.rtcp_only_muxed = true,
            "ssrc" if self.ssrcs.len() < MAX_ATTRIBUTES => {
                let ssrc = value.split(' ').next().and_then(|ssrc| ssrc.parse().ok());
                self.ssrcs
                    .extend(ssrc.filter(|ssrc| !self.ssrcs.contains(ssrc)));
            }
            "sendrecv" => self.direction = Some("sendrecv"),
            "sendonly" => self.direction = Some("sendonly"),
            "recvonly" => self.direction = Some("recvonly"),
            "inactive" => self.direction = Some("inactive"),
            "rtcp" => self.rtcp = rtcp(value),
            "crypto" if self.suites.len() < MAX_ATTRIBUTES => {
                self.suites.extend(suite(value));
                let left = MAX_ATTRIBUTES.saturating_sub(self.keys.len());
                self.keys.extend(keys(value).into_iter().take(left));
            }
            "fingerprint" => self.fingerprint = true,
            "zrtp-hash" => self.zrtp = true,
            "candidate" if self.candidates.len() < MAX_ATTRIBUTES => {
                let candidate = candidate(value);
                if let Some((_, address, _)) = candidate {
                    let related = related_address(value);
                    let private = [Some(address), related].into_iter().flatten();
                    self.private.extend(private.filter(is_private));
                }
                self.candidates.extend(candidate);
            }
            _ => {}
        }
    }

    fn details(&self) -> Vec<(String, String)> {
        let mut details: Vec<(String, String)> = Vec::new();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for format in &self.formats {
            let mapped = self
                .codecs
                .iter()
                .find(|known| known.payload_type == *format)
                .map(|known| known.name.as_str());
            if let Some(name) = mapped.or_else(|| static_encoding(*format)) {
                details.push(pair(&format.to_string(), name));
            }
        }
        details.push(pair("media", &self.kind));
        if let Some(direction) = self.direction {
            details.push(pair("direction", direction));
        }
        details.extend(self.suites.iter().map(|suite| pair("crypto", suite)));
        // Where keys are offered both ways, only the answer says which one is used.
        let secure = self.transport.contains("SAVP");
        match (secure, self.suites.is_empty(), self.fingerprint) {
            (true, false, false) => details.push(pair("protection", "sdes-in-clear")),
            (true, true, true) => details.push(pair("protection", "dtls-srtp")),
            (false, true, false) if !self.zrtp => details.push(pair("protection", "none")),
            _ => {}
        }
        if self.zrtp {
            details.push(pair("zrtp", ""));
        }
        details
    }
}

/// `audio 49170/2 RTP/AVP 0 8 101` (RFC 8866 section 5.14).
fn media_line(value: &str) -> Option<MediaDescription> {
    let mut words = value.split_ascii_whitespace();
    let kind = shortened(words.next()?);
    let ports = words.next()?;
    let (port, count) = ports.split_once('/').unwrap_or((ports, "1"));
    let (port, count) = (port.parse().ok()?, count.parse().ok()?);
    let transport = shortened(words.next()?);
    let words: Vec<&str> = words.take(MAX_ATTRIBUTES).collect();
    let formats = words.iter().filter_map(|word| word.parse().ok()).collect();
    let fax = kind == "image" && words.iter().any(|word| word.eq_ignore_ascii_case("t38"));
    Some(MediaDescription {
        fax,
        kind,
        port,
        count,
        transport,
        formats,
        ..MediaDescription::default()
    })
}

/// `IN IP4 192.0.2.1/127` (RFC 8866 section 5.7); `None` for host names.
fn connection(value: &str) -> Option<IpAddr> {
    let mut words = value.split_ascii_whitespace().skip(2);
    let address = words.next()?;
    address.split('/').next()?.parse().ok()
}

/// `101 telephone-event/8000` (RFC 8866 section 6.6).
fn rtpmap(value: &str) -> Option<Encoding> {
    let (payload_type, encoding) = value.trim().split_once(' ')?;
    let mut parts = encoding.trim().split('/');
    let name = shortened(parts.next()?);
    let clock = parts.next().and_then(|clock| clock.trim().parse().ok());
    let channels = parts.next().and_then(|count| count.trim().parse().ok());
    Some(Encoding {
        payload_type: payload_type.parse().ok()?,
        name,
        clock: clock.unwrap_or(0),
        channels: channels.unwrap_or(1),
        parameters: String::new(),
    })
}

/// `111 minptime=10;useinbandfec=1` (RFC 8866 section 6.15).
fn format_parameters(value: &str) -> Option<(u8, String)> {
    let (payload_type, parameters) = value.trim().split_once(' ')?;
    let parameters = parameters.trim().chars().take(MAX_PARAMETERS).collect();
    Some((payload_type.parse().ok()?, parameters))
}

/// `53020 IN IP4 192.0.2.1` (RFC 3605).
fn rtcp(value: &str) -> Option<(u16, Option<IpAddr>)> {
    let (port, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    Some((port.parse().ok()?, connection(rest)))
}

/// `1 AES_CM_128_HMAC_SHA1_80 inline:...` (RFC 4568 section 4): the suite, where a key follows it.
fn suite(value: &str) -> Option<String> {
    let mut words = value.split_ascii_whitespace().skip(1);
    let suite = words.next()?;
    words
        .next()?
        .starts_with("inline:")
        .then(|| shortened(suite))
}

/// The keys of a line, with its tag: `1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4;inline:...` and session
/// parameters, which are passed over (RFC 4568 sections 4 and 6.1).
fn keys(value: &str) -> Vec<(u32, MediaKey)> {
    let mut words = value.split_ascii_whitespace();
    let tag = words.next().and_then(|tag| tag.parse().ok());
    let (Some(tag), Some(suite), Some(parameters)) = (tag, words.next(), words.next()) else {
        return Vec::new();
    };
    let of_parameter = |parameter: &str| {
        let mut parts = parameter.strip_prefix("inline:")?.split('|');
        let key = base64::decode(parts.next()?.as_bytes())?;
        let fits = master_bytes(suite).is_none_or(|length| length == key.len());
        // A lifetime has no colon, an identifier does.
        let identifier = parts.find_map(|part| {
            let (identifier, length) = part.split_once(':')?;
            Some((identifier.parse().ok()?, length.parse().ok()?))
        });
        (fits && !key.is_empty() && key.len() <= MAX_KEY).then(|| {
            let suite = shortened(suite);
            let key = MediaKey {
                suite,
                key,
                identifier,
            };
            (tag, key)
        })
    };
    parameters
        .split(';')
        .take(MAX_ATTRIBUTES)
        .filter_map(of_parameter)
        .collect()
}

/// Bytes of the master key and the salt of a suite (RFC 4568 section 6.2, RFC 6188, RFC 7714).
fn master_bytes(suite: &str) -> Option<usize> {
    Some(match suite {
        "AES_CM_128_HMAC_SHA1_80" | "AES_CM_128_HMAC_SHA1_32" | "F8_128_HMAC_SHA1_80" => 30,
        "AES_192_CM_HMAC_SHA1_80" | "AES_192_CM_HMAC_SHA1_32" => 38,
        "AES_256_CM_HMAC_SHA1_80" | "AES_256_CM_HMAC_SHA1_32" => 46,
        "AEAD_AES_128_GCM" => 28,
        "AEAD_AES_256_GCM" => 44,
        _ => return None,
    })
}

/// The address behind a candidate that was reflected or relayed: `raddr 192.168.1.5`.
fn related_address(value: &str) -> Option<IpAddr> {
    let mut words = value.split_ascii_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("raddr"))?;
    words.next()?.parse().ok()
}

fn is_private(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

/// `1 1 UDP 2130706431 192.0.2.1 8998 typ host` (RFC 8839 section 5.1): component, address and port of
/// a candidate for datagrams, or for streams that it will accept (`tcptype passive`, RFC 6544).
fn candidate(value: &str) -> Option<(u8, IpAddr, u16)> {
    let mut words = value.split_ascii_whitespace().skip(1);
    let component = words
        .next()?
        .parse()
        .ok()
        .filter(|component| matches!(component, 1 | 2))?;
    let transport = words.next()?;
    let accepts = transport.eq_ignore_ascii_case("tcp") && value.contains("tcptype passive");
    if !accepts && !transport.eq_ignore_ascii_case("udp") {
        return None;
    }
    let mut words = words.skip(1);
    Some((
        component,
        words.next()?.parse().ok()?,
        words.next()?.parse().ok()?,
    ))
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(body: &str) -> Vec<(String, &'static str)> {
        let description = Description::parse(body.as_bytes());
        description
            .announcements()
            .into_iter()
            .map(|it| (it.endpoint.to_string(), it.protocol))
            .collect()
    }

    #[test]
    fn media_go_to_the_session_address_unless_they_have_their_own() {
        let body = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\nm=video 5000 RTP/AVP 96\r\nc=IN IP6 2001:db8::1\r\n";
        assert_eq!(
            endpoints(body),
            [
                ("192.0.2.1:4000".into(), "rtp"),
                ("192.0.2.1:4001".into(), "rtcp"),
                ("[2001:db8::1]:5000".into(), "rtp"),
                ("[2001:db8::1]:5001".into(), "rtcp"),
            ]
        );
    }

    #[test]
    fn port_counts_and_an_rtcp_port_of_its_own_are_understood() {
        let body = "c=IN IP4 192.0.2.1\nm=audio 4000/2 RTP/AVP 0\n";
        assert_eq!(endpoints(body).iter().filter(|it| it.1 == "rtp").count(), 2);
        let body = "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\na=rtcp:53020 IN IP4 192.0.2.9\n";
        assert_eq!(
            endpoints(body),
            [
                ("192.0.2.1:4000".into(), "rtp"),
                ("192.0.2.9:53020".into(), "rtcp")
            ]
        );
    }

    #[test]
    fn refused_held_and_other_media_announce_nothing() {
        assert!(endpoints("c=IN IP4 192.0.2.1\nm=audio 0 RTP/AVP 0\n").is_empty());
        assert!(endpoints("c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n").is_empty());
        assert!(endpoints("c=IN IP4 192.0.2.1\nm=application 4000 UDP/BFCP *\n").is_empty());
        assert!(endpoints("c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\nm=broken\na=candidate:1 1 UDP 1 192.0.2.1 1 typ host\n")
            .iter().all(|it| it.0.contains(":400")));
    }

    #[test]
    fn codecs_come_from_the_description_or_from_the_static_table() {
        let body = "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 8 111 101\na=rtpmap:111 opus/48000/2\na=rtpmap:101 telephone-event/8000\na=sendonly\n";
        let details = Description::parse(body.as_bytes())
            .announcements()
            .remove(0)
            .details;
        let details: Vec<_> = details
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            details,
            [
                ("8", "PCMA"),
                ("111", "opus"),
                ("101", "telephone-event"),
                ("media", "audio"),
                ("direction", "sendonly"),
                ("protection", "none")
            ]
        );
    }

    #[test]
    fn a_key_in_the_description_is_remembered_by_its_suite_only() {
        let body = "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20\n";
        let description = Description::parse(body.as_bytes());
        assert_eq!(description.suites_in_clear(), ["AES_CM_128_HMAC_SHA1_80"]);
        let details = description.announcements().remove(0).details;
        assert!(details.contains(&("protection".into(), "sdes-in-clear".into())));
        assert!(!format!("{details:?}").contains("d0Rm"));
    }

    #[test]
    fn candidates_announce_too_and_fingerprints_mean_dtls() {
        let body = "a=fingerprint:sha-256 00:11\nc=IN IP4 192.0.2.1\nm=audio 9 UDP/TLS/RTP/SAVPF 111\na=rtcp:9\n\
                    a=candidate:1 1 udp 1 198.51.100.7 8998 typ host\na=candidate:1 1 TCP 1 198.51.100.7 9 typ host\n";
        let all = Description::parse(body.as_bytes()).announcements();
        assert_eq!(
            all.last().unwrap().endpoint.to_string(),
            "198.51.100.7:8998"
        );
        assert!(all.iter().all(|it| {
            it.details
                .contains(&("protection".into(), "dtls-srtp".into()))
        }));
    }

    fn described(body: &str) -> Vec<DescribedMedia> {
        Description::parse(body.as_bytes()).described()
    }

    #[test]
    fn a_fax_is_announced_as_one() {
        let body = "c=IN IP4 192.0.2.1\nm=image 4000 udptl t38\n";
        assert_eq!(endpoints(body), [("192.0.2.1:4000".into(), "t38")]);
    }

    #[test]
    fn encodings_have_clock_channels_and_parameters() {
        let body = "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 111 8\na=fmtp:111 useinbandfec=1\na=rtpmap:111 opus/48000/2\na=rtpmap:8 PCMA/8000\n";
        let encodings = described(body).remove(0).encodings;
        let opus = Encoding {
            payload_type: 111,
            name: "opus".into(),
            clock: 48_000,
            channels: 2,
            parameters: "useinbandfec=1".into(),
        };
        assert_eq!(encodings.first(), Some(&opus));
        assert_eq!(
            encodings.get(1).map(|it| (it.clock, it.channels)),
            Some((8000, 1))
        );
    }

    #[test]
    fn keys_are_read_with_tag_and_identifier() {
        let key = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
        let body = format!(
            "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20|1:4;inline:{key}|2:4 KDR=1 UNENCRYPTED_SRTCP\n\
             a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{key}\na=crypto:3 AES_256_CM_HMAC_SHA1_80 inline:{key}\na=crypto:x AES_CM_128_HMAC_SHA1_80 inline:{key}\na=crypto:4 OTHER inline:=|:|:x\n"
        );
        let keys = described(&body).remove(0).keys;
        let said: Vec<_> = keys
            .iter()
            .map(|(tag, key)| (*tag, key.suite.as_str(), key.identifier, key.key.len()))
            .collect();
        assert_eq!(
            said,
            [
                (1, "AES_CM_128_HMAC_SHA1_80", Some((1, 4)), 30),
                (1, "AES_CM_128_HMAC_SHA1_80", Some((2, 4)), 30),
                (2, "AES_CM_128_HMAC_SHA1_32", None, 30),
            ]
        );
        assert!(!format!("{keys:?}").contains("119"), "a key is shown");
    }

    #[test]
    fn bundled_media_are_received_where_the_first_is() {
        let body = "a=group:BUNDLE a v\nc=IN IP4 0.0.0.0\nm=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:a\na=candidate:1 1 udp 1 192.168.1.5 8998 typ host\n\
                    a=candidate:2 1 udp 1 198.51.100.7 8999 typ srflx raddr 10.1.2.3 rport 8998\na=ssrc:77 cname:x\n\
                    m=video 0 UDP/TLS/RTP/SAVPF 96\na=mid:v\na=bundle-only\n";
        let media = described(body);
        assert_eq!(media[1].endpoints, media[0].endpoints);
        assert_eq!(media[0].endpoints.len(), 2);
        assert_eq!(media[0].ssrcs, [77]);
        assert!(!media[1].refused);
        let private = Description::parse(body.as_bytes()).private_addresses();
        let private: Vec<String> = private.iter().map(ToString::to_string).collect();
        assert_eq!(private, ["10.1.2.3", "192.168.1.5"]);
    }

    #[test]
    fn a_hold_is_known_by_direction_or_address() {
        let holds = |text: &str| Description::parse(text.as_bytes()).holds();
        assert!(holds(
            "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\na=sendonly\n"
        ));
        assert!(holds(
            "c=IN IP4 192.0.2.1\na=inactive\nm=audio 4000 RTP/AVP 0\n"
        ));
        assert!(holds("c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n"));
        assert!(!holds(
            "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\na=recvonly\n"
        ));
        assert!(!holds("c=IN IP4 0.0.0.0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n"));
        assert!(!holds(""));
    }
}
