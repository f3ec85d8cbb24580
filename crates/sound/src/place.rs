//! When a packet's sound was said: the clock of the packets, held to the time of their arrival.
//!
//! The time stamps say exactly how far apart two sounds are, and the arrival says when, but late by what the network took. So
//! a stream is placed by the earliest of its packets, and moved only where its clock leaps or runs away.

use overheard_ledger::Time;

/// Time stamps that part from the time of arrival by so much, from one packet to the next, have leapt.
const LEAP: i64 = 1_000_000_000;
/// How far packets may come late or early all together before the stream is moved.
const DRIFT: i64 = 20_000_000;
/// Packets that are looked at before that, twice: a sender that sends in bursts is early and late by itself.
const WATCHED: u32 = 256;
/// How late the first packet may be behind later ones, at most.
const LATE: i64 = 200_000_000;
/// The longest silence inside a stream: what is beyond is left out, and the rest follows earlier.
pub(crate) const LONGEST_SILENCE: u64 = 3600 * 1_000_000_000;
/// A clock that runs more than this many thousandths fast is no clock: captures whose times were made up have such.
const BELIEVED: i64 = 20;

const SECOND: i128 = 1_000_000_000;

/// What is needed of a packet to place it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) arrival: Time,
    pub(crate) timestamp: u32,
    /// Ticks a second.
    pub(crate) clock: u32,
}

/// Where the packets of a stream are in time.
#[derive(Debug, Default)]
pub(crate) struct Place {
    now: Option<Anchored>,
    /// What was left out of silences that were too long.
    left_out: u64,
}

#[derive(Clone, Copy, Debug)]
struct Anchored {
    /// When the sound of time stamp 0 of this count was said, in nanoseconds.
    base: i64,
    /// Ticks since then.
    ticks: i64,
    last: Moment,
    /// The earliest of the packets that are being watched, behind or before their place, and how many there were.
    earliest: i64,
    watched: u32,
    /// The earliest of those that were watched before.
    earliest_before: i64,
    /// When the watch was set on, in the time of the stream.
    since: i64,
}

fn nanoseconds(ticks: i64, clock: u32) -> i64 {
    let exact = i128::from(ticks) * SECOND / i128::from(clock.max(1));
    i64::try_from(exact).unwrap_or(i64::MAX / 4)
}

fn at(time: Time) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX / 4)
}

/// Ticks from one time stamp to another, which may be before it.
fn step(from: u32, to: u32) -> i64 {
    i64::from(to.wrapping_sub(from).cast_signed())
}

impl Place {
    /// When the sound of a packet begins. `anew` says that the sender began anew with it; `following` are packets that
    /// are already there behind it.
    pub(crate) fn of(
        &mut self,
        packet: Moment,
        anew: bool,
        following: impl Iterator<Item = Moment>,
    ) -> Time {
        let same = self
            .now
            .filter(|now| !anew && now.last.clock == packet.clock && !now.leaps(packet));
        let mut now = match same {
            Some(now) => now,
            None => self.anchor(packet, following),
        };
        now.ticks += step(now.last.timestamp, packet.timestamp);
        now.last = packet;
        let mut said = now.said();
        let late = at(packet.arrival).saturating_sub(said);
        now.earliest = now.earliest.min(late);
        now.watched += 1;
        if now.watched >= WATCHED {
            now.correct();
            said = now.said();
        }
        self.now = Some(now);
        Time(
            u64::try_from(said)
                .unwrap_or(0)
                .saturating_sub(self.left_out),
        )
    }

    /// Says that so much of a silence was left out: what comes is earlier by that.
    pub(crate) fn leave_out(&mut self, nanoseconds: u64) {
        self.left_out = self.left_out.saturating_add(nanoseconds);
    }

    fn anchor(&self, packet: Moment, following: impl Iterator<Item = Moment>) -> Anchored {
        let first = at(packet.arrival);
        // The least delayed packet tells best.
        let base = following
            .take_while(|moment| moment.clock == packet.clock)
            .map(|moment| {
                let ticks = step(packet.timestamp, moment.timestamp);
                at(moment.arrival).saturating_sub(nanoseconds(ticks, packet.clock))
            })
            .filter(|base| (first - LATE..first).contains(base))
            .min()
            .unwrap_or(first);
        Anchored {
            base,
            ticks: 0,
            last: packet,
            earliest: i64::MAX,
            watched: 0,
            earliest_before: 0,
            since: base,
        }
    }
}

impl Anchored {
    fn said(&self) -> i64 {
        self.base
            .saturating_add(nanoseconds(self.ticks, self.last.clock))
    }

    fn leaps(&self, packet: Moment) -> bool {
        let ticks = nanoseconds(step(self.last.timestamp, packet.timestamp), packet.clock);
        let passed = at(packet.arrival).saturating_sub(at(self.last.arrival));
        passed.saturating_sub(ticks).abs() > LEAP
    }

    /// Moves the stream where all packets of the watch were late or early.
    fn correct(&mut self) {
        let elapsed = self.said().saturating_sub(self.since);
        let believed = self.earliest >= -(elapsed / 1000 * BELIEVED + DRIFT);
        let again = self.earliest_before.signum() == self.earliest.signum()
            && self.earliest_before.abs() > DRIFT;
        self.earliest_before = self.earliest;
        if self.earliest.abs() > DRIFT && again && believed {
            self.base = self.base.saturating_add(self.earliest);
            self.earliest_before = 0;
        }
        self.since = self.said();
        self.earliest = i64::MAX;
        self.watched = 0;
    }
}

#[cfg(test)]
mod tests;
