//! Hearing a stream: both directions of a TCP conversation put in order, and lent to an analyzer.

mod finding;

use overheard_ledger::{Account, Exposure, HintBody, Time};
use overheard_tap::{Chunk, Next, Over, Protocol, Side, Step};

use crate::beginning::Beginning;
use crate::chain::Chain;
use crate::direction::{Direction, Piece, Segment};
use crate::hearing::{Mind, Moment, Room, remember};
use crate::inside::{SealedFrom, Unsealing};
use crate::unread::Unread;

/// The most protocols that a stream may become one after the other.
const MAX_CHAIN: usize = 8;

/// Bytes that may be lent again because the other side spoke, for every byte that was delivered: so
/// the work per byte stays bounded, however often an analyzer is asked in vain.
const RELENT_PER_BYTE: usize = 16;

/// Bytes that may be lent again from the beginning.
const RELENT_AT_FIRST: usize = 64 * 1024;

/// Where the finding of a protocol stands.
enum State {
    /// Bytes are kept, and nobody has recognised them.
    Undecided {
        /// Bytes kept of both sides at which to ask again.
        ask_at: usize,
    },
    /// A protocol hears.
    Heard(Mind),
    /// Nobody hears any more.
    Over,
}

/// Both directions of a stream.
pub(crate) struct Stream {
    directions: [Direction; 2],
    unread: [Unread; 2],
    state: State,
    /// Protocols that were chosen and gave up before they took anything.
    tried: u64,
    /// Who spoke first: replayed first.
    first: Option<Side>,
    /// Names of the protocols that were recognised, in order.
    chain: Chain,
    /// What a tap gets from the protocol that heard last.
    exposure: Exposure,
    moment: Moment,
    /// Bytes that may still be lent again because the other side spoke.
    relendable: usize,
    /// What is sealed, where there are keys for it.
    unsealing: Option<Box<Unsealing>>,
    /// Bytes behind those that are being delivered of a side that the snap length cut off.
    cut: [u64; 2],
    /// The first bytes, once it is known that nobody recognises them.
    beginning: Option<Box<Beginning>>,
    /// What it weighed when that was last reckoned, in bytes; `None` where it may have changed.
    weighed: Option<usize>,
}

impl Default for Stream {
    fn default() -> Stream {
        Stream {
            directions: Default::default(),
            unread: Default::default(),
            state: State::Undecided { ask_at: 1 },
            tried: 0,
            first: None,
            chain: Chain::default(),
            exposure: Exposure::Unknown,
            moment: Moment {
                frame: 0,
                time: Time(0),
            },
            relendable: RELENT_AT_FIRST,
            unsealing: None,
            cut: [0; 2],
            beginning: None,
            weighed: None,
        }
    }
}

impl Stream {
    /// A stream that one mind hears from its first byte on.
    pub(crate) fn heard_by(mind: Mind) -> Stream {
        Stream {
            state: State::Heard(mind),
            ..Stream::default()
        }
    }

    /// Notes that the connection's sequence numbers of a side begin here (a SYN).
    pub(crate) fn begin(&mut self, side: Side, initial: u32) {
        self.direction(side).begin(initial);
    }

    /// Hears a segment; `true` where client and server have to change places (with [`Stream::swap`])
    /// and [`Stream::resume`] has to be called then.
    #[must_use]
    pub(crate) fn segment(
        &mut self,
        room: &mut Room<'_>,
        side: Side,
        segment: Segment<'_>,
    ) -> bool {
        self.moment = segment.moment;
        if self.direction(side).counting().is_none() || self.unsealing.is_some() {
            self.weighed = None;
        }
        if self.first.is_none() && segment.length > 0 {
            self.first = Some(side);
        }
        if let Some(unsealing) = &mut self.unsealing {
            unsealing.segment(room, side, &segment);
        }
        if let Some(beginning) = &mut self.beginning
            && beginning.hear(side, segment.bytes)
        {
            self.weighed = None;
        }
        let piece = self.direction(side).segment(&segment, room.books);
        if let Some(Piece { bytes, missing }) = piece {
            self.deliver(room, side, bytes, missing, segment.moment);
        }
        self.drain(room, side);
        self.settle(room, side)
    }

