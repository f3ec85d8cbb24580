//! The hellos of TLS (RFC 9846 section 4.1, RFC 5246 section 7.4.1, RFC 8446), of DTLS (RFC 9147,
//! RFC 6347) and of QUIC (RFC 9001), which are the same messages.
//!
//! Values reserved for GREASE (RFC 8701) are left out everywhere. An extension whose body contradicts
//! its own rules is passed over: what stands around it still tells what was offered.

use overheard_tap::{Cursor, Cut};

/// Numbers of handshake messages (RFC 9846 section 4).
pub mod message {
    /// ClientHello.
    pub const CLIENT_HELLO: u8 = 1;
    /// ServerHello, or HelloRetryRequest by its random.
    pub const SERVER_HELLO: u8 = 2;
    /// HelloVerifyRequest (DTLS 1.2 and before).
    pub const HELLO_VERIFY_REQUEST: u8 = 3;
    /// HelloRetryRequest of the drafts of TLS 1.3 before 22.
    pub const HELLO_RETRY_REQUEST: u8 = 6;
    /// EncryptedExtensions (TLS 1.3): only whoever has keys reads it.
    pub const ENCRYPTED_EXTENSIONS: u8 = 8;
    /// Certificate.
    pub const CERTIFICATE: u8 = 11;
    /// ServerKeyExchange (TLS 1.2 and before).
    pub const SERVER_KEY_EXCHANGE: u8 = 12;
    /// NewSessionTicket: in clear in TLS 1.2 and before (RFC 5077 section 3.3).
    pub const NEW_SESSION_TICKET: u8 = 4;
    /// ServerHelloDone (TLS 1.2 and before).
    pub const SERVER_HELLO_DONE: u8 = 14;
}

mod extension {
    pub const SERVER_NAME: u16 = 0;
    pub const SUPPORTED_GROUPS: u16 = 10;
    pub const SIGNATURE_ALGORITHMS: u16 = 13;
    pub const ALPN: u16 = 16;
    pub const SESSION_TICKET: u16 = 35;
    /// Key share of the drafts of TLS 1.3 before 23.
    pub const DRAFT_KEY_SHARE: u16 = 40;
    pub const PRE_SHARED_KEY: u16 = 41;
    pub const EARLY_DATA: u16 = 42;
    pub const SUPPORTED_VERSIONS: u16 = 43;
    pub const PSK_KEY_EXCHANGE_MODES: u16 = 45;
    pub const KEY_SHARE: u16 = 51;
    pub const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
    pub const RENEGOTIATION_INFO: u16 = 0xff01;
}

/// TLS 1.3 on the wire.
pub const TLS13: u16 = 0x0304;

/// The cipher suite that says the same as an empty `renegotiation_info` (RFC 5746 section 3.3).
const RENEGOTIATION_INFO_SCSV: u16 = 0x00ff;

/// The most pre-shared keys of a hello whose age is looked at.
const MAX_PSKS: usize = 16;
/// Extensions of a usual client: room for them is found at once.
const USUAL_EXTENSIONS: usize = 16;

/// The random by which a ServerHello is a HelloRetryRequest (RFC 9846 section 4.1.3).
pub const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Whether a value is reserved for GREASE (RFC 8701): `0x0a0a`, `0x1a1a` ... `0xfafa`.
pub fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// A version as the final standard numbers it: the drafts of TLS 1.3 (`0x7fxx`, and `0xfbxx` of
/// Facebook's Fizz) become TLS 1.3.
pub fn final_version(version: u16) -> u16 {
    match version >> 8 {
        0x7f | 0xfb => TLS13,
        _ => version,
    }
}

/// Text of a name or label that a stranger sent: lower case, without trailing dots, and bytes that
/// are not printable ASCII as `\123`, decimal (RFC 4343).
pub fn name_text(bytes: &[u8]) -> String {
    let mut text = label_text(bytes).to_ascii_lowercase();
    text.truncate(text.trim_end_matches('.').len());
    text
}

/// Text of a label, case kept, and bytes that are not printable ASCII as `\123`, decimal.
pub fn label_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\{byte:03}")),
        }
    }
    text
}

