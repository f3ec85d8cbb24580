//! Tests: what looks like a tunnel and is none. What is one is among the samples.

use crate::samples::{ethernet, hello, outer, read, tcp, udp};
use crate::{Layer, LinkType, Packet, Ports, Transport};

fn over_udp(port: u16, inside: &[&[u8]]) -> Packet {
    read(
        LinkType::RAW,
        &outer(17, &udp(50000, port, &inside.concat())),
    )
}

/// Whether the packet is plain UDP, with all of `inside` for payload.
fn is_plain(packet: &Packet, port: u16, inside: &[&[u8]]) -> bool {
    packet.transport
        == Transport::Udp(Ports {
            source: 50000,
            destination: port,
        })
        && packet.payload.captured as usize == inside.concat().len()
        && packet.tunnels.as_slice().is_empty()
        && packet.trouble.is_none()
}

#[test]
fn a_port_alone_makes_no_tunnel() {
    for port in [1701, 2152, 3544, 4754, 4789, 4790, 5247, 6081, 6635, 8472] {
        for inside in [
            &b""[..],
            &[0; 60],
            &[0xff; 60],
            &[8; 60],
            b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n",
        ] {
            let packet = over_udp(port, &[inside]);
            assert!(is_plain(&packet, port, &[inside]), "{port}: {packet:?}");
        }
    }
}

#[test]
fn a_tunnel_that_carries_no_ip_leaves_the_outer_udp() {
    let arp = ethernet(0x0806, &[0; 28]);
    let inside: [&[u8]; 2] = [&[8, 0, 0, 0, 0, 0, 5, 0], &arp];
    assert!(is_plain(&over_udp(4789, &inside), 4789, &inside));
    let link_control: [&[u8]; 2] = [&[0, 2, 0, 1, 0, 2], &[0xff, 3, 0xc0, 0x21, 1, 1, 0, 4]];
    assert!(is_plain(
        &over_udp(1701, &link_control),
        1701,
        &link_control
    ));
}

#[test]
fn an_inner_packet_that_does_not_fit_makes_no_tunnel() {
    let mut packet = hello();
    packet[3] += 1;
    let bridged = ethernet(0x0800, &packet);
    let inside: [&[u8]; 2] = [&[8, 0, 0, 0, 0, 0, 5, 0], &bridged];
    assert!(is_plain(&over_udp(4789, &inside), 4789, &inside));
}

#[test]
fn an_inner_transport_that_fails_does_not_undo_the_tunnel() {
    let inner = outer(6, &tcp(b"")[..3]);
    let packet = over_udp(2152, &[&[0x30, 255, 0, 23, 0, 0, 0, 0], &inner]);
    assert_eq!(packet.tunnels.as_slice(), &[Layer::GtpU]);
    assert_eq!(packet.transport, Transport::Other(6));
    assert_eq!(packet.trouble.unwrap().cut.layer, "tcp");
}

#[test]
fn control_messages_are_payload() {
    let echo: [&[u8]; 1] = [&[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]];
    assert!(is_plain(&over_udp(2152, &echo), 2152, &echo));
    let control: [&[u8]; 2] = [
        &[0xc8, 2, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x80, 8, 0, 0, 0, 0, 0, 1],
    ];
    assert!(is_plain(&over_udp(1701, &control), 1701, &control));
}

#[test]
fn gre_of_something_else_is_carried_by_ip() {
    for (inside, fails) in [
        (&[0, 0, 0, 0][..], false),
        (&[0x20, 1, 0x88, 0x0b, 0, 0, 0, 1], false),
        (&[0, 5, 8, 0], true),
    ] {
        let packet = read(LinkType::RAW, &outer(47, inside));
        assert_eq!(packet.transport, Transport::Other(47));
        assert_eq!(packet.payload.length as usize, inside.len());
        assert_eq!(packet.trouble.is_some(), fails, "{packet:?}");
    }
}

#[test]
fn a_label_stack_without_a_bottom_is_malformed() {
    let packet = read(LinkType::EN10MB, &ethernet(0x8847, &[0; 100]));
    assert_eq!(packet.trouble.unwrap().cut.layer, "mpls");
}
