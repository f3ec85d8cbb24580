//! Names and ASN.1: DNS, SNMP.

use overheard_ledger::Body;
use overheard_protocols::PROTOCOLS;
use overheard_tap::limits::MAX_RECORDS;
use overheard_testkit::{Scene, hear};

use crate::{Attack, count, datagrams, nested, stays_flat, written};

/// A response of DNS with so many questions and answers, and bytes after them.
fn dns(questions: u16, answers: u16, rest: &[u8]) -> Vec<u8> {
    let mut message = vec![0, 7, 0x80, 0];
    for count in [questions, answers, 0, 0] {
        message.extend(count.to_be_bytes());
    }
    message.extend(rest);
    message
}

/// A record of type A whose name is a pointer.
fn dns_record(pointer: u16) -> [u8; 12] {
    let [high, low] = (0xc000 | pointer).to_be_bytes();
    [high, low, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]
}

fn dns_loops(size: usize) -> Scene {
    // Pointers at themselves and at each other.
    let answers: Vec<u8> = (0..5000u16)
        .flat_map(|at| dns_record(12 + 12 * (at ^ 1) % 8000))
        .collect();
    datagrams(
        53,
        (0..size.div_ceil(60_000)).map(move |_| dns(0, 5000, &answers)),
    )
}

fn dns_chains(size: usize) -> Scene {
    // A name of 125 labels at the end of as many pointers as may be, for every answer.
    let mut rest = [1, b'a'].repeat(125);
    rest.extend([0, 0, 1, 0, 1]);
    let mut at = 12;
    let mut answers = 0;
    while rest.len() < 60_000 {
        let here = 12 + rest.len() as u16;
        rest.extend(dns_record(at));
        if answers < 31 {
            at = here;
        }
        answers += 1;
    }
    datagrams(
        53,
        (0..size.div_ceil(60_000)).map(move |_| dns(1, answers, &rest)),
    )
}

fn dns_name(number: usize) -> Vec<u8> {
    let mut question = vec![8];
    question.extend(format!("n{number:07}").as_bytes());
    question.extend([0, 0, 1, 0, 1]);
    let mut message = dns(1, 0, &question);
    message[2] = 1;
    message
}

fn dns_names(size: usize) -> Scene {
    datagrams(53, (0..size / 26).map(dns_name))
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    [&[tag, 0x82, high, low][..], content].concat()
}

fn snmp_nesting(size: usize) -> Scene {
    let request = element(0xa0, &nested(30_000));
    let message = element(0x30, &[&[2, 1, 1, 4, 6][..], b"public", &request].concat());
    datagrams(
        161,
        (0..size.div_ceil(30_000)).map(move |_| message.clone()),
    )
}

const ATTACKS: &[(&str, Attack)] = &[
    ("dns: loops", dns_loops),
    ("dns: chains", dns_chains),
    ("dns: names", dns_names),
    ("snmp: nesting", snmp_nesting),
];

#[test]
fn the_time_a_byte_of_names_and_asn1_stays_flat() {
    stays_flat(ATTACKS);
}

#[test]
fn of_a_conversation_of_150_000_names_those_beyond_the_limit_are_said() {
    let scene = dns_names(150_000 * 26);
    let (names, notices) = written(&scene.pcap(), |body| matches!(body, Body::Name(_)));
    assert!((1000..=MAX_RECORDS as usize).contains(&names), "{names}");
    assert!(!notices.is_empty());
}

#[test]
fn names_that_lead_in_circles_lead_nowhere() {
    let heard = hear(PROTOCOLS, &dns_loops(60_000).pcap());
    assert_eq!(count(&heard, |body| matches!(body, Body::Name(_))), 0);
    assert!(heard.hints.is_empty());
}
