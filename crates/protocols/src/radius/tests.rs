use overheard_testkit::{Scene, hear};

use super::*;

fn message(code: u8, attributes: &[(u8, &[u8])]) -> Vec<u8> {
    let attributes: Vec<u8> = attributes
        .iter()
        .flat_map(|(kind, value)| {
            [&[*kind, u8::try_from(value.len() + 2).unwrap()], *value].concat()
        })
        .collect();
    let length = u16::try_from(HEADER + attributes.len())
        .unwrap()
        .to_be_bytes();
    [&[code, 1], &length[..], &[7; 16], &attributes].concat()
}

#[test]
fn a_login_and_its_accounting() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.1:40000", "192.0.2.18:1812");
    let login = message(
        ACCESS_REQUEST,
        &[(USER_NAME, b"ada"), (USER_PASSWORD, &[9; 16])],
    );
    scene.client(talk, &login);
    scene.client(talk, &login);
    scene.server(talk, &message(2, &[]));
    let account = scene.udp("192.0.2.1:40001", "192.0.2.18:1813");
    scene.client(
        account,
        &message(
            ACCOUNTING_REQUEST,
            &[(USER_NAME, b"ada"), (40, &[0, 0, 0, 1])],
        ),
    );
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    insta::assert_snapshot!(heard.ledger());
    assert_eq!(heard.hints.len(), 1);
}

#[test]
fn a_challenge_of_microsofts_is_crackable_and_eap_is_not() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.1:40000", "192.0.2.18:1812");
    let response = [
        &MICROSOFT.to_be_bytes()[..],
        &[MS_CHAP2_RESPONSE, 52],
        &[7; 50],
    ]
    .concat();
    scene.client(
        talk,
        &message(
            ACCESS_REQUEST,
            &[(USER_NAME, b"eve"), (VENDOR_SPECIFIC, &response)],
        ),
    );
    scene.client(
        talk,
        &message(
            ACCESS_REQUEST,
            &[(USER_NAME, b"bob"), (EAP_MESSAGE, b"\x02\x01\0\x08\x01bob")],
        ),
    );
    insta::assert_snapshot!(hear(&[&PROTOCOL], &scene.pcap()).ledger());
}

#[test]
fn off_its_ports_all_lengths_must_fit() {
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
    let login = message(
        ACCESS_REQUEST,
        &[
            (USER_NAME, b"ada"),
            (USER_PASSWORD, &[9; 16]),
            (4, &[192, 0, 2, 1]),
        ],
    );
    assert_eq!(at(&login, 1812), Probe::Sure);
    assert_eq!(at(&login, 5001), Probe::Likely(80));
    assert_eq!(at(&message(2, &[]), 1812), Probe::Reversed);
    assert_eq!(at(&login[..login.len() - 1], 5001), Probe::No);
    let mut strange = login.clone();
    strange[HEADER + 1] = 6;
    assert_eq!(at(&strange, 5001), Probe::No);
}
