//! Session Traversal Utilities for NAT (RFC 8489), and TURN that is built on it (RFC 8656): the addresses
//! under which a caller and the called appear, and the logins of relays.
//!
//! Classic messages without the magic cookie (RFC 3489) are believed only where every attribute is one
//! of that document's and their lengths add up.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use overheard_ledger::{Credential, Endpoint, Exposure, Rule, Severity, When};
use overheard_tap::{
    Account, Analyzer, Chunk, Cursor, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side,
    Step,
};

use crate::shared::hex::hex;

mod relay;
use relay::Relay;

/// The most addresses of one conversation that are written down.
const MAX_ADDRESSES: usize = 32;
/// The most logins of one conversation that are written down.
const MAX_LOGINS: usize = 32;
/// The longest user name or realm that is kept, in bytes; RFC 8489 section 14.3 allows 508 and 763.
const MAX_TEXT: usize = 763;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "stun",
    title: "Session Traversal Utilities for NAT",
    over: &[Over::Datagram, Over::Stream],
    ports: &[3478],
    standard: "RFC 8489",
    exposure: Exposure::Open,
    probe,
    begin: |over| {
        Box::new(Stun {
            over,
            addresses: BTreeSet::new(),
            logins: Vec::new(),
            channels: false,
            relay: Relay::default(),
            ended: false,
        })
    },
    rules: &[
        Rule {
            id: "stun-address",
            title: "Addresses of the people in a call",
            severity: Severity::Info,
            exposure: Exposure::Open,
            when: When::Observed,
            remedy: "Carry calls through a relay that is reached over TLS (TURN over TLS), or over a VPN, where the \
                     address of a participant must not be known.",
            standard: "RFC 8828; RFC 8656",
            explain: "Before a call, programs ask a server under which address they are seen, and tell each other. The \
                      answers pass in clear: they tell a tap who is about to talk to whom, even behind a router.",
        },
        Rule {
            id: "stun-digest-password",
            title: "Login to a relay, to be guessed offline",
            severity: Severity::Medium,
            exposure: Exposure::Open,
            when: When::Record(|seen| match &seen.record.body {
                overheard_ledger::Body::Credential(login) if login.protocol == "stun" => {
                    Some(format!(
                        "The digest of the password of {} at {}, against which passwords can be tried",
                        login.user.as_deref().unwrap_or("somebody"),
                        seen.server()
                    ))
                }
                _ => None,
            }),
            remedy: "Reach the relay over TLS, and give out passwords that are random and expire within hours.",
            standard: "RFC 8489 section 16.1",
            explain: "A login to a TURN relay is sealed with a key made of name, realm and password. Who sees one message \
                      can try passwords against it as fast as his computers can, without the relay noticing.",
        },
    ],
};

const MAGIC_COOKIE: u32 = 0x2112_a442;
const HEADER: usize = 20;
/// Messages of TURN that carry data, or say where a channel leads (RFC 8656 section 17).
const SEND_INDICATION: u16 = 0x0016;
const DATA_INDICATION: u16 = 0x0017;
const CHANNEL_BIND: u16 = 0x0009;

/// A message, its attributes checked.
struct Message<'a> {
    kind: u16,
    transaction: [u8; 16],
    attributes: Cursor<'a>,
    /// Bytes of the whole message.
    length: usize,
}

