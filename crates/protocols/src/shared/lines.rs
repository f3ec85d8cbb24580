//! Dialogues in lines of text: what SMTP (RFC 5321), POP3 (RFC 1939), IMAP (RFC 9051) and FTP (RFC 959) share.
//!
//! Lines end in CRLF; a bare LF ends one too, since many programs send it. Nothing is kept here but a
//! few flags: the bytes stay with whoever lends them.

use std::collections::VecDeque;

use memchr::memchr;
use overheard_tap::{Cut, Next, Step};

/// Bytes that a line may have before it is taken in pieces of this size. RFC 4954 section 4 lets an
/// authentication line have 12,288; no other line that matters here is longer.
pub(crate) const MAX_LINE: usize = 12_288;

/// Commands whose answers are waited for; the oldest are forgotten beyond this.
pub(crate) const MAX_ASKED: usize = 128;

/// Lines in a row with control characters after which what is said cannot be a dialogue of text.
const MAX_STRANGE: u32 = 16;

/// A line, or a piece of one that is longer than [`MAX_LINE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The text without its line end.
    pub text: &'a [u8],
    /// Bytes that it took, with its line end.
    pub taken: usize,
    /// Whether it begins here, and is not a later piece of a long line.
    pub begins: bool,
}

/// What follows a line that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next line.
    GoOn,
    /// Something that is no line, or is to be heard after the other side has spoken.
    Wait,
    /// TLS, on both sides.
    Tls,
}

/// Cuts what one side says into lines.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lines {
    /// Inside a line of which the beginning was taken, or lost.
    inside: bool,
    /// Lines in a row that were not text.
    strange: u32,
}

impl Lines {
    /// The first line of `bytes`, or a piece of [`MAX_LINE`] of it; `None` when more bytes are needed.
    /// The cuts do not depend on how the bytes arrived.
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Option<Line<'a>> {
        let window = bytes.get(..MAX_LINE).unwrap_or(bytes);
        let begins = !self.inside;
        let line = match memchr(b'\n', window) {
            Some(end) => {
                self.inside = false;
                let text = window.get(..end).unwrap_or_default();
                Some(Line {
                    text: text.strip_suffix(b"\r").unwrap_or(text),
                    taken: end + 1,
                    begins,
                })
            }
            None if window.len() == MAX_LINE => {
                self.inside = true;
                Some(Line {
                    text: window,
                    taken: MAX_LINE,
                    begins,
                })
            }
            None => None,
        };
        if let Some(line) = line {
            self.strange = if is_text(line.text) {
                0
            } else {
                self.strange.saturating_add(1)
            };
        }
        line
    }

    /// Hears line after line; pieces of long lines behind the first are passed over. TLS that begins where a
    /// line should is handed over to it. `layer` is what errors name.
    pub fn each(
        &mut self,
        bytes: &[u8],
        layer: &'static str,
        mut hear: impl FnMut(&[u8]) -> Then,
    ) -> Step {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if is_tls(rest) && self.at_start() {
                return Step::Become {
                    took: at,
                    next: Next::Protocol("tls"),
                };
            }
            let Some(line) = self.next(rest) else {
                return Step::Took(at);
            };
            at += line.taken;
            if self.is_strange() {
                return not_text(at - line.taken, layer);
            }
            if !line.begins {
                continue;
            }
            match hear(line.text) {
                Then::GoOn => {}
                Then::Wait => return Step::Took(at),
                Then::Tls => {
                    return Step::Become {
                        took: at,
                        next: Next::Protocol("tls"),
                    };
                }
            }
        }
    }

    /// Whether what is said has not been text for a while: another protocol, or sealed.
    pub fn is_strange(&self) -> bool {
        self.strange >= MAX_STRANGE
    }

    /// Whether the next byte begins a line.
    pub fn at_start(&self) -> bool {
        !self.inside
    }

    /// Bytes were lost: what follows is the rest of some line.
    pub fn lost(&mut self) {
        self.inside = true;
    }
}

/// A reply of three digits (RFC 5321 section 4.2, RFC 959 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    /// The code, 100 to 999.
    pub code: u16,
    /// Whether further lines of the same reply follow.
    pub more: bool,
    /// What stands behind the code.
    pub text: &'a [u8],
}

