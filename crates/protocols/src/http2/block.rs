//! A header block on its way (RFC 9113 section 4.3), and what is remembered of its fields.

use overheard_tap::{Account, Evidence, Notes};

use super::frame::{Frame, Kind};
use super::hpack::{Decoder, ENTRY_OVERHEAD, Field, Read};
use crate::shared::coded_content::Coding;
use crate::shared::host_name::readable;
use crate::shared::http_logins::{self as logins, Login, MAX_LOGINS};
use crate::shared::http_message as message;

/// The most bytes of a header list that are looked at, counted as for SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113
/// section 6.5.2). Of what is beyond only the table of HPACK takes note.
const MAX_HEADER_LIST: usize = 64 * 1024;
/// The longest method, in bytes.
const MAX_METHOD: usize = 32;
/// Bytes of values that are looked at for every byte of header blocks: a byte can stand for a long value.
const VALUE_PER_BYTE: usize = 16;
/// Bytes of values that are looked at to begin with.
const VALUE_AT_FIRST: usize = 256 * 1024;

/// Bytes of values that may still be looked at.
pub struct Credit(usize);

impl Default for Credit {
    fn default() -> Credit {
        Credit(VALUE_AT_FIRST)
    }
}

impl Credit {
    /// So many bytes of header blocks came.
    pub fn earn(&mut self, bytes: usize) {
        self.0 = self.0.saturating_add(bytes.saturating_mul(VALUE_PER_BYTE));
    }

