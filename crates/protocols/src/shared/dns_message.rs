//! Messages of the Domain Name System (RFC 1035 section 4), as DNS, mDNS, LLMNR and NBNS use them.
//!
//! Nothing here allocates but [`Name::text`].

use std::fmt::Write as _;
use std::hash::{Hash, Hasher};

use overheard_tap::{Cursor, Cut};

/// Pointers that one name may lead through (RFC 1035 section 4.1.4): a loop ends here.
pub(crate) const MAX_POINTERS: u32 = 32;
/// Bytes of a name with its length bytes (RFC 1035 section 2.3.4), the root's left out.
pub(crate) const MAX_NAME: usize = 254;
/// Bytes of a header.
pub(crate) const HEADER: usize = 12;

/// Type A (RFC 1035).
pub(crate) const A: u16 = 1;
/// Type AAAA (RFC 3596).
pub(crate) const AAAA: u16 = 28;
/// Type IXFR (RFC 1995).
pub(crate) const IXFR: u16 = 251;
/// Type AXFR (RFC 5936).
pub(crate) const AXFR: u16 = 252;
/// Class IN.
pub(crate) const IN: u16 = 1;

/// The header (RFC 1035 section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The second 16 bits: QR, OPCODE, AA, TC, RD, RA, Z, RCODE.
    pub(crate) flags: u16,
    /// Questions (in an update: zones).
    pub(crate) questions: u16,
    /// Answers (prerequisites).
    pub(crate) answers: u16,
    /// Authority records (updates).
    pub(crate) authorities: u16,
    /// Additional records.
    pub(crate) additionals: u16,
}

impl Header {
    /// Reads the header.
    ///
    /// # Errors
    /// Where there are fewer than twelve bytes.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Header, Cut> {
        cursor.skip(2)?;
        Ok(Header {
            flags: cursor.u16()?,
            questions: cursor.u16()?,
            answers: cursor.u16()?,
            authorities: cursor.u16()?,
            additionals: cursor.u16()?,
        })
    }

    /// Whether the message is a response (QR).
    pub(crate) fn is_response(self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// OPCODE, 0 to 15: 0 query, 2 status, 4 notify, 5 update.
    pub(crate) fn opcode(self) -> u8 {
        u8::try_from(self.flags >> 11 & 0xf).unwrap_or_default()
    }

    /// RCODE, 0 to 15.
    pub(crate) fn response_code(self) -> u8 {
        u8::try_from(self.flags & 0xf).unwrap_or_default()
    }

    /// Records of all sections that follow the questions.
    pub(crate) fn records(self) -> u32 {
        u32::from(self.answers) + u32::from(self.authorities) + u32::from(self.additionals)
    }

    /// Whether flags and counts are those that software sets in DNS messages: a query asks one
    /// question and claims nothing, a response repeats it.
    pub(crate) fn is_usual(self) -> bool {
        let known_opcode = matches!(self.opcode(), 0 | 2 | 4 | 5);
        let reserved = self.flags & 0x0040 != 0;
        let has_sections = matches!(self.opcode(), 4 | 5);
        let claims = self.response_code() != 0 || self.flags & 0x0280 != 0;
        known_opcode
            && !reserved
            && self.questions == 1
            && (self.is_response()
                || (!claims && (has_sections || (self.answers == 0 && self.authorities == 0))))
            && (self.is_response() || has_sections || self.additionals <= 3)
    }
}

/// A name without compression: lower case, labels with their length bytes, without the root's.
#[derive(Clone)]
pub(crate) struct Name {
    wire: [u8; MAX_NAME],
    length: u8,
}

