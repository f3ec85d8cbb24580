//! TFTP (RFC 1350, options RFC 2347 and RFC 2348): files for booting computers and for telephones, routers
//! and switches to set themselves up with.
//!
//! A request goes to port 69; the answer comes from a new port and thereby is a conversation of its own,
//! in which the server speaks first.

use overheard_ledger::{Account, Body, Exposure, HintBody, Object, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side, Step,
};
use sha2::{Digest as _, Sha256};

use crate::shared::hex::hex;
use crate::shared::host_name::printable;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: NAME,
    title: "Trivial File Transfer Protocol",
    over: &[Over::Datagram],
    ports: &[PORT],
    standard: "RFC 1350",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Tftp::default()),
    rules: &[Rule {
        id: "tftp-file",
        title: "A file sent in clear",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Object(file) if file.protocol == NAME => Some(match &file.name {
                Some(name) => format!("The file {name}, {} bytes of it", file.bytes),
                None => format!("A file, {} bytes of it", file.bytes),
            }),
            _ => None,
        }),
        remedy: "Let devices fetch their files over HTTPS, and keep TFTP inside a network of its own.",
        standard: "RFC 1350; RFC 7258",
        explain: "Boot images and the settings of telephones, routers and switches pass readable, often with \
                  passwords in them; anybody on the line can also give other ones.",
    }],
};

const NAME: &str = "tftp";
const PORT: u16 = 69;
/// Bytes of a block where nothing else was agreed (RFC 1350 section 2).
const BLOCK: usize = 512;
/// Bytes of a file name that are kept.
const MAX_FILE_NAME: usize = 255;

enum Message<'a> {
    /// A read or write request: the file's name.
    Request {
        write: bool,
        name: &'a [u8],
    },
    Data {
        block: u16,
        bytes: &'a [u8],
    },
    Acknowledgement {
        block: u16,
    },
    /// Options agreed to: the size of a block, where it is among them.
    Options {
        block_size: Option<usize>,
    },
    Error,
}

fn read(bytes: &[u8]) -> Result<Message<'_>, Cut> {
    let mut cursor = Cursor::new(NAME, bytes);
    let wrong = cursor.wrong();
    match cursor.u16()? {
        kind @ 1..=2 => {
            let name = text(&mut cursor)?;
            let mode = text(&mut cursor)?;
            let known = [&b"octet"[..], b"netascii", b"mail"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(mode));
            let readable = !name.is_empty() && !name.iter().any(u8::is_ascii_control);
            if known && readable {
                Ok(Message::Request {
                    write: kind == 2,
                    name,
                })
            } else {
                Err(wrong)
            }
        }
        3 => Ok(Message::Data {
            block: cursor.u16()?,
            bytes: cursor.rest(),
        }),
        4 => {
            let block = cursor.u16()?;
            if cursor.is_empty() {
                Ok(Message::Acknowledgement { block })
            } else {
                Err(wrong)
            }
        }
        5 => {
            cursor.skip(2)?;
            text(&mut cursor).map(|_| Message::Error)
        }
        6 => {
            let mut block_size = None;
            while !cursor.is_empty() {
                let (option, value) = (text(&mut cursor)?, text(&mut cursor)?);
                if option.is_empty() || !option.iter().all(u8::is_ascii_graphic) {
                    return Err(wrong);
                }
                if option.eq_ignore_ascii_case(b"blksize") {
                    block_size = std::str::from_utf8(value)
                        .ok()
                        .and_then(|value| value.parse().ok());
                }
            }
            Ok(Message::Options { block_size })
        }
        _ => Err(wrong),
    }
}

/// The bytes before the next NUL, which is passed over.
fn text<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Cut> {
    let wrong = cursor.wrong();
    let length = cursor
        .peek()
        .iter()
        .position(|&byte| byte == 0)
        .ok_or(wrong)?;
    let text = cursor.take(length)?;
    cursor.skip(1)?;
    Ok(text)
}

fn probe(sample: &Sample<'_>) -> Probe {
    let usual_port = sample.has_port(PORT);
    match read(sample.first()) {
        Ok(Message::Request { .. }) => Probe::Sure,
        Ok(_) if usual_port => Probe::Likely(60),
        // The first word of a server on its new port.
        Ok(Message::Options { .. }) if sample.first().len() > 2 => Probe::Likely(50),
        Ok(Message::Data { block: 1, bytes }) if bytes.len() <= BLOCK => Probe::Likely(15),
        Ok(Message::Acknowledgement { block: 0 }) => Probe::Likely(15),
        _ => Probe::No,
    }
}

