//! A start line, header fields and an empty line, as SIP and RTSP have them (RFC 3261 section 7,
//! RFC 7826 section 5).

use std::borrow::Cow;

/// The most bytes of a start line with its header fields.
pub(crate) const MAX_BLOCK: usize = 64 * 1024;

/// The most header fields that are kept of one block; what follows them is passed over.
const MAX_FIELDS: usize = 256;

/// The offset of the first byte after the empty line that ends the block, looked for from `from` on.
pub(crate) fn end_of_block(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from.saturating_sub(2);
    loop {
        let feed = bytes.get(at..)?.iter().position(|&byte| byte == b'\n')?;
        at += feed + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// A start line and its header fields.
pub(crate) struct HeaderBlock<'a> {
    /// The first line, without its end.
    pub(crate) start: &'a [u8],
    fields: Vec<(&'a [u8], Cow<'a, [u8]>)>,
}

impl<'a> HeaderBlock<'a> {
    /// Reads a block, with or without the empty line that ends it. A line that begins with white space
    /// continues the one before it; lines without a colon are passed over.
    pub(crate) fn parse(block: &'a [u8]) -> HeaderBlock<'a> {
        let mut lines = block
            .split(|&byte| byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let start = lines.next().unwrap_or_default();
        let mut fields: Vec<(&[u8], Cow<'_, [u8]>)> = Vec::new();
        for line in lines {
            if line.is_empty() {
                break;
            }
            if matches!(line, [b' ' | b'\t', ..]) {
                if let Some((_, value)) = fields.last_mut() {
                    let value = value.to_mut();
                    value.push(b' ');
                    value.extend_from_slice(line.trim_ascii());
                }
                continue;
            }
            if fields.len() == MAX_FIELDS {
                break;
            }
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                continue;
            };
            let (name, value) = line.split_at_checked(colon).unwrap_or_default();
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            fields.push((name.trim_ascii(), Cow::Borrowed(value)));
        }
        HeaderBlock { start, fields }
    }

    /// The values of the fields of a name (or of its compact form), in order, without regard to case.
    /// Bytes that are not UTF-8 become replacement characters.
    pub(crate) fn all<'b>(
        &'b self,
        name: &'b str,
        compact: &'b str,
    ) -> impl Iterator<Item = Cow<'b, str>> {
        self.fields
            .iter()
            .filter(move |(known, _)| {
                known.eq_ignore_ascii_case(name.as_bytes())
                    || (!compact.is_empty() && known.eq_ignore_ascii_case(compact.as_bytes()))
            })
            .map(|(_, value)| String::from_utf8_lossy(value))
    }

    /// The first of [`HeaderBlock::all`].
    pub(crate) fn get<'b>(&'b self, name: &'b str, compact: &'b str) -> Option<Cow<'b, str>> {
        self.all(name, compact).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_and_compact_fields_are_read() {
        let block = HeaderBlock::parse(
            b"INVITE x\r\nf: <sip:ada@a.example>\r\nSubject: one\r\n  two\r\n\r\nv=0\r\n",
        );
        assert_eq!(block.start, b"INVITE x");
        assert_eq!(
            block.get("From", "f").as_deref(),
            Some("<sip:ada@a.example>")
        );
        assert_eq!(block.get("subject", "s").as_deref(), Some("one two"));
        assert_eq!(block.get("v=0", ""), None);
    }

    #[test]
    fn the_end_is_found_wherever_the_search_goes_on() {
        let bytes = b"A\r\nB: c\r\n\r\nrest";
        for from in 0..11 {
            assert_eq!(end_of_block(bytes, from), Some(11), "from {from}");
        }
        assert_eq!(end_of_block(b"A\r\nB: c\r\n", 0), None);
        assert_eq!(end_of_block(b"A\n\nrest", 0), Some(3));
    }
}
