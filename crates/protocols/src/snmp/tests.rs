use overheard_testkit::{Scene, hear};

use super::*;

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    [&[tag, u8::try_from(contents.len()).unwrap()], &contents[..]].concat()
}

fn number(value: u8) -> Vec<u8> {
    tlv(INTEGER, &[&[value]])
}

fn pdu(tag: u8) -> Vec<u8> {
    let binding = tlv(SEQUENCE, &[&tlv(6, &[&[0x2b, 6, 1]]), &[5, 0]]);
    tlv(
        tag,
        &[
            &number(1),
            &number(0),
            &number(0),
            &tlv(SEQUENCE, &[&binding]),
        ],
    )
}

fn version_2(community: &[u8], tag: u8) -> Vec<u8> {
    tlv(
        SEQUENCE,
        &[&number(1), &tlv(OCTET_STRING, &[community]), &pdu(tag)],
    )
}

fn version_3(user: &[u8], flags: u8, data: &[u8]) -> Vec<u8> {
    let global = tlv(
        SEQUENCE,
        &[
            &number(9),
            &tlv(INTEGER, &[&[1, 0]]),
            &tlv(OCTET_STRING, &[&[flags]]),
            &number(3),
        ],
    );
    let proof = if flags & AUTHENTICATED == 0 {
        vec![4, 0]
    } else {
        tlv(OCTET_STRING, &[&[7; 12]])
    };
    let usm = tlv(
        SEQUENCE,
        &[
            &tlv(OCTET_STRING, &[b"engine"]),
            &number(1),
            &number(2),
            &tlv(OCTET_STRING, &[user]),
            &proof,
            &[4, 0],
        ],
    );
    tlv(
        SEQUENCE,
        &[&number(3), &global, &tlv(OCTET_STRING, &[&usm]), data],
    )
}

fn scoped(tag: u8) -> Vec<u8> {
    tlv(SEQUENCE, &[&[4, 0], &[4, 0], &pdu(tag)])
}

#[test]
fn a_community_is_heard_once() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.1:161");
    scene.client(talk, &version_2(b"not-public", 0xa0));
    scene.server(talk, &version_2(b"not-public", RESPONSE));
    scene.client(talk, &version_2(b"may-write", 0xa3));
    insta::assert_snapshot!(hear(&[&PROTOCOL], &scene.pcap()).ledger());
}

#[test]
fn the_trap_of_version_1_has_a_shape_of_its_own() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.1:40000", "192.0.2.10:162");
    let body = tlv(
        0xa4,
        &[
            &tlv(6, &[&[0x2b, 6]]),
            &tlv(0x40, &[&[192, 0, 2, 1]]),
            &number(6),
        ],
    );
    scene.client(
        talk,
        &tlv(
            SEQUENCE,
            &[&number(0), &tlv(OCTET_STRING, &[b"traps"]), &body],
        ),
    );
    insta::assert_snapshot!(hear(&[&PROTOCOL], &scene.pcap()).ledger());
}

#[test]
fn a_user_of_version_3_who_seals() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.1:161");
    scene.client(
        talk,
        &version_3(
            b"",
            4,
            &tlv(
                SEQUENCE,
                &[
                    &[4, 0],
                    &[4, 0],
                    &tlv(0xa0, &[&number(1), &number(0), &number(0), &[0x30, 0]]),
                ],
            ),
        ),
    );
    scene.client(
        talk,
        &version_3(b"ada", 7, &tlv(OCTET_STRING, &[&[0x55; 40]])),
    );
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    insta::assert_snapshot!(heard.ledger());
    assert!(heard.hints.is_empty());
}

#[test]
fn a_user_of_version_3_who_does_not_seal_is_observed() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.1:161");
    scene.client(talk, &version_3(b"ada", 5, &scoped(0xa0)));
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    insta::assert_snapshot!(heard.ledger());
    assert_eq!(heard.hints.len(), 1);
}

#[test]
fn off_its_ports_nothing_less_than_a_whole_message_will_do() {
    let at = |bytes: &[u8], server_port| {
        probe(&Sample {
            over: Over::Datagram,
            client: bytes,
            server: &[],
            client_port: 5000,
            server_port,
            whole: true,
        })
    };
    let request = version_2(b"public", 0xa0);
    assert_eq!(at(&request, 5001), Probe::Sure);
    assert_eq!(at(&version_2(b"public", RESPONSE), 5001), Probe::Reversed);
    assert_eq!(at(&version_2(b"public", 0xb0), 5001), Probe::No);
    for length in 0..request.len() {
        assert_eq!(at(&request[..length], 5001), Probe::No, "{length} bytes");
    }
    assert_eq!(at(&request[..20], 161), Probe::Likely(60));
}
