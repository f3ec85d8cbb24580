//! Letters (RFC 5322, MIME RFC 2045 and 2046) as they stream by: who, to whom, about what, how many
//! attachments, whether the body is sealed by itself. Nothing of the body is kept.

use overheard_ledger::{Body, MAX_EVIDENCE, Message, Seen};
use overheard_tap::{Evidence, Notes};
use sha2::{Digest, Sha256};

use super::base64;
use super::hex::hex;
use super::lines::{begins, contains, text};

/// Bytes of one line that are looked at.
const MAX_LINE: usize = 2048;

/// Bytes of one unfolded header field that are kept.
const MAX_FIELD: usize = 8192;

/// Bytes of a sender, a recipient or a subject that are kept.
const MAX_TEXT: usize = 2048;

/// Recipients of one letter that are kept (RFC 5321 section 4.5.3.1.8 asks a server for 100).
pub(crate) const MAX_RECIPIENTS: usize = 100;

/// Boundaries of nested multiparts that are looked for; the innermost are kept.
const MAX_BOUNDARIES: usize = 16;

/// What a tap learns from letters of this protocol that were readable as they passed.
pub(crate) fn letter_heard(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let letter = message(seen, protocol).filter(|letter| letter.protected.is_none())?;
    let more = if letter.attachments > 0 {
        " and attachments"
    } else {
        ""
    };
    Some(format!(
        "Letters to and from {}: sender, recipients, subject, text{more}",
        seen.server()
    ))
}

/// What a tap learns from letters of this protocol whose body is sealed by itself.
pub(crate) fn sealed_letter_heard(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    message(seen, protocol).filter(|letter| letter.protected.is_some())?;
    Some(format!(
        "Sender, recipients and subject of letters to and from {}; their text is sealed",
        seen.server()
    ))
}