impl Name {
    /// Reads a name and follows its pointers into `message`, whose first byte `cursor` began at.
    ///
    /// # Errors
    /// Where the name does not end inside the message, is too long, leads through more than
    /// [`MAX_POINTERS`] pointers, or has a label of a type other than those of RFC 1035.
    pub(crate) fn read<'a>(message: &'a [u8], cursor: &mut Cursor<'a>) -> Result<Name, Cut> {
        let mut name = Name {
            wire: [0; MAX_NAME],
            length: 0,
        };
        let mut here = *cursor;
        let mut behind = None;
        let mut pointers = 0;
        loop {
            let wrong = here.wrong();
            let length = here.u8()?;
            match length {
                0 => break,
                1..=0x3f => name
                    .push(here.take(usize::from(length))?, length)
                    .ok_or(wrong)?,
                0xc0.. => {
                    let offset = usize::from(length & 0x3f) << 8 | usize::from(here.u8()?);
                    behind.get_or_insert(here);
                    pointers += 1;
                    if pointers > MAX_POINTERS {
                        return Err(wrong);
                    }
                    here = Cursor::new("dns name", message);
                    here.skip(offset)?;
                }
                _ => return Err(wrong),
            }
        }
        *cursor = behind.unwrap_or(here);
        Ok(name)
    }

    fn push(&mut self, label: &[u8], length: u8) -> Option<()> {
        let start = usize::from(self.length);
        let end = start + 1 + label.len();
        let (first, rest) = self.wire.get_mut(start..end)?.split_first_mut()?;
        *first = length;
        for (to, from) in rest.iter_mut().zip(label) {
            *to = from.to_ascii_lowercase();
        }
        self.length = u8::try_from(end).ok()?;
        Some(())
    }

    /// The labels with their length bytes.
    fn bytes(&self) -> &[u8] {
        self.wire
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    /// Whether it is the root.
    pub(crate) fn is_root(&self) -> bool {
        self.length == 0
    }

    /// The labels, in lower case.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes();
        std::iter::from_fn(move || {
            let (&length, behind) = rest.split_first()?;
            let (label, after) = behind.split_at_checked(usize::from(length))?;
            rest = after;
            Some(label)
        })
    }

    /// Whether all its characters are printable ASCII.
    pub(crate) fn is_printable(&self) -> bool {
        self.labels()
            .flatten()
            .all(|byte| (0x20..0x7f).contains(byte))
    }

    /// The name as text: labels joined by dots, no trailing dot; what is not printable ASCII, and dots
    /// and backslashes inside labels, as `\123`, decimal (RFC 4343 section 2.1). The root is empty.
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(usize::from(self.length));
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                text.push('.');
            }
            for &byte in label {
                if matches!(byte, 0x21..=0x7e) && byte != b'.' && byte != b'\\' {
                    text.push(char::from(byte));
                } else {
                    // Writing into a string cannot fail.
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

/// A question (RFC 1035 section 4.1.2).
pub(crate) struct Question {
    /// The name asked for.
    pub(crate) name: Name,
    /// QTYPE.
    pub(crate) kind: u16,
    /// QCLASS, in mDNS with the unicast-response bit (RFC 6762 section 5.4).
    pub(crate) class: u16,
}

impl Question {
    /// Whether type and class are such as are asked for.
    pub(crate) fn is_usual(&self) -> bool {
        matches!(self.kind, 1..=109 | 128 | 249..=262 | 32768..=32769 | 65280..=65535)
            && matches!(self.class & 0x7fff, 1 | 3 | 4 | 254 | 255)
    }
}

/// A resource record (RFC 1035 section 4.1.3).
pub(crate) struct ResourceRecord<'a> {
    /// The name that it is about.
    pub(crate) owner: Name,
    /// TYPE.
    pub(crate) kind: u16,
    /// CLASS, in mDNS with the cache-flush bit.
    pub(crate) class: u16,
    /// RDATA.
    pub(crate) data: &'a [u8],
}

impl ResourceRecord<'_> {
    /// The address that an A or AAAA record gives.
    pub(crate) fn address(&self) -> Option<std::net::IpAddr> {
        if self.class & 0x7fff != IN {
            return None;
        }
        match self.kind {
            A => <[u8; 4]>::try_from(self.data).ok().map(Into::into),
            AAAA => <[u8; 16]>::try_from(self.data).ok().map(Into::into),
            _ => None,
        }
    }
}

/// Reads a message from front to back: [`Header::questions`] times [`Message::question`], then
/// [`Header::records`] times [`Message::record`].
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    /// The header.
    pub(crate) header: Header,
    bytes: &'a [u8],
    cursor: Cursor<'a>,
}

impl<'a> Message<'a> {
    /// Begins to read a message.
    ///
    /// # Errors
    /// Where the header is not there.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Message<'a>, Cut> {
        let mut cursor = Cursor::new("dns", bytes);
        Ok(Message {
            header: Header::read(&mut cursor)?,
            bytes,
            cursor,
        })
    }

    /// The next question.
    ///
    /// # Errors
    /// Where it cannot be read; nothing is passed over then.
    pub(crate) fn question(&mut self) -> Result<Question, Cut> {
        let mut cursor = self.cursor;
        let question = Question {
            name: Name::read(self.bytes, &mut cursor)?,
            kind: cursor.u16()?,
            class: cursor.u16()?,
        };
        self.cursor = cursor;
        Ok(question)
    }

    /// The next record.
    ///
    /// # Errors
    /// As [`Message::question`].
    pub(crate) fn record(&mut self) -> Result<ResourceRecord<'a>, Cut> {
        let mut cursor = self.cursor;
        let owner = Name::read(self.bytes, &mut cursor)?;
        let kind = cursor.u16()?;
        let class = cursor.u16()?;
        cursor.skip(4)?;
        let length = cursor.u16()?;
        let data = cursor.take(usize::from(length))?;
        self.cursor = cursor;
        Ok(ResourceRecord {
            owner,
            kind,
            class,
            data,
        })
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.cursor.position()
    }
}

/// The header and the first question of a message that can be read to its last byte: all sections have as
/// many entries as the header says, the questions are usual ones, and nothing follows.
pub(crate) fn whole(bytes: &[u8]) -> Option<(Header, Option<Question>)> {
    let mut message = Message::new(bytes).ok()?;
    let header = message.header;
    let entries = u32::from(header.questions) + header.records();
    // A question takes five bytes, a record eleven: refused before a byte of them is read.
    let least = usize::from(header.questions) * 5 + usize::try_from(header.records()).ok()? * 11;
    if entries == 0 || least > bytes.len() {
        return None;
    }
    let mut first = None;
    for _ in 0..header.questions {
        let question = message.question().ok().filter(Question::is_usual)?;
        first.get_or_insert(question);
    }
    for _ in 0..header.records() {
        message.record().ok()?;
    }
    (message.position() == bytes.len()).then_some((header, first))
}

#[cfg(test)]
mod tests;