/// A file on its way.
struct Transfer {
    /// Who sends it.
    side: Side,
    /// The last block that came.
    block: u16,
    bytes: u64,
    hash: Sha256,
    /// Its first block, and what came last.
    evidence: Evidence,
    /// Blocks that were acknowledged: only then is it believed to be a file.
    acknowledged: bool,
    /// Whether a block is missing.
    holes: bool,
    /// Whether the last block, shorter than the others, came.
    ended: bool,
    written: bool,
}

#[derive(Default)]
struct Tftp {
    block_size: Option<usize>,
    transfer: Option<Transfer>,
    /// What a request in this same conversation called the file.
    name: Option<String>,
}

impl Tftp {
    fn request(&mut self, side: Side, write: bool, name: &[u8], notes: &mut Notes<'_>) {
        self.write(notes);
        self.transfer = None;
        self.block_size = None;
        let name = name
            .get(..name.len().min(MAX_FILE_NAME))
            .unwrap_or_default();
        let name = printable(name);
        self.name = Some(name.clone());
        notes.hint(HintBody::Expect {
            endpoint: notes.endpoint(side),
            protocol: NAME,
            label: Some(name),
            details: vec![(if write { "WRQ" } else { "RRQ" }.to_owned(), String::new())],
        });
    }

    fn data(&mut self, side: Side, block: u16, bytes: &[u8], notes: &mut Notes<'_>) {
        let limit = self.block_size.unwrap_or(BLOCK);
        let transfer = self.transfer.get_or_insert_with(|| Transfer {
            side,
            block: 0,
            bytes: 0,
            hash: Sha256::new(),
            evidence: notes.evidence(),
            acknowledged: false,
            holes: false,
            ended: false,
            written: false,
        });
        // Numbers wrap, in some programs to 1.
        let ahead = block.wrapping_sub(transfer.block);
        if side != transfer.side || transfer.ended || ahead == 0 || ahead > u16::MAX / 2 {
            notes.account(Account::Duplicate, bytes.len());
            return;
        }
        transfer.holes |= ahead > 1 && !(transfer.block == u16::MAX && block == 1);
        transfer.holes |= notes.missing() > 0;
        transfer.block = block;
        transfer.bytes += u64::try_from(bytes.len()).unwrap_or_default();
        transfer.hash.update(bytes);
        transfer.ended = bytes.len() < limit;
    }

    fn acknowledged(&mut self, side: Side, block: u16, notes: &mut Notes<'_>) {
        if let Some(transfer) = &mut self.transfer
            && transfer.side != side
            && transfer.block == block
        {
            transfer.acknowledged = true;
            if transfer.ended {
                self.write(notes);
            }
        }
    }

    /// Writes the file down, once.
    fn write(&mut self, notes: &mut Notes<'_>) {
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        if transfer.written || !transfer.acknowledged {
            return;
        }
        transfer.written = true;
        let complete = transfer.ended && !transfer.holes;
        let hex = |hash: Sha256| hex(&hash.finalize());
        let file = Object {
            protocol: NAME.to_owned(),
            name: self.name.clone(),
            media_type: None,
            bytes: transfer.bytes,
            sha256: complete.then(|| hex(transfer.hash.clone())),
            complete,
        };
        let mut evidence = transfer.evidence.clone();
        evidence.join(&notes.evidence());
        notes.add_with(file, evidence);
    }
}

impl Analyzer for Tftp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let bytes = match chunk {
            Chunk::Bytes(bytes) => bytes,
            Chunk::Gap(_) => return Step::Took(0),
            Chunk::End => {
                self.write(notes);
                return Step::Took(0);
            }
        };
        match read(bytes) {
            Ok(Message::Request { write, name }) => self.request(side, write, name, notes),
            Ok(Message::Data { block, bytes }) => self.data(side, block, bytes, notes),
            Ok(Message::Acknowledgement { block }) => self.acknowledged(side, block, notes),
            Ok(Message::Options { block_size }) => self.block_size = block_size,
            Ok(Message::Error) => {}
            Err(cut) => return Step::NotMine(cut),
        }
        Step::Took(bytes.len())
    }
}

#[cfg(test)]
mod tests;
