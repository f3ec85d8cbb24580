//! The parts that HTTP messages are made of (RFC 9112): start lines, field lines, and what stands in
//! the values that more than one protocol reads.

/// The longest request line that is waited for, in bytes.
const MAX_START_LINE: usize = 16 * 1024;
/// The longest method, in bytes.
const MAX_METHOD: usize = 32;

/// The longest media type and name of a file that are kept, in characters.
const MAX_TEXT: usize = 256;

/// What the beginning of some bytes looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Not a start line of HTTP/1, whatever follows.
    No,
    /// A part of one, perhaps.
    More,
    /// A whole request line.
    Request,
    /// A status line, at least its version and status code.
    Status,
}

/// What `bytes` begin with.
pub fn look(bytes: &[u8]) -> Look {
    const VERSION: &[u8] = b"HTTP/1.";
    let shorter = bytes.len().min(VERSION.len());
    if bytes.get(..shorter) == VERSION.get(..shorter) && shorter > 0 {
        if shorter < VERSION.len() {
            return Look::More;
        }
        let line = bytes.get(..bytes.len().min(MAX_METHOD)).unwrap_or_default();
        if line.len() < MAX_METHOD && status_may_follow(line) {
            return Look::More;
        }
        return status(line).map_or(Look::No, |_| Look::Status);
    }
    let method = bytes
        .iter()
        .take(MAX_METHOD + 1)
        .take_while(|&&byte| is_token(byte))
        .count();
    match bytes.get(method) {
        None if method <= MAX_METHOD => return Look::More,
        Some(b' ' | b'\t') if (1..=MAX_METHOD).contains(&method) => {}
        _ => return Look::No,
    }
    let target = bytes.get(method..).unwrap_or_default();
    // No further than the limit, so that it holds however the bytes were cut into segments.
    let target = target
        .get(..target.len().min(MAX_START_LINE))
        .unwrap_or_default();
    let Some(end) = target.iter().position(|&byte| is_control(byte)) else {
        return if target.len() < MAX_START_LINE {
            Look::More
        } else {
            Look::No
        };
    };
    match target.get(end..).unwrap_or_default() {
        [b'\r'] => Look::More,
        [b'\n', ..] | [b'\r', b'\n', ..] => {
            let line = bytes.get(..method.saturating_add(end)).unwrap_or_default();
            request(line).map_or(Look::No, |_| Look::Request)
        }
        _ => Look::No,
    }
}

/// Whether what may become a status line does not show its whole status code yet.
fn status_may_follow(line: &[u8]) -> bool {
    let mut rest = line.iter().skip(b"HTTP/1.".len());
    match rest.next() {
        None => return true,
        Some(digit) if digit.is_ascii_digit() => {}
        Some(_) => return false,
    }
    let mut spaces = 0;
    let mut digits = 0;
    for byte in rest {
        match byte {
            b' ' if digits == 0 => spaces += 1,
            b'0'..=b'9' if spaces > 0 && digits < 3 => digits += 1,
            _ => return false,
        }
    }
    digits <= 3
}

/// The status code of a status line `HTTP/1.1 200 OK`, 100 to 999.
pub fn status(line: &[u8]) -> Option<u16> {
    let (version, rest) = line.split_at_checked(b"HTTP/1.1".len())?;
    let (digit, name) = version.split_last()?;
    if name != b"HTTP/1." || !digit.is_ascii_digit() || !rest.starts_with(b" ") {
        return None;
    }
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    let (code, after) = rest.get(spaces..)?.split_at_checked(3)?;
    if !code.iter().all(u8::is_ascii_digit) || after.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(code)
        .ok()?
        .parse()
        .ok()
        .filter(|code| *code >= 100)
}

/// Method and target of a request line `GET / HTTP/1.1` without its line end (RFC 9112 section 3).
/// More white space than there should be is tolerated, and stands in neither.
pub fn request(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii_end();
    let (rest, version) = line.split_at_checked(line.len().checked_sub(b" HTTP/1.1".len())?)?;
    let (digit, version) = version.split_last()?;
    if version != b" HTTP/1." || !digit.is_ascii_digit() {
        return None;
    }
    let method = rest.iter().position(|byte| !is_token(*byte))?;
    let (method, target) = rest.split_at_checked(method)?;
    let target = match target.split_first() {
        Some((b' ' | b'\t', target)) => target.trim_ascii(),
        _ => return None,
    };
    (!method.is_empty() && method.len() <= MAX_METHOD && !target.is_empty())
        .then_some((method, target))
}

/// Name and value of a field line `Host: example.org` (RFC 9112 section 5), without the white space
/// around either.
pub fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = name.trim_ascii();
    let value = value.get(1..)?.trim_ascii();
    (!name.is_empty() && !name.contains(&b' ')).then_some((name, value))
}

/// The fields of a whole head, its start line passed over. Ends at the first empty line.
pub fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|&byte| byte == b'\n')
        .skip(1)
        .take_while(|line| !line.trim_ascii().is_empty())
        .filter_map(field)
}

/// The elements of a comma-separated value (RFC 9110 section 5.6.1), lower case.
pub fn elements(value: &str) -> impl Iterator<Item = String> {
    value
        .split(',')
        .map(|element| element.trim().to_ascii_lowercase())
        .filter(|element| !element.is_empty())
}

/// The value of the parameter `name` in `a=1, name="x y", b=2` (RFC 9110 section 11.2), its quotes undone.
pub fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',', ';']);
        let (key, after) = rest.split_once('=')?;
        let (value, after) = value_of(after.trim_start());
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