fn message<'a>(seen: &'a Seen<'_>, protocol: &str) -> Option<&'a Message> {
    match &seen.record.body {
        Body::Message(letter) if letter.protocol == protocol => Some(letter),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the header of the letter.
    Header,
    /// In the header of a part of it.
    PartHeader,
    /// In a body.
    Text,
}

/// A letter that is passing.
#[derive(Debug)]
pub(crate) struct Letter {
    hash: Sha256,
    bytes: u64,
    broken: bool,
    from: Option<String>,
    to: Vec<String>,
    subject: Option<String>,
    attachments: u32,
    protected: Option<&'static str>,
    place: Place,
    fields: u32,
    /// Of the header that is being read: whether it declares an attachment, and an embedded letter.
    attached: bool,
    embedded: bool,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The header field that is being unfolded.
    field: Vec<u8>,
    boundaries: Vec<Vec<u8>>,
    evidence: Evidence,
    last_frame: u64,
    frames: usize,
}

impl Letter {
    /// A letter that begins.
    pub fn new() -> Letter {
        Letter {
            hash: Sha256::new(),
            bytes: 0,
            broken: false,
            from: None,
            to: Vec::new(),
            subject: None,
            attachments: 0,
            protected: None,
            place: Place::Header,
            fields: 0,
            attached: false,
            embedded: false,
            line: Vec::new(),
            field: Vec::new(),
            boundaries: Vec::new(),
            evidence: Evidence::default(),
            last_frame: 0,
            frames: 0,
        }
    }

    /// The text of a letter whose header was heard apart from it.
    pub fn with_header(header: &Letter) -> Letter {
        let evidence = header.evidence.clone();
        let (from, to, subject) = (
            header.from.clone(),
            header.to.clone(),
            header.subject.clone(),
        );
        let (boundaries, protected) = (header.boundaries.clone(), header.protected);
        Letter {
            from,
            to,
            subject,
            boundaries,
            protected,
            evidence,
            place: Place::Text,
            ..Letter::new()
        }
    }

    /// The header has ended, whether or not its last line was heard.
    pub fn header_is_whole(&mut self) {
        if self.place == Place::Header {
            let held = std::mem::take(&mut self.line);
            if !held.is_empty() {
                self.line(&held);
            }
            self.header_ends();
        }
    }

    /// The present bytes prove something of it. Cheap where nothing is added.
    pub fn heard(&mut self, notes: &Notes<'_>) {
        if self.frames < MAX_EVIDENCE && notes.frame() != self.last_frame {
            self.evidence.join(&notes.evidence());
            self.last_frame = notes.frame();
            self.frames += 1;
        }
    }

    /// Some of it was lost: it can be described, but not identified.
    pub fn lost(&mut self) {
        self.broken = true;
        self.line.clear();
    }

    /// Whether some of it was lost.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Its next bytes, cut anyhow.
    pub fn push(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let whole = piece.strip_suffix(b"\n");
            if let (Some(line), true) = (whole, self.line.is_empty()) {
                self.line(line.strip_suffix(b"\r").unwrap_or(line));
                continue;
            }
            let room = MAX_LINE.saturating_sub(self.line.len());
            self.line
                .extend_from_slice(piece.get(..room).unwrap_or(piece));
            if whole.is_some() {
                let mut held = std::mem::take(&mut self.line);
                self.line(held.trim_ascii_end());
                held.clear();
                self.line = held;
            }
        }
    }

    /// One line, without its end.
    fn line(&mut self, line: &[u8]) {
        let line = line.get(..MAX_LINE).unwrap_or(line).trim_ascii_end();
        if self.place == Place::Text {
            if line.starts_with(b"--") {
                self.dashes(line);
            }
            return;
        }
        match line.first() {
            None => self.header_ends(),
            Some(b' ' | b'\t') => {
                let room = MAX_FIELD.saturating_sub(self.field.len());
                self.field
                    .extend_from_slice(line.get(..room).unwrap_or(line));
            }
            Some(_) => {
                self.field_ends();
                let name = line
                    .iter()
                    .position(|&byte| byte == b':')
                    .and_then(|colon| line.get(..colon));
                if name.is_some_and(|name| {
                    !name.is_empty() && name.trim_ascii_end().iter().all(u8::is_ascii_graphic)
                }) {
                    self.fields += 1;
                    self.field.extend_from_slice(line);
                } else if self.place == Place::PartHeader || self.fields == 0 {
                    self.place = Place::Text;
                    if line.starts_with(b"--") {
                        self.dashes(line);
                    }
                }
            }
        }
    }

    /// A line of a body that begins with two dashes: a boundary, or armour.
    fn dashes(&mut self, line: &[u8]) {
        if line.starts_with(b"-----BEGIN PGP MESSAGE-----") {
            self.protected = Some("pgp");
            return;
        }
        let rest = line.get(2..).unwrap_or_default();
        if self.boundaries.iter().any(|boundary| boundary == rest) {
            self.place = Place::PartHeader;
            (self.attached, self.embedded) = (false, false);
        }
    }

    fn header_ends(&mut self) {
        self.field_ends();
        if self.attached {
            self.attachments = self.attachments.saturating_add(1);
        }
        // The header of an embedded letter follows at once; its sender is not this letter's.
        self.place = if self.embedded {
            Place::PartHeader
        } else {
            Place::Text
        };
        (self.attached, self.embedded) = (false, false);
    }

    /// A field is whole.
    fn field_ends(&mut self) {
        let mut field = std::mem::take(&mut self.field);
        if let Some(colon) = field.iter().position(|&byte| byte == b':') {
            let (name, value) = field.split_at_checked(colon).unwrap_or_default();
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            let top = self.place == Place::Header;
            match name.trim_ascii_end().to_ascii_lowercase().as_slice() {
                b"from" if top && self.from.is_none() => self.from = Some(decode_words(value)),
                b"subject" if top && self.subject.is_none() => {
                    self.subject = Some(decode_words(value))
                }
                b"to" | b"cc" if top => self.recipients(value),
                b"content-type" => self.content_type(value),
                b"content-disposition" => {
                    self.attached |= begins(value, b"attachment") || contains(value, b"filename");
                }
                _ => {}
            }
        }
        field.clear();
        self.field = field;
    }

    fn recipients(&mut self, list: &[u8]) {
        let (mut quoted, mut from) = (false, 0);
        for at in 0..=list.len() {
            let byte = list.get(at).copied();
            match byte {
                Some(b'"') => quoted = !quoted,
                Some(b',') if quoted => {}
                Some(b',') | None => {
                    let one = list.get(from..at).unwrap_or_default().trim_ascii();
                    if !one.is_empty() && self.to.len() < MAX_RECIPIENTS {
                        self.to.push(decode_words(one));
                    }
                    from = at + 1;
                }
                Some(_) => {}
            }
        }
    }

    fn content_type(&mut self, value: &[u8]) {
        if begins(value, b"multipart/") {
            if begins(value, b"multipart/encrypted") {
                self.protected = Some(if contains(value, b"pkcs7") {
                    "smime"
                } else {
                    "pgp"
                });
            }
            if let Some(boundary) = parameter(value, b"boundary") {
                if self.boundaries.len() >= MAX_BOUNDARIES {
                    self.boundaries.remove(0);
                }
                self.boundaries.push(boundary.to_vec());
            }
        } else if begins(value, b"message/rfc822") {
            self.embedded = true;
        } else if begins(value, b"application/pkcs7-mime")
            || begins(value, b"application/x-pkcs7-mime")
        {
            // What is only signed, or only compressed, can be read (RFC 8551 section 3.2.2).
            let readable = [&b"signed-data"[..], b"certs-only", b"compressed-data"];
            if !readable.iter().any(|kind| contains(value, kind)) {
                self.protected = Some("smime");
            }
        }
        self.attached |= parameter(value, b"name").is_some();
    }

    /// Writes the letter down. `to` are the recipients of its envelope, where there is one; `whole`
    /// says whether its end was heard.
    pub fn write(mut self, protocol: &str, to: Vec<String>, whole: bool, notes: &mut Notes<'_>) {
        if self.bytes == 0 {
            return;
        }
        if self.place != Place::Text {
            let held = std::mem::take(&mut self.line);
            if !held.is_empty() {
                self.line(&held);
            }
            self.header_ends();
        }
        let sha256 = (whole && !self.broken).then(|| hex(&self.hash.finalize()));
        let message = Message {
            protocol: protocol.to_owned(),
            from: self.from,
            to: if to.is_empty() { self.to } else { to },
            subject: self.subject.map(|subject| notes.mask(&subject)),
            bytes: self.bytes,
            sha256,
            attachments: self.attachments,
            protected: self.protected.map(str::to_owned),
        };
        notes.add_with(message, self.evidence);
    }
}

