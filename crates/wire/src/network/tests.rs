//! Tests.

use crate::samples::{ethernet, hello, hello6, ipv6, is_hello, outer, read, tcp, udp};
use crate::{Fragment, LinkType, Ports, Span, Transport, TroubleKind, decode};

#[test]
fn padding_and_trailers_are_no_payload() {
    let frame = [&outer(17, &udp(1, 2, b"ab"))[..], &[0xee; 20]].concat();
    let packet = read(LinkType::RAW, &frame);
    assert_eq!(
        packet.payload,
        Span {
            start: 28,
            captured: 2,
            length: 2
        }
    );
}

#[test]
fn a_packet_without_a_length_takes_all_there_is() {
    let mut v4 = hello();
    v4[2..4].copy_from_slice(&[0, 0]);
    assert!(is_hello(&read(LinkType::RAW, &v4), &v4));
    let mut v6 = hello6();
    v6[4..6].copy_from_slice(&[0, 0]);
    assert!(is_hello(&read(LinkType::RAW, &v6), &v6));
}

#[test]
fn a_length_beyond_the_frame_says_what_was_on_the_wire() {
    let mut frame = hello();
    frame[3] += 100;
    let packet = read(LinkType::RAW, &frame);
    assert_eq!(
        packet.payload,
        Span {
            start: 44,
            captured: 5,
            length: 105
        }
    );
    assert_eq!(packet.trouble, None);
}

#[test]
fn impossible_lengths_are_malformed() {
    let mut short_header = hello();
    short_header[0] = 0x44;
    let mut short_total = hello();
    short_total[3] = 19;
    for frame in [short_header, short_total, vec![0x50; 40]] {
        let packet = read(LinkType::RAW, &frame);
        assert_eq!(packet.addresses, None);
        assert_eq!(packet.trouble.unwrap().kind, TroubleKind::Malformed);
        assert_eq!(packet.payload.captured as usize, frame.len());
    }
}

#[test]
fn options_are_passed_over() {
    let mut frame = hello();
    frame[0] = 0x46;
    frame[3] += 4;
    frame.splice(20..20, [1, 1, 1, 1]);
    assert!(is_hello(&read(LinkType::RAW, &frame), &frame));
    let cut = decode(
        LinkType::RAW,
        &frame[..22],
        u32::try_from(frame.len()).unwrap(),
    );
    assert_eq!(cut.addresses.unwrap().source.to_string(), "203.0.113.7");
    assert_eq!(cut.trouble.unwrap().kind, TroubleKind::Truncated);
    assert_eq!((cut.payload.captured, cut.payload.length), (0, 29));
}

#[test]
fn fragments_of_ipv4_are_not_read_further() {
    for (bytes, offset, more) in [
        ([0x20, 0], 0, true),
        ([0x20, 2], 16, true),
        ([0, 2], 16, false),
    ] {
        let mut frame = ethernet(0x0800, &hello());
        frame[20..22].copy_from_slice(&bytes);
        let packet = read(LinkType::EN10MB, &frame);
        let fragment = Fragment {
            id: 0x1234,
            offset,
            more,
            protocol: 6,
        };
        assert_eq!(packet.transport, Transport::Fragment(fragment));
        assert_eq!(
            packet.payload,
            Span {
                start: 34,
                captured: 29,
                length: 29
            }
        );
    }
}

#[test]
fn a_first_fragment_that_was_cut_is_read_as_far_as_it_goes() {
    let mut frame = outer(17, &udp(5000, 53, &[7; 24]));
    frame[6] = 0x20;
    let cut = decode(LinkType::RAW, &frame[..40], 52);
    assert_eq!(
        cut.transport,
        Transport::Udp(Ports {
            source: 5000,
            destination: 53
        })
    );
    assert_eq!(
        cut.payload,
        Span {
            start: 28,
            captured: 12,
            length: 24
        }
    );
    frame[7] = 1;
    let later = decode(LinkType::RAW, &frame[..40], 52);
    assert!(matches!(later.transport, Transport::Fragment(_)));
}

#[test]
fn extension_headers_are_passed_over() {
    // hop-by-hop, destination options of 16 bytes, routing, an authentication header, mobility
    let chain = [
        &[60, 0, 1, 4, 0, 0, 0, 0][..],
        &[43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[51, 0, 4, 0, 0, 0, 0, 0],
        &[135, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2],
        &[6, 0, 1, 0, 0, 0, 0, 0],
    ];
    let frame = ipv6(0, &[chain.concat(), tcp(b"hello")].concat());
    assert!(is_hello(&read(LinkType::RAW, &frame), &frame));
}

#[test]
fn fragments_of_ipv6_are_known_by_their_header_unless_they_are_atomic() {
    let header = |part: [u8; 2]| {
        ipv6(
            44,
            &[&[6, 0, part[0], part[1], 0, 1, 0, 2][..], &tcp(b"hello")].concat(),
        )
    };
    let later = read(LinkType::RAW, &header([0x05, 0xa8]));
    let fragment = Fragment {
        id: 0x0001_0002,
        offset: 1448,
        more: false,
        protocol: 6,
    };
    assert_eq!(later.transport, Transport::Fragment(fragment));
    assert_eq!(
        later.payload,
        Span {
            start: 48,
            captured: 29,
            length: 29
        }
    );
    let first = read(LinkType::RAW, &header([0, 1]));
    assert_eq!(
        first.transport,
        Transport::Fragment(Fragment {
            offset: 0,
            more: true,
            ..fragment
        })
    );
    let atomic = header([0, 0]);
    assert!(is_hello(&read(LinkType::RAW, &atomic), &atomic));
}

#[test]
fn no_next_header_ends_the_packet() {
    let packet = read(LinkType::RAW, &ipv6(59, b"rest"));
    assert_eq!(packet.transport, Transport::Other(59));
    let mobility = read(LinkType::RAW, &ipv6(135, &[59, 0, 5, 0, 0, 0, 0, 0]));
    assert_eq!(mobility.transport, Transport::Other(135));
    assert_eq!(mobility.payload.length, 8);
}

#[test]
fn ipv4_has_no_extension_headers() {
    let packet = read(LinkType::RAW, &outer(60, &[6, 0, 1, 4, 0, 0, 0, 0]));
    assert_eq!(packet.transport, Transport::Other(60));
    assert_eq!(packet.payload.length, 8);
}
