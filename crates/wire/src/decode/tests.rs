//! Tests: what every sample has in common, and what no bytes whatsoever may do.

use proptest::prelude::*;

use super::*;
use crate::samples::{all, ethernet, hello, is_hello, outer, read, tcp, udp};
use crate::{Fragment, MAX_LAYERS};

#[test]
fn every_link_and_tunnel_leads_to_the_packet_inside() {
    for sample in all() {
        let packet = read(sample.link, &sample.frame);
        assert!(
            is_hello(&packet, &sample.frame),
            "{}: {packet:?}",
            sample.name
        );
        assert_eq!(packet.tunnels.as_slice(), sample.layers, "{}", sample.name);
    }
}

/// However short the snap length, nothing counts as malformed, and what was read is true.
#[test]
fn a_cut_frame_is_truncated_and_never_malformed() {
    for sample in all() {
        let on_wire = u32::try_from(sample.frame.len()).unwrap();
        let whole = decode(sample.link, &sample.frame, on_wire);
        for length in 0..sample.frame.len() {
            let cut = &sample.frame[..length];
            let packet = decode(sample.link, cut, on_wire);
            let name = sample.name;
            assert!(is_within(&packet, cut), "{name} at {length}: {packet:?}");
            let kind = packet.trouble.map(|trouble| trouble.kind);
            if length >= whole.payload.start as usize {
                assert_eq!(packet.transport, whole.transport, "{name} at {length}");
                assert_eq!(packet.payload.length, 5, "{name} at {length}");
                assert_eq!(kind, None, "{name} at {length}");
            } else if sample.is_certain() && packet.transport != whole.transport {
                assert_eq!(
                    kind,
                    Some(TroubleKind::Truncated),
                    "{name} at {length}: {packet:?}"
                );
            } else {
                assert!(
                    matches!(kind, None | Some(TroubleKind::Truncated)),
                    "{name} at {length}: {packet:?}"
                );
            }
        }
    }
}

#[test]
fn the_outer_packet_stands_where_an_inner_layer_fails() {
    let frame = ethernet(0x0800, &outer(47, &[0, 0, 8, 0, 0x45, 1, 2]));
    let packet = read(LinkType::EN10MB, &frame);
    assert_eq!(packet.addresses.unwrap().source.to_string(), "192.0.2.1");
    assert_eq!(packet.transport, Transport::Other(47));
    assert_eq!(
        packet.payload,
        Span {
            start: 34,
            captured: 7,
            length: 7
        }
    );
    assert_eq!(packet.tunnels.as_slice(), &[]);
    let trouble = packet.trouble.unwrap();
    assert_eq!(
        (trouble.kind, trouble.cut.layer),
        (TroubleKind::Malformed, "ipv4")
    );
    assert_eq!(
        (trouble.cut.needed, trouble.cut.had, trouble.cut.offset),
        (20, 3, 38)
    );
}

#[test]
fn no_more_layers_are_read_than_there_are_places_for() {
    let mut packet = hello();
    for _ in 0..=MAX_LAYERS {
        packet = outer(4, &packet);
    }
    let read = read(LinkType::RAW, &packet);
    assert_eq!(read.tunnels.as_slice(), &[Layer::IpInIp; MAX_LAYERS]);
    assert_eq!(read.transport, Transport::Other(4));
    assert_eq!(read.trouble.unwrap().kind, TroubleKind::TooDeep);
}

#[test]
fn an_unknown_link_leaves_the_whole_frame() {
    let packet = read(LinkType(9999), b"whatever");
    let whole = Span {
        start: 0,
        captured: 8,
        length: 8,
    };
    assert_eq!(
        packet,
        Packet {
            payload: whole,
            ..Packet::default()
        }
    );
}

#[test]
fn a_datagram_made_of_fragments_is_read_with_the_tunnels_inside() {
    let mut tunnels = Tunnels::default();
    assert!(tunnels.push(Layer::Vlan));
    let whole = read(LinkType::RAW, &outer(17, b""));
    let datagram = udp(
        50000,
        4789,
        &[&[8, 0, 0, 0, 0, 0, 5, 0][..], &ethernet(0x0800, &hello())].concat(),
    );
    let packet = decode_datagram(whole.addresses.unwrap(), tunnels, 17, &datagram);
    assert!(is_hello(&packet, &datagram), "{packet:?}");
    assert_eq!(packet.tunnels.as_slice(), &[Layer::Vlan, Layer::Vxlan]);
}