/// The value of a parameter of a structured field (RFC 2045 section 5.1), without quotation marks;
/// also in the forms of RFC 2231 (`name*=`, `name*0=`).
fn parameter<'a>(value: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    value
        .split(|&byte| byte == b';')
        .skip(1)
        .find_map(|parameter| {
            let equals = parameter.iter().position(|&byte| byte == b'=')?;
            let (key, value) = parameter.split_at_checked(equals)?;
            let key = key.split(|&byte| byte == b'*').next()?.trim_ascii();
            let value = value.get(1..)?.trim_ascii();
            if !key.eq_ignore_ascii_case(name) {
                return None;
            }
            match value.strip_prefix(b"\"") {
                Some(value) => value.split(|&byte| byte == b'"').next(),
                None => Some(value),
            }
        })
}

/// An unstructured field as text: encoded words (RFC 2047) undone where their character set is UTF-8,
/// ASCII or Latin-1, folding made one blank, at most [`MAX_TEXT`] bytes of it.
pub(crate) fn decode_words(field: &[u8]) -> String {
    let field = field.get(..MAX_TEXT).unwrap_or(field);
    let mut out = String::new();
    // Bytes of UTF-8 that encoded words gave: a character may be cut between two of them.
    let mut held: Vec<u8> = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        let next = rest
            .windows(2)
            .position(|pair| pair == b"=?")
            .unwrap_or(rest.len());
        let (plain, at_word) = rest.split_at_checked(next).unwrap_or((rest, &[]));
        // Blanks between two encoded words are not part of the text.
        if !plain.trim_ascii().is_empty() || held.is_empty() || at_word.is_empty() {
            out.push_str(&String::from_utf8_lossy(&std::mem::take(&mut held)));
            out.push_str(&String::from_utf8_lossy(plain));
        }
        rest = match encoded_word(at_word) {
            Some((bytes, after)) => {
                held.extend_from_slice(&bytes);
                after
            }
            None => {
                out.push_str(&String::from_utf8_lossy(&std::mem::take(&mut held)));
                let (mark, after) = at_word.split_at_checked(2).unwrap_or((at_word, &[]));
                out.push_str(&String::from_utf8_lossy(mark));
                after
            }
        };
    }
    out.push_str(&String::from_utf8_lossy(&held));
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The UTF-8 of the encoded word that `field` begins with, and what follows it.
fn encoded_word(field: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut parts = field.strip_prefix(b"=?")?.splitn(3, |&byte| byte == b'?');
    let (charset, encoding, tail) = (parts.next()?, parts.next()?, parts.next()?);
    let end = tail.windows(2).position(|pair| pair == b"?=")?;
    let (word, after) = tail.split_at_checked(end)?;
    if charset.iter().chain(word).any(u8::is_ascii_whitespace)
        && !encoding.eq_ignore_ascii_case(b"Q")
    {
        return None;
    }
    let bytes = match encoding {
        b"B" | b"b" => base64::decode(word)?,
        b"Q" | b"q" => quoted_printable(word),
        _ => return None,
    };
    let charset = charset
        .split(|&byte| byte == b'*')
        .next()?
        .to_ascii_lowercase();
    let utf8 = match charset.as_slice() {
        b"utf-8" | b"utf8" | b"us-ascii" => bytes,
        b"iso-8859-1" | b"iso-8859-15" | b"windows-1252" => bytes
            .into_iter()
            .map(char::from)
            .collect::<String>()
            .into_bytes(),
        _ => return None,
    };
    Some((utf8, after.get(2..)?))
}

