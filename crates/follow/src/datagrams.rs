//! Hearing datagrams: several protocols may share a conversation (RFC 7983), so every datagram is
//! offered to those that hear already before new ones are asked.

use overheard_ledger::{Account, Exposure, HintBody, Time};
use overheard_tap::limits::{MAX_ANALYZERS, MAX_PROBED_DATAGRAMS};
use overheard_tap::{Chunk, Over, Sample, Side, Step};

use crate::beginning::Beginning;
use crate::hearing::{Mind, Moment, Recognised, Room, bit};

/// A datagram that arrived.
pub(crate) struct Arrival<'a> {
    pub(crate) side: Side,
    pub(crate) bytes: &'a [u8],
    /// Bytes of it that were not captured.
    pub(crate) missing: u64,
    pub(crate) moment: Moment,
    /// The frames of its fragments but the last, where it came in fragments.
    pub(crate) earlier: &'a [(u64, Time)],
}

/// The datagrams of one conversation.
#[derive(Default)]
pub(crate) struct Datagrams {
    minds: Vec<Mind>,
    /// The mind that took the last datagram.
    last: usize,
    /// Datagrams that were shown to all protocols.
    probed: u32,
    /// Sides of which a mind said that all that follows is sealed.
    sealed: [bool; 2],
    /// The first bytes, while nobody recognises them.
    beginning: Option<Box<Beginning>>,
}

impl Datagrams {
    /// Hears a datagram; `true` where client and server have to change places first and nothing was
    /// heard.
    pub(crate) fn hear(&mut self, room: &mut Room<'_>, arrival: &Arrival<'_>) -> bool {
        let &Arrival {
            side,
            bytes,
            missing,
            ..
        } = arrival;
        if self.sealed.get(side.index()) == Some(&true) {
            room.books.accounts.add(Account::Sealed, bytes.len() as u64);
            room.books.accounts.add(Account::Missing, missing);
            return false;
        }
        let count = self.minds.len();
        for turn in 0..count {
            let index = (self.last + turn) % count;
            if self.offer(index, room, arrival) {
                self.last = index;
                room.books.accounts.add(Account::Missing, missing);
                return false;
            }
        }
        if count < MAX_ANALYZERS && self.probed < MAX_PROBED_DATAGRAMS {
            self.probed += 1;
            match self.find(room, arrival) {
                Found::Reversed => return true,
                Found::Heard => {
                    self.beginning = None;
                    room.books.accounts.add(Account::Missing, missing);
                    return false;
                }
                Found::Nobody => {}
            }
        }
        if self.minds.is_empty() {
            let beginning = self.beginning.get_or_insert_default();
            beginning.hear(side, bytes);
        }
        room.books
            .accounts
            .add(Account::Unrecognised, bytes.len() as u64);
        room.books.accounts.add(Account::Missing, missing);
        false
    }

    /// Looks for a protocol that is not hearing yet and takes the datagram.
    fn find(&mut self, room: &mut Room<'_>, arrival: &Arrival<'_>) -> Found {
        let (client, server) = match arrival.side {
            Side::Client => (arrival.bytes, &[][..]),
            Side::Server => (&[][..], arrival.bytes),
        };
        let sample = Sample {
            over: Over::Datagram,
            client,
            server,
            client_port: room.client.port,
            server_port: room.server.port,
            whole: true,
        };
        let mut tried = 0;
        for (index, protocol) in room.protocols.iter().enumerate() {
            if self
                .minds
                .iter()
                .any(|mind| std::ptr::eq(mind.protocol, *protocol))
            {
                tried |= bit(index);
            }
        }
        // Each round tries another protocol: there are at most as many rounds as protocols.
        while let Recognised::As { index, reversed } = room.recognise(&sample, tried) {
            let Some(protocol) = room.protocols.get(index) else {
                break;
            };
            if reversed {
                return Found::Reversed;
            }
            self.minds.push(Mind::new(protocol, Over::Datagram));
            let newest = self.minds.len() - 1;
            if self.offer(newest, room, arrival) {
                self.last = newest;
                return Found::Heard;
            }
            self.minds.pop();
            if bit(index) == 0 {
                break;
            }
            tried |= bit(index);
        }
        Found::Nobody
    }

    /// Lets one mind hear the datagram; whether it took it.
    fn offer(&mut self, index: usize, room: &mut Room<'_>, arrival: &Arrival<'_>) -> bool {
        let Some(mind) = self.minds.get_mut(index) else {
            return false;
        };
        let answer = room.hear(
            mind,
            arrival.side,
            Chunk::Bytes(arrival.bytes),
            arrival.missing,
            arrival.moment,
            arrival.earlier,
        );
        let left = (arrival.bytes.len() - answer.took) as u64;
        match answer.step {
            Step::NotMine(_) | Step::Need(_) => return false,
            Step::Took(_) | Step::Become { .. } => {
                room.books.accounts.add(Account::Malformed, left)
            }
            Step::Sealed(_) => {
                room.books.accounts.add(Account::Sealed, left);
                if let Some(sealed) = self.sealed.get_mut(arrival.side.index()) {
                    *sealed = true;
                }
            }
        }
        true
    }

    /// Memory that it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Datagrams>()
            + self.minds.iter().map(Mind::weight).sum::<usize>()
            + self.beginning.as_deref().map_or(0, Beginning::weight)
    }

    /// Exchanges client and server.
    pub(crate) fn swap(&mut self) {
        self.sealed.reverse();
        if let Some(beginning) = &mut self.beginning {
            beginning.swap();
        }
    }

    /// Tells every mind that nothing more comes.
    pub(crate) fn finish(&mut self, room: &mut Room<'_>, moment: Moment) {
        for mind in &mut self.minds {
            for side in [Side::Client, Side::Server] {
                room.hear(mind, side, Chunk::End, 0, moment, &[]);
            }
        }
    }

    /// The protocols that took something, in the order in which they began.
    pub(crate) fn chain(&self) -> Option<String> {
        let names: Vec<&str> = self
            .minds
            .iter()
            .filter(|mind| mind.taken > 0)
            .map(|mind| mind.protocol.name)
            .collect();
        (!names.is_empty()).then(|| names.join("+"))
    }

    /// What is to be said of bytes that nobody recognised.
    pub(crate) fn hint(&self) -> Option<HintBody> {
        self.beginning.as_ref().and_then(|it| it.hint())
    }

    /// What a tap gets: what it gets of the protocol that most bytes belong to.
    pub(crate) fn exposure(&self) -> Exposure {
        let most = self
            .minds
            .iter()
            .filter(|mind| mind.taken > 0)
            .max_by_key(|mind| (mind.taken, mind.exposure()));
        most.map_or(Exposure::Unknown, Mind::exposure)
    }
}

/// What [`Datagrams::find`] found.
enum Found {
    Heard,
    Reversed,
    Nobody,
}
