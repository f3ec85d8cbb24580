//! HPACK (RFC 7541): header fields out of the bytes of a header block, one at a time.
//!
//! What a tap has missed is part of the state: after [`Decoder::lose`] only what was said since then is
//! known, and a reference to anything older gives a field without the part that it stands for. Entries
//! are counted from the newest one, so what comes later is not confused with what is lost.

use std::collections::VecDeque;
use std::sync::Arc;

use super::huffman;

/// The most that the dynamic table may hold, in bytes as RFC 7541 section 4.1 counts them, whatever the
/// sides agree on.
const MAX_TABLE: usize = 64 * 1024;
/// Its size before anybody said anything else.
const USUAL_TABLE: usize = 4096;
/// What each entry adds to the bytes of its name and value (RFC 7541 section 4.1).
pub const ENTRY_OVERHEAD: usize = 32;
/// The longest representation of a field that is waited for, in bytes.
pub const MAX_FIELD: usize = 64 * 1024;
/// The most bytes after the first of an integer.
const MAX_INTEGER: usize = 5;

/// A field; a part is `None` where it stood in what was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Name, as sent: lower case where the sender keeps the rules.
    pub name: Option<&'a [u8]>,
    /// Value.
    pub value: Option<&'a [u8]>,
    /// Whether it is said again: it stands in the dynamic table as it is.
    pub again: bool,
}

/// What [`Decoder::read`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// The next so many bytes are a field.
    Field(usize, Field<'a>),
    /// The next so many bytes say something else.
    Other(usize),
    /// It does not end here.
    More,
    /// It is longer than [`MAX_FIELD`]: so many bytes say so.
    TooLong(usize),
    /// It breaks the rules: so many bytes say so.
    Wrong(usize),
}

/// Decodes the header blocks of one side.
pub struct Decoder {
    /// Newest first.
    entries: VecDeque<Entry>,
    size: usize,
    most: usize,
    /// Whether there are entries that are not known.
    lost: bool,
    /// The strings of the present field, their code undone.
    name: Vec<u8>,
    value: Vec<u8>,
    /// The name of the latest entry.
    shown: Option<Arc<[u8]>>,
}

/// An entry of the dynamic table. A name may be shared by many: to say it again takes a byte.
struct Entry {
    name: Option<Arc<[u8]>>,
    value: Box<[u8]>,
}

impl Entry {
    fn size(&self) -> usize {
        let name = self.name.as_ref().map_or(0, |name| name.len());
        name.saturating_add(self.value.len())
            .saturating_add(ENTRY_OVERHEAD)
    }
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder {
            entries: VecDeque::new(),
            size: 0,
            most: USUAL_TABLE,
            lost: false,
            name: Vec::new(),
            value: Vec::new(),
            shown: None,
        }
    }
}

/// Where a literal takes its name from.
enum Name<'a> {
    Index(usize),
    Literal(Text<'a>),
}

/// A string literal.
#[derive(Clone, Copy)]
struct Text<'a> {
    bytes: &'a [u8],
    huffman: bool,
}

impl<'a> Text<'a> {
    /// Undoes its code, where it has one, into `room`. False where it breaks the rules.
    fn decode(self, room: &mut Vec<u8>) -> bool {
        !self.huffman || huffman::decode(self.bytes, room)
    }

    /// The string, of which [`Text::decode`] has filled `room`.
    fn shown(self, room: &'a [u8]) -> &'a [u8] {
        if self.huffman { room } else { self.bytes }
    }
}

/// A reader of one representation.
struct Parts<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Why a part cannot be read.
enum Stop {
    More,
    TooLong,
    Wrong,
}

impl<'a> Parts<'a> {
    /// An integer whose first byte keeps it in its lowest `prefix` bits (RFC 7541 section 5.1).
    fn integer(&mut self, prefix: u32) -> Result<usize, Stop> {
        let first = self.byte()?;
        let mask = u8::MAX.checked_shr(8 - prefix).unwrap_or(u8::MAX);
        let mut value = u64::from(first & mask);
        if first & mask == mask {
            let mut shift = 0_u32;
            for _ in 0..MAX_INTEGER {
                let byte = self.byte()?;
                value = value.saturating_add(u64::from(byte & 0x7f) << shift);
                shift += 7;
                if byte & 0x80 == 0 {
                    return usize::try_from(value).map_err(|_| Stop::Wrong);
                }
            }
            return Err(Stop::Wrong);
        }
        usize::try_from(value).map_err(|_| Stop::Wrong)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::More)?;
        self.at = self.at.saturating_add(1);
        Ok(byte)
    }

