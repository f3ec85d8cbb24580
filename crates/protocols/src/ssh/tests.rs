use overheard_ledger::{Body, Exposure, Handshake, Record, Seen, When};
use overheard_testkit::{HeardScene, Scene, Talk, hear};

use super::*;

const CLIENT: &[u8] = b"SSH-2.0-OpenSSH_10.0\r\n";
const SERVER: &[u8] = b"SSH-2.0-OpenSSH_9.9p1 Debian-3\r\n";

/// A packet of SSH 2 with this payload, padded to a multiple of 8.
fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (5 + payload.len() + 4) % 8) % 8;
    let length = (1 + payload.len() + padding) as u32;
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(padding as u8);
    packet.extend(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

fn offer(methods: &str, ciphers: &str) -> Vec<u8> {
    offer_of(methods, ciphers, ciphers)
}

fn offer_of(methods: &str, up: &str, down: &str) -> Vec<u8> {
    let mut payload = vec![20];
    payload.extend([7; 16]);
    let macs = "hmac-sha2-256";
    let lists = [
        methods,
        "ssh-ed25519",
        up,
        down,
        macs,
        macs,
        "none",
        "none",
        "",
        "",
    ];
    for list in lists {
        payload.extend((list.len() as u32).to_be_bytes());
        payload.extend(list.as_bytes());
    }
    payload.extend([0; 5]);
    packet(&payload)
}

/// From the offers to what is said under the keys.
fn agree(scene: &mut Scene, talk: Talk, client: &[u8], server: &[u8]) {
    scene.client(talk, client);
    scene.server(talk, server);
    scene.client(talk, &packet(&[30; 33]));
    scene.server(talk, &packet(&[31; 200]));
    scene.server(talk, &packet(&[21]));
    scene.client(talk, &packet(&[21]));
    scene.client(talk, &[0xa5; 44]);
    scene.server(talk, &[0x5a; 76]);
}

fn talk_of(client: &[u8], server: &[u8], segment: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(segment);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:2222");
    scene.server(talk, SERVER);
    scene.client(talk, CLIENT);
    agree(&mut scene, talk, client, server);
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

fn handshakes(heard: &HeardScene) -> Vec<&Handshake> {
    let of = |record: &'_ Record| matches!(record.body, Body::Handshake(_));
    heard
        .records
        .iter()
        .filter(|record| of(record))
        .map(|record| match &record.body {
            Body::Handshake(handshake) => &**handshake,
            _ => unreachable!(),
        })
        .collect()
}

fn conversation(heard: &HeardScene) -> &overheard_ledger::Conversation {
    let found = heard.records.iter().find_map(|record| match &record.body {
        Body::Conversation(conversation) => Some(&**conversation),
        _ => None,
    });
    found.unwrap()
}

fn rules_of(heard: &HeardScene) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for record in &heard.records {
        for rule in RULES {
            let seen = Seen {
                record,
                conversation: Some(conversation(heard)),
            };
            let When::Record(look) = rule.when else {
                continue;
            };
            found.extend(look(&seen).map(|learns| (rule.id, learns)));
        }
    }
    found
}

fn hybrid() -> HeardScene {
    let client = offer(
        "mlkem768x25519-sha256,curve25519-sha256,ext-info-c,kex-strict-c-v00@openssh.com",
        "chacha20-poly1305@openssh.com,aes128-ctr",
    );
    let server = offer(
        "curve25519-sha256,mlkem768x25519-sha256,ext-info-s",
        "aes128-ctr,chacha20-poly1305@openssh.com",
    );
    talk_of(&client, &server, 1460)
}

#[test]
fn the_client_s_first_choice_that_the_server_has_is_agreed_on() {
    let heard = hybrid();
    insta::assert_snapshot!(heard.ledger());
    assert_eq!(conversation(&heard).exposure, Exposure::Sealed);
    // What follows NEWKEYS is sealed, and nothing before it.
    assert_eq!(conversation(&heard).accounts.sealed, 44 + 76);
    assert_eq!(conversation(&heard).accounts.malformed, 0);
    let learns = "That 192.0.2.25:2222 runs OpenSSH_9.9p1 Debian-3".to_owned();
    assert_eq!(rules_of(&heard), [("ssh-software", learns)]);
}

#[test]
fn signs_among_the_methods_are_no_methods() {
    let client = offer(
        "ext-info-c,kex-strict-c-v00@openssh.com,ecdh-sha2-nistp256",
        "aes128-ctr",
    );
    let server = offer(
        "kex-strict-c-v00@openssh.com,ext-info-c,ecdh-sha2-nistp256",
        "aes128-ctr",
    );
    let heard = talk_of(&client, &server, 1460);
    let handshake = handshakes(&heard)[0];
    assert_eq!(
        handshake.key_exchange.as_deref(),
        Some("ecdh-sha2-nistp256")
    );
    assert_eq!(handshake.offered_key_exchange, ["ecdh-sha2-nistp256"]);
    assert_eq!(
        handshake.cipher_suite.as_deref(),
        Some("aes128-ctr+hmac-sha2-256")
    );
    assert_eq!(conversation(&heard).exposure, Exposure::Harvest);
    assert_eq!(rules_of(&heard)[0].0, "ssh-classical-key-exchange");
}

#[test]
fn weak_algorithms_show() {
    let cases = [
        ("diffie-hellman-group1-sha1", "aes128-ctr", Exposure::Weak),
        ("curve25519-sha256", "arcfour256", Exposure::Weak),
        ("mlkem768x25519-sha256", "des-cbc", Exposure::Weak),
        ("mlkem768x25519-sha256", "none", Exposure::Open),
        (
            "sntrup761x25519-sha512@openssh.com",
            "3des-cbc",
            Exposure::Sealed,
        ),
    ];
    for (method, cipher, exposure) in cases {
        let heard = talk_of(&offer(method, cipher), &offer(method, cipher), 1460);
        assert_eq!(conversation(&heard).exposure, exposure, "{method} {cipher}");
        let weak = rules_of(&heard).iter().any(|(id, _)| *id == "ssh-weak");
        assert_eq!(weak, exposure != Exposure::Sealed, "{method} {cipher}");
    }
}

#[test]
fn a_direction_without_a_cipher_is_read_on() {
    let mine = offer_of("curve25519-sha256", "none", "aes128-gcm@openssh.com");
    let heard = talk_of(&mine, &mine, 1460);
    assert_eq!(conversation(&heard).exposure, Exposure::Open);
    assert_eq!(conversation(&heard).accounts.sealed, 76);
    assert_eq!(
        handshakes(&heard)[0].cipher_suite.as_deref(),
        Some("none+hmac-sha2-256 / aes128-gcm@openssh.com")
    );
}

#[test]
fn without_a_common_method_nothing_is_claimed() {
    let heard = talk_of(
        &offer("curve25519-sha256", "aes128-ctr"),
        &offer("ecdh-sha2-nistp521", "aes128-ctr"),
        1460,
    );
    assert_eq!(handshakes(&heard)[0].key_exchange, None);
    assert_eq!(conversation(&heard).exposure, Exposure::Unknown);
}

#[test]
fn every_cut_gives_the_same_records() {
    let client = offer(
        "mlkem768x25519-sha256,curve25519-sha256",
        "aes256-gcm@openssh.com",
    );
    let server = offer("curve25519-sha256", "aes256-gcm@openssh.com");
    let whole = talk_of(&client, &server, 1460).content();
    assert_eq!(whole.len(), 1);
    for segment in [1, 2, 3, 5, 7, 16] {
        assert_eq!(
            talk_of(&client, &server, segment).content(),
            whole,
            "{segment}"
        );
    }
}

#[test]
fn lines_before_the_version_are_passed_over() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:22");
    scene.server(talk, b"Welcome to example\r\nBe nice\r\n");
    scene.server(talk, SERVER);
    scene.client(talk, CLIENT);
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    let handshake = handshakes(&heard)[0];
    assert_eq!(
        handshake.server_software.as_deref(),
        Some("SSH-2.0-OpenSSH_9.9p1 Debian-3")
    );
    assert_eq!(handshake.version.as_deref(), Some("SSH-2.0"));
    assert_eq!(conversation(&heard).exposure, Exposure::Unknown);
}

