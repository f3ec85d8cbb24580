//! Tests: frames that lead to no IP packet. Those that do are among the samples.

use crate::samples::{ethernet, ethernet_8023, hello, read};
use crate::{Layer, LinkType, Transport, TroubleKind};

#[test]
fn arp_is_known_with_its_tags() {
    let packet = read(
        LinkType::EN10MB,
        &ethernet(0x8100, &[&[0, 5, 8, 6][..], &[0; 28]].concat()),
    );
    assert_eq!(packet.transport, Transport::Arp);
    assert_eq!(packet.tunnels.as_slice(), &[Layer::Vlan]);
    assert_eq!(packet.payload.length, 0);
}

#[test]
fn what_is_not_known_is_left_as_it_is() {
    // LLDP, spanning tree, IPX in raw 802.3, and a number between lengths and types
    for (frame, start) in [
        (ethernet(0x88cc, &[7; 40]), 14),
        (
            ethernet_8023(&[&[0x42, 0x42, 3][..], &[0; 35]].concat()),
            17,
        ),
        (ethernet_8023(&[0xff; 40]), 17),
        (ethernet(1501, &[7; 40]), 14),
    ] {
        let packet = read(LinkType::EN10MB, &frame);
        assert_eq!(
            (packet.transport, packet.addresses, packet.trouble),
            (Transport::None, None, None)
        );
        assert_eq!(packet.payload.start, start);
    }
}

#[test]
fn an_empty_frame_is_malformed_unless_it_was_cut() {
    assert_eq!(
        read(LinkType::EN10MB, &[]).trouble.unwrap().kind,
        TroubleKind::Malformed
    );
    assert_eq!(
        crate::decode(LinkType::EN10MB, &[], 60)
            .trouble
            .unwrap()
            .kind,
        TroubleKind::Truncated
    );
}

#[test]
fn an_802_3_length_keeps_padding_out() {
    let frame = ethernet_8023(&[0x42, 0x42, 3, 1, 2, 3]);
    assert_eq!(
        read(LinkType::EN10MB, &frame).payload.of(&frame),
        &[1, 2, 3]
    );
}

#[test]
fn ppp_control_protocols_and_compressed_packets_are_left() {
    for protocol in [0xc021_u16, 0x8021, 0x00fd, 0x002d] {
        let packet = read(
            LinkType::PPP,
            &[&[0xff, 3][..], &protocol.to_be_bytes(), &hello()].concat(),
        );
        assert_eq!((packet.transport, packet.trouble), (Transport::None, None));
    }
}

#[test]
fn pppoe_discovery_and_wrong_versions_are_no_session() {
    let discovery = read(LinkType::EN10MB, &ethernet(0x8863, &[0x11, 9, 0, 0, 0, 0]));
    assert_eq!(
        (discovery.transport, discovery.trouble),
        (Transport::None, None)
    );
    let wrong = read(LinkType::EN10MB, &ethernet(0x8864, &[0x21, 0, 0, 0, 0, 0]));
    assert_eq!(wrong.trouble.unwrap().cut.layer, "pppoe");
}
