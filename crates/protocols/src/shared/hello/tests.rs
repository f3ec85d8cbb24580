use super::*;
use crate::shared::hello_samples::*;

#[test]
fn a_client_hello_tells_what_it_offers() {
    let body = client_hello(&[
        extension(0x0a0a, &[]),
        host(b"Mail.Example."),
        extension(10, &vector16(&list(&[0x1a1a, 0x11ec, 29]))),
        extension(13, &vector16(&list(&[0x0403, 0x0804]))),
        extension(
            16,
            &vector16(&[vector8(b"h2"), vector8(b"http/1.1")].concat()),
        ),
        extension(35, &[]),
        extension(42, &[]),
        extension(43, &vector8(&list(&[0x3a3a, 0x0304, 0x0303]))),
        extension(45, &vector8(&[1])),
        extension(
            51,
            &vector16(&[share(0x4a4a), share(0x11ec), share(29)].concat()),
        ),
        extension(
            0xfe0d,
            &[
                &[0, 0, 1, 0, 1, 7][..],
                &vector16(&[5; 32]),
                &vector16(&[6; 144]),
            ]
            .concat(),
        ),
        extension(
            41,
            &vector16(&[vector16(b"ticket"), vec![0, 0, 1, 2]].concat()),
        ),
    ]);
    let hello = ClientHello::parse(&body).unwrap();
    let expected = ClientHello {
        random: [7; 32],
        version: 0x0303,
        session_id: vec![9; 4],
        cipher_suites: vec![0x1301, 0xc02f],
        extensions: vec![0, 10, 13, 16, 35, 42, 43, 45, 51, 0xfe0d, 41],
        server_name: Some("mail.example".to_owned()),
        alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        supported_versions: vec![0x0304, 0x0303],
        groups: vec![0x11ec, 29],
        key_shares: vec![0x11ec, 29],
        signature_algorithms: vec![0x0403, 0x0804],
        psk_modes: vec![1],
        psk_offered: true,
        psk_ages: vec![0x102],
        ticket_offered: false,
        early_data: true,
        ech_outer: true,
        ech_has_key: true,
        cookie_length: 0,
        is_ssl2: false,
    };
    assert_eq!(hello, expected);
    assert!(hello.offers_tls13());
}

#[test]
fn a_client_hello_without_extensions_is_whole() {
    let mut body = client_hello(&[]);
    body.truncate(body.len() - 2);
    let hello = ClientHello::parse(&body).unwrap();
    assert_eq!((hello.version, hello.extensions.len()), (0x0303, 0));
}

#[test]
fn an_extension_that_contradicts_itself_hides_no_other() {
    let body = client_hello(&[
        extension(10, &[0, 9, 0]),
        host(b"a.example"),
        extension(51, &[0, 9]),
    ]);
    let hello = ClientHello::parse(&body).unwrap();
    assert_eq!(hello.server_name.as_deref(), Some("a.example"));
    assert_eq!((hello.groups.len(), hello.key_shares.len()), (0, 0));
}

#[test]
fn what_a_cut_hello_said_before_the_cut_is_read() {
    let body = client_hello(&[host(b"a.example"), extension(10, &vector16(&list(&[29])))]);
    let session_id = 2 + 32 + 1 + 4;
    let suites = session_id + 2 + 6;
    let name = suites + 2 + 2 + host(b"a.example").len();
    for end in 0..body.len() {
        let hello = ClientHello::parse(&body[..end]);
        assert_eq!(hello.is_ok(), end >= session_id, "{end}");
        let Ok(hello) = hello else { continue };
        assert_eq!(hello.cipher_suites.is_empty(), end < suites, "{end}");
        assert_eq!(hello.server_name.is_some(), end >= name, "{end}");
        assert!(hello.groups.is_empty());
    }
}

#[test]
fn dtls_has_a_cookie() {
    let tls = client_hello(&[host(b"a.example")]);
    let mut body = tls[..39].to_vec();
    body.extend(vector8(&[5; 20]));
    body.extend(&tls[39..]);
    let hello = ClientHello::parse_dtls(&body).unwrap();
    assert_eq!(
        (hello.cookie_length, hello.server_name.as_deref()),
        (20, Some("a.example"))
    );
}

#[test]
fn names_are_shown_as_text() {
    assert_eq!(name_text(b"WWW.Example.."), "www.example");
    assert_eq!(name_text(&[b'a', 0xe4, 10, b'b']), "a\\228\\010b");
    let hello = ClientHello::parse(&client_hello(&[host(b".")])).unwrap();
    assert_eq!(hello.server_name, None);
}

#[test]
fn a_server_hello_says_what_was_chosen() {
    let versions = extension(43, &list(&[0x0304]));
    let hello = ServerHello::parse(&server_hello(
        0x0303,
        [1; 32],
        &[
            versions,
            extension(51, &share(0x11ec)),
            extension(41, &[0, 0]),
        ],
    ));
    let hello = hello.unwrap();
    assert_eq!(
        (hello.version, hello.group, hello.cipher_suite),
        (0x0304, Some(0x11ec), Some(0x1301))
    );
    assert!(hello.is_tls13() && hello.psk_selected && !hello.retry);
}

#[test]
fn a_retry_is_known_by_its_random() {
    let hello = ServerHello::parse(&server_hello(
        0x0303,
        RETRY_RANDOM,
        &[extension(51, &list(&[23]))],
    ))
    .unwrap();
    assert!(hello.retry);
    assert_eq!(hello.group, Some(23));
}

#[test]
fn drafts_count_as_the_standard() {
    // Draft 18 has neither session id nor compression method.
    let mut body = vec![0x7f, 0x12];
    body.extend([1; 32]);
    body.extend([0x13, 0x02]);
    body.extend(vector16(&extension(40, &share(29))));
    let hello = ServerHello::parse(&body).unwrap();
    assert_eq!(
        (hello.version, hello.cipher_suite, hello.group),
        (TLS13, Some(0x1302), Some(29))
    );
    let facebook = ServerHello::parse(&server_hello(
        0x0303,
        [1; 32],
        &[extension(43, &[0xfb, 0x1a])],
    ))
    .unwrap();
    assert!(facebook.is_tls13());
    assert!(
        ServerHello::parse_draft_retry(&[0x7f, 0x12, 0, 0])
            .unwrap()
            .retry
    );
}

#[test]
fn a_server_hello_of_tls12_names_the_application_protocol() {
    let alpn = extension(16, &vector16(&vector8(b"h2")));
    let hello = ServerHello::parse(&server_hello(0x0303, [1; 32], &[alpn])).unwrap();
    assert_eq!(hello.alpn.as_deref(), Some(&b"h2"[..]));
    assert!(!hello.is_tls13());
}