/// Reads the message that `bytes` begin with. On datagrams it must fill them.
fn message(bytes: &[u8], over: Over) -> Result<Message<'_>, Cut> {
    let mut cursor = Cursor::new("stun", bytes);
    let kind = cursor.u16()?;
    let size = usize::from(cursor.u16()?);
    let transaction: [u8; 16] = cursor.array()?;
    let modern = transaction.starts_with(&MAGIC_COOKIE.to_be_bytes());
    if kind & 0xc000 != 0 || size % 4 != 0 {
        return Err(Cut::wrong("stun", 0));
    }
    let attributes = cursor.sub("stun attributes", size)?;
    if over == Over::Datagram && !cursor.is_empty() {
        return Err(cursor.wrong());
    }
    let mut walk = attributes;
    let mut count = 0;
    while !walk.is_empty() {
        let (attribute, _) = next_attribute(&mut walk)?;
        if !modern && !is_classic_attribute(attribute) {
            return Err(walk.wrong());
        }
        count += 1;
    }
    if !modern
        && (count == 0
            || over == Over::Stream
            || !matches!(kind, 0x0001 | 0x0101 | 0x0111 | 0x0002 | 0x0102 | 0x0112))
    {
        return Err(Cut::wrong("stun", 0));
    }
    Ok(Message {
        kind,
        transaction,
        attributes,
        length: HEADER + size,
    })
}

/// Type and value of the next attribute; the last one may lack its padding.
fn next_attribute<'a>(cursor: &mut Cursor<'a>) -> Result<(u16, &'a [u8]), Cut> {
    let attribute = cursor.u16()?;
    let length = usize::from(cursor.u16()?);
    let value = cursor.take(length)?;
    cursor.skip((length.next_multiple_of(4) - length).min(cursor.remaining()))?;
    Ok((attribute, value))
}

/// RFC 3489 section 11.2, and the addresses and software names that later drafts gave numbers to.
fn is_classic_attribute(attribute: u16) -> bool {
    matches!(
        attribute,
        0x0001..=0x000b | 0x0020 | 0x8020 | 0x8022 | 0x8023 | 0x8028 | 0x802b | 0x802c
    )
}

/// TURN channel data (RFC 8656 section 12.4).
struct ChannelData<'a> {
    channel: u16,
    data: &'a [u8],
    /// Bytes of all of it, padding included.
    whole: usize,
}

fn channel_data(bytes: &[u8], over: Over) -> Result<ChannelData<'_>, Cut> {
    let mut cursor = Cursor::new("turn channel data", bytes);
    let channel = cursor.u16()?;
    let length = usize::from(cursor.u16()?);
    let data = cursor.take(length)?;
    // Padding to a whole word is a must on streams, and allowed on datagrams.
    let padding = length.next_multiple_of(4) - length;
    let whole = match over {
        Over::Stream => {
            cursor.skip(padding)?;
            4 + length + padding
        }
        Over::Datagram if cursor.remaining() <= padding => bytes.len(),
        Over::Datagram => return Err(cursor.wrong()),
    };
    if !(0x4000..=0x4fff).contains(&channel) {
        return Err(Cut::wrong("turn channel data", 0));
    }
    Ok(ChannelData {
        channel,
        data,
        whole,
    })
}

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = sample.first();
    match message(bytes, sample.over) {
        Ok(message) if message.transaction.starts_with(&MAGIC_COOKIE.to_be_bytes()) => Probe::Sure,
        Ok(_) => Probe::Likely(if sample.has_port(3478) { 90 } else { 60 }),
        // A classic request may be a bare header (RFC 3489 section 9.3).
        Err(_)
            if sample.over == Over::Datagram && is_bare_request(bytes) && sample.has_port(3478) =>
        {
            Probe::Likely(80)
        }
        Err(_) if sample.over == Over::Stream && !sample.whole && begins_message(bytes) => {
            Probe::More
        }
        Err(_) => Probe::No,
    }
}

fn is_bare_request(bytes: &[u8]) -> bool {
    bytes.len() == HEADER && bytes.starts_with(&[0, 1, 0, 0])
}

/// Whether a stream's first bytes can be those of a message that is not whole yet.
fn begins_message(bytes: &[u8]) -> bool {
    let cookie = MAGIC_COOKIE.to_be_bytes();
    let there = bytes.get(4..).unwrap_or_default();
    let there = there.get(..4).unwrap_or(there);
    bytes.first().is_none_or(|&byte| byte & 0xc0 == 0) && cookie.starts_with(there)
}