    /// Notes that `side` acknowledged what the other side said up to `number`, and gives up waiting for
    /// what evidently was never captured.
    #[must_use]
    pub(crate) fn acknowledge(&mut self, room: &mut Room<'_>, side: Side, number: u32) -> bool {
        if let Some(unsealing) = &mut self.unsealing {
            unsealing.acknowledge(room, side, number);
            self.weighed = None;
        }
        let speaker = side.other();
        self.direction(speaker).acknowledge(number);
        if self.direction(speaker).has_lost() {
            self.weighed = None;
            self.pass_hole(room, speaker);
        } else if !self.direction(speaker).is_complete() {
            return false;
        }
        self.settle(room, speaker)
    }

    /// Whether a sequence number lies about where a side is.
    pub(crate) fn is_near(&mut self, side: Side, sequence: u32) -> bool {
        self.direction(side).is_near(sequence)
    }

    /// Notes that `side` has closed.
    #[must_use]
    pub(crate) fn close(
        &mut self,
        room: &mut Room<'_>,
        side: Side,
        sequence: u32,
        moment: Moment,
    ) -> bool {
        self.moment = moment;
        self.weighed = None;
        if let Some(unsealing) = &mut self.unsealing {
            unsealing.close(room, side, sequence, moment);
        }
        self.direction(side).close(sequence);
        self.settle(room, side)
    }

    /// Exchanges client and server.
    pub(crate) fn swap(&mut self) {
        self.directions.swap(0, 1);
        self.unread.swap(0, 1);
        if let Some(beginning) = &mut self.beginning {
            beginning.swap();
        }
        self.first = self.first.map(Side::other);
    }

    /// Goes on after [`Stream::swap`].
    pub(crate) fn resume(&mut self, room: &mut Room<'_>) {
        self.weighed = None;
        let side = self.first.unwrap_or(Side::Client);
        // The sides have been exchanged: a second wish to do so is not heard.
        let _ = self.settle(room, side);
    }

    /// The end of the conversation: what waits is heard with its holes, then both sides end. `true`
    /// where client and server have to change places and this has to be called again. What nobody took goes
    /// to the account `left`.
    #[must_use]
    pub(crate) fn finish(&mut self, room: &mut Room<'_>, left: Account) -> bool {
        if let Some(mut unsealing) = self.unsealing.take() {
            unsealing.finish(room);
        }
        for side in [Side::Client, Side::Server] {
            while self.direction(side).has_held() {
                self.pass_hole(room, side);
            }
            let lost = self.direction(side).lost_at_end();
            if lost > 0 {
                self.direction(side).skip(lost);
                self.gap(room, side, lost);
            }
            self.direction(side).finish(room.books);
        }
        if self.decide(room, true) {
            return true;
        }
        for side in [Side::Client, Side::Server] {
            self.end(room, side);
            self.abandon(room, side, left);
        }
        if let State::Heard(mind) = &self.state {
            self.exposure = mind.exposure();
        }
        false
    }

    /// Memory that it takes, in bytes. Where bytes are only counted it stays as it is.
    pub(crate) fn weight(&mut self) -> usize {
        match self.weighed {
            Some(weight) => weight,
            None => *self.weighed.insert(self.weigh()),
        }
    }

    /// The same, reckoned anew.
    pub(crate) fn weigh(&self) -> usize {
        let waits = |unread: &Unread| unread.bytes.capacity();
        let [client, server] = &self.directions;
        let [from_client, from_server] = &self.unread;
        let mind = match &self.state {
            State::Heard(mind) => mind.weight(),
            State::Undecided { .. } | State::Over => 0,
        };
        let beginning = self.beginning.as_deref().map_or(0, Beginning::weight);
        size_of::<Stream>()
            + beginning
            + client.weight()
            + server.weight()
            + waits(from_client)
            + waits(from_server)
            + mind
            + self
                .unsealing
                .as_ref()
                .map_or(0, |unsealing| unsealing.weight())
    }

    /// Whether both sides have said everything.
    pub(crate) fn is_over(&self) -> bool {
        self.directions.iter().all(Direction::is_complete)
    }

    /// The protocols recognised, one after the other.
    pub(crate) fn chain(&self) -> Option<String> {
        self.chain.text()
    }

    /// What is to be said of bytes that nobody recognised.
    pub(crate) fn hint(&self) -> Option<HintBody> {
        self.beginning.as_ref().and_then(|it| it.hint())
    }

    /// What a tap gets: of the protocol that heard last.
    pub(crate) fn exposure(&self) -> Exposure {
        self.exposure
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        let [client, server] = &mut self.directions;
        if side == Side::Client { client } else { server }
    }

    fn unread(&mut self, side: Side) -> &mut Unread {
        let [client, server] = &mut self.unread;
        if side == Side::Client { client } else { server }
    }