    /// A string literal (RFC 7541 section 5.2).
    fn text(&mut self) -> Result<Text<'a>, Stop> {
        let huffman = self.bytes.get(self.at).ok_or(Stop::More)? & 0x80 != 0;
        let length = self.integer(7)?;
        let end = self.at.saturating_add(length);
        if end > MAX_FIELD {
            return Err(Stop::TooLong);
        }
        let bytes = self.bytes.get(self.at..end).ok_or(Stop::More)?;
        self.at = end;
        Ok(Text { bytes, huffman })
    }
}

impl Decoder {
    /// Reads the next field representation (RFC 7541 section 6) of a header block.
    pub fn read<'a>(&'a mut self, bytes: &'a [u8]) -> Read<'a> {
        let mut parts = Parts { bytes, at: 0 };
        let found = match bytes.first() {
            None => return Read::More,
            Some(0x80..) => parts.integer(7).map(|index| self.indexed(index)),
            Some(0x20..0x40) => match parts.integer(5) {
                Ok(size) => {
                    self.resize(size);
                    return Read::Other(parts.at);
                }
                Err(stop) => Err(stop),
            },
            Some(&first) => {
                let keep = first >= 0x40;
                let literal = Self::literal(&mut parts, if keep { 6 } else { 4 });
                literal.map(|(name, value)| self.field(name, value, keep))
            }
        };
        match found {
            Ok(Some(field)) => Read::Field(parts.at, field),
            Err(Stop::More) => Read::More,
            Err(Stop::TooLong) => Read::TooLong(parts.at),
            Ok(None) | Err(Stop::Wrong) => Read::Wrong(parts.at),
        }
    }

    /// Header blocks, or parts of them, were lost.
    pub fn lose(&mut self) {
        self.entries.clear();
        self.size = 0;
        self.lost = true;
    }

    /// Memory that it takes, in bytes.
    pub fn held(&self) -> usize {
        self.size
            .saturating_add(self.name.capacity())
            .saturating_add(self.value.capacity())
    }

