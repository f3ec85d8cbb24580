use proptest::prelude::*;

use super::*;
use crate::packet::tests::rtp;

/// A packet of an event, and when it comes in milliseconds.
fn packet(events: &mut Events, time: u64, timestamp: u32, code: u8, duration: u16, flags: u8) {
    let bytes = rtp(101, 0, timestamp, 1, &[]);
    let mut header = Header::read(&bytes).unwrap();
    header.marker = flags & 1 != 0;
    let [high, low] = duration.to_be_bytes();
    let payload = [code, flags & 0x80 | 10, high, low];
    events.hear(Time(time * 1_000_000), &header, 8000, &payload);
}

/// Presses a key as senders do: every 20 ms, the end three times.
fn press(events: &mut Events, time: u64, timestamp: u32, code: u8) {
    for part in 1..=5_u16 {
        let marker = u8::from(part == 1);
        packet(
            events,
            time + u64::from(part) * 20,
            timestamp,
            code,
            part * 160,
            marker,
        );
    }
    for again in 0..3 {
        packet(events, time + 120 + again * 20, timestamp, code, 960, 0x80);
    }
}

fn keys(events: &Events) -> String {
    events.digits.iter().map(|digit| digit.key).collect()
}

#[test]
fn each_key_is_noted_once_and_the_same_key_twice_is_noted_twice() {
    let mut events = Events::default();
    for (number, code) in [4, 4, 7, 10, 11, 0].into_iter().enumerate() {
        press(&mut events, number as u64 * 300, number as u32 * 2400, code);
    }
    assert_eq!(keys(&events), "447*#0");
    let first = events.digits[0];
    assert_eq!((first.start.0, first.end.0), (0, 160_000_000));
}

#[test]
fn one_whose_end_alone_was_captured_is_noted() {
    let mut events = Events::default();
    packet(&mut events, 500, 1000, 9, 1600, 0x80);
    assert_eq!(keys(&events), "9");
    assert_eq!(events.digits[0].start.0, 300_000_000);
}

#[test]
fn a_key_that_is_held_for_long_or_whose_time_stamp_moves_is_one() {
    let mut events = Events::default();
    packet(&mut events, 0, 1000, 5, 0xffff, 1);
    packet(&mut events, 20, 1000 + 0xffff, 5, 160, 0);
    packet(&mut events, 40, 1000 + 0xffff, 5, 320, 0x80);
    assert_eq!(keys(&events), "5");
    for part in 1..6_u16 {
        let timestamp = 900_000 + u32::from(part) * 160;
        packet(
            &mut events,
            100 + u64::from(part) * 20,
            timestamp,
            6,
            part * 160,
            u8::from(part == 1),
        );
    }
    assert_eq!(keys(&events), "56");
}

#[test]
fn what_is_no_key_of_a_telephone_is_not_noted() {
    let mut events = Events::default();
    // A hook flash, a fax tone, half an event.
    packet(&mut events, 0, 1000, 16, 800, 0x80);
    packet(&mut events, 100, 5000, 36, 800, 0x80);
    events.hear(
        Time(0),
        &Header::read(&rtp(101, 0, 0, 1, &[])).unwrap(),
        8000,
        &[1, 2, 3],
    );
    assert_eq!(keys(&events), "");
}

proptest! {
    #[test]
    fn what_is_noted_is_bounded(sent in proptest::collection::vec(any::<(u32, u8, u16, u8)>(), 0..1000)) {
        let mut events = Events::default();
        for (number, (timestamp, code, duration, flags)) in sent.into_iter().enumerate() {
            packet(&mut events, number as u64, timestamp, code % 20, duration, flags);
        }
        prop_assert!(events.digits.len() <= MAX_DIGITS);
    }
}
