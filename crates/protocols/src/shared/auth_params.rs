//! The value of an `Authorization` field: a scheme and its parameters (RFC 9110 section 11.4; RFC 3261
//! section 22 uses the same form).

/// The most parameters that are looked at.
const MAX_PARAMS: usize = 32;

/// A scheme and its parameters.
pub(crate) struct AuthParams<'a> {
    /// `Digest`, `Basic`, as sent.
    pub(crate) scheme: &'a str,
    params: Vec<(&'a str, String)>,
}

impl<'a> AuthParams<'a> {
    /// Reads `Digest username="ada", realm="office.example", ...`; parameters that are not of the form
    /// `name=value` are passed over.
    pub(crate) fn parse(value: &'a str) -> AuthParams<'a> {
        let value = value.trim();
        let (scheme, mut rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
        let mut params = Vec::new();
        while params.len() < MAX_PARAMS {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let Some((name, after)) = rest.split_once('=') else {
                break;
            };
            let (text, after) = match after.trim_start().strip_prefix('"') {
                Some(quoted) => unquote(quoted),
                None => {
                    let after = after.trim_start();
                    let (token, after) = after.split_once(',').unwrap_or((after, ""));
                    (token.trim_end().to_owned(), after)
                }
            };
            params.push((name.trim(), text));
            rest = after;
        }
        AuthParams { scheme, params }
    }

    /// The first parameter of this name, without regard to case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// The text up to the closing quote, escapes undone, and what follows it.
fn unquote(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
            other => text.push(other),
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_parameters_are_read() {
        let auth = AuthParams::parse(
            "Digest username=\"ada, \\\"the\\\" first\", realm=office , qop=auth,\r\n nc=00000001",
        );
        assert_eq!(auth.scheme, "Digest");
        assert_eq!(auth.get("USERNAME"), Some("ada, \"the\" first"));
        assert_eq!(auth.get("realm"), Some("office"));
        assert_eq!(auth.get("qop"), Some("auth"));
        assert_eq!(auth.get("nonce"), None);
    }

    #[test]
    fn an_open_quote_ends_with_the_text() {
        assert_eq!(
            AuthParams::parse("Digest username=\"ad").get("username"),
            Some("ad")
        );
    }
}
