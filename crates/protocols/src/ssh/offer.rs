//! What the sides of SSH 2 offer each other (RFC 4253 section 7.1), and what follows from it.

use overheard_ledger::{Exposure, PostQuantum};
use overheard_tap::{Cursor, Cut};

use crate::shared::host_name::readable;

/// Names that are kept of one list of algorithms.
const MAX_NAMES: usize = 256;

/// Bytes of a packet's header, the message's number and its cookie: what stands before the lists.
const BEFORE_LISTS: usize = 5 + 1 + 16;

/// The message KEXINIT of one side.
pub(super) struct Offer {
    key_exchange: Vec<String>,
    host_keys: Vec<String>,
    /// Client to server, server to client.
    ciphers: [Vec<String>; 2],
    macs: [Vec<String>; 2],
}

impl Offer {
    /// Reads the payload of a packet.
    pub(super) fn read(payload: &[u8]) -> Result<Offer, Cut> {
        let mut cursor = Cursor::new("ssh kexinit", payload);
        cursor.skip(1 + 16)?;
        let key_exchange = names(&mut cursor)?;
        let host_keys = names(&mut cursor)?;
        let ciphers = [names(&mut cursor)?, names(&mut cursor)?];
        let macs = [names(&mut cursor)?, names(&mut cursor)?];
        Ok(Offer {
            key_exchange,
            host_keys,
            ciphers,
            macs,
        })
    }

    /// The key exchange methods, without what only looks like one.
    pub(super) fn key_exchange(&self) -> Vec<String> {
        let methods = self.key_exchange.iter().filter(|name| is_method(name));
        methods.cloned().collect()
    }
}

impl Offer {
    /// Whether this side counts packets strictly: the sign stands among the key exchange methods.
    fn is_strict(&self) -> bool {
        let mut methods = self.key_exchange.iter();
        methods.any(|name| name.starts_with("kex-strict-"))
    }
}

/// Whether one of the suites (see [`Agreed::ciphers`]) lets packets before NEWKEYS be taken away unseen: those with
/// ChaCha20-Poly1305, and CBC with a MAC of what is encrypted (CVE-2023-48795).
fn is_truncatable(suites: &str) -> bool {
    suites.split(" / ").any(|suite| {
        suite.starts_with("chacha20-poly1305")
            || (suite.contains("-cbc+") && suite.contains("-etm@"))
    })
}

