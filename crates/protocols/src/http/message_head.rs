//! What is remembered of a head while its lines pass.

use overheard_ledger::mask_query;
use overheard_tap::{Evidence, Next, Notes};

use crate::shared::coded_content::Coding;
use crate::shared::dns_over_http;
use crate::shared::http_logins::{self as logins, Login, MAX_LOGINS};
use crate::shared::http_message::{self as message, file_name};

/// How long a body is (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes; 0 where there is no body.
    Known(u64),
    /// Each part says its own length.
    Chunked,
    /// To the end of the conversation.
    UntilClose,
}

/// The first line of a head.
pub enum Start {
    /// Somebody asks.
    Request(Asked),
    /// Somebody answers, with this status code.
    Status(u16),
}

/// What a request line says.
pub struct Asked {
    /// Method.
    pub method: String,
    /// Target, its query masked.
    pub target: String,
    /// The host that the target names by itself (absolute form).
    pub authority: Option<String>,
    /// The last part of the target's path.
    pub name: Option<String>,
    /// The DNS message in the target.
    pub dns: Option<Vec<u8>>,
}

/// A head, as far as it was heard.
pub struct Head {
    /// Its first line.
    pub start: Start,
    /// The frames that it came in.
    pub evidence: Evidence,
    last_frame: u64,
    /// Lines so far.
    pub lines: u32,
    /// Bytes so far.
    pub bytes: usize,
    /// Whether the present line is too long to be looked at.
    pub skip_line: bool,
    /// Host.
    pub host: Option<String>,
    /// Logins and cookies.
    pub logins: Vec<Login>,
    /// Content-Encoding.
    pub coding: Coding,
    /// Content-Type.
    pub media_type: Option<String>,
    /// The first protocol of Upgrade.
    pub upgrade: Option<String>,
    /// Whether `Expect: 100-continue` stands in it.
    pub expects: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Start {
    /// Reads a start line. The logins in the query of its target come with it.
    pub fn read(line: &[u8], notes: &Notes<'_>) -> Option<(Start, Option<Login>)> {
        if let Some(status) = message::status(line) {
            return Some((Start::Status(status), None));
        }
        let (method, target) = message::request(line)?;
        let method = String::from_utf8_lossy(method).into_owned();
        let target = String::from_utf8_lossy(target);
        let login = logins::in_query(&target, notes);
        let asked = Asked {
            authority: authority(&target),
            name: if method == "CONNECT" {
                None
            } else {
                file_name(&target)
            },
            dns: dns_over_http::in_target(&target),
            target: mask_query(&target, notes.reveal()),
            method,
        };
        Some((Start::Request(asked), login))
    }
}

impl Head {
    /// A head that begins in the present bytes.
    pub fn new(start: Start, login: Option<Login>, notes: &Notes<'_>) -> Head {
        Head {
            start,
            evidence: notes.evidence(),
            last_frame: notes.frame(),
            lines: 0,
            bytes: 0,
            skip_line: false,
            host: None,
            logins: login.into_iter().collect(),
            coding: Coding::Identity,
            media_type: None,
            upgrade: None,
            expects: false,
            length: None,
            chunked: false,
        }
    }

    /// The present frame belongs to it too.
    pub fn seen_in(&mut self, notes: &Notes<'_>) {
        if self.last_frame != notes.frame() {
            self.last_frame = notes.frame();
            self.evidence.join(&notes.evidence());
        }
    }

