use overheard_ledger::Time;
use proptest::prelude::*;

use super::*;
use crate::packet::Header;
use crate::packet::tests::rtp;

fn packet(sequence: u16) -> Packet {
    let bytes = rtp(0, sequence, u32::from(sequence) * 160, 1, &[]);
    Packet {
        time: Time(0),
        header: Header::read(&bytes).unwrap(),
        payload: sequence.to_be_bytes().to_vec(),
    }
}

fn ordered(sequences: impl IntoIterator<Item = u16>) -> Vec<(u64, u16)> {
    let mut order = Order::default();
    let mut given = Vec::new();
    let mut take = |order: &mut Order| {
        while let Some((number, packet)) = order.take() {
            given.push((number, packet.header.sequence));
        }
    };
    for sequence in sequences {
        order.put(packet(sequence));
        assert!(order.waiting.len() <= WINDOW + 2);
        take(&mut order);
    }
    order.end();
    take(&mut order);
    given
}

fn sequences(given: &[(u64, u16)]) -> Vec<u16> {
    given.iter().map(|(_, sequence)| *sequence).collect()
}

#[test]
fn what_came_in_another_order_is_put_right() {
    let mut sent: Vec<u16> = (0..500)
        .map(|number| 65_300_u16.wrapping_add(number))
        .collect();
    let expected = sent.clone();
    for at in (0..sent.len() - 30).step_by(31) {
        sent[at..at + 30].reverse();
    }
    let given = ordered(sent);
    assert_eq!(sequences(&given), expected);
    assert!(given.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1));
}

#[test]
fn what_came_again_is_given_once() {
    let twice = (0..300).flat_map(|number| [number, number]);
    assert_eq!(sequences(&ordered(twice)), (0..300).collect::<Vec<_>>());
    let late = (0..300).chain([205, 206, 250]);
    assert_eq!(sequences(&ordered(late)), (0..300).collect::<Vec<_>>());
}

#[test]
fn what_is_far_behind_is_not_given() {
    let late = (0..300).chain([5, 100]).chain(300..400);
    assert_eq!(sequences(&ordered(late)), (0..400).collect::<Vec<_>>());
}

#[test]
fn a_number_says_how_many_are_missing() {
    let given = ordered((0..100).filter(|number| !(40..45).contains(number)));
    let steps: Vec<u64> = given.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert_eq!(steps.iter().filter(|step| **step == 6).count(), 1);
    assert_eq!(steps.iter().filter(|step| **step == 1).count(), 93);
}

#[test]
fn a_sender_that_begins_anew_is_believed_on_its_second_packet() {
    let given = ordered((0..100).chain(30_000..30_100));
    assert_eq!(given.len(), 200);
    assert!(given[100].0 - given[99].0 >= ANEW);
    // One stray packet is no new beginning.
    let given = ordered((0..50).chain([30_000]).chain(50..100));
    assert_eq!(sequences(&given), (0..100).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn numbers_rise_whatever_comes(sent in proptest::collection::vec(any::<u16>(), 0..2000)) {
        let given = ordered(sent);
        prop_assert!(given.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
