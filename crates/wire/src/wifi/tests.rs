//! Tests: frames that are not read. Those that are stand among the samples.

use crate::samples::{hello, read, snap, wifi};
use crate::{LinkType, Transport, TroubleKind};

#[test]
fn sealed_empty_partial_and_management_frames_are_left() {
    let inside = snap(&hello());
    // protected data, data without data, a fragment with more to come, a beacon
    for control in [[0x08, 0x41], [0x48, 0x01], [0x08, 0x05], [0x80, 0x00]] {
        let packet = read(LinkType::IEEE802_11, &wifi(control, &inside));
        assert_eq!(
            (packet.transport, packet.trouble),
            (Transport::None, None),
            "{control:?}"
        );
    }
    let mut later = wifi([8, 1], &inside);
    later[22] = 1;
    assert_eq!(
        read(LinkType::IEEE802_11, &later).transport,
        Transport::None
    );
}

#[test]
fn a_radiotap_header_has_room_for_itself() {
    for header in [[0, 0, 7, 0, 0, 0, 0, 0], [1, 0, 8, 0, 0, 0, 0, 0]] {
        let packet = read(LinkType::IEEE802_11_RADIOTAP, &header);
        assert_eq!(packet.trouble.unwrap().kind, TroubleKind::Malformed);
    }
}