/// A login that waits for its answer, or for the end.
struct Login {
    user: String,
    realm: String,
    response: String,
    transaction: [u8; 16],
    accepted: Option<bool>,
    evidence: Evidence,
}

struct Stun {
    over: Over,
    /// Addresses that were written down.
    addresses: BTreeSet<(bool, Endpoint)>,
    logins: Vec<Login>,
    /// Whether channel data may come: a message was heard.
    channels: bool,
    /// What a relay passes on.
    relay: Relay,
    ended: bool,
}

impl Analyzer for Stun {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let bytes = match chunk {
            Chunk::Bytes(bytes) => bytes,
            Chunk::Gap(_) => return Step::NotMine(Cut::wrong("stun", 0)),
            Chunk::End => {
                if std::mem::replace(&mut self.ended, true) {
                    self.write_logins(notes);
                    self.relay.finish(notes);
                }
                return Step::Took(0);
            }
        };
        match message(bytes, self.over) {
            Ok(message) => {
                self.channels = true;
                let length = message.length;
                self.message(side, &message, notes);
                Step::Took(length)
            }
            Err(_) if is_bare_request(bytes) && self.over == Over::Datagram => {
                self.channels = true;
                Step::Took(bytes.len())
            }
            Err(cut) => {
                if self.channels && bytes.first().is_some_and(|&byte| byte >> 4 == 4) {
                    return match channel_data(bytes, self.over) {
                        Ok(inner) => {
                            let peer = self.relay.peer(inner.channel);
                            self.relay.hear(side, peer, inner.data, notes);
                            Step::Took(inner.whole)
                        }
                        Err(cut) => self.more(bytes, cut),
                    };
                }
                self.more(bytes, cut)
            }
        }
    }

    fn held(&self) -> usize {
        self.relay.held()
    }
}

impl Stun {
    /// What to answer where `bytes` hold no whole message: on a stream its header says how long it is.
    fn more(&self, bytes: &[u8], cut: Cut) -> Step {
        if self.over == Over::Datagram || cut.needed == 0 {
            return Step::NotMine(cut);
        }
        let header = if bytes.first().is_some_and(|&byte| byte >> 4 == 4) {
            4
        } else {
            HEADER
        };
        let Some(&[_, _, high, low]) = bytes.first_chunk() else {
            return Step::Need(4);
        };
        let whole = header + usize::from(u16::from_be_bytes([high, low])).next_multiple_of(4);
        // All of it is there, so what failed is inside.
        if whole <= bytes.len() {
            Step::NotMine(cut)
        } else {
            Step::Need(whole)
        }
    }

    fn message(&mut self, side: Side, message: &Message<'_>, notes: &mut Notes<'_>) {
        let (mut user, mut realm, mut integrity) = (None, None, None);
        let (mut channel, mut peer, mut data) = (None, None, None);
        let mut attributes = message.attributes;
        while let Ok((attribute, value)) = next_attribute(&mut attributes) {
            match attribute {
                0x0001 | 0x0020 | 0x8020 => {
                    if let Ok(endpoint) =
                        address(value, (attribute != 0x0001).then_some(&message.transaction))
                    {
                        // The answer tells the side that asked its own address.
                        self.address(false, side.other(), endpoint, notes);
                    }
                }
                0x0012 => {
                    if let Ok(endpoint) = address(value, Some(&message.transaction)) {
                        self.address(true, side, endpoint, notes);
                        peer = Some(endpoint);
                    }
                }
                0x0006 => user = text(value),
                0x0014 => realm = text(value),
                0x0008 | 0x001c => integrity = Some(value),
                0x000c => channel = value.first_chunk().copied().map(u16::from_be_bytes),
                // The data that a relay passes on belong to whoever speaks through it; a second attribute
                // does not count (RFC 8489 section 14).
                0x0013 if data.is_none() => data = Some(value),
                0x0013 => notes.account(Account::Unrecognised, value.len()),
                _ => {}
            }
        }
        if let (CHANNEL_BIND, Some(channel), Some(peer)) = (message.kind, channel, peer) {
            self.relay.bind(side, channel, peer);
        }
        if let Some(data) = data {
            match message.kind {
                SEND_INDICATION => self.relay.serves(side),
                DATA_INDICATION => self.relay.serves(side.other()),
                _ => {}
            }
            self.relay.hear(side, peer, data, notes);
        }
        // Class: 00 request, 01 indication, 10 success, 11 error (RFC 8489 section 5).
        match (message.kind >> 7 & 2) | (message.kind >> 4 & 1) {
            0 => {
                // Names without a realm are made up for one call (RFC 8445) and stand for nobody.
                if let (Some(user), Some(realm), Some(integrity)) = (user, realm, integrity) {
                    self.login(user, realm, integrity, message.transaction, notes);
                }
            }
            class @ (2 | 3) => {
                for login in self
                    .logins
                    .iter_mut()
                    .filter(|login| login.transaction == message.transaction)
                {
                    login.accepted = Some(class == 2 || login.accepted == Some(true));
                    login.evidence.join(&notes.evidence());
                }
            }
            _ => {}
        }
    }