#[test]
fn a_datagram_of_ipv6_goes_on_with_extension_headers() {
    let pair = Addresses {
        source: "2001:db8::1".parse().unwrap(),
        destination: "2001:db8::2".parse().unwrap(),
    };
    let datagram = [&[6, 0, 1, 4, 0, 0, 0, 0][..], &tcp(b"hello")].concat();
    assert!(is_hello(
        &decode_datagram(pair, Tunnels::default(), 60, &datagram),
        &datagram
    ));
    let again = [&[6, 0, 0, 1, 0, 0, 0, 7][..], &tcp(b"hello")].concat();
    let fragment = Fragment {
        id: 7,
        offset: 0,
        more: true,
        protocol: 6,
    };
    assert_eq!(
        decode_datagram(pair, Tunnels::default(), 44, &again).transport,
        Transport::Fragment(fragment)
    );
}

fn is_within(packet: &Packet, frame: &[u8]) -> bool {
    let Span {
        start,
        captured,
        length,
    } = packet.payload;
    start as usize + captured as usize <= frame.len() && captured <= length
}

/// A sample in which some bytes are others, cut somewhere.
fn spoiled() -> impl Strategy<Value = (LinkType, Vec<u8>, u32)> {
    let bytes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (
        any::<prop::sample::Index>(),
        bytes,
        any::<prop::sample::Index>(),
        any::<bool>(),
        0_u32..200,
    )
        .prop_map(|(which, bytes, end, cut, more)| {
            let samples = all();
            let sample = which.get(&samples);
            let mut frame = sample.frame.clone();
            for (at, byte) in bytes {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            if cut {
                frame.truncate(end.index(frame.len()));
            }
            let on_wire = u32::try_from(frame.len()).unwrap() + more.saturating_sub(100);
            (sample.link, frame, on_wire)
        })
}

proptest! {
    #[test]
    fn any_bytes_of_any_link_are_read_within_the_frame(
        link in 0_u16..300,
        frame in proptest::collection::vec(any::<u8>(), 0..300),
        on_wire in 0_u32..400,
    ) {
        let packet = decode(LinkType(link), &frame, on_wire);
        prop_assert!(is_within(&packet, &frame), "{packet:?}");
    }

    #[test]
    fn spoiled_samples_are_read_within_the_frame((link, frame, on_wire) in spoiled()) {
        let packet = decode(link, &frame, on_wire);
        prop_assert!(is_within(&packet, &frame), "{packet:?}");
        if let Some(trouble) = packet.trouble {
            prop_assert!(trouble.cut.offset <= frame.len(), "{packet:?}");
        }
    }

    #[test]
    fn any_datagram_is_read_within_it(
        protocol in any::<u8>(),
        v6 in any::<bool>(),
        datagram in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (one, two) = if v6 { ("::1", "::2") } else { ("192.0.2.1", "192.0.2.2") };
        let pair = Addresses { source: one.parse().unwrap(), destination: two.parse().unwrap() };
        let packet = decode_datagram(pair, Tunnels::default(), protocol, &datagram);
        prop_assert!(is_within(&packet, &datagram), "{packet:?}");
    }

    /// The short way gives what the long way gives.
    #[test]
    fn the_usual_frame_is_read_as_any_other(
        is_udp in any::<bool>(),
        bytes in proptest::collection::vec((0_usize..60, any::<u8>()), 0..4),
        size in 0_usize..40,
        cut in 0_usize..60,
        more in 0_usize..20,
    ) {
        let inside = vec![7; size];
        let carried = if is_udp { outer(17, &udp(50000, 53, &inside)) } else { outer(6, &tcp(&inside)) };
        let mut frame = ethernet(0x0800, &carried);
        for (at, byte) in bytes {
            if let Some(place) = frame.get_mut(at) {
                *place = byte;
            }
        }
        let wire = frame.len() + more;
        frame.truncate(wire - cut.min(wire));
        if let Some(packet) = usual(LinkType::EN10MB, &frame, wire) {
            prop_assert_eq!(packet, layer_by_layer(LinkType::EN10MB, &frame, wire));
        }
    }
}

#[test]
fn the_usual_frame_goes_the_short_way() {
    let frame = ethernet(0x0800, &hello());
    assert!(is_hello(
        &usual(LinkType::EN10MB, &frame, frame.len()).unwrap(),
        &frame
    ));
    let frame = ethernet(0x0800, &outer(17, &udp(50000, 53, &[7; 30])));
    assert_eq!(
        usual(LinkType::EN10MB, &frame, frame.len())
            .unwrap()
            .payload
            .of(&frame),
        &[7; 30]
    );
}
