use overheard_testkit::HeardScene;

use crate::shared::scenes::{Said, exposure, heard_in, learned};

use super::*;

const RULE: &str = "t38-fax";

const ONE: &str = "192.0.2.10:16756";
const OTHER: &str = "192.0.2.60:15580";

fn udptl(number: u16, inside: &[u8], earlier: &[&[u8]]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let mut packet = number.to_be_bytes().to_vec();
    packet.push(length(inside));
    packet.extend(inside);
    packet.extend([0, u8::try_from(earlier.len()).unwrap()]);
    for bytes in earlier {
        packet.push(length(bytes));
        packet.extend(*bytes);
    }
    packet
}

/// Fields of V.21 (0) or of a page: type and bytes, in the form of 1998 or of 2002.
fn data(modulation: u8, extensible: bool, fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut packet = vec![0xc0 | modulation << 1, u8::try_from(fields.len()).unwrap()];
    let mut free = 0;
    for (kind, bytes) in fields {
        let there = u8::from(!bytes.is_empty());
        let width = if extensible { 5 } else { 4 };
        // Fields without bytes follow each other bit by bit.
        let value = u16::from(there << (width - 1) | kind);
        if free >= width {
            *packet.last_mut().unwrap() |= u8::try_from(value).unwrap() << (free - width);
            free -= width;
        } else {
            let split = value << (8 + free - width);
            let [high, low] = split.to_be_bytes();
            if free > 0 {
                *packet.last_mut().unwrap() |= high;
            }
            packet.push(low);
            free = 8 + free - width;
        }
        if there == 1 {
            packet.extend((u16::try_from(bytes.len()).unwrap() - 1).to_be_bytes());
            packet.extend(*bytes);
            free = 0;
        }
    }
    packet
}

/// A frame of T.30 with the number of a machine.
fn numbered(control: u8, number: &str) -> Vec<u8> {
    let mut frame = vec![0xff, 0xc8, control];
    frame.extend(format!("{number:>20}").bytes().rev().map(u8::reverse_bits));
    frame
}

fn fax(extensible: bool) -> Vec<(bool, Vec<u8>)> {
    let called = numbered(0x02, "+49 30 1234");
    let calling = numbered(0xc2, "+49 89 5678");
    let (begin, end) = calling.split_at(9);
    vec![
        (true, udptl(0, &[0x02], &[])),
        (false, udptl(0, &[0x04], &[])),
        (false, udptl(1, &[0x06], &[&[0x04]])),
        (
            false,
            udptl(
                2,
                &data(0, extensible, &[(0, &called), (2, &[]), (1, &[])]),
                &[&[0x06], &[0x04]],
            ),
        ),
        (
            true,
            udptl(1, &data(0, extensible, &[(0, begin)]), &[&[0x02]]),
        ),
        (
            true,
            udptl(1, &data(0, extensible, &[(0, begin)]), &[&[0x02]]),
        ),
        (
            true,
            udptl(2, &data(0, extensible, &[(0, end), (4, &[])]), &[]),
        ),
        (
            true,
            udptl(3, &data(8, extensible, &[(6, &[0x55; 100])]), &[]),
        ),
    ]
}

fn heard(said: &[Said]) -> HeardScene {
    heard_in(&PROTOCOL, Over::Datagram, [ONE, OTHER], said, 1460)
}

#[test]
fn a_fax_is_told_with_its_numbers() {
    for extensible in [false, true] {
        let heard = heard(&fax(extensible));
        assert_eq!(
            learned(&heard, RULE).as_deref(),
            Some("The pages of a fax from +49 89 5678 to +49 30 1234"),
            "{extensible}"
        );
        assert_eq!(exposure(&heard), Some(Exposure::Open));
    }
}

#[test]
fn with_error_correction_it_is_a_fax_too() {
    let mut packet = udptl(7, &[0x06], &[]);
    packet.truncate(4);
    packet.extend([0x80, 1, 3, 2, 2, 9, 9, 1, 7]);
    assert_eq!(
        super::packet(&packet).map(|packet| packet.repeated),
        Some(2)
    );
}

#[test]
fn a_packet_or_two_prove_nothing() {
    assert_eq!(learned(&heard(&fax(false)[..2]), RULE), None);
}

#[test]
fn other_datagrams_are_not_taken() {
    let rtp = [&[0x80, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4][..], &[0xd5; 160]].concat();
    for bytes in [
        rtp,
        vec![0; 6],
        vec![0, 0, 1, 0, 0, 0],
        vec![0x90, 0, 1, 2, 0, 0],
        vec![0, 0, 1, 2, 0, 0, 0],
        vec![0, 0, 1, 3, 0, 0],
        vec![0, 0, 1, 2, 1, 0],
        vec![0, 0, 0, 0, 0],
    ] {
        let heard = heard(&[(true, bytes.clone())]);
        assert!(!heard.ledger().contains("\"t38\""), "{bytes:?}");
    }
}

#[test]
fn every_cut_survives() {
    for (one, message) in fax(true).into_iter().chain(fax(false)) {
        for end in 0..message.len() {
            let mut said = fax(true);
            said.push((one, message[..end].to_vec()));
            heard(&said);
        }
    }
}