    fn address(&mut self, peer: bool, whose: Side, endpoint: Endpoint, notes: &mut Notes<'_>) {
        let known = Endpoint::new(endpoint.ip, 0);
        if self.addresses.len() >= MAX_ADDRESSES || !self.addresses.insert((peer, known)) {
            return;
        }
        let who = notes.endpoint(whose).ip;
        if peer {
            notes.observe(
                "stun-address",
                format!(
                    "That {who} exchanges data with {} through a relay",
                    endpoint.ip
                ),
            );
        } else if who != endpoint.ip {
            notes.observe(
                "stun-address",
                format!("That {who} appears to the world as {}", endpoint.ip),
            );
        }
    }

    fn login(
        &mut self,
        user: String,
        realm: String,
        integrity: &[u8],
        transaction: [u8; 16],
        notes: &Notes<'_>,
    ) {
        if let Some(login) = self
            .logins
            .iter_mut()
            .find(|login| login.user == user && login.realm == realm)
        {
            login.transaction = transaction;
        } else if self.logins.len() < MAX_LOGINS {
            let response = hex(integrity);
            self.logins.push(Login {
                user,
                realm,
                response,
                transaction,
                accepted: None,
                evidence: notes.evidence(),
            });
        }
    }

    fn write_logins(&mut self, notes: &mut Notes<'_>) {
        for login in self.logins.drain(..) {
            let secret = Some(notes.mask(&login.response));
            let credential = Credential {
                protocol: "stun".to_owned(),
                mechanism: "digest".to_owned(),
                user: Some(login.user),
                secret,
                crackable: true,
                accepted: login.accepted,
            };
            notes.add_with(credential, login.evidence);
        }
    }
}

/// An address attribute (RFC 8489 sections 14.1 and 14.2); `key` is the transaction id that its XOR
/// form is masked with, beginning with the magic cookie.
fn address(value: &[u8], key: Option<&[u8; 16]>) -> Result<Endpoint, Cut> {
    let mut cursor = Cursor::new("stun address", value);
    cursor.skip(1)?;
    let family = cursor.u8()?;
    let key = key.map_or(0, |key| u128::from_be_bytes(*key));
    let port = cursor.u16()? ^ (key >> 112) as u16;
    let ip = match family {
        1 => IpAddr::V4(Ipv4Addr::from_bits(cursor.u32()? ^ (key >> 96) as u32)),
        2 => IpAddr::V6(Ipv6Addr::from_bits(
            u128::from_be_bytes(cursor.array()?) ^ key,
        )),
        _ => return Err(cursor.wrong()),
    };
    Ok(Endpoint::new(ip, port))
}

fn text(value: &[u8]) -> Option<String> {
    let value = value.get(..value.len().min(MAX_TEXT))?;
    let text = String::from_utf8_lossy(value)
        .trim_end_matches('\0')
        .to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