    /// Whether a value of so many bytes may be looked at.
    fn spend(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// A header block on its way.
pub struct Block {
    /// The stream that it came on.
    pub stream: u32,
    /// The stream that it promises (RFC 9113 section 8.4).
    pub promised: Option<u32>,
    /// Whether its side says nothing more on the stream.
    pub ends_stream: bool,
    /// What it says.
    pub head: Head,
    /// A field that is not whole.
    pending: Vec<u8>,
    /// Whether a limit sets aside what follows: only the table takes note of it.
    limited: bool,
    /// Where the rest is booked, after what cannot be read.
    broken: Option<Account>,
}

/// What is remembered of a header list.
#[derive(Default)]
pub struct Head {
    /// `:method`.
    pub method: Option<String>,
    /// `:path`, as sent.
    pub path: Option<String>,
    /// `:authority`, else Host.
    pub authority: Option<String>,
    host: Option<String>,
    /// `:status`.
    pub status: Option<u16>,
    /// Content-Type.
    pub media_type: Option<String>,
    /// Content-Encoding.
    pub coding: Coding,
    /// Logins and cookies.
    pub logins: Vec<Login>,
    /// The frames that it came in.
    pub evidence: Evidence,
    last_frame: u64,
    /// Its size, as counted for [`MAX_HEADER_LIST`].
    size: usize,
    /// Bytes of values that are kept.
    kept: usize,
}

impl Block {
    /// The block that a frame begins.
    pub fn new(frame: &Frame, notes: &Notes<'_>) -> Block {
        Block {
            stream: frame.stream,
            promised: (frame.kind == Kind::PushPromise).then_some(frame.about),
            ends_stream: frame.ends_stream(),
            head: Head {
                evidence: notes.evidence(),
                last_frame: notes.frame(),
                ..Head::default()
            },
            pending: Vec::new(),
            limited: false,
            broken: None,
        }
    }

    /// Memory that it takes, in bytes.
    pub fn held(&self) -> usize {
        self.pending.capacity().saturating_add(self.head.held())
    }

    /// Hears the next bytes.
    pub fn hear(
        &mut self,
        bytes: &[u8],
        decoder: &mut Decoder,
        credit: &mut Credit,
        notes: &mut Notes<'_>,
    ) {
        self.head.seen_in(notes);
        if let Some(account) = self.broken {
            notes.account(account, bytes.len());
            return;
        }
        if self.limited {
            notes.account(Account::Limited, bytes.len());
        }
        self.pending.extend_from_slice(bytes);
        let mut at = 0_usize;
        loop {
            let rest = self.pending.get(at..).unwrap_or_default();
            // What came before was booked when it came.
            let new = rest.len().min(bytes.len());
            let (account, read) = match decoder.read(rest) {
                Read::Field(taken, field) => {
                    at = at.saturating_add(taken);
                    if !self.limited && !self.head.field(field, credit, notes) {
                        self.limited = true;
                        notes.account(Account::Limited, new);
                    }
                    continue;
                }
                Read::Other(taken) => {
                    at = at.saturating_add(taken);
                    continue;
                }
                Read::More => break,
                Read::TooLong(read) => (Account::Limited, read),
                Read::Wrong(read) => (Account::Malformed, read),
            };
            if !self.limited {
                notes.account(account, rest.len().saturating_sub(read));
            }
            decoder.lose();
            self.broken = Some(account);
            at = self.pending.len();
            break;
        }
        if at >= self.pending.len() {
            self.pending.clear();
        } else {
            self.pending.drain(..at);
        }
    }

    /// Bytes in the middle were lost: where the next field begins is not known.
    pub fn hole(&mut self) {
        self.pending = Vec::new();
        self.broken = Some(Account::Unrecognised);
    }

    /// Whether no field was cut off.
    pub fn is_whole(&self) -> bool {
        self.pending.is_empty()
    }
}

impl Head {
    /// Memory that it takes, in bytes.
    pub fn held(&self) -> usize {
        self.kept
    }

    /// The present frame belongs to it too.
    fn seen_in(&mut self, notes: &Notes<'_>) {
        if self.last_frame != notes.frame() {
            self.last_frame = notes.frame();
            self.evidence.join(&notes.evidence());
        }
    }

    /// The host that is asked.
    pub fn host(&mut self) -> Option<String> {
        let host = self.authority.take().or_else(|| self.host.take());
        host.filter(|host| !host.is_empty())
    }

    /// Hears a field. False where a limit sets it aside, and what follows.
    fn field(&mut self, field: Field<'_>, credit: &mut Credit, notes: &Notes<'_>) -> bool {
        let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        let size = length(field.name).saturating_add(length(field.value));
        self.size = self
            .size
            .saturating_add(size)
            .saturating_add(ENTRY_OVERHEAD);
        if self.size > MAX_HEADER_LIST {
            return false;
        }
        let (Some(name), Some(value)) = (field.name, field.value) else {
            return true;
        };
        let is_login = matches!(name, b"cookie" | b"authorization" | b"proxy-authorization");
        let is_wanted = match name {
            // What stands in the table was looked at when it came there.
            _ if is_login => !field.again,
            b":method" | b":path" | b":authority" | b":status" | b"host" | b"content-type"
            | b"content-encoding" => true,
            _ => false,
        };
        if !is_wanted {
            return true;
        }
        if !credit.spend(value.len()) {
            return false;
        }
        self.kept = self.kept.saturating_add(value.len());
        match name {
            b":method" if value.len() <= MAX_METHOD => {
                self.method.get_or_insert_with(|| readable(value));
            }
            b":method" => return false,
            b":path" => {
                self.path.get_or_insert_with(|| readable(value));
            }
            b":authority" => {
                self.authority.get_or_insert_with(|| readable(value));
            }
            b":status" => {
                let text = std::str::from_utf8(value).unwrap_or_default();
                self.status = self.status.or_else(|| text.parse().ok());
            }
            b"host" => {
                self.host.get_or_insert_with(|| readable(value));
            }
            b"content-type" => self.media_type = message::media_type(&readable(value)),
            b"content-encoding" => self.coding = Coding::named(&readable(value)),
            b"authorization" => self.login(logins::authorization(&readable(value), 401, notes)),
            b"proxy-authorization" => {
                self.login(logins::authorization(&readable(value), 407, notes));
            }
            _ => {
                for cookie in logins::cookies(&readable(value), notes) {
                    self.login(Some(cookie));
                }
            }
        }
        true
    }

    fn login(&mut self, login: Option<Login>) {
        if self.logins.len() < MAX_LOGINS {
            self.logins.extend(login);
        }
    }
}
