//! The payloads of IKE that pass in clear (RFC 7296 section 3; RFC 2408 section 3).

use overheard_tap::{Cursor, Cut};

use super::transforms::{self, kind};
use crate::shared::host_name::printable;

/// Payloads of one message that are read.
const MAX_PAYLOADS: usize = 64;

/// Proposals of one SA payload that are read, and transforms of one proposal.
const MAX_PROPOSALS: usize = 32;

/// Transforms of one proposal that are read.
const MAX_TRANSFORMS: usize = 128;

/// Bytes of an identity or a vendor id that are kept.
const MAX_TEXT: usize = 256;

/// The header of a message (RFC 7296 section 3.1, RFC 2408 section 3.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub initiator: u64,
    pub responder: u64,
    pub first_payload: u8,
    /// Major version: 1 or 2.
    pub version: u8,
    pub exchange: u8,
    pub flags: u8,
    /// Length of the whole message, in bytes.
    pub length: usize,
}

/// Exchange types.
pub(super) mod exchange {
    pub const MAIN_MODE: u8 = 2;
    pub const AGGRESSIVE: u8 = 4;
    pub const IKE_SA_INIT: u8 = 34;
}

/// Bytes of the header.
pub(super) const HEADER: usize = 28;

/// Flags: of IKEv1 encryption; of IKEv2 that this is a response.
const ENCRYPTED_1: u8 = 0x01;
const RESPONSE_2: u8 = 0x20;

impl Header {
    pub fn read(cursor: &mut Cursor<'_>) -> Result<Header, Cut> {
        let wrong = cursor.wrong();
        let initiator = cursor.u64()?;
        let responder = cursor.u64()?;
        let first_payload = cursor.u8()?;
        let version = cursor.u8()? >> 4;
        let exchange = cursor.u8()?;
        let flags = cursor.u8()?;
        let _message_id = cursor.u32()?;
        let length = usize::try_from(cursor.u32()?).map_err(|_| wrong)?;
        let header = Header {
            initiator,
            responder,
            first_payload,
            version,
            exchange,
            flags,
            length,
        };
        let known = match version {
            1 => matches!(exchange, 1..=6 | 32..=34) && flags & !7 == 0,
            2 => matches!(exchange, 34..=39 | 43..=44) && flags & !0x38 == 0,
            _ => false,
        };
        (known && initiator != 0 && length >= HEADER)
            .then_some(header)
            .ok_or(wrong)
    }

    /// Whether the payloads of IKEv1 are encrypted; those of IKEv2 say so themselves.
    pub fn is_encrypted_1(&self) -> bool {
        self.version == 1 && self.flags & ENCRYPTED_1 != 0
    }

    /// Whether this is an answer: in IKEv1, as far as the cookie of the responder says.
    pub fn is_response(&self) -> bool {
        match self.version {
            1 => self.responder != 0,
            _ => self.flags & RESPONSE_2 != 0,
        }
    }
}

/// What an SA payload proposes, or chooses where there is one proposal.
#[derive(Clone, Debug, Default)]
pub(super) struct Suite {
    /// Encryption with the length of its key, PRF and integrity (hash in IKEv1), joined by `+`.
    pub names: String,
    /// The encryption algorithm by its name.
    pub encryption: String,
    /// Key exchange methods by number: the first, then additional ones in their order.
    pub methods: Vec<u16>,
    /// IKEv1: whether the sides show who they are by a pre-shared key.
    pub pre_shared: bool,
}

/// The payloads of a message that matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Payloads {
    /// The first proposal of the SA payload (of an answer: what was chosen).
    pub suite: Option<Suite>,
    /// Key exchange methods of all proposals, each once.
    pub methods: Vec<u16>,
    /// Vendor ids that are text.
    pub software: Option<String>,
    /// Who it is from, in IKEv1's aggressive mode.
    pub identity: Option<String>,
    /// HASH payload of IKEv1.
    pub hash: Option<Vec<u8>>,
    /// Whether it announces a post-quantum pre-shared key (RFC 8784).
    pub ppk: bool,
    /// Bytes of encrypted payloads.
    pub sealed: usize,
}

mod payload_1 {
    pub const SA: u8 = 1;
    pub const ID: u8 = 5;
    pub const HASH: u8 = 8;
    pub const VENDOR_ID: u8 = 13;
}

mod payload_2 {
    pub const SA: u8 = 33;
    pub const NOTIFY: u8 = 41;
    pub const VENDOR_ID: u8 = 43;
    /// Encrypted and authenticated, whole or a fragment of it (RFC 7383).
    pub const ENCRYPTED: u8 = 46;
    pub const ENCRYPTED_FRAGMENT: u8 = 53;
}