    fn literal<'a>(parts: &mut Parts<'a>, prefix: u32) -> Result<(Name<'a>, Text<'a>), Stop> {
        let name = match parts.integer(prefix)? {
            0 => Name::Literal(parts.text()?),
            index => Name::Index(index),
        };
        Ok((name, parts.text()?))
    }

    /// A literal field; `keep` puts it into the dynamic table. `None` where it breaks the rules.
    fn field<'a>(&'a mut self, name: Name<'a>, value: Text<'a>, keep: bool) -> Option<Field<'a>> {
        let sound = value.decode(&mut self.value)
            && match &name {
                Name::Index(_) => true,
                Name::Literal(text) => text.decode(&mut self.name),
            };
        if !sound {
            return None;
        }
        if !keep {
            let name = match name {
                Name::Index(index) => self.indexed(index)?.name,
                Name::Literal(text) => Some(text.shown(&self.name)),
            };
            let value = Some(value.shown(&self.value));
            return Some(Field {
                name,
                value,
                again: false,
            });
        }
        // Its own entry may push out the one that names it.
        self.shown = match name {
            Name::Index(index) => self.shared_name(index)?,
            Name::Literal(text) => Some(text.shown(&self.name).into()),
        };
        let entry = Entry {
            name: self.shown.clone(),
            value: value.shown(&self.value).into(),
        };
        self.insert(entry);
        Some(Field {
            name: self.shown.as_deref(),
            value: Some(value.shown(&self.value)),
            again: false,
        })
    }

    /// The field at an index of the static table and of the dynamic table behind it (RFC 7541 section
    /// 2.3.3). `None` where there is none.
    fn indexed(&self, index: usize) -> Option<Field<'_>> {
        let place = index.checked_sub(1)?;
        if let Some((name, value)) = STATIC_TABLE.get(place) {
            return Some(Field {
                name: Some(name.as_bytes()),
                value: Some(value.as_bytes()),
                again: false,
            });
        }
        match self.entries.get(place.checked_sub(STATIC_TABLE.len())?) {
            Some(entry) => Some(Field {
                name: entry.name.as_deref(),
                value: Some(&entry.value),
                again: true,
            }),
            None if self.lost => Some(Field {
                name: None,
                value: None,
                again: false,
            }),
            None => None,
        }
    }

    /// The name at an index; in it `None` where it is lost.
    fn shared_name(&self, index: usize) -> Option<Option<Arc<[u8]>>> {
        let place = index.checked_sub(1)?;
        if let Some((name, _)) = STATIC_TABLE.get(place) {
            return Some(Some(name.as_bytes().into()));
        }
        match self.entries.get(place.checked_sub(STATIC_TABLE.len())?) {
            Some(entry) => Some(entry.name.clone()),
            None => self.lost.then_some(None),
        }
    }

    /// RFC 7541 section 4.4: what is too large for the table empties it.
    fn insert(&mut self, entry: Entry) {
        let size = entry.size();
        self.evict(self.most.saturating_sub(size));
        if size <= self.most {
            self.size = self.size.saturating_add(size);
            self.entries.push_front(entry);
        }
    }

    fn evict(&mut self, most: usize) {
        while self.size > most
            && let Some(entry) = self.entries.pop_back()
        {
            self.size = self.size.saturating_sub(entry.size());
        }
    }

    /// RFC 7541 section 6.3.
    fn resize(&mut self, size: usize) {
        // Entries beyond what is kept are known to the sides, and not here.
        self.lost |= size > MAX_TABLE;
        self.most = size.min(MAX_TABLE);
        self.evict(self.most);
    }
}

