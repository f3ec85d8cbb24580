//! The Session Initiation Protocol (RFC 3261): who calls whom, when, and how it ended.
//!
//! Session descriptions in its bodies announce where the voice will go; digest logins, text messages
//! (RFC 3428) and digits pressed during the call (RFC 6086, `application/dtmf-relay`) pass in clear with it.
//! What the messages say is heard by [`Listener`], which WebSockets share; here they are found on the wire.

mod advice;

use overheard_ledger::Exposure;
use overheard_tap::{
    Account, Analyzer, Chunk, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::header_block::{HeaderBlock, MAX_BLOCK, end_of_block};
use crate::shared::sip::Listener;
use crate::shared::sip::message::{METHODS, content_length, start_line};

/// The longest body on a stream that is read whole; longer ones are passed over.
const MAX_BODY: usize = 128 * 1024;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "sip",
    title: "Session Initiation Protocol",
    over: &[Over::Datagram, Over::Stream],
    ports: &[5060],
    standard: "RFC 3261",
    exposure: Exposure::Open,
    probe,
    begin: |over| {
        Box::new(Sip {
            over,
            ..Sip::default()
        })
    },
    rules: advice::RULES,
};

/// The longest first line of a stream that is waited for.
const MAX_FIRST_LINE: usize = 2048;

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = match sample.over {
        Over::Datagram => sample.first(),
        Over::Stream => sample.first().trim_ascii_start(),
    };
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let line = bytes.get(..end).unwrap_or_default();
    // A method or `SIP/2.0` begins with a letter.
    if line.first().is_some_and(u8::is_ascii_control) {
        return Probe::No;
    }
    if line.len() < bytes.len() || sample.whole {
        return if start_line(line).is_some() {
            Probe::Sure
        } else {
            Probe::No
        };
    }
    let status = b"SIP/2.0 ";
    let begins = |word: &[u8]| bytes.starts_with(word) || word.starts_with(bytes);
    let method = METHODS.iter().any(|method| begins(method.as_bytes()));
    let text = bytes.len() <= MAX_FIRST_LINE
        && bytes
            .iter()
            .all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\r');
    if text && (begins(status) || method) {
        Probe::More
    } else {
        Probe::No
    }
}

struct Sip {
    over: Over,
    listener: Listener,
    sides: [Sender; 2],
    ended: bool,
}

/// What a stream's side is about to say.
#[derive(Default)]
struct Sender {
    /// Bytes of the next header block in which its end was looked for in vain.
    searched: usize,
    /// Bytes of a long body that are passed over.
    body: u64,
    /// Whether something was lost, so that the next start line has to be looked for.
    lost: bool,
}

impl Default for Sip {
    fn default() -> Sip {
        Sip {
            over: Over::Datagram,
            listener: Listener::default(),
            sides: [Sender::default(), Sender::default()],
            ended: false,
        }
    }
}

impl Analyzer for Sip {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match (chunk, self.over) {
            (Chunk::Bytes(bytes), Over::Datagram) => {
                match self.listener.datagram(side, bytes, notes) {
                    0 => Step::NotMine(Cut::wrong("sip", 0)),
                    took => Step::Took(took),
                }
            }
            (Chunk::Bytes(bytes), Over::Stream) => self.stream(side, bytes, notes),
            (Chunk::Gap(gap), _) => {
                let [client, server] = &mut self.sides;
                let sender = if side == Side::Client { client } else { server };
                sender.searched = 0;
                sender.lost |= sender.body < gap;
                sender.body = sender.body.saturating_sub(gap);
                Step::Took(0)
            }
            (Chunk::End, _) => {
                if std::mem::replace(&mut self.ended, true) {
                    self.listener.finish(notes);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        self.listener.held()
    }
}

impl Sip {
    /// A stream: messages one after the other (RFC 3261 section 18.3), with line ends between them to
    /// keep it alive (RFC 5626 section 3.5.1).
    fn stream(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let [client, server] = &mut self.sides;
        let sender = if side == Side::Client { client } else { server };
        if sender.body > 0 {
            let there = usize::try_from(sender.body)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            sender.body -= there as u64;
            return Step::Took(there);
        }
        if sender.lost {
            let Some(skipped) = next_start_line(bytes) else {
                // The last line may be a start line that is not whole yet.
                let last = bytes
                    .iter()
                    .rposition(|&byte| byte == b'\n')
                    .map_or(0, |at| at + 1);
                let passed = if bytes.len() - last > MAX_FIRST_LINE {
                    bytes.len()
                } else {
                    last
                };
                notes.account(Account::Unrecognised, passed);
                return if passed == 0 {
                    Step::Need(bytes.len() + 1)
                } else {
                    Step::Took(passed)
                };
            };
            sender.lost = false;
            if skipped > 0 {
                notes.account(Account::Unrecognised, skipped);
                return Step::Took(skipped);
            }
        }
        let alive = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0))
            .count();
        if alive > 0 {
            return Step::Took(alive);
        }
        let Some(end) = end_of_block(bytes, sender.searched) else {
            let begun = bytes.get(..MAX_FIRST_LINE).unwrap_or(bytes);
            let line = begun
                .split(|&byte| byte == b'\n')
                .next()
                .unwrap_or_default();
            if bytes.len() > MAX_BLOCK || (line.len() < bytes.len() && start_line(line).is_none()) {
                return Step::NotMine(Cut::wrong("sip", 0));
            }
            sender.searched = bytes.len();
            return Step::Need(bytes.len() + 1);
        };
        let (block, after) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        let block = HeaderBlock::parse(block);
        let Some(start) = start_line(block.start) else {
            return Step::NotMine(Cut::wrong("sip", 0));
        };
        // Without a length a message on a stream has no body.
        let length = content_length(&block).unwrap_or(0);
        let body = match after.get(..length) {
            Some(body) => body,
            None if length <= MAX_BODY => {
                // The end of the block is known: it is found again at once.
                sender.searched = end.saturating_sub(2);
                return Step::Need(end + length);
            }
            None => {
                sender.body = length as u64;
                sender.searched = 0;
                self.listener.message(side, start, &block, &[], notes);
                return Step::Took(end);
            }
        };
        sender.searched = 0;
        self.listener.message(side, start, &block, body, notes);
        Step::Took(end + length)
    }
}

/// Where the next line that can start a message begins.
fn next_start_line(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let feed = rest.iter().position(|&byte| byte == b'\n')?;
        if rest.get(..feed).and_then(start_line).is_some() {
            return Some(at);
        }
        at += feed + 1;
    }
    None
}

#[cfg(test)]
mod tests;