/// A token or quoted string at the beginning of `text`, and what follows it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                return (
                    value,
                    quoted.get(at.saturating_add(1)..).unwrap_or_default(),
                );
            }
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

/// The last part of a target's path, without its query.
pub fn file_name(target: &str) -> Option<String> {
    let path = target.split(['?', '#', ';']).next()?;
    let path = path.split_once("://").map_or(path, |(_, rest)| {
        rest.split_once('/').map_or("", |(_, path)| path)
    });
    let name = path.rsplit('/').next()?;
    (!name.is_empty() && name != "*").then(|| name.chars().take(MAX_TEXT).collect())
}

/// The media type in the value of Content-Type, lower case, without its parameters.
pub fn media_type(value: &str) -> Option<String> {
    let name = value.split(';').next()?.trim();
    let name: String = name.chars().take(MAX_TEXT).collect();
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

/// The name in a Host field, as text for a `name` record: without its port. Nothing where it is an
/// address, or empty.
pub fn host_name(host: &str) -> Option<String> {
    let host = host.trim();
    if host.starts_with('[') {
        return None;
    }
    let name = match host.rsplit_once(':') {
        Some((name, _)) if !name.contains(':') => name,
        Some(_) => return None,
        None => host,
    };
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return None;
    }
    super::host_name::host_name(name.as_bytes())
}

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a byte ends a start line, or cannot stand in one.
fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_start_lines() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "M-SEARCH * HTTP/1.1\r\n",
            "get /a b HTTP/1.0\n",
            "X  http://h/  HTTP/1.1\r\n",
        ] {
            assert_eq!(look(line.as_bytes()), Look::Request, "{line}");
        }
        for line in [
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.0 404\n",
            "HTTP/1.1  301 \r\n",
        ] {
            assert_eq!(look(line.as_bytes()), Look::Status, "{line}");
        }
    }

    #[test]
    fn waits_while_a_start_line_may_come() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "HTTP/1.1 200",
            "OPTIONS rtsp://h HTTP/1.0\r\n",
        ] {
            for length in 0..line.len() {
                assert_eq!(
                    look(&line.as_bytes()[..length]),
                    Look::More,
                    "{length} bytes of {line}"
                );
            }
        }
    }

    #[test]
    fn refuses_its_look_alikes() {
        for line in [
            "OPTIONS rtsp://192.0.2.1/a RTSP/1.0\r\n",
            "INVITE sip:ada@example.org SIP/2.0\r\n",
            "PRI * HTTP/2.0\r\n",
            "RTSP/1.0 200 OK\r\n",
            "SIP/2.0 200 OK\r\n",
            "HTTP/1.1 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 \r200 OK",
            "HTTP/1.1\r\n",
            "HTTP/2 200\r\n",
            "USER anonymous\r\n",
            "GET /\r\n",
            "SSH-2.0-x\r\n",
            "\u{16}\u{3}\u{1}",
            " GET / HTTP/1.1\r\n",
            "GET  HTTP/1.1\r\n",
            "GET /a\0b HTTP/1.1\r\n",
        ] {
            assert_eq!(look(line.as_bytes()), Look::No, "{line}");
        }
        assert_eq!(look(&[b'a'; 33]), Look::No);
        assert_eq!(
            look(&[b"GET /".to_vec(), vec![b'a'; MAX_START_LINE]].concat()),
            Look::No
        );
    }

    #[test]
    fn a_request_line_is_taken_apart() {
        assert_eq!(
            request(b"GET /a b HTTP/1.1"),
            Some((&b"GET"[..], &b"/a b"[..]))
        );
        assert_eq!(
            request(b"POST  /  HTTP/1.0\r"),
            Some((&b"POST"[..], &b"/"[..]))
        );
        assert_eq!(request(b"GET HTTP/1.1"), None);
    }

    #[test]
    fn a_field_is_taken_apart() {
        assert_eq!(
            field(b"Host:\texample.org \r"),
            Some((&b"Host"[..], &b"example.org"[..]))
        );
        assert_eq!(field(b"A:"), Some((&b"A"[..], &b""[..])));
        assert_eq!(field(b"no colon"), None);
        assert_eq!(field(b": x"), None);
        let head = b"HTTP/1.1 200 OK\r\nA: 1\r\nB:2\r\n\r\nC: 3\r\n";
        assert_eq!(
            fields(head).collect::<Vec<_>>(),
            [(&b"A"[..], &b"1"[..]), (&b"B"[..], &b"2"[..])]
        );
    }

    #[test]
    fn a_parameter_is_found_and_its_quotes_are_undone() {
        let digest = r#"realm="a, b=\"c\"", username="ada", qop=auth,uri="/""#;
        assert_eq!(parameter(digest, "username").as_deref(), Some("ada"));
        assert_eq!(parameter(digest, "Realm").as_deref(), Some("a, b=\"c\""));
        assert_eq!(parameter(digest, "qop").as_deref(), Some("auth"));
        assert_eq!(parameter(digest, "b"), None);
        assert_eq!(
            parameter("username=\"open", "username").as_deref(),
            Some("open")
        );
    }

    #[test]
    fn a_host_is_a_name_or_nothing() {
        assert_eq!(
            host_name("WWW.Example.org.:8080").as_deref(),
            Some("www.example.org")
        );
        assert_eq!(host_name("b\u{fc}cher").as_deref(), Some("b\\195\\188cher"));
        for host in [
            "192.0.2.1",
            "192.0.2.1:80",
            "[2001:db8::1]:80",
            "2001:db8::1",
            "",
            ":80",
            ".",
        ] {
            assert_eq!(host_name(host), None, "{host}");
        }
    }
}
