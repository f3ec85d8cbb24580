//! Finding the protocol of a stream.

use overheard_ledger::Account;
use overheard_tap::limits::MAX_UNDECIDED;
use overheard_tap::{Over, Sample, Side};

use super::{State, Stream};
use crate::beginning::Beginning;
use crate::hearing::{Moment, Recognised, Room, bit};

/// Bytes kept at which protocols are asked again that did not recognise so many. Asked at every byte of the
/// beginning, then ever less often: a slow drip costs little.
fn ask_again_at(kept: usize) -> usize {
    if kept < 256 {
        kept + 1
    } else {
        kept + kept / 4
    }
}

impl Stream {
    /// Asks who recognises the first bytes of all where they lie: nearly always somebody does, and then they need
    /// not be kept. Where nobody does and nobody wants more of them, they are booked: `true`.
    pub(super) fn is_placed_at_once(
        &mut self,
        room: &mut Room<'_>,
        side: Side,
        bytes: &[u8],
        moment: Moment,
    ) -> bool {
        let is_first = matches!(self.state, State::Undecided { ask_at: 1 })
            && self.unread.iter().all(|unread| unread.bytes.is_empty());
        // Of bytes that waited, the frame that they waited for is told too.
        let has_waited = moment.frame != self.moment.frame || self.direction(side).has_held();
        if !is_first || has_waited || bytes.len() >= MAX_UNDECIDED {
            return false;
        }
        let (client, server) = match side {
            Side::Client => (bytes, &[][..]),
            Side::Server => (&[][..], bytes),
        };
        let sample = Sample {
            over: Over::Stream,
            client,
            server,
            client_port: room.client.port,
            server_port: room.server.port,
            whole: false,
        };
        match room.recognise(&sample, self.tried) {
            Recognised::As {
                index,
                reversed: false,
            } => {
                if let Some(protocol) = room.protocols.get(index) {
                    self.start(protocol);
                }
            }
            Recognised::NotYet => {
                self.state = State::Undecided {
                    ask_at: ask_again_at(bytes.len()),
                };
            }
            Recognised::Nobody => {
                if self.chain.is_empty() {
                    let mut beginning = Box::<Beginning>::default();
                    beginning.hear(side, bytes);
                    self.beginning = Some(beginning);
                }
                let bytes = bytes.len() as u64;
                room.books.accounts.add(Account::Unrecognised, bytes);
                self.give_up(room, Account::Unrecognised);
                return true;
            }
            // Who has to exchange the sides asks again.
            Recognised::As { reversed: true, .. } => {}
        }
        false
    }

    /// Asks who recognises what is kept, and lets them hear it; `true` where the sides have to be
    /// exchanged first.
    pub(super) fn decide(&mut self, room: &mut Room<'_>, whole: bool) -> bool {
        loop {
            let State::Undecided { ask_at } = &mut self.state else {
                return false;
            };
            let [client, server] = &self.unread;
            let kept = client.bytes.len() + server.bytes.len();
            if kept == 0 || (kept < *ask_at && !whole) {
                return false;
            }
            *ask_at = ask_again_at(kept);
            let full = client.bytes.len() >= MAX_UNDECIDED || server.bytes.len() >= MAX_UNDECIDED;
            let sample = Sample {
                over: Over::Stream,
                client: &client.bytes,
                server: &server.bytes,
                client_port: room.client.port,
                server_port: room.server.port,
                whole: whole || full,
            };
            match room.recognise(&sample, self.tried) {
                Recognised::NotYet => return false,
                Recognised::Nobody => {
                    if self.chain.is_empty() {
                        self.keep_beginning();
                    }
                    self.give_up(room, Account::Unrecognised);
                    return false;
                }
                Recognised::As { reversed: true, .. } => return true,
                Recognised::As {
                    index,
                    reversed: false,
                } => {
                    let Some(protocol) = room.protocols.get(index) else {
                        return false;
                    };
                    self.start(protocol);
                    self.replay(room);
                }
            }
        }
    }

    /// Lets a new analyzer hear what was kept, whoever spoke first first.
    fn replay(&mut self, room: &mut Room<'_>) {
        let first = self.first.unwrap_or(Side::Client);
        let moment = self.moment;
        for side in [first, first.other()] {
            if !self.unread(side).bytes.is_empty() && self.lend_unread(room, side, moment) > 0 {
                self.lend_again(room, side.other());
            }
        }
    }

    /// Keeps the first bytes of what nobody recognises, and of what follows.
    fn keep_beginning(&mut self) {
        let mut beginning = Box::<Beginning>::default();
        for side in [Side::Client, Side::Server] {
            beginning.hear(side, &self.unread(side).bytes);
        }
        self.beginning = Some(beginning);
    }

    /// The protocol that was chosen turned out to be wrong before it took anything.
    pub(super) fn reconsider(&mut self, room: &Room<'_>) {
        let name = self.chain.pop();
        let index = room
            .protocols
            .iter()
            .position(|protocol| Some(protocol.name) == name);
        // Without a bit it could be chosen again and again.
        self.tried |= index.map(bit).filter(|bit| *bit != 0).unwrap_or(u64::MAX);
        self.state = State::Undecided { ask_at: 1 };
    }
}