    /// Hears one field line.
    pub fn field(&mut self, line: &[u8], notes: &Notes<'_>) {
        // What continues no line is no field either (RFC 9112 section 2.2).
        if line.first().is_some_and(u8::is_ascii_whitespace) {
            return;
        }
        let Some((name, value)) = message::field(line) else {
            return;
        };
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let text = || match String::from_utf8_lossy(value) {
            folded if folded.contains('\n') => folded
                .lines()
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(" ")
                .into(),
            plain => plain,
        };
        let is_request = matches!(self.start, Start::Request(_));
        if is("content-length") {
            // Of several, the first counts; RFC 9112 section 6.3 asks for a refusal, which is not heard.
            self.length = self.length.or_else(|| length(&text()));
        } else if is("transfer-encoding") {
            self.chunked |= message::elements(&text()).any(|coding| is_chunked(&coding));
        } else if is("content-encoding") {
            self.coding = Coding::named(&text());
        } else if is("content-type") {
            self.media_type = message::media_type(&text());
        } else if is("upgrade") {
            self.upgrade = message::elements(&text()).next();
        } else if !is_request {
        } else if is("host") {
            self.host.get_or_insert_with(|| text().into_owned());
        } else if is("expect") {
            self.expects = value.eq_ignore_ascii_case(b"100-continue");
        } else if is("authorization") {
            self.login(logins::authorization(&text(), 401, notes));
        } else if is("proxy-authorization") {
            self.login(logins::authorization(&text(), 407, notes));
        } else if is("cookie") {
            for cookie in logins::cookies(&text(), notes) {
                self.login(Some(cookie));
            }
        }
    }

    fn login(&mut self, login: Option<Login>) {
        if self.logins.len() < MAX_LOGINS {
            self.logins.extend(login);
        }
    }

    /// How long the body of this request is.
    pub fn request_length(&self) -> Length {
        match self.length {
            _ if self.chunked => Length::Chunked,
            length => Length::Known(length.unwrap_or(0)),
        }
    }

    /// How long the body of this answer is, to anything but HEAD and CONNECT.
    pub fn answer_length(&self, status: u16) -> Length {
        match self.length {
            _ if matches!(status, 100..=199 | 204 | 304) => Length::Known(0),
            _ if self.chunked => Length::Chunked,
            Some(length) => Length::Known(length),
            None => Length::UntilClose,
        }
    }

    /// Who goes on if the other side agrees to what this request asks for.
    pub fn change(&self) -> Option<Next> {
        match &self.start {
            Start::Request(asked) if asked.method == "CONNECT" => Some(Next::Probe),
            Start::Request(_) => self.upgrade.as_deref().map(protocol_named),
            Start::Status(_) => None,
        }
    }
}

/// The protocol of this name in the HTTP Upgrade token registry.
pub fn protocol_named(token: &str) -> Next {
    match token.split('/').next().unwrap_or_default() {
        "websocket" => Next::Protocol("websocket"),
        "h2c" => Next::Protocol("http2"),
        "tls" => Next::Protocol("tls"),
        _ => Next::Probe,
    }
}

/// Whether a transfer coding is `chunked`, maybe with parameters.
fn is_chunked(coding: &str) -> bool {
    coding
        .split(';')
        .next()
        .is_some_and(|name| name.trim() == "chunked")
}

/// A length in bytes. A sign or anything else that is no digit makes it none.
fn length(value: &str) -> Option<u64> {
    let value = value.split(',').next()?.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().ok()
    } else {
        None
    }
}

/// The host and port of a target in absolute form (RFC 9112 section 3.2.2).
fn authority(target: &str) -> Option<String> {
    let (scheme, rest) = target.split_once("://")?;
    if scheme.is_empty()
        || !scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_names_host_and_file() {
        for (target, host, file) in [
            ("/a/b.html?c=/d", None, Some("b.html")),
            ("/", None, None),
            ("*", None, None),
            (
                "http://ada:x@example.org:8080/a/?q",
                Some("example.org:8080"),
                None,
            ),
            ("http://example.org", Some("example.org"), None),
            ("/go?to=http://example.org/x", None, Some("go")),
        ] {
            assert_eq!(authority(target).as_deref(), host, "{target}");
            assert_eq!(file_name(target).as_deref(), file, "{target}");
        }
    }

    #[test]
    fn a_length_is_digits_only() {
        assert_eq!(length("12"), Some(12));
        assert_eq!(length(" 12, 12"), Some(12));
        for wrong in ["+1", "-1", "0x10", "", "1 2", "99999999999999999999"] {
            assert_eq!(length(wrong), None, "{wrong}");
        }
    }
}