impl<'a> Reply<'a> {
    /// The reply that a line is, if it is one.
    pub fn parse(line: &'a [u8]) -> Option<Reply<'a>> {
        let (digits, rest) = line.split_at_checked(3)?;
        let mut code = 0u16;
        for &digit in digits {
            code = code * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        if code < 100 {
            return None;
        }
        match rest.split_first() {
            None => Some(Reply {
                code,
                more: false,
                text: rest,
            }),
            Some((b' ', text)) => Some(Reply {
                code,
                more: false,
                text,
            }),
            Some((b'-', text)) => Some(Reply {
                code,
                more: true,
                text,
            }),
            Some(_) => None,
        }
    }

    /// Whether it says yes: 200 to 299.
    pub fn yes(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Whether it says no: 400 to 599.
    pub fn no(&self) -> bool {
        (400..600).contains(&self.code)
    }
}

/// Commands that wait for their answers, oldest first.
#[derive(Debug)]
pub(crate) struct Asked<T>(VecDeque<T>);

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Asked(VecDeque::new())
    }
}

impl<T: PartialEq> Asked<T> {
    /// A command was heard.
    pub fn push(&mut self, command: T) {
        if self.0.len() >= MAX_ASKED {
            self.0.pop_front();
        }
        self.0.push_back(command);
    }

    /// Its answer was heard: the command that has waited longest.
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    /// The command goes on waiting: the answer was not for it.
    pub fn put_back(&mut self, command: T) {
        self.0.push_front(command);
    }

    /// An answer was heard that only this command can have: those before it are forgotten, their
    /// answers must have been missed. Whether it was waiting.
    pub fn pop_to(&mut self, command: &T) -> bool {
        let Some(at) = self.0.iter().position(|waiting| waiting == command) else {
            return false;
        };
        self.0.drain(..=at);
        true
    }

    /// Something was lost: which answer belongs to which command is not known any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// A text that ends with a line of a single dot, and in which a dot at the beginning of a line is
/// doubled (RFC 5321 section 4.5.2, RFC 1939 section 3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct DotText {
    at_line_start: bool,
}

impl Default for DotText {
    fn default() -> Self {
        DotText {
            at_line_start: true,
        }
    }
}

impl DotText {
    /// Hands the text in `bytes` to `sink`, dots undone. Gives how many bytes were taken, and whether
    /// the text has ended; what is not taken is to be offered again when more has arrived.
    pub fn take(&mut self, bytes: &[u8], mut sink: impl FnMut(&[u8])) -> (usize, bool) {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if self.at_line_start && first == b'.' {
                match rest {
                    [_, b'\r', b'\n', ..] => return (bytes.len() - rest.len() + 3, true),
                    [_, b'\n', ..] => return (bytes.len() - rest.len() + 2, true),
                    [] | [_] | [_, b'\r'] => break,
                    [_, stuffed @ ..] => rest = stuffed,
                }
            }
            let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let Some((line, after)) = rest.split_at_checked(end) else {
                break;
            };
            self.at_line_start = line.ends_with(b"\n");
            sink(line);
            rest = after;
        }
        (bytes.len() - rest.len(), false)
    }

    /// Bytes were lost: a dot means nothing before the next line begins.
    pub fn lost(&mut self) {
        self.at_line_start = false;
    }
}

/// Whether a TLS handshake begins here (RFC 9846 section 5.1): what a command line never does.
pub(crate) fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x16, 3, 0..=4, ..])
}

/// The step of an analyzer whose side does not speak in text any more: what was heard before, in
/// these bytes, is taken first, for what was written down of it stays only then.
pub(crate) fn not_text(before: usize, layer: &'static str) -> Step {
    if before > 0 {
        Step::Took(before)
    } else {
        Step::NotMine(Cut::wrong(layer, 0))
    }
}

/// The first word of a line, and what follows the blanks behind it.
pub(crate) fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii_start();
    let end = line
        .iter()
        .position(|byte| byte.is_ascii_whitespace())
        .unwrap_or(line.len());
    let (first, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    (first, rest.trim_ascii_start())
}

/// Whether `text` begins with `prefix`, in whatever case.
pub(crate) fn begins(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether `needle` stands in `text`, in whatever case. For short texts.
pub(crate) fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len().max(1))
        .any(|window| window.eq_ignore_ascii_case(needle))
}

/// The longest first line that probing looks at, in bytes: RFC 5321 section 4.5.3.1 allows 512.
const MAX_FIRST_LINE: usize = 512;

/// The first line of a sample without its end, and whether all of it is there.
pub(crate) fn first_line(bytes: &[u8]) -> (&[u8], bool) {
    let bytes = bytes.get(..MAX_FIRST_LINE).unwrap_or(bytes);
    match memchr(b'\n', bytes) {
        Some(end) => {
            let line = bytes.get(..end).unwrap_or_default();
            (line.strip_suffix(b"\r").unwrap_or(line), true)
        }
        None => (bytes, false),
    }
}