    /// Delivers held segments that have become the next ones.
    fn drain(&mut self, room: &mut Room<'_>, side: Side) {
        while let Some(held) = self.direction(side).next_held(room.books) {
            self.deliver(room, side, &held.bytes, held.missing, held.moment);
        }
    }

    /// Goes on behind a hole.
    fn pass_hole(&mut self, room: &mut Room<'_>, side: Side) {
        let hole = self.direction(side).hole();
        // First past it: whoever answers a hole by hearing no more is counted from behind it.
        self.direction(side).skip(hole);
        self.gap(room, side, hole);
        self.drain(room, side);
    }

    /// What has to be looked at after anything has changed: a hole that will not be filled, a stream
    /// that has become recognisable, a side that has ended.
    fn settle(&mut self, room: &mut Room<'_>, side: Side) -> bool {
        if self.direction(side).is_complete() {
            self.weighed = None;
        }
        while self.direction(side).is_overfull(room.budget.out_of_order) {
            self.pass_hole(room, side);
        }
        if self.decide(room, false) {
            return true;
        }
        if self.direction(side).is_complete() {
            let both = self.direction(side.other()).is_complete();
            if both && self.decide(room, true) {
                return true;
            }
            if !matches!(self.state, State::Undecided { .. }) {
                self.end(room, side);
                if both {
                    self.end(room, side.other());
                    for side in [side, side.other()] {
                        self.direction(side).forget();
                        self.unread(side).forget();
                    }
                }
            }
        }
        false
    }

    /// Hands over the next bytes of a side, and the number of bytes after them that were cut off by the
    /// snap length.
    fn deliver(
        &mut self,
        room: &mut Room<'_>,
        side: Side,
        bytes: &[u8],
        missing: u64,
        moment: Moment,
    ) {
        if let Some(cut) = self.cut.get_mut(side.index()) {
            *cut = missing;
        }
        if !bytes.is_empty() {
            let credit = bytes.len().saturating_mul(RELENT_PER_BYTE);
            self.relendable = self.relendable.saturating_add(credit);
            let untouched = self.unread(side).bytes.is_empty();
            if missing == 0 && self.is_placed_at_once(room, side, bytes, moment) {
                return;
            }
            match &self.state {
                State::Undecided { .. } => {
                    let unread = self.unread(side);
                    unread.bytes.extend_from_slice(bytes);
                    remember(&mut unread.frames, moment);
                }
                State::Heard(_) if untouched => {
                    let took = self.lend(room, side, bytes, moment);
                    self.keep(side, bytes.get(took..).unwrap_or_default(), moment);
                    if took > 0 {
                        self.lend_again(room, side.other());
                    }
                }
                State::Heard(_) => {
                    let unread = self.unread(side);
                    unread.bytes.extend_from_slice(bytes);
                    let mut took = 0;
                    if unread.bytes.len() >= unread.need {
                        took = self.lend_unread(room, side, moment);
                    }
                    let unread = self.unread(side);
                    if !unread.bytes.is_empty() {
                        remember(&mut unread.frames, moment);
                    }
                    if took > 0 {
                        self.lend_again(room, side.other());
                    }
                }
                State::Over => room
                    .books
                    .accounts
                    .add(Account::Unrecognised, bytes.len() as u64),
            }
        }
        self.cut = [0; 2];
        if missing > 0 {
            // The snap length cut the segment: its bytes arrived, but not here.
            self.gap_heard(room, side, missing);
            room.books.accounts.add(Account::Missing, missing);
        }
    }

    /// Keeps what was not taken, if anybody is still there to take it.
    fn keep(&mut self, side: Side, left: &[u8], moment: Moment) {
        if left.is_empty() || self.direction(side).counting().is_some() {
            return;
        }
        let unread = self.unread(side);
        unread.bytes.extend_from_slice(left);
        remember(&mut unread.frames, moment);
    }

    /// Lends the unread bytes of a side again, because what the other side said may have settled what
    /// they are (the body of a mail after SMTP's 354); then the other side's, and so on while something
    /// is taken.
    fn lend_again(&mut self, room: &mut Room<'_>, mut side: Side) {
        loop {
            let unread = self.unread(side);
            let length = unread.bytes.len();
            // The frame that brought the bytes, not that of the answer, is what proves them.
            let Some(&(frame, time)) = unread.frames.last() else {
                return;
            };
            if length == 0 || !unread.waits || !matches!(self.state, State::Heard(_)) {
                return;
            }
            let Some(left) = self.relendable.checked_sub(length) else {
                return;
            };
            self.relendable = left;
            if self.lend_unread(room, side, Moment { frame, time }) == 0 {
                return;
            }
            side = side.other();
        }
    }