/// The Q encoding of RFC 2047 section 4.2.
fn quoted_printable(word: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'_', _) => bytes.push(b' '),
            (b'=', [high, low, beyond @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = beyond;
                }
                _ => bytes.push(first),
            },
            _ => bytes.push(first),
        }
    }
    bytes
}

/// An address of an envelope: what stands between the angle brackets behind the colon of `FROM:` or
/// `TO:`, or the first word behind it.
pub(crate) fn envelope_address(argument: &[u8]) -> String {
    let colon = argument
        .iter()
        .position(|&byte| byte == b':')
        .map_or(0, |at| at + 1);
    let path = argument.get(colon..).unwrap_or_default().trim_ascii();
    let address = match path.strip_prefix(b"<") {
        Some(path) => path.split(|&byte| byte == b'>').next().unwrap_or_default(),
        None => path
            .split(|byte| byte.is_ascii_whitespace())
            .next()
            .unwrap_or_default(),
    };
    text(address, MAX_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(letter: &[u8], cut: usize) -> Letter {
        let mut read = Letter::new();
        letter.chunks(cut).for_each(|piece| read.push(piece));
        read
    }

    const MIXED: &[u8] = b"From: \"Ada, L.\" <ada@a.example>\r\nTo: \"B, C\" <b@b.example>,\r\n\tc@c.example\r\n\
        Subject: =?UTF-8?Q?Gr=C3=BC?=\r\n =?utf-8?b?w59l?= you\r\nContent-Type: multipart/mixed;\r\n boundary=\"x y\"\r\n\r\n\
        preamble\r\n--x y\r\nContent-Type: text/plain\r\n\r\n-- \r\nFrom: not a header\r\n--other\r\n\
        --x y\r\nContent-Disposition: attachment;\r\n filename=a.pdf\r\n\r\nJVBE\r\n\
        --x y\r\nContent-Type: message/rfc822\r\n\r\nFrom: other@d.example\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n\
        --in\r\nContent-Type: image/png; name*=utf-8''b.png\r\n\r\niVBO\r\n--in--\r\n--x y--\r\n";

    #[test]
    fn who_about_what_and_how_many_files_however_it_is_cut() {
        for cut in [1, 2, 3, 7, 80, 10_000] {
            let letter = read(MIXED, cut);
            assert_eq!(letter.from.as_deref(), Some("\"Ada, L.\" <ada@a.example>"));
            assert_eq!(letter.to, ["\"B, C\" <b@b.example>", "c@c.example"]);
            assert_eq!(letter.subject.as_deref(), Some("Grüße you"));
            assert_eq!(
                (letter.attachments, letter.protected),
                (2, None),
                "cut every {cut}"
            );
            assert_eq!(letter.bytes, MIXED.len() as u64);
        }
    }

    #[test]
    fn sealed_letters() {
        let sealed = |header: &str| {
            read(format!("Content-Type: {header}\r\n\r\nx\r\n").as_bytes(), 5).protected
        };
        assert_eq!(
            sealed("multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b"),
            Some("pgp")
        );
        assert_eq!(
            sealed("application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"),
            Some("smime")
        );
        assert_eq!(
            sealed("application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"),
            None
        );
        assert_eq!(sealed("text/plain"), None);
        assert_eq!(
            read(b"Subject: s\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n", 4).protected,
            Some("pgp")
        );
    }

    #[test]
    fn endless_lines_and_fields_are_bounded() {
        let mut letter = Letter::new();
        letter.push(b"Subject: ");
        (0..1000).for_each(|_| letter.push(&[b'x'; 1000]));
        letter.push(b"\r\n");
        (0..1000).for_each(|_| letter.push(b" more words\r\n"));
        assert!(letter.line.capacity() <= 2 * MAX_LINE && letter.field.len() <= MAX_FIELD);
        letter.push(b"\r\n");
        assert!(letter.subject.unwrap().len() <= MAX_TEXT);
    }

    #[test]
    fn encoded_words() {
        assert_eq!(decode_words(b"=?ISO-8859-1?Q?a=E9_b?= c"), "aé b c");
        assert_eq!(decode_words(b"=?utf-8?Q?=C3?= =?utf-8?Q?=A9?="), "é");
        assert_eq!(decode_words(b"=?koi8-r?B?8A==?= x"), "=?koi8-r?B?8A==?= x");
        assert_eq!(decode_words(b"a =? b"), "a =? b");
        assert_eq!(decode_words(b"=?utf-8?Q?=ZZ?="), "=ZZ");
    }

    #[test]
    fn addresses_of_envelopes() {
        assert_eq!(
            envelope_address(b"FROM:<a@b.example> SIZE=10"),
            "a@b.example"
        );
        assert_eq!(envelope_address(b"TO: a@b.example"), "a@b.example");
        assert_eq!(envelope_address(b"FROM:<>"), "");
    }
}
