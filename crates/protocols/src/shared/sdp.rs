//! The Session Description Protocol (RFC 8866): which endpoints will receive media, in which codecs, and
//! how they are to be protected (RFC 3605, 4568, 5763, 8839).

use std::net::IpAddr;

use overheard_ledger::Endpoint;

use super::payload_types::static_encoding;

/// The most media descriptions of one session that are looked at.
const MAX_MEDIA: usize = 32;
/// The most formats, codecs, keys and candidates of one media description, each.
const MAX_ATTRIBUTES: usize = 32;
/// The most endpoints that one media description may announce.
const MAX_PORTS: u16 = 16;
/// The longest name of a codec or suite that is kept, in bytes.
const MAX_NAME: usize = 64;

/// An endpoint that a description announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// Where the packets will be received.
    pub(crate) endpoint: Endpoint,
    /// `rtp` or `rtcp`.
    pub(crate) protocol: &'static str,
    /// What is said of it: ("0", "PCMU") for a payload type, ("media", "audio"), ("direction", "sendonly"),
    /// ("crypto", suite), ("protection", "none" or "sdes-in-clear" or "dtls-srtp"), ("zrtp", "").
    pub(crate) details: Vec<(String, String)>,
}

/// What a session description says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    media: Vec<MediaDescription>,
}

#[derive(Clone, Debug, Default)]
struct MediaDescription {
    kind: String,
    port: u16,
    count: u16,
    transport: String,
    formats: Vec<u8>,
    address: Option<IpAddr>,
    codecs: Vec<(u8, String)>,
    direction: Option<&'static str>,
    rtcp: Option<(u16, Option<IpAddr>)>,
    suites: Vec<String>,
    fingerprint: bool,
    zrtp: bool,
    /// Component (1 RTP, 2 RTCP), address and port.
    candidates: Vec<(u8, IpAddr, u16)>,
}

impl Description {
    /// Reads a description. Lines that are not understood are passed over; a body that is no session
    /// description gives one without media.
    pub(crate) fn parse(body: &[u8]) -> Description {
        let mut session = MediaDescription::default();
        let mut media: Vec<MediaDescription> = Vec::new();
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
        Description { media }
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
        for part in self
            .media
            .iter()
            .filter(|part| part.transport.contains("RTP/"))
        {
            let details = part.details();
            let mut add = |protocol, address: IpAddr, port: u16| {
                let endpoint = Endpoint::new(address, port);
                let announcement = Announcement {
                    endpoint,
                    protocol,
                    details: details.clone(),
                };
                if port != 0 && !address.is_unspecified() && !all.contains(&announcement) {
                    all.push(announcement);
                }
            };
            if part.port == 0 {
                continue;
            }
            if let Some(address) = part.address {
                for pair in 0..part.count.clamp(1, MAX_PORTS) {
                    let port = part.port.saturating_add(pair.saturating_mul(2));
                    add("rtp", address, port);
                    if part.rtcp.is_none() {
                        add("rtcp", address, port.saturating_add(1));
                    }
                }
            }
            if let Some((port, address)) = part.rtcp
                && let Some(address) = address.or(part.address)
            {
                add("rtcp", address, port);
            }
            for &(component, address, port) in &part.candidates {
                add(if component == 1 { "rtp" } else { "rtcp" }, address, port);
            }
        }
        all
    }
}

impl MediaDescription {
    fn attribute(&mut self, value: &str) {
        let (name, value) = value.split_once(':').unwrap_or((value, ""));
        match name {
            "rtpmap" if self.codecs.len() < MAX_ATTRIBUTES => self.codecs.extend(rtpmap(value)),
            "sendrecv" => self.direction = Some("sendrecv"),
            "sendonly" => self.direction = Some("sendonly"),
            "recvonly" => self.direction = Some("recvonly"),
            "inactive" => self.direction = Some("inactive"),
            "rtcp" => self.rtcp = rtcp(value),
            "crypto" if self.suites.len() < MAX_ATTRIBUTES => self.suites.extend(suite(value)),
            "fingerprint" => self.fingerprint = true,
            "zrtp-hash" => self.zrtp = true,
            "candidate" if self.candidates.len() < MAX_ATTRIBUTES => {
                self.candidates.extend(candidate(value))
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
                .find(|(known, _)| known == format)
                .map(|(_, name)| name.as_str());
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
    let formats = words
        .filter_map(|word| word.parse().ok())
        .take(MAX_ATTRIBUTES)
        .collect();
    Some(MediaDescription {
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
fn rtpmap(value: &str) -> Option<(u8, String)> {
    let (payload_type, encoding) = value.trim().split_once(' ')?;
    let name = encoding.trim().split('/').next()?;
    Some((payload_type.parse().ok()?, shortened(name)))
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

/// `1 1 UDP 2130706431 192.0.2.1 8998 typ host` (RFC 8839 section 5.1): component, address and port of
/// a candidate for datagrams.
fn candidate(value: &str) -> Option<(u8, IpAddr, u16)> {
    let mut words = value.split_ascii_whitespace().skip(1);
    let component = words
        .next()?
        .parse()
        .ok()
        .filter(|component| matches!(component, 1 | 2))?;
    words
        .next()
        .filter(|transport| transport.eq_ignore_ascii_case("udp"))?;
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
        assert!(endpoints("c=IN IP4 192.0.2.1\nm=image 4000 udptl t38\n").is_empty());
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
}