#[test]
fn one_direction_alone_is_written_at_the_end() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:22");
    scene.server(talk, b"SSH-1.99-OpenSSH_4.3\n");
    scene.server(talk, &offer("curve25519-sha256", "aes128-ctr"));
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    let handshake = handshakes(&heard)[0];
    assert_eq!(handshake.version.as_deref(), Some("SSH-1.99"));
    assert_eq!(handshake.key_exchange, None);
    assert_eq!(handshake.client_software, None);
}

#[test]
fn the_offers_are_recognised_without_the_versions() {
    let mut scene = Scene::new();
    let talk = scene.tcp_midstream("192.0.2.10:40000", "192.0.2.25:22");
    let mine = offer("curve25519-sha256", "aes128-ctr");
    agree(&mut scene, talk, &mine, &mine);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    let handshake = handshakes(&heard)[0];
    assert_eq!(handshake.key_exchange.as_deref(), Some("curve25519-sha256"));
    assert_eq!(conversation(&heard).accounts.sealed, 44 + 76);
}

#[test]
fn after_a_hole_behind_the_offer_the_rest_counts_as_sealed() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:22");
    scene.server(talk, SERVER);
    scene.client(talk, CLIENT);
    let mine = offer("curve25519-sha256", "aes128-ctr");
    scene.client(talk, &mine);
    scene.server(talk, &mine);
    scene.lose(talk, true, 64);
    scene.client(talk, &[9; 100]);
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert_eq!(handshakes(&heard).len(), 1);
    let accounts = conversation(&heard).accounts;
    assert_eq!(
        (accounts.sealed, accounts.malformed, accounts.missing),
        (100, 0, 64)
    );
}

