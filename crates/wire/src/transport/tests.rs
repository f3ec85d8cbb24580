//! Tests.

use crate::samples::{hello, ipv6, outer, read, tcp, udp};
use crate::{LinkType, Packet, Ports, Span, Tcp, Transport, TroubleKind, decode};

fn of(protocol: u8, inside: &[u8]) -> Packet {
    read(LinkType::RAW, &outer(protocol, inside))
}

#[test]
fn tcp_is_known_up_to_the_flags() {
    let whole = hello();
    let cut = decode(LinkType::RAW, &whole[..34], 49);
    let Transport::Tcp(header) = cut.transport else {
        panic!("{cut:?}")
    };
    assert_eq!(
        header.ports,
        Ports {
            source: 40000,
            destination: 443
        }
    );
    assert_eq!((header.sequence, header.flags), (1000, 0x18));
    assert_eq!((cut.payload.captured, cut.payload.length), (0, 5));
    assert_eq!(cut.trouble.unwrap().kind, TroubleKind::Truncated);
}

#[test]
fn tcp_cut_before_the_flags_gives_its_ports_and_nothing_that_could_mislead() {
    let cut = decode(LinkType::RAW, &hello()[..31], 49);
    let Transport::Tcp(header) = cut.transport else {
        panic!("{cut:?}")
    };
    assert_eq!(
        header.ports,
        Ports {
            source: 40000,
            destination: 443
        }
    );
    assert_eq!((header.flags, cut.payload.length), (0, 0));
    assert_eq!(cut.trouble.unwrap().kind, TroubleKind::Truncated);
}

#[test]
fn data_that_a_whole_syn_only_claims_was_never_sent() {
    const FLAGS: usize = 20 + 13;
    let mut claims = hello();
    claims[FLAGS] = 0x12;
    let none = &claims[..44];
    assert_eq!(decode(LinkType::RAW, none, 44).payload.length, 0);
    // Data that is there was said; so was what the capture cut off.
    assert_eq!(decode(LinkType::RAW, &claims, 49).payload.captured, 5);
    assert_eq!(decode(LinkType::RAW, none, 49).payload.length, 5);
    // Of what else claims more, a part may be there by the tool that wrote it.
    claims[FLAGS] = 0x10;
    assert_eq!(decode(LinkType::RAW, &claims[..44], 44).payload.length, 5);
}

#[test]
fn tcp_options_that_were_not_captured_are_no_trouble() {
    let cut = decode(LinkType::RAW, &hello()[..42], 49);
    assert_eq!(
        cut.payload,
        Span {
            start: 42,
            captured: 0,
            length: 5
        }
    );
    assert_eq!(cut.trouble, None);
}

#[test]
fn an_impossible_tcp_length_leaves_the_ports() {
    for offset in [0x40, 0xf0] {
        let mut segment = tcp(b"hello");
        segment[12] = offset;
        let packet = of(6, &segment);
        let Transport::Tcp(Tcp {
            ports, flags: 0, ..
        }) = packet.transport
        else {
            panic!("{packet:?}")
        };
        assert_eq!(
            ports,
            Ports {
                source: 40000,
                destination: 443
            }
        );
        assert_eq!(packet.payload.length, 0);
        assert_eq!(packet.trouble.unwrap().kind, TroubleKind::Malformed);
    }
}

#[test]
fn udp_believes_its_length_where_it_can() {
    let with_length = |length: u8| {
        let mut datagram = udp(5000, 53, b"question");
        datagram[5] = length;
        of(17, &datagram)
    };
    let span = |count| Span {
        start: 28,
        captured: count,
        length: count,
    };
    assert_eq!(with_length(16).payload, span(8));
    assert_eq!(with_length(11).payload, span(3));
    assert_eq!(with_length(0).payload, span(8));
    assert_eq!(with_length(200).payload, span(8));
    assert_eq!(with_length(200).trouble, None);
    let short = with_length(7);
    assert_eq!(
        short.transport,
        Transport::Udp(Ports {
            source: 5000,
            destination: 53
        })
    );
    assert_eq!(
        (short.payload.length, short.trouble.unwrap().kind),
        (0, TroubleKind::Malformed)
    );
}

#[test]
fn a_cut_udp_header_gives_its_ports() {
    let frame = outer(17, &udp(5000, 53, b"question"));
    let cut = decode(LinkType::RAW, &frame[..25], 36);
    assert_eq!(
        cut.transport,
        Transport::Udp(Ports {
            source: 5000,
            destination: 53
        })
    );
    assert_eq!((cut.payload.captured, cut.payload.length), (0, 8));
    assert_eq!(cut.trouble.unwrap().kind, TroubleKind::Truncated);
}

#[test]
fn the_others_carry_what_follows_their_headers() {
    let ports = Ports {
        source: 7,
        destination: 9,
    };
    let lite = of(136, &udp(7, 9, b"lite"));
    assert_eq!(
        (lite.transport, lite.payload.length),
        (Transport::UdpLite(ports), 4)
    );
    let sctp = of(132, &[0, 7, 0, 9, 1, 1, 1, 1, 2, 2, 2, 2, 3, 0, 0, 4]);
    assert_eq!(
        (sctp.transport, sctp.payload.length),
        (Transport::Sctp(ports), 4)
    );
    let echo = of(1, &[8, 0, 1, 1, 2, 2]);
    assert_eq!(
        echo.transport,
        Transport::Icmp {
            v6: false,
            kind: 8,
            code: 0
        }
    );
    assert_eq!(echo.payload.length, 2);
    let neighbour = read(LinkType::RAW, &ipv6(58, &[135, 0, 1, 1, 2, 2]));
    assert_eq!(
        neighbour.transport,
        Transport::Icmp {
            v6: true,
            kind: 135,
            code: 0
        }
    );
    let esp = of(50, &[1, 2, 3, 4]);
    assert_eq!(
        (esp.transport, esp.payload.length),
        (Transport::Other(50), 4)
    );
}

#[test]
fn what_icmp_quotes_is_not_read() {
    let packet = of(1, &[&[3, 1, 0, 0, 0, 0, 0, 0][..], &hello()].concat());
    assert_eq!(packet.addresses.unwrap().source.to_string(), "192.0.2.1");
    assert_eq!(
        packet.transport,
        Transport::Icmp {
            v6: false,
            kind: 3,
            code: 1
        }
    );
}
