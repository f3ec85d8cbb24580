//! Frames (RFC 9113 section 4 and 6).

use overheard_tap::{Cursor, Cut};

/// Bytes of a frame's header.
pub const HEADER: usize = 9;
/// The longest frame of a type that is not known, in bytes: a longer one is taken for noise.
const MAX_UNKNOWN: usize = 64 * 1024;

const END_STREAM: u8 = 0x01;
const ACK: u8 = 0x01;
const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// Types of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Data,
    Headers,
    RstStream,
    PushPromise,
    Goaway,
    Continuation,
    /// Any other: nothing in it is looked at.
    Other,
}

impl Kind {
    /// Whether it carries a part of a header block.
    pub fn is_header(self) -> bool {
        matches!(self, Kind::Headers | Kind::PushPromise | Kind::Continuation)
    }
}

/// A frame, as far as it is not read.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Type.
    pub kind: Kind,
    flags: u8,
    /// Stream identifier.
    pub stream: u32,
    /// The promised stream of PUSH_PROMISE, the last stream of GOAWAY.
    pub about: u32,
    /// Bytes of its payload to come, without padding.
    pub left: usize,
    /// Bytes of padding to come.
    pub padding: usize,
}

/// What [`Frame::read`] found.
pub enum Read {
    /// A frame; so many bytes are its header and what stands before its payload.
    Frame(Frame, usize),
    /// So many bytes are needed.
    Need(usize),
    /// This is no frame.
    Wrong,
}

impl Frame {
    /// Reads the header of a frame, and its fields before data, a header block or what is not looked at.
    pub fn read(bytes: &[u8]) -> Read {
        let Some(header) = bytes.first_chunk::<HEADER>() else {
            return Read::Need(HEADER);
        };
        let &[_, _, _, kind, flags, ..] = header;
        let mut cursor = Cursor::new("http2 frame", header);
        let (Ok(length), Ok(_), Ok(stream)) = (cursor.u24(), cursor.u16(), cursor.u32()) else {
            return Read::Wrong;
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let stream = stream & 0x7fff_ffff;
        let of_stream = stream != 0;
        let (kind, fits) = match kind {
            0 => (Kind::Data, of_stream),
            1 => (Kind::Headers, of_stream),
            2 => (Kind::Other, of_stream && length == 5),
            3 => (Kind::RstStream, of_stream && length == 4),
            4 if flags & ACK != 0 => (Kind::Other, !of_stream && length == 0),
            4 => (Kind::Other, !of_stream && length % 6 == 0),
            5 => (Kind::PushPromise, of_stream && length >= 4),
            6 => (Kind::Other, !of_stream && length == 8),
            7 => (Kind::Goaway, !of_stream && length >= 8),
            8 => (Kind::Other, length == 4),
            9 => (Kind::Continuation, of_stream),
            _ => (Kind::Other, length <= MAX_UNKNOWN),
        };
        if !fits {
            return Read::Wrong;
        }
        let may_be_padded = matches!(kind, Kind::Data | Kind::Headers | Kind::PushPromise);
        let padded = may_be_padded && flags & PADDED != 0;
        let before = usize::from(padded)
            + match kind {
                Kind::Headers if flags & PRIORITY != 0 => 5,
                Kind::PushPromise | Kind::Goaway => 4,
                _ => 0,
            };
        let Some(left) = length.checked_sub(before) else {
            return Read::Wrong;
        };
        let taken = HEADER + before;
        let Some(fields) = bytes.get(HEADER..taken) else {
            return Read::Need(taken);
        };
        let frame = Frame {
            kind,
            flags,
            stream,
            about: 0,
            left,
            padding: 0,
        };
        match frame.fields(fields, padded) {
            Ok(frame) => Read::Frame(frame, taken),
            Err(_) => Read::Wrong,
        }
    }

    fn fields(mut self, fields: &[u8], padded: bool) -> Result<Frame, Cut> {
        let mut cursor = Cursor::new("http2 frame", fields);
        if padded {
            self.padding = usize::from(cursor.u8()?);
            self.left = self
                .left
                .checked_sub(self.padding)
                .ok_or_else(|| cursor.wrong())?;
        }
        if matches!(self.kind, Kind::PushPromise | Kind::Goaway) {
            self.about = cursor.u32()? & 0x7fff_ffff;
        }
        Ok(self)
    }

    /// Whether its side says nothing more on its stream.
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, Kind::Data | Kind::Headers) && self.flags & END_STREAM != 0
    }

    /// Whether a header block ends with it.
    pub fn ends_headers(&self) -> bool {
        self.kind.is_header() && self.flags & END_HEADERS != 0
    }
}
