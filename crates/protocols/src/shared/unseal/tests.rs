use super::*;
use crate::shared::hex::hex;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| u8::try_from(digit).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

const CHACHA: Suite = Suite {
    aead: Aead::ChaCha20Poly1305,
    hash: Hash::Sha256,
};

fn expanded<const N: usize>(secret: &[u8], label: &[&str]) -> String {
    let mut out = [0; N];
    expand(Hash::Sha256, secret, label, &mut out).unwrap();
    hex(&out)
}

#[test]
fn a_record_of_tls_1_3_opens_as_in_rfc_8448() {
    // Section 3: the client's application data.
    let secret = bytes("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
    assert_eq!(
        expanded::<16>(&secret, &["key"]),
        "17422dda596ed5d9acd890e3c63f5051"
    );
    assert_eq!(expanded::<12>(&secret, &["iv"]), "5b78923dee08579033e523d9");
    let record = bytes(
        "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a62
         92a2977014bd1e3deae63aeebb21694915e4",
    );
    let sealing = Sealing::of_secret(Suite::INITIAL, &secret, "").unwrap();
    let inside = sealing
        .open(sealing.nonce(0), &record[..5], &record[5..])
        .unwrap();
    let expected: Vec<u8> = (0..50).chain([23]).collect();
    assert_eq!(inside, expected);
    assert_eq!(
        sealing.open(sealing.nonce(1), &record[..5], &record[5..]),
        None
    );
}

#[test]
fn chacha20_protects_packets_as_in_rfc_9001_and_rfc_9369() {
    // RFC 9001 appendix A.5, RFC 9369 appendix A.5.
    let secret = bytes("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b");
    let cases = [
        (
            "quic ",
            "e0459b3474bdd0e44a41c144",
            "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9",
            "4cfe4189655e5cd55c41f69080575d7999c25a5bfb",
        ),
        (
            "quicv2 ",
            "a6b5bc6ab7dafce30ffff5dd",
            "c69374c49e3d2a9466fa689e49d476db5d0dfbc87d32ceeaa6343fd0ae4c7d88",
            "5558b1c60ae7b6b932bc27d786f4bc2bb20f2162ba",
        ),
    ];
    for (prefix, iv, next, packet) in cases {
        assert_eq!(expanded::<12>(&secret, &[prefix, "iv"]), iv);
        let renewed = next_secret(Hash::Sha256, &secret, &[prefix, "ku"]).unwrap();
        assert_eq!(hex(&renewed), next);
        let packet = bytes(packet);
        let mask = HeaderMask::of_secret(CHACHA, &secret, prefix).unwrap();
        let mask = mask.mask(packet[5..21].first_chunk().unwrap());
        let mut header = packet[..4].to_vec();
        header[0] ^= mask[0] & 0x1f;
        for (byte, mask) in header[1..].iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
        }
        assert_eq!(hex(&header), "4200bff4");
        let sealing = Sealing::of_secret(CHACHA, &secret, prefix).unwrap();
        let nonce = sealing.nonce(654_360_564);
        assert_eq!(sealing.open(nonce, &header, &packet[4..]), Some(vec![1]));
    }
}

#[test]
fn the_function_of_tls_1_2_gives_what_its_published_sample_gives() {
    let secret = bytes("9bbe436ba940f017b17652849a71db35");
    let seed = [
        &b"test label"[..],
        &bytes("a0ba9f936cda311827a6f796ffd5198c"),
    ]
    .concat();
    let out = expand_master::<Hmac<Sha256>>(&secret, &seed, 100).unwrap();
    assert_eq!(
        hex(&out),
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17\
         abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66"
    );
}

#[test]
fn every_cipher_opens_what_it_sealed_and_nothing_else() {
    let all = [
        Aead::Aes128Gcm,
        Aead::Aes256Gcm,
        Aead::Aes128Ccm,
        Aead::Aes256Ccm,
        Aead::Aes128Ccm8,
        Aead::Aes256Ccm8,
        Aead::ChaCha20Poly1305,
    ];
    for aead in all {
        let sealing = Sealing::new(aead, &vec![3; aead.key_length()], [4; 12]).unwrap();
        let mut sealed = sealing.seal(sealing.nonce(9), b"head", b"what is inside");
        assert_eq!(sealed.len(), 14 + sealing.tag_length(), "{aead:?}");
        let open = |sealed: &[u8], head: &[u8]| sealing.open(sealing.nonce(9), head, sealed);
        assert_eq!(
            open(&sealed, b"head").as_deref(),
            Some(&b"what is inside"[..])
        );
        assert_eq!(open(&sealed, b"heed"), None, "{aead:?}");
        assert_eq!(open(&sealed[..3], b"head"), None, "{aead:?}");
        sealed[2] ^= 1;
        assert_eq!(open(&sealed, b"head"), None, "{aead:?}");
        assert!(Sealing::new(aead, &[3; 15], [4; 12]).is_none());
    }
}

#[test]
fn a_suite_says_its_cipher_by_its_name() {
    let suite = |aead, hash| Some(Suite { aead, hash });
    for (number, expected) in [
        (0x1301, suite(Aead::Aes128Gcm, Hash::Sha256)),
        (0x1302, suite(Aead::Aes256Gcm, Hash::Sha384)),
        (0x1303, suite(Aead::ChaCha20Poly1305, Hash::Sha256)),
        (0x1305, suite(Aead::Aes128Ccm8, Hash::Sha256)),
        (0xc030, suite(Aead::Aes256Gcm, Hash::Sha384)),
        (0xcca8, suite(Aead::ChaCha20Poly1305, Hash::Sha256)),
        (0xc09f, suite(Aead::Aes256Ccm, Hash::Sha256)),
        (0xc0a3, suite(Aead::Aes256Ccm8, Hash::Sha256)),
        // CBC, ARIA, nobody's.
        (0xc027, None),
        (0xc051, None),
        (0x9999, None),
    ] {
        assert_eq!(Suite::of(number), expected, "{number:04x}");
    }
}