/// RFC 7541 appendix A.
static STATIC_TABLE: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of a block, `?` for what is lost.
    fn fields(decoder: &mut Decoder, mut block: &[u8]) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        while !block.is_empty() {
            let taken = match decoder.read(block) {
                Read::Field(taken, field) => {
                    let shown = |part: Option<&[u8]>| {
                        part.map_or("?".into(), |part| {
                            String::from_utf8_lossy(part).into_owned()
                        })
                    };
                    found.push(format!("{}: {}", shown(field.name), shown(field.value)));
                    taken
                }
                Read::Other(taken) => taken,
                other => return Err(format!("{other:?}")),
            };
            block = &block[taken..];
        }
        Ok(found)
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex
            .bytes()
            .filter_map(|digit| char::from(digit).to_digit(16).map(|value| value as u8))
            .collect();
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    }

    fn table(decoder: &Decoder) -> (usize, usize) {
        (decoder.entries.len(), decoder.size)
    }

    /// RFC 7541 appendix C.2 to C.4: with and without Huffman coding the same fields.
    #[test]
    fn requests_of_the_standard_are_decoded() {
        let plain = [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ];
        let coded = [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ];
        for blocks in [plain, coded] {
            let mut decoder = Decoder::default();
            let [first, second, third] =
                blocks.map(|block| fields(&mut decoder, &bytes(block)).unwrap());
            let host = ":authority: www.example.com";
            assert_eq!(first, [":method: GET", ":scheme: http", ":path: /", host]);
            assert_eq!(
                second,
                [
                    ":method: GET",
                    ":scheme: http",
                    ":path: /",
                    host,
                    "cache-control: no-cache"
                ]
            );
            assert_eq!(
                third,
                [
                    ":method: GET",
                    ":scheme: https",
                    ":path: /index.html",
                    host,
                    "custom-key: custom-value"
                ]
            );
            assert_eq!(table(&decoder), (3, 164));
        }
    }

    /// RFC 7541 appendix C.6: a table of 256 bytes, from which entries are evicted.
    #[test]
    fn answers_of_the_standard_are_decoded() {
        let mut decoder = Decoder::default();
        // 3f e1 01 makes the table 256 bytes large.
        let first = fields(
            &mut decoder,
            &bytes(
                "3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 \
                 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
            ),
        );
        let date = "date: Mon, 21 Oct 2013 20:13:21 GMT";
        let place = "location: https://www.example.com";
        assert_eq!(
            first.unwrap(),
            [":status: 302", "cache-control: private", date, place]
        );
        assert_eq!(table(&decoder), (4, 222));
        let second = fields(&mut decoder, &bytes("4883 640e ffc1 c0bf")).unwrap();
        assert_eq!(
            second,
            [":status: 307", "cache-control: private", date, place]
        );
        let third = fields(
            &mut decoder,
            &bytes(
                "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 \
                 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed \
                 4ee5 b106 3d50 07",
            ),
        );
        assert_eq!(
            third.unwrap(),
            [
                ":status: 200",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:22 GMT",
                place,
                "content-encoding: gzip",
                "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
            ]
        );
        assert_eq!(table(&decoder), (3, 215));
    }

    #[test]
    fn a_part_of_a_field_is_waited_for() {
        let block = bytes("4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf");
        for length in 0..block.len() {
            let mut decoder = Decoder::default();
            assert_eq!(decoder.read(&block[..length]), Read::More, "{length}");
        }
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        for block in [
            // Index 0, and one that nobody put there.
            "80",
            "be",
            "7e 00",
            // An integer that does not end.
            "ff ff ff ff ff ff ff ff",
            "ff 80 80 80 80 80 00",
            // EOS in a name.
            "00 84 ff ff ff ff 00",
        ] {
            let mut decoder = Decoder::default();
            let bytes = bytes(block);
            let read = decoder.read(&bytes);
            assert!(matches!(read, Read::Wrong(_)), "{block}");
        }
        assert_eq!(
            Decoder::default().read(&bytes("00 7f ff ff ff 7f")),
            Read::TooLong(6)
        );
    }

    #[test]
    fn after_a_loss_only_what_was_said_since_is_known() {
        let mut decoder = Decoder::default();
        fields(&mut decoder, &bytes("4001 6101 62")).unwrap();
        decoder.lose();
        assert_eq!(
            fields(&mut decoder, &bytes("82 be 7e01 63 4001 6401 65 be bf c0")).unwrap(),
            [
                ":method: GET",
                "?: ?",
                "?: c",
                "d: e",
                "d: e",
                "?: c",
                "?: ?"
            ]
        );
    }

    #[test]
    fn the_table_stays_small_whatever_is_agreed() {
        let mut decoder = Decoder::default();
        // Ten million bytes, says the sender.
        fields(&mut decoder, &bytes("3f e1 ac e2 04")).unwrap();
        for number in 0..20_000_u32 {
            let block = [&[0x40, 4][..], &number.to_be_bytes(), &[1, b'x']].concat();
            fields(&mut decoder, &block).unwrap();
            assert!(decoder.held() <= MAX_TABLE + 64);
        }
        // What was put out to keep it small is not known; it is no error either.
        let old = fields(&mut decoder, &bytes("ff 80 7f")).unwrap();
        assert_eq!(old, ["?: ?"]);
        // A name said again does not take its memory again.
        let mut decoder = Decoder::default();
        let long = [&[0x40, 0x7f, 0x81, 0x0f][..], &[b'n'; 2048], &[0]].concat();
        fields(&mut decoder, &long).unwrap();
        fields(&mut decoder, &bytes("7e00")).unwrap();
        let (first, second) = (&decoder.entries[0], decoder.entries.get(1));
        assert!(second.is_none() && first.name.as_ref().unwrap().len() == 2048);
    }
}