/// Whether the bytes are text: no control characters but blanks and line ends.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|&byte| byte >= b' ' && byte != 0x7f || matches!(byte, b'\t' | b'\r' | b'\n'))
}

/// Text for a record: what is not UTF-8 is replaced, and all beyond `most` bytes is left out.
pub(crate) fn text(bytes: &[u8], most: usize) -> String {
    String::from_utf8_lossy(bytes.get(..most).unwrap_or(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_crlf_or_lf() {
        let mut lines = Lines::default();
        let line = lines.next(b"EHLO a\r\nrest").unwrap();
        assert_eq!(
            (line.text, line.taken, line.begins),
            (&b"EHLO a"[..], 8, true)
        );
        assert_eq!(lines.next(b"QUIT\n").unwrap().text, b"QUIT");
        assert_eq!(lines.next(b"no end"), None);
    }

    #[test]
    fn a_long_line_comes_in_pieces_and_the_next_begins_anew() {
        let mut lines = Lines::default();
        let long = vec![b'x'; MAX_LINE + 1];
        assert_eq!(lines.next(&long[..MAX_LINE - 1]), None);
        let piece = lines.next(&long).unwrap();
        assert_eq!((piece.taken, piece.begins), (MAX_LINE, true));
        let piece = lines.next(b"x\r\nQUIT\r\n").unwrap();
        assert_eq!((piece.taken, piece.begins), (3, false));
        assert!(lines.next(b"QUIT\r\n").unwrap().begins);
    }

    #[test]
    fn after_a_loss_the_rest_of_a_line_is_no_line() {
        let mut lines = Lines::default();
        lines.lost();
        assert!(!lines.next(b"SS word\r\n").unwrap().begins);
        assert!(lines.next(b"QUIT\r\n").unwrap().begins);
    }

    #[test]
    fn replies() {
        assert_eq!(
            Reply::parse(b"250-SIZE 10"),
            Some(Reply {
                code: 250,
                more: true,
                text: b"SIZE 10"
            })
        );
        assert_eq!(
            Reply::parse(b"220"),
            Some(Reply {
                code: 220,
                more: false,
                text: b""
            })
        );
        assert_eq!(Reply::parse(b"2200 x"), None);
        assert_eq!(Reply::parse(b"25"), None);
        assert_eq!(Reply::parse(b"010 x"), None);
    }

    #[test]
    fn an_answer_that_fits_one_command_only_brings_the_dialogue_back_in_step() {
        let mut asked = Asked::default();
        for command in ["mail", "rcpt", "data", "quit"] {
            asked.push(command);
        }
        assert!(asked.pop_to(&"data"));
        assert_eq!(asked.pop(), Some("quit"));
        assert!(!asked.pop_to(&"data"));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut asked = Asked::default();
        (0..1000).for_each(|number| asked.push(number));
        assert_eq!(asked.pop(), Some(1000 - MAX_ASKED));
    }

    fn undot(pieces: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
        let (mut text, mut heard, mut left) = (DotText::default(), Vec::new(), Vec::new());
        for piece in pieces {
            left.extend_from_slice(piece);
            let (taken, ended) = text.take(&left, |bytes| heard.extend_from_slice(bytes));
            left.drain(..taken);
            if ended {
                break;
            }
        }
        (heard, left)
    }

    #[test]
    fn dots_are_undone_however_the_text_is_cut() {
        let text = b"a\r\n..b\r\n.c\nd.\r\n...\r\n.\r\nQUIT\r\n";
        let whole = undot(&[text]);
        assert_eq!(whole.0, b"a\r\n.b\r\nc\nd.\r\n..\r\n");
        assert_eq!(whole.1, b"QUIT\r\n");
        for at in 0..text.len() {
            let (heard, left) = undot(&[&text[..at], &text[at..]]);
            assert_eq!(heard, whole.0, "cut at {at}");
            assert!(b"QUIT\r\n".starts_with(&left) || left == b"QUIT\r\n");
        }
    }

    #[test]
    fn words() {
        assert_eq!(word(b"  mail   FROM:<a>"), (&b"mail"[..], &b"FROM:<a>"[..]));
        assert_eq!(word(b""), (&b""[..], &b""[..]));
        assert!(begins(b"ehlo x", b"EHLO"));
        assert!(contains(b"220 x ESMTP y", b"smtp"));
        assert!(!contains(b"220", b"esmtp"));
    }
}