/// A list of names (RFC 4251 section 5).
fn names(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Cut> {
    let length = usize::try_from(cursor.u32()?).map_err(|_| cursor.wrong())?;
    let list = cursor.take(length)?;
    let names = list.split(|&byte| byte == b',').take(MAX_NAMES);
    Ok(names
        .filter(|name| !name.is_empty())
        .map(readable)
        .collect())
}

/// Whether `bytes` begin with a packet that holds KEXINIT and whose first list names key exchange
/// methods: to recognise a conversation whose first words were not captured.
pub(super) fn is_offer(bytes: &[u8]) -> bool {
    if !looks_like_offer(bytes) {
        return false;
    }
    let Some(list) = bytes.get(BEFORE_LISTS + 4..) else {
        return false;
    };
    const KNOWN: [&[u8]; 7] = [
        b"diffie-", b"curve25", b"ecdh-sh", b"mlkem76", b"sntrup7", b"ext-inf", b"gss-gex",
    ];
    KNOWN.iter().any(|name| list.starts_with(name))
}

/// Whether more bytes could make it an offer.
pub(super) fn may_be_offer(bytes: &[u8]) -> bool {
    bytes.len() < BEFORE_LISTS + 4 + 7 && looks_like_offer(bytes)
}

fn looks_like_offer(bytes: &[u8]) -> bool {
    match *bytes {
        [] | [0] | [0, 0] | [0, 0, _] | [0, 0, _, _] => true,
        [0, 0, _, _, padding] => padding >= 4,
        [0, 0, high, low, padding, message, ..] => {
            let length = u16::from_be_bytes([high, low]);
            padding >= 4 && message == 20 && length > 64 && length % 8 == 4
        }
        _ => false,
    }
}

/// What the sides agreed on.
pub(super) struct Agreed {
    /// Key exchange method.
    pub(super) key_exchange: Option<String>,
    /// Kind of host key.
    pub(super) host_key: Option<String>,
    /// Whether the first packets can be taken away unseen: the cipher or MAC allows it, and not both sides count packets
    /// strictly.
    pub(super) truncatable: bool,
    /// The cipher, with `+` and the MAC where the cipher has none of its own. Where the directions
    /// differ: client to server, ` / `, server to client.
    pub(super) ciphers: Option<String>,
    /// Whether the cipher is none: client to server, server to client.
    pub(super) clear: [bool; 2],
}

impl Agreed {
    /// The first of the client's names that the server has too, in each list.
    pub(super) fn of(client: &Offer, server: &Offer) -> Agreed {
        let methods = first_common(&client.key_exchange, &server.key_exchange);
        let [sent, received] = &client.ciphers;
        let [sent_there, received_there] = &server.ciphers;
        let up = first_common(sent, sent_there);
        let down = first_common(received, received_there);
        let [sent, received] = &client.macs;
        let [sent_there, received_there] = &server.macs;
        let up_suite = suite(up, first_common(sent, sent_there));
        let down_suite = suite(down, first_common(received, received_there));
        let ciphers = match (up_suite, down_suite) {
            (Some(up), Some(down)) if up != down => Some(format!("{up} / {down}")),
            (up, down) => up.or(down),
        };
        let strict = client.is_strict() && server.is_strict();
        Agreed {
            key_exchange: methods.map(str::to_owned),
            host_key: first_common(&client.host_keys, &server.host_keys).map(str::to_owned),
            truncatable: !strict && ciphers.as_deref().is_some_and(is_truncatable),
            ciphers,
            clear: [up, down].map(|cipher| cipher == Some("none")),
        }
    }
}

fn first_common<'a>(client: &'a [String], server: &[String]) -> Option<&'a str> {
    let mut wanted = client.iter().filter(|name| is_method(name));
    wanted
        .find(|name| server.contains(name))
        .map(String::as_str)
}

/// Whether a name in the list of key exchange methods is one: RFC 8308 and strict key exchange put
/// their signs there too.
fn is_method(name: &str) -> bool {
    !name.starts_with("ext-info-") && !name.starts_with("kex-strict-")
}

fn suite(cipher: Option<&str>, mac: Option<&str>) -> Option<String> {
    let cipher = cipher?;
    let whole = ["gcm", "poly1305", "GCM", "CCM"]
        .iter()
        .any(|sign| cipher.contains(sign));
    Some(match mac {
        Some(mac) if !whole => format!("{cipher}+{mac}"),
        _ => cipher.to_owned(),
    })
}

/// Whether a method joins a post-quantum one to a classical one.
pub(super) fn is_quantum_safe(method: &str) -> bool {
    PostQuantum::of(method).is_some()
}

/// Whether a method rests on a group or key of 1024 bits (RFC 9142 section 3).
pub(super) fn is_weak_method(method: &str) -> bool {
    method == "diffie-hellman-group1-sha1"
        || method.starts_with("gss-group1-sha1-")
        || method == "rsa1024-sha1"
}

/// Whether a method always uses fresh keys: with RSA (RFC 4432) the server may use one for long.
pub(super) fn is_forward_secret(method: &str) -> bool {
    !method.starts_with("rsa")
}

/// What the ciphers of a suite (see [`Agreed::ciphers`]) give a tap, where that is more than the key
/// exchange does: open or weak.
pub(super) fn exposure_of_ciphers(ciphers: &str) -> Option<Exposure> {
    let mut worst = None;
    for suite in ciphers.split(" / ") {
        let cipher = suite.split('+').next().unwrap_or_default();
        match cipher {
            "none" => return Some(Exposure::Open),
            _ if cipher.starts_with("arcfour") || cipher.starts_with("des-") => {
                worst = Some(Exposure::Weak);
            }
            _ => {}
        }
    }
    worst
}

/// A cipher of SSH 1 by its number.
pub(super) fn cipher_1(number: u8) -> &'static str {
    match number {
        0 => "none",
        1 => "idea-cfb",
        2 => "des-cbc",
        3 => "3des-cbc",
        4 => "tss",
        5 => "arcfour",
        6 => "blowfish-cbc",
        _ => "unknown",
    }
}