    /// Lends what was kept; how many bytes of it were dealt with.
    fn lend_unread(&mut self, room: &mut Room<'_>, side: Side, moment: Moment) -> usize {
        let mut bytes = std::mem::take(&mut self.unread(side).bytes);
        let took = self.lend(room, side, &bytes, moment);
        let unread = self.unread(side);
        if took >= bytes.len() {
            bytes.clear();
            unread.frames.clear();
        } else if took > 0 {
            bytes.drain(..took);
            // What is left came with the latest frame, as far as can be told.
            let keep = unread.frames.len().saturating_sub(1);
            unread.frames.drain(..keep);
        }
        // Whoever took over in the meantime may have left something as well: it comes after.
        if unread.bytes.is_empty() {
            unread.bytes = bytes;
        } else {
            bytes.append(&mut unread.bytes);
            unread.bytes = bytes;
        }
        took
    }

    /// Lends bytes to the analyzer until it takes no more; how many were dealt with, booked as taken
    /// or otherwise.
    fn lend(&mut self, room: &mut Room<'_>, side: Side, bytes: &[u8], moment: Moment) -> usize {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                let unread = self.unread(side);
                unread.need = 1;
                unread.waits = false;
                return at;
            }
            let frames = std::mem::take(&mut self.unread(side).frames);
            let State::Heard(mind) = &mut self.state else {
                self.unread(side).frames = frames;
                // Whoever took over has given up, and the side is only counted.
                let Some(account) = self.direction(side).counting() else {
                    return at;
                };
                room.books.accounts.add(account, rest.len() as u64);
                return bytes.len();
            };
            let answer = room.hear(mind, side, Chunk::Bytes(rest), 0, moment, &frames);
            let taken = mind.taken;
            self.unread(side).frames = frames;
            at += answer.took;
            let left = rest.len() - answer.took;
            match answer.step {
                Step::Took(_) if answer.took > 0 => {}
                Step::Took(_) => {
                    self.unread(side).waits = true;
                    return at + self.wait(room, side, left, left + 1);
                }
                Step::Need(need) => {
                    self.unread(side).waits = false;
                    return at + self.wait(room, side, left, need.max(left + 1));
                }
                Step::Sealed(_) => {
                    let sealed = rest.get(answer.took..).unwrap_or_default();
                    self.unseal(room, side, sealed, moment);
                    room.books.accounts.add(Account::Sealed, left as u64);
                    self.count(room, side, Account::Sealed);
                    return bytes.len();
                }
                Step::NotMine(_) if taken == 0 => {
                    self.reconsider(room);
                    return at;
                }
                Step::NotMine(_) => {
                    room.books.accounts.add(Account::Malformed, left as u64);
                    self.count(room, side, Account::Malformed);
                    self.give_up(room, Account::Malformed);
                    return bytes.len();
                }
                Step::Become { next, .. } => {
                    self.become_next(room, next);
                    if matches!(self.state, State::Over) {
                        room.books.accounts.add(Account::Unrecognised, left as u64);
                        return bytes.len();
                    }
                    if matches!(self.state, State::Undecided { .. }) {
                        return at;
                    }
                    let other = side.other();
                    if !self.unread(other).bytes.is_empty() {
                        let _ = self.lend_unread(room, other, moment);
                    }
                }
            }
        }
    }

    /// The bytes of a side are sealed from `sealed` on: where there are keys, somebody else hears them.
    fn unseal(&mut self, room: &mut Room<'_>, side: Side, sealed: &[u8], moment: Moment) {
        if let State::Heard(mind) = &mut self.state
            && let Some(opener) = mind.opener.take()
        {
            self.unsealing = Some(Box::new(Unsealing::new(mind.protocol, opener)));
        }
        let Some(mut unsealing) = self.unsealing.take() else {
            return;
        };
        let cut = self.cut.get(side.index()).copied().unwrap_or_default();
        let direction = self.direction(side);
        let from = SealedFrom {
            bytes: sealed,
            cut,
            sequence: direction.sequence(),
            moment,
        };
        unsealing.begin(room, side, &from, direction.waiting());
        self.unsealing = Some(unsealing);
    }

    /// The analyzer waits for `need` bytes and has `left`: bounded. How many bytes were set aside.
    fn wait(&mut self, room: &mut Room<'_>, side: Side, left: usize, need: usize) -> usize {
        if need > room.budget.untaken {
            room.books.accounts.add(Account::Limited, left as u64);
            self.count(room, side, Account::Limited);
            return left;
        }
        self.unread(side).need = need;
        0
    }

    /// From here on the bytes of a side are only counted.
    fn count(&mut self, room: &mut Room<'_>, side: Side, account: Account) {
        self.direction(side).count(account, room.books);
        let unread = self.unread(side);
        unread.bytes = Vec::new();
        unread.frames = Vec::new();
    }

    /// Nobody hears any more: what is unread and what follows goes to `account`.
    fn give_up(&mut self, room: &mut Room<'_>, account: Account) {
        for side in [Side::Client, Side::Server] {
            self.abandon(room, side, account);
            if self.direction(side).counting().is_none() {
                self.count(room, side, account);
            }
        }
        // A mind that has heard something still writes down what it has when the stream ends.
        if matches!(&self.state, State::Undecided { .. }) {
            self.state = State::Over;
        }
    }

    /// Books what is unread of a side.
    fn abandon(&mut self, room: &mut Room<'_>, side: Side, account: Account) {
        let unread = self.unread(side);
        let left = std::mem::take(&mut unread.bytes).len() as u64;
        unread.frames.clear();
        room.books.accounts.add(account, left);
    }

    /// Another protocol takes over.
    fn become_next(&mut self, room: &mut Room<'_>, next: Next) {
        for side in [Side::Client, Side::Server] {
            self.end(room, side);
        }
        if let State::Heard(mind) = &self.state {
            self.exposure = mind.exposure();
        }
        let found = match next {
            Next::Protocol(name) if self.chain.len() < MAX_CHAIN => {
                room.protocols.iter().find(|protocol| protocol.name == name)
            }
            Next::Probe if self.chain.len() < MAX_CHAIN => {
                self.state = State::Undecided { ask_at: 1 };
                self.tried = 0;
                return;
            }
            Next::Protocol(_) | Next::Probe => None,
        };
        match found {
            Some(protocol) => self.start(protocol),
            None => {
                if let Next::Protocol(name) = next {
                    self.chain.push(name);
                }
                self.exposure = Exposure::Unknown;
                self.state = State::Over;
                self.give_up(room, Account::Unrecognised);
            }
        }
    }

    fn start(&mut self, protocol: &'static Protocol) {
        self.chain.push(protocol.name);
        self.state = State::Heard(Mind::new(protocol, Over::Stream));
        for unread in &mut self.unread {
            unread.need = 1;
            unread.waits = false;
            unread.ended = false;
        }
    }

    /// Bytes that no frame brought.
    fn gap(&mut self, room: &mut Room<'_>, side: Side, bytes: u64) {
        if bytes > 0 {
            self.gap_heard(room, side, bytes);
            room.books.hole(bytes);
        }
    }

    /// Tells the analyzer of a hole.
    fn gap_heard(&mut self, room: &mut Room<'_>, side: Side, bytes: u64) {
        if self.direction(side).counting().is_some() {
            return;
        }
        if matches!(self.state, State::Undecided { .. }) && self.decide(room, true) {
            // The sides look exchanged, but the hole is in the way: it is heard as it is.
            room.opener_seen = true;
            let _ = self.decide(room, true);
        }
        if matches!(self.state, State::Undecided { .. }) {
            // Nothing was said before the hole: what follows may still be recognised.
            return;
        }
        self.abandon(room, side, Account::Unrecognised);
        let moment = self.moment;
        if let State::Heard(mind) = &mut self.state {
            match room
                .hear(mind, side, Chunk::Gap(bytes), 0, moment, &[])
                .step
            {
                Step::NotMine(_) => self.count(room, side, Account::Unrecognised),
                Step::Sealed(_) => self.count(room, side, Account::Sealed),
                Step::Took(_) | Step::Need(_) | Step::Become { .. } => self.unread(side).need = 1,
            }
        }
    }

    /// Tells the analyzer that a side has ended.
    fn end(&mut self, room: &mut Room<'_>, side: Side) {
        let moment = self.moment;
        let ended = std::mem::replace(&mut self.unread(side).ended, true);
        if let State::Heard(mind) = &mut self.state
            && !ended
        {
            room.hear(mind, side, Chunk::End, 0, moment, &[]);
        }
    }
}