/// The notification USE_PPK (RFC 8784 section 3), and that of RFC 9867 for the initial exchange.
const USE_PPK: [u16; 2] = [16435, 16445];

impl Payloads {
    /// Reads what stands behind the header; what is cut short is read as far as it goes.
    pub fn read(header: &Header, mut cursor: Cursor<'_>) -> Payloads {
        let mut payloads = Payloads::default();
        let mut next = header.first_payload;
        for _ in 0..MAX_PAYLOADS {
            if next == 0 || cursor.is_empty() {
                break;
            }
            if matches!(next, payload_2::ENCRYPTED | payload_2::ENCRYPTED_FRAGMENT)
                && header.version == 2
            {
                payloads.sealed = cursor.remaining();
                break;
            }
            let Ok((after, body)) = payload(&mut cursor) else {
                break;
            };
            // What is wrong inside one payload leaves the others readable.
            let _ = match header.version {
                1 => payloads.hear_1(next, body),
                _ => payloads.hear_2(next, body),
            };
            next = after;
        }
        payloads
    }

    fn hear_1(&mut self, kind: u8, mut body: Cursor<'_>) -> Result<(), Cut> {
        match kind {
            payload_1::SA => {
                // Domain of interpretation: that of IPsec; its situation has four bytes.
                if body.u32()? != 1 {
                    return Err(body.wrong());
                }
                body.skip(4)?;
                proposals(body, |proposal, transforms| {
                    let _ = proposal;
                    self.transforms_1(transforms)
                });
            }
            payload_1::ID => {
                let kind = body.u8()?;
                body.skip(3)?;
                self.identity = identity(kind, body.rest());
            }
            payload_1::HASH => self.hash = Some(body.rest().iter().take(64).copied().collect()),
            payload_1::VENDOR_ID => self.vendor(body.rest()),
            _ => {}
        }
        Ok(())
    }

    fn hear_2(&mut self, kind: u8, mut body: Cursor<'_>) -> Result<(), Cut> {
        match kind {
            payload_2::SA => proposals(body, |_, transforms| self.transforms_2(transforms)),
            payload_2::NOTIFY => {
                body.skip(2)?;
                self.ppk |= USE_PPK.contains(&body.u16()?);
            }
            payload_2::VENDOR_ID => self.vendor(body.rest()),
            _ => {}
        }
        Ok(())
    }

    /// The transforms of one proposal of IKEv1: each is a whole suite (RFC 2408 section 3.6).
    fn transforms_1(&mut self, mut transforms: Cursor<'_>) {
        for _ in 0..MAX_TRANSFORMS {
            let Ok((_, mut body)) = payload(&mut transforms) else {
                return;
            };
            if body.skip(4).is_err() {
                return;
            }
            let suite = suite_1(body);
            suite.methods.iter().for_each(|&method| self.offer(method));
            self.suite.get_or_insert(suite);
        }
    }

    /// The transforms of one proposal of IKEv2: one of each type (RFC 7296 section 3.3.2).
    fn transforms_2(&mut self, mut transforms: Cursor<'_>) {
        let mut suite = Suite::default();
        let mut chosen: [Option<String>; 3] = Default::default();
        let mut additional: Vec<(u8, u16)> = Vec::new();
        for _ in 0..MAX_TRANSFORMS {
            let Ok((_, mut body)) = payload(&mut transforms) else {
                break;
            };
            let (Ok(kind), Ok(_), Ok(number)) = (body.u8(), body.u8(), body.u16()) else {
                break;
            };
            let mut first = |place: usize, name: String| {
                if let Some(slot) = chosen.get_mut(place) {
                    slot.get_or_insert(name);
                }
            };
            match kind {
                kind::ENCRYPTION => {
                    let name = transforms::encryption(number);
                    if suite.encryption.is_empty() {
                        suite.encryption.clone_from(&name);
                    }
                    let length = attributes(body).find(|&(kind, _)| kind == 14);
                    first(
                        0,
                        length.map_or(name.clone(), |(_, bits)| format!("{name}-{bits}")),
                    );
                }
                kind::PRF => first(1, transforms::prf(number)),
                kind::INTEGRITY if number != 0 => first(2, transforms::integrity(number)),
                kind::KEY_EXCHANGE => {
                    self.offer(number);
                    if suite.methods.is_empty() {
                        suite.methods.push(number);
                    }
                }
                kind::FIRST_ADDITIONAL..=kind::LAST_ADDITIONAL if number != 0 => {
                    self.offer(number);
                    if !additional.iter().any(|&(known, _)| known == kind) {
                        additional.push((kind, number));
                    }
                }
                _ => {}
            }
        }
        additional.sort_unstable();
        suite
            .methods
            .extend(additional.into_iter().map(|(_, number)| number));
        let names: Vec<String> = chosen.into_iter().flatten().collect();
        suite.names = names.join("+");
        self.suite.get_or_insert(suite);
    }

