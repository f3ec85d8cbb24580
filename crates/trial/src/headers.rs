//! Headers: the walk through a frame never leaves it, allocates nothing, and is the same by both ways.

use overheard_wire::{LinkType, MAX_LAYERS, Packet, Transport, decode};

use crate::bounds::Bounds;
use crate::given::Given;

/// Reading headers allocates nothing.
const BOUNDS: Bounds = Bounds {
    memory: (0, 0),
    allocated: (0, 0),
    time: (20_000_000, 1000),
};

const ETHERNET: usize = 14;

/// An input: the link type (0 to 299 by number, whatever is above by its own), how many bytes more than
/// the frame were on the wire, and the frame.
pub(crate) fn run(input: &[u8]) {
    let mut given = Given::new(input);
    let link = LinkType(given.short());
    let more = u32::from(given.short());
    let frame = given.rest();
    let on_wire = u32::try_from(frame.len())
        .unwrap_or(u32::MAX)
        .saturating_add(more);
    let packet = BOUNDS.hold(frame.len(), || decode(link, frame, on_wire));
    lies_within(&packet, frame);
    assert_eq!(packet, decode(link, frame, on_wire), "{link:?}");
    // What a shorter snap length leaves of the frame is read without contradiction.
    let cut = frame.get(..frame.len() / 2).unwrap_or_default();
    let short = decode(link, cut, on_wire);
    lies_within(&short, cut);
    if link == LinkType::EN10MB && frame.get(12..14) == Some(&[8, 0]) {
        same_without_link(&packet, frame, on_wire);
    }
}

fn lies_within(packet: &Packet, frame: &[u8]) {
    let span = packet.payload;
    let end = u64::from(span.start) + u64::from(span.captured);
    assert!(
        end <= frame.len() as u64,
        "{packet:?} of {} bytes",
        frame.len()
    );
    assert_eq!(span.of(frame).len(), span.captured as usize);
    assert!(packet.tunnels.as_slice().len() <= MAX_LAYERS);
    if !matches!(packet.transport, Transport::None | Transport::Arp) {
        assert!(packet.addresses.is_some(), "{packet:?} comes from nowhere");
    }
}

/// What stands in an Ethernet frame is read as it is without Ethernet around it: usual frames are read in
/// one go, others layer by layer.
fn same_without_link(packet: &Packet, frame: &[u8], on_wire: u32) {
    let inner = frame.get(ETHERNET..).unwrap_or_default();
    let bare = decode(
        LinkType::IPV4,
        inner,
        on_wire.saturating_sub(ETHERNET as u32),
    );
    assert_eq!(packet.transport, bare.transport);
    assert_eq!(packet.addresses, bare.addresses);
    assert_eq!(packet.tunnels, bare.tunnels);
    if bare.addresses.is_some() {
        let (span, other) = (packet.payload, bare.payload);
        assert_eq!((span.captured, span.length), (other.captured, other.length));
        assert_eq!(span.of(frame), other.of(inner));
    }
}
