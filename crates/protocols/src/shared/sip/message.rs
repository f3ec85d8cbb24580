//! The parts of a SIP message: start line, addresses, tags, numbers (RFC 3261 sections 7, 20 and 25).

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::shared::header_block::HeaderBlock;

/// The longest Call-ID, URI, user name or realm that is kept, in bytes.
pub(crate) const MAX_TEXT: usize = 1024;
/// The most elements of one list in a header field that are looked at.
const MAX_ELEMENTS: usize = 32;

/// The methods that SIP is known to have (RFC 3261 and its extensions).
pub(crate) const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "INFO",
    "REFER",
    "MESSAGE",
    "UPDATE",
];

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start<'a> {
    /// The method of a request.
    Request(&'a str),
    /// The code of a response.
    Response(u16),
}

/// `INVITE sip:bob@office.example SIP/2.0`, `SIP/2.0 200 OK`.
pub(crate) fn start_line(line: &[u8]) -> Option<Start<'_>> {
    let line = line.trim_ascii_end();
    // Neither a URI nor a reason holds control characters (RFC 3261 section 25.1).
    if line
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        return None;
    }
    if let Some(rest) = line.strip_prefix(b"SIP/2.0 ") {
        let code = std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()?;
        return (100..700).contains(&code).then_some(Start::Response(code));
    }
    let rest = line.strip_suffix(b" SIP/2.0")?;
    let space = rest.iter().position(|&byte| byte == b' ')?;
    let (method, uri) = rest.split_at_checked(space)?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
    let method = std::str::from_utf8(method)
        .ok()
        .filter(|method| !method.is_empty() && method.bytes().all(|b| is_token(&b)))?;
    (!uri.trim_ascii().is_empty()).then_some(Start::Request(method))
}

/// What follows the display name, where there is one; it may hold anything, `<` and `,` too.
fn after_name(value: &str) -> &str {
    let value = value.trim();
    let Some(quoted) = value.strip_prefix('"') else {
        return value;
    };
    let mut escaped = false;
    let end = quoted.char_indices().find(|&(_, character)| {
        let closes = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        closes
    });
    end.and_then(|(at, _)| quoted.get(at + 1..))
        .unwrap_or(value)
}

/// The URI of a `From` or `To` field: without display name and parameters (RFC 3261 section 20.20).
pub(crate) fn bare_uri(value: &str) -> Option<String> {
    let rest = after_name(value);
    let uri = match rest.split_once('<') {
        Some((_, inside)) => inside.split('>').next().unwrap_or_default(),
        None => rest,
    };
    // A user part may hold `;` and `?` itself.
    let host = uri.find('@').unwrap_or(0);
    let end = uri
        .get(host..)
        .and_then(|tail| tail.find([';', '?']))
        .map_or(uri.len(), |at| host + at);
    let uri = uri.get(..end).unwrap_or(uri).trim();
    let (scheme, _) = uri.split_once(':')?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    (!scheme.is_empty() && scheme.bytes().all(is_scheme)).then(|| shortened(uri))
}

/// What follows the address of a field: `;tag=1` of `<sip:ada@office.example>;tag=1`.
fn parameters(value: &str) -> &str {
    let rest = after_name(value);
    match rest.split_once('<') {
        Some((_, inside)) => inside.split_once('>').map_or("", |(_, after)| after),
        None => rest.split_once(';').map_or("", |(_, after)| after),
    }
}

/// A parameter of a field that holds an address: `tag`, `expires`.
pub(crate) fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    parameters(value).split(';').find_map(|parameter| {
        let (known, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        known
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim())
    })
}

/// The elements of a list, cut at the commas that stand in no quotes and in no angle brackets.
pub(crate) fn elements(value: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut quoted, mut escaped, mut inside) = (false, false, false);
    let mut begin = 0;
    for (at, character) in value.char_indices() {
        match character {
            '"' if !escaped && !inside => quoted = !quoted,
            '<' if !quoted => inside = true,
            '>' if !quoted => inside = false,
            ',' if !quoted && !inside => {
                found.extend(value.get(begin..at));
                begin = at + 1;
            }
            _ => {}
        }
        escaped = quoted && character == '\\' && !escaped;
        if found.len() == MAX_ELEMENTS {
            return found;
        }
    }
    found.extend(value.get(begin..));
    found
}

/// The URIs of all fields of a name, in order, at most [`MAX_ELEMENTS`].
pub(crate) fn uris(block: &HeaderBlock<'_>, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for value in block.all(name, "").take(MAX_ELEMENTS) {
        found.extend(elements(&value).into_iter().filter_map(bare_uri));
        if found.len() >= MAX_ELEMENTS {
            break;
        }
    }
    found
}

/// At most [`MAX_TEXT`] bytes of a text.
pub(crate) fn shortened(text: &str) -> String {
    let end = (0..=MAX_TEXT.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// `314159 INVITE`: the number and the method.
pub(crate) fn command_sequence(value: &str) -> (u32, &str) {
    let mut words = value.split_ascii_whitespace();
    let number = words
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0);
    (number, words.next().unwrap_or_default())
}

/// The length of the body, where it is said.
pub(crate) fn content_length(block: &HeaderBlock<'_>) -> Option<usize> {
    block
        .get("Content-Length", "l")
        .and_then(|length| length.trim().parse().ok())
}

/// A hash to know something again by; the same in every run.
pub(crate) fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_lose_display_name_and_parameters() {
        let cases = [
            (
                "\"A <b>\" <sip:ada@office.example;user=phone>;tag=1",
                Some("sip:ada@office.example"),
            ),
            (
                "sip:ada@office.example;tag=1",
                Some("sip:ada@office.example"),
            ),
            (
                "<sip:0612;npdi@office.example:5062;user=phone>",
                Some("sip:0612;npdi@office.example:5062"),
            ),
            (
                "Bob <tel:+15551234;phone-context=office.example>",
                Some("tel:+15551234"),
            ),
            ("<sip:office.example", Some("sip:office.example")),
            ("\"open", None),
            ("\"open sip:ada@office.example", None),
            ("anonymous", None),
            ("", None),
        ];
        for (value, uri) in cases {
            assert_eq!(bare_uri(value).as_deref(), uri, "{value}");
        }
    }

    #[test]
    fn parameters_stand_behind_the_address() {
        let value = "\"a;tag=0\" <sip:ada@office.example;tag=1>;Tag=2;expires=60";
        assert_eq!(parameter(value, "tag"), Some("2"));
        assert_eq!(parameter(value, "expires"), Some("60"));
        assert_eq!(parameter("sip:a@b;tag=3", "tag"), Some("3"));
        assert_eq!(parameter("sip:a@b", "tag"), None);
    }

    #[test]
    fn lists_are_cut_at_commas_that_stand_free() {
        let value = "\"a,\\\"b\" <sip:a,b@c>;x=1, <sip:d@e>";
        assert_eq!(
            elements(value),
            ["\"a,\\\"b\" <sip:a,b@c>;x=1", " <sip:d@e>"]
        );
    }
}
