use super::*;
use crate::packet::tests::rtp;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn key(suite: &str, identifier: Option<(u64, u8)>) -> MediaKey {
    let (length, way) = super::suite(suite).unwrap();
    let salt = match way {
        Suite::Counter { .. } => SALT,
        Suite::Gcm => GCM_SALT,
    };
    MediaKey {
        suite: suite.to_owned(),
        key: (0..length + salt).map(|at| (at * 7) as u8).collect(),
        identifier,
    }
}

/// Seals a packet as its sender does.
pub(crate) fn sealed(key: &MediaKey, rollovers: u32, packet: &[u8]) -> Vec<u8> {
    let session = Session::new(key).unwrap();
    let header = Header::read(packet).unwrap();
    let (clear, payload) = packet.split_at(header.bytes);
    let mut payload = payload.to_vec();
    let identifier = session.identifier.map_or(Vec::new(), |(number, length)| {
        number.to_be_bytes()[8 - usize::from(length)..].to_vec()
    });
    match session.suite {
        Suite::Counter { tag } => {
            let mut block = [0; 16];
            combine(&mut block, 0, &session.salt);
            combine(&mut block, 4, &header.ssrc.to_be_bytes());
            combine(&mut block, 8, &rollovers.to_be_bytes());
            combine(&mut block, 12, &header.sequence.to_be_bytes());
            counter_mode(&session.key, block, &mut payload).unwrap();
            let mut packet = [clear, &payload].concat();
            let mut hmac = session.tags.clone().unwrap();
            hmac.update(&packet);
            hmac.update(&rollovers.to_be_bytes());
            packet.extend(identifier);
            packet.extend(&hmac.finalize().into_bytes()[..tag]);
            packet
        }
        Suite::Gcm => {
            let mut nonce = [0; GCM_SALT];
            combine(&mut nonce, 0, &session.salt);
            combine(&mut nonce, 2, &header.ssrc.to_be_bytes());
            combine(&mut nonce, 6, &rollovers.to_be_bytes());
            combine(&mut nonce, 10, &header.sequence.to_be_bytes());
            let nonce = &nonce.into();
            let tag = match session.key.len() {
                16 => Aes128Gcm::new_from_slice(&session.key)
                    .unwrap()
                    .encrypt_in_place_detached(nonce, clear, &mut payload),
                _ => Aes256Gcm::new_from_slice(&session.key)
                    .unwrap()
                    .encrypt_in_place_detached(nonce, clear, &mut payload),
            };
            [clear, &payload, &tag.unwrap(), &identifier].concat()
        }
    }
}

fn open(unsealing: &mut Unsealing, packet: &[u8]) -> Option<Vec<u8>> {
    unsealing.open(packet, &Header::read(packet).unwrap())
}