    fn offer(&mut self, method: u16) {
        if method != 0 && self.methods.len() < MAX_TRANSFORMS && !self.methods.contains(&method) {
            self.methods.push(method);
        }
    }

    /// Vendor ids are mostly hashes; some are text that names a product.
    fn vendor(&mut self, id: &[u8]) {
        const STRONGSWAN: [u8; 16] = [
            0x88, 0x2f, 0xe5, 0x6d, 0x6f, 0xd2, 0x0d, 0xbc, 0x22, 0x51, 0x61, 0x3b, 0x2e, 0xbe,
            0x5b, 0xeb,
        ];
        const MICROSOFT: [u8; 16] = [
            0x1e, 0x2b, 0x51, 0x69, 0x05, 0x99, 0x1c, 0x7d, 0x7c, 0x96, 0xfc, 0xbf, 0xb5, 0x87,
            0xe4, 0x61,
        ];
        let name = if id.starts_with(&STRONGSWAN) {
            "strongSwan".to_owned()
        } else if id.starts_with(&MICROSOFT) {
            "Microsoft Windows".to_owned()
        } else if id.starts_with(b"CISC") || id.starts_with(b"FLEXVPN") {
            // Many ids, each for something that it can do.
            "Cisco".to_owned()
        } else if id.len() >= 6 && id.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            printable(id.get(..MAX_TEXT).unwrap_or(id))
        } else {
            return;
        };
        self.software.get_or_insert(name);
    }
}

/// The next payload, proposal or transform: what follows it, and a cursor confined to its body.
fn payload<'a>(cursor: &mut Cursor<'a>) -> Result<(u8, Cursor<'a>), Cut> {
    let wrong = cursor.wrong();
    let next = cursor.u8()?;
    cursor.skip(1)?;
    let length = usize::from(cursor.u16()?);
    let body = length.checked_sub(4).ok_or(wrong)?;
    Ok((next, cursor.sub("ike payload", body)?))
}

/// Calls `each` with the transforms of every proposal for IKE itself.
fn proposals<'a>(mut cursor: Cursor<'a>, mut each: impl FnMut(u8, Cursor<'a>)) {
    for _ in 0..MAX_PROPOSALS {
        let Ok((_, mut body)) = payload(&mut cursor) else {
            return;
        };
        let (Ok(number), Ok(_protocol), Ok(spi), Ok(_count)) =
            (body.u8(), body.u8(), body.u8(), body.u8())
        else {
            return;
        };
        if body.skip(usize::from(spi)).is_err() {
            return;
        }
        each(number, body);
    }
}

/// Attributes of two bytes, and those of more by their value as far as it fits (RFC 2408 section 3.3).
fn attributes(mut cursor: Cursor<'_>) -> impl Iterator<Item = (u16, u32)> {
    std::iter::from_fn(move || {
        let kind = cursor.u16().ok()?;
        if kind & 0x8000 != 0 {
            return Some((kind & 0x7fff, u32::from(cursor.u16().ok()?)));
        }
        let bytes = cursor.vector16("ike attribute").ok()?.rest();
        let value = bytes
            .iter()
            .fold(0u32, |value, &byte| value << 8 | u32::from(byte));
        Some((kind, value))
    })
}

fn suite_1(body: Cursor<'_>) -> Suite {
    let mut suite = Suite::default();
    let (mut bits, mut hash) = (None, None);
    for (kind, value) in attributes(body).take(MAX_TRANSFORMS) {
        let number = u16::try_from(value).unwrap_or(u16::MAX);
        match kind {
            1 => suite.encryption = transforms::encryption_1(number),
            2 => hash = Some(transforms::hash_1(number)),
            3 => suite.pre_shared = transforms::is_pre_shared(number),
            4 => suite.methods = vec![number],
            14 => bits = Some(number),
            _ => {}
        }
    }
    let cipher = match bits {
        Some(bits) => format!("{}-{bits}", suite.encryption),
        None => suite.encryption.clone(),
    };
    suite.names = [Some(cipher).filter(|name| !name.is_empty()), hash]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("+");
    suite
}

/// An identity as text (RFC 2407 section 4.6.2).
fn identity(kind: u8, bytes: &[u8]) -> Option<String> {
    let bytes = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    let text = match (kind, bytes) {
        (1, &[a, b, c, d]) => std::net::Ipv4Addr::new(a, b, c, d).to_string(),
        (5, _) => std::net::Ipv6Addr::from(*bytes.first_chunk::<16>()?).to_string(),
        // A name, a name with its user, or a key's id that is text.
        (2 | 3 | 11, _) => printable(bytes),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