/// A packet of SSH 1 with this content and room for a checksum.
fn packet_1(content: &[u8]) -> Vec<u8> {
    let length = content.len() + 4;
    let mut packet = (length as u32).to_be_bytes().to_vec();
    packet.resize(4 + 8 - length % 8, 0);
    packet.extend(content);
    packet.extend([0; 4]);
    packet
}

#[test]
fn version_1_is_heard_up_to_its_session_key() {
    for (cipher, name, exposure) in [(3, "3des-cbc", Exposure::Weak), (0, "none", Exposure::Open)] {
        let mut scene = Scene::new();
        let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:22");
        scene.server(talk, b"SSH-1.99-OpenSSH_4.3\n");
        scene.client(talk, b"SSH-1.5-1.2.26\n");
        scene.server(talk, &packet_1(&[2; 100]));
        scene.client(talk, &packet_1(&[3, cipher, 1, 1, 1, 1]));
        scene.server(talk, &[0xee; 12]);
        scene.client(talk, &[0xdd; 20]);
        scene.close(talk);
        let heard = hear(&[&PROTOCOL], &scene.pcap());
        let handshake = handshakes(&heard)[0];
        assert_eq!(handshake.version.as_deref(), Some("SSH-1.5"));
        assert_eq!(handshake.cipher_suite.as_deref(), Some(name));
        assert_eq!(conversation(&heard).exposure, exposure);
        let sealed = conversation(&heard).accounts.sealed;
        assert_eq!(sealed, if cipher == 0 { 0 } else { 32 });
        assert!(
            rules_of(&heard)
                .iter()
                .any(|(id, _)| *id == "ssh-version-1")
        );
    }
}

#[test]
fn nonsense_after_the_version_is_booked_as_malformed() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:22");
    scene.server(talk, SERVER);
    scene.client(talk, CLIENT);
    scene.client(talk, &[0xff; 50]);
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert_eq!(conversation(&heard).accounts.malformed, 50);
    assert_eq!(handshakes(&heard).len(), 1);
}

#[test]
fn a_length_that_leaves_no_payload_is_no_packet() {
    for header in [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 5, 4],
        [0, 0, 0, 5, 200],
        [0xff; 5],
    ] {
        let mut scene = Scene::new();
        let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:22");
        scene.client(talk, CLIENT);
        scene.client(talk, &header);
        scene.close(talk);
        let heard = hear(&[&PROTOCOL], &scene.pcap());
        assert_eq!(conversation(&heard).accounts.malformed, 5, "{header:?}");
    }
}