/// RFC 3711 appendix B.3.
#[test]
fn keys_are_derived_as_published() {
    let master = bytes("E1F97A0D3E018BE0D64FA32C06DE4139");
    let salt = bytes("0EC675AD498AFEEBB6960B3AABE6");
    let derived = |label, length| derive(&master, &salt, label, length).unwrap();
    assert_eq!(derived(0, 16), bytes("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(2, 14), bytes("30CBBC08863D8C85D49DB34A9AE1"));
    let tags = bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
    assert_eq!(derived(1, 20), tags);
}

/// RFC 3711 appendix B.2.
#[test]
fn the_key_stream_is_as_published() {
    let key = bytes("2B7E151628AED2A6ABF7158809CF4F3C");
    let mut block = [0; 16];
    combine(&mut block, 0, &bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"));
    let mut stream = vec![0; 48];
    counter_mode(&key, block, &mut stream).unwrap();
    assert_eq!(stream[..16], bytes("E03EAD0935C95E80E166B16DD92B4EB4"));
    assert_eq!(stream[16..32], bytes("D23513162B02D0F72A43A2FE4A5F97AB"));
    assert_eq!(stream[32..], bytes("41E95B3BB0A2E8DD477901E4FCA894C0"));
}

/// RFC 7714 section 16.1.1.
#[test]
fn gcm_is_as_published() {
    let session = Session {
        suite: Suite::Gcm,
        key: bytes("000102030405060708090a0b0c0d0e0f"),
        salt: bytes("517569642070726f2071756f"),
        tags: None,
        identifier: None,
    };
    let packet = bytes(
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
         51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
    );
    let header = Header::read(&packet).unwrap();
    let opened = session.open(&packet, &header, 0).unwrap();
    assert_eq!(opened, b"Gallia est omnis divisa in partes tres");
}

const SUITES: [&str; 8] = [
    "AES_CM_128_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32",
    "AES_192_CM_HMAC_SHA1_80",
    "AES_192_CM_HMAC_SHA1_32",
    "AES_256_CM_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_32",
    "AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM",
];

#[test]
fn every_suite_is_opened_past_rollovers_with_and_without_an_identifier() {
    for suite in SUITES {
        for identifier in [None, Some((0x0102, 4))] {
            let key = key(suite, identifier);
            let mut unsealing = Unsealing::new(std::slice::from_ref(&key)).unwrap();
            for number in 65_500_u32..65_500 + 2 * 65_536 {
                if number % 4096 > 20 && !(131_060..131_090).contains(&number) {
                    continue;
                }
                let packet = rtp(0, number as u16, number * 160, 7, b"words of a call");
                let sealed = sealed(&key, number >> 16, &packet);
                let opened = open(&mut unsealing, &sealed);
                assert_eq!(
                    opened.as_deref(),
                    Some(&b"words of a call"[..]),
                    "{suite} {number}"
                );
            }
            assert_eq!(unsealing.unopened, 0);
        }
    }
}

#[test]
fn packets_around_a_rollover_may_come_in_another_order() {
    let key = key(SUITES[0], None);
    let mut unsealing = Unsealing::new(std::slice::from_ref(&key)).unwrap();
    for number in [65_533_u32, 65_537, 65_534, 65_536, 65_535, 65_538] {
        let packet = rtp(0, number as u16, 0, 7, b"words");
        let sealed = sealed(&key, number >> 16, &packet);
        assert!(open(&mut unsealing, &sealed).is_some(), "{number}");
    }
}

#[test]
fn the_tag_tells_which_key_fits_and_what_was_changed() {
    let right = key(SUITES[1], None);
    let mut other = right.clone();
    other.key[3] ^= 1;
    let unknown = MediaKey {
        suite: "F8_128_HMAC_SHA1_80".to_owned(),
        ..right.clone()
    };
    let mut unsealing = Unsealing::new(&[unknown.clone(), other.clone(), right.clone()]).unwrap();
    let packet = sealed(&right, 0, &rtp(0, 9, 0, 7, b"words"));
    assert_eq!(
        open(&mut unsealing, &packet).as_deref(),
        Some(&b"words"[..])
    );
    for at in 0..packet.len() {
        let mut changed = packet.clone();
        changed[at] ^= 1;
        if Header::read(&changed).is_ok() {
            assert_eq!(open(&mut unsealing, &changed), None, "byte {at}");
        }
    }
    let mut wrong = Unsealing::new(&[other]).unwrap();
    assert_eq!(open(&mut wrong, &packet), None);
    assert_eq!((wrong.opened, wrong.unopened), (0, 1));
    assert!(Unsealing::new(&[unknown]).is_none());
    let mut short = right;
    short.key.truncate(20);
    assert!(Unsealing::new(&[short]).is_none());
}

#[test]
fn a_new_key_in_the_middle_of_a_stream_is_found() {
    let first = key(SUITES[0], None);
    let mut second = first.clone();
    second.key[0] ^= 1;
    let mut unsealing = Unsealing::new(&[first.clone(), second.clone()]).unwrap();
    for number in 0..20_u16 {
        let key = if number < 10 { &first } else { &second };
        let packet = sealed(key, 0, &rtp(0, number, 0, 7, b"words"));
        assert!(open(&mut unsealing, &packet).is_some());
    }
}