/// A ClientHello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// `legacy_version`; up to TLS 1.2 the newest version that the client speaks.
    pub version: u16,
    /// The client's random, by which key logs name a conversation.
    pub random: [u8; 32],
    /// Session id, 0 to 32 bytes (a stranger may send more).
    pub session_id: Vec<u8>,
    /// Cipher suites, in the client's order.
    pub cipher_suites: Vec<u16>,
    /// Extensions by number, in the client's order.
    pub extensions: Vec<u16>,
    /// Name of the server, lower case, without trailing dot; never empty.
    pub server_name: Option<String>,
    /// Application protocols (RFC 7301), in the client's order; a stranger may send empty ones.
    pub alpn: Vec<Vec<u8>>,
    /// Versions of the extension `supported_versions`, as sent.
    pub supported_versions: Vec<u16>,
    /// Groups of the extension `supported_groups`.
    pub groups: Vec<u16>,
    /// Groups that the client sent a key share of.
    pub key_shares: Vec<u16>,
    /// Signature algorithms.
    pub signature_algorithms: Vec<u16>,
    /// Pre-shared key modes: 0 is `psk_ke`, 1 is `psk_dhe_ke`.
    pub psk_modes: Vec<u8>,
    /// Whether a pre-shared key (TLS 1.3 resumption) is offered.
    pub psk_offered: bool,
    /// Age of each pre-shared key as sent: 0 for those that were not made by an earlier session (RFC 9846
    /// section 4.2.11).
    pub psk_ages: Vec<u32>,
    /// Whether a session ticket (RFC 5077) is offered; an empty extension only asks for one.
    pub ticket_offered: bool,
    /// Whether early data follows.
    pub early_data: bool,
    /// Whether the true hello is inside, encrypted (RFC 9849): the names here are the outer ones.
    /// Without meaning where the client only greases the extension, which looks the same.
    pub ech_outer: bool,
    /// Whether that extension holds the client's part of the key: not in a second hello, except by who greases
    /// (RFC 9849 sections 6.1.5 and 6.2).
    pub ech_has_key: bool,
    /// Length of the cookie of DTLS, in bytes.
    pub cookie_length: usize,
    /// Whether it came in the form of SSL 2.0 (RFC 5246 appendix E.2), which has no extensions.
    pub is_ssl2: bool,
}

impl ClientHello {
    /// Reads the body of a ClientHello of TLS or QUIC, without its handshake header.
    ///
    /// # Errors
    /// [`Cut`] where it ends before the session id does. What ends early after that is read as far as it
    /// goes: a hello that contradicts itself was said all the same.
    pub fn parse(body: &[u8]) -> Result<ClientHello, Cut> {
        ClientHello::read(Cursor::new("tls client hello", body), false)
    }

    /// Reads the body of a ClientHello of DTLS, which has a cookie after the session id.
    ///
    /// # Errors
    /// As [`ClientHello::parse`].
    pub fn parse_dtls(body: &[u8]) -> Result<ClientHello, Cut> {
        ClientHello::read(Cursor::new("dtls client hello", body), true)
    }

    fn read(mut cursor: Cursor<'_>, cookie: bool) -> Result<ClientHello, Cut> {
        let mut hello = ClientHello {
            version: cursor.u16()?,
            random: cursor.array()?,
            ..ClientHello::default()
        };
        hello.session_id = cursor.vector8("session id")?.rest().to_vec();
        if cookie {
            hello.cookie_length = cursor.vector8("cookie")?.remaining();
        }
        // What is wrong from here on leaves what was read before.
        let _ = hello.offers(&mut cursor);
        Ok(hello)
    }

    fn offers(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Cut> {
        self.cipher_suites = numbers(cursor.vector16("cipher suites")?);
        cursor.vector8("compression methods")?;
        self.extensions.reserve(USUAL_EXTENSIONS);
        each_extension(cursor, |kind, body| {
            self.extensions.push(kind);
            // What is wrong inside an extension leaves the others readable.
            let _ = self.extension(kind, body);
        });
        Ok(())
    }

    fn extension(&mut self, kind: u16, mut body: Cursor<'_>) -> Result<(), Cut> {
        match kind {
            extension::SERVER_NAME => {
                let mut list = body.vector16("server names")?;
                while !list.is_empty() && self.server_name.is_none() {
                    let host = list.u8()? == 0;
                    let name = list.vector16("server name")?.rest();
                    self.server_name =
                        Some(name_text(name)).filter(|name| host && !name.is_empty());
                }
            }
            extension::SUPPORTED_GROUPS => self.groups = numbers(body.vector16("groups")?),
            extension::SIGNATURE_ALGORITHMS => {
                self.signature_algorithms = numbers(body.vector16("signatures")?)
            }
            extension::ALPN => self.alpn = protocols(&mut body)?,
            extension::SESSION_TICKET => self.ticket_offered = !body.is_empty(),
            extension::PRE_SHARED_KEY => {
                self.psk_offered = true;
                let mut identities = body.vector16("psk identities")?;
                while !identities.is_empty() && self.psk_ages.len() < MAX_PSKS {
                    identities.vector16("psk identity")?;
                    self.psk_ages.push(identities.u32()?);
                }
            }
            extension::EARLY_DATA => self.early_data = true,
            extension::SUPPORTED_VERSIONS => {
                self.supported_versions = numbers(body.vector8("versions")?)
            }
            extension::PSK_KEY_EXCHANGE_MODES => {
                self.psk_modes = body.vector8("psk modes")?.rest().to_vec()
            }
            extension::KEY_SHARE => self.key_shares = shares(&mut body)?,
            extension::DRAFT_KEY_SHARE if self.key_shares.is_empty() => {
                self.key_shares = shares(&mut body)?
            }
            // `outer` is 0; the inner hello, marked 1, is never in the clear.
            extension::ENCRYPTED_CLIENT_HELLO => {
                self.ech_outer = body.u8()? == 0;
                // Functions of key derivation and encryption, and the number of the server's key.
                body.skip(2 + 2 + 1)?;
                self.ech_has_key = !body.vector16("ech key")?.is_empty();
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the client can bind a renegotiation to what came before it (RFC 5746).
    pub fn binds_renegotiation(&self) -> bool {
        self.extensions.contains(&extension::RENEGOTIATION_INFO)
            || self.cipher_suites.contains(&RENEGOTIATION_INFO_SCSV)
    }

    /// Whether the client speaks TLS 1.3 (or DTLS 1.3), a draft of it included.
    pub fn offers_tls13(&self) -> bool {
        self.supported_versions
            .iter()
            .any(|&version| matches!(final_version(version), TLS13 | 0xfefc))
    }
}

/// A ServerHello or a HelloRetryRequest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// The version that the server chose: that of `supported_versions` where it is there; drafts of TLS 1.3 as
    /// TLS 1.3.
    pub version: u16,
    /// The server's random.
    pub random: [u8; 32],
    /// Whether it is a HelloRetryRequest: a second ClientHello follows.
    pub retry: bool,
    /// Session id, 0 to 32 bytes.
    pub session_id: Vec<u8>,
    /// The chosen cipher suite; `None` in a HelloRetryRequest of early drafts.
    pub cipher_suite: Option<u16>,
    /// Extensions by number, in the server's order.
    pub extensions: Vec<u16>,
    /// The group of the server's key share.
    pub group: Option<u16>,
    /// The compression method (TLS 1.2 and before); 0 is none.
    pub compression: u8,
    /// Whether a pre-shared key was accepted (TLS 1.3).
    pub psk_selected: bool,
    /// Which of the offered ones, counted from 0.
    pub psk_index: u16,
    /// The application protocol, where it is said here (TLS 1.2 and before).
    pub alpn: Option<Vec<u8>>,
}

impl ServerHello {
    /// Reads the body of a ServerHello of TLS, DTLS or QUIC, without its handshake header.
    ///
    /// # Errors
    /// [`Cut`] where it ends before the compression method does.
    pub fn parse(body: &[u8]) -> Result<ServerHello, Cut> {
        let mut cursor = Cursor::new("tls server hello", body);
        let version = cursor.u16()?;
        let random: [u8; 32] = cursor.array()?;
        let mut hello = ServerHello {
            version: final_version(version),
            random,
            retry: random == RETRY_RANDOM,
            ..ServerHello::default()
        };
        // The drafts of TLS 1.3 before 22 have neither session id nor compression method; those before 16
        // call themselves TLS 1.3 here, which the standard never does.
        let early_draft = version >> 8 == 0x7f || version == TLS13;
        if !early_draft {
            hello.session_id = cursor.vector8("session id")?.rest().to_vec();
        }
        hello.cipher_suite = Some(cursor.u16()?);
        if !early_draft {
            hello.compression = cursor.u8()?;
        }
        hello.extensions(&mut cursor);
        Ok(hello)
    }

    /// Reads the body of a HelloRetryRequest of the drafts of TLS 1.3 before 22 (message 6).
    ///
    /// # Errors
    /// [`Cut`] where it holds no version.
    pub fn parse_draft_retry(body: &[u8]) -> Result<ServerHello, Cut> {
        let mut cursor = Cursor::new("tls hello retry request", body);
        let version = cursor.u16()?;
        Ok(ServerHello {
            version: final_version(version),
            retry: true,
            ..ServerHello::default()
        })
    }

    fn extensions(&mut self, cursor: &mut Cursor<'_>) {
        each_extension(cursor, |kind, body| {
            self.extensions.push(kind);
            let _ = self.extension(kind, body);
        });
    }

    fn extension(&mut self, kind: u16, mut body: Cursor<'_>) -> Result<(), Cut> {
        match kind {
            extension::SUPPORTED_VERSIONS => self.version = final_version(body.u16()?),
            extension::KEY_SHARE | extension::DRAFT_KEY_SHARE => self.group = Some(body.u16()?),
            extension::PRE_SHARED_KEY => {
                self.psk_selected = true;
                self.psk_index = body.u16()?;
            }
            extension::ALPN => {
                let mut chosen = protocols(&mut body)?.into_iter();
                self.alpn = chosen.find(|name| !name.is_empty());
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the server binds a renegotiation to what came before it (RFC 5746); TLS 1.3 has none.
    pub fn binds_renegotiation(&self) -> bool {
        self.is_tls13() || self.extensions.contains(&extension::RENEGOTIATION_INFO)
    }

    /// Whether everything after it is sealed (TLS 1.3 and DTLS 1.3).
    pub fn is_tls13(&self) -> bool {
        matches!(self.version, TLS13 | 0xfefc)
    }
}

/// Whether a server's EncryptedExtensions accepts the data that came before its answer (RFC 9846 section 4.2.10).
pub fn accepts_early_data(body: &[u8]) -> bool {
    let mut accepts = false;
    let mut cursor = Cursor::new("tls encrypted extensions", body);
    each_extension(&mut cursor, |kind, _| {
        accepts |= kind == extension::EARLY_DATA
    });
    accepts
}

/// Calls `each` for the extensions up to the first that is cut short.
fn each_extension(cursor: &mut Cursor<'_>, mut each: impl FnMut(u16, Cursor<'_>)) {
    let Ok(declared) = cursor.u16() else { return };
    let length = usize::from(declared).min(cursor.remaining());
    let Ok(mut list) = cursor.sub("extensions", length) else {
        return;
    };
    while let Ok(kind) = list.u16() {
        let Ok(body) = list.vector16("extension") else {
            return;
        };
        if !is_grease(kind) {
            each(kind, body);
        }
    }
}

/// Two-byte numbers to the end, without GREASE.
fn numbers(mut list: Cursor<'_>) -> Vec<u16> {
    let mut numbers = Vec::with_capacity(list.remaining() / 2);
    while let Ok(number) = list.u16() {
        if !is_grease(number) {
            numbers.push(number);
        }
    }
    numbers
}

/// A list of application protocols, without GREASE.
fn protocols(body: &mut Cursor<'_>) -> Result<Vec<Vec<u8>>, Cut> {
    let mut list = body.vector16("application protocols")?;
    let mut protocols = Vec::new();
    while !list.is_empty() {
        let name = list.vector8("application protocol")?.rest();
        let grease =
            <[u8; 2]>::try_from(name).is_ok_and(|pair| is_grease(u16::from_be_bytes(pair)));
        if !grease {
            protocols.push(name.to_vec());
        }
    }
    Ok(protocols)
}

/// The groups of the client's key shares.
fn shares(body: &mut Cursor<'_>) -> Result<Vec<u16>, Cut> {
    let mut list = body.vector16("key shares")?;
    let mut groups = Vec::new();
    while !list.is_empty() {
        let group = list.u16()?;
        list.vector16("key share")?;
        if !is_grease(group) {
            groups.push(group);
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests;
