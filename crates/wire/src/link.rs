//! Links: what a frame of each link type begins with, up to the network layer.

use crate::decode::{Next, Walk, be16};
use crate::{Layer, LinkType, Transport, tunnel, wifi};

/// The longest IEEE 802.3 payload, in bytes; greater values of that field are EtherTypes.
const LONGEST_8023: u16 = 1500;
/// The smallest EtherType.
const FIRST_ETHER_TYPE: u16 = 0x0600;
/// The longest AVS or Prism header that is believed, in bytes.
const LONGEST_PRISM: usize = 4096;

/// The first header of a frame. A link type that is not known has none.
#[inline]
pub(crate) fn begin(walk: &mut Walk<'_>, link: LinkType) -> Option<Next> {
    match link {
        LinkType::EN10MB => ethernet(walk),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | LinkType(12 | 14) => Some(Next::Ip),
        _ => begin_other(walk, link),
    }
}

fn begin_other(walk: &mut Walk<'_>, link: LinkType) -> Option<Next> {
    match link {
        LinkType::NULL | LinkType::LOOP => loopback(walk),
        LinkType::LINUX_SLL => cooked(walk),
        LinkType::LINUX_SLL2 => cooked_v2(walk),
        LinkType::PPP | LinkType::PPP_HDLC => ppp_or_cisco(walk),
        LinkType::PPP_ETHER => pppoe(walk),
        // A byte for the direction stands before the frame, or in the place of PPP's address.
        LinkType::PPP_PPPD | LinkType::PPP_WITH_DIR => {
            walk.skip("ppp", 1)?;
            if walk.rest.bytes.first() == Some(&0x03) {
                walk.skip("ppp", 1)?;
            }
            Some(Next::Ppp)
        }
        LinkType::C_HDLC => cisco_hdlc(walk),
        LinkType::IEEE802_11 => Some(Next::Wifi(wifi::Shape::Plain)),
        LinkType::IEEE802_11_RADIOTAP => wifi::radiotap(walk),
        LinkType::IEEE802_11_PRISM | LinkType::IEEE802_11_AVS => prism(walk),
        LinkType::PPI => ppi(walk),
        LinkType::NFLOG => nflog(walk),
        LinkType::SLIP => {
            walk.skip("slip", 16)?;
            Some(Next::Ip)
        }
        LinkType::FDDI => {
            walk.skip("fddi", 13)?;
            Some(Next::Llc)
        }
        LinkType::IEEE802_5 => token_ring(walk),
        LinkType::ATM_RFC1483 => Some(Next::Llc),
        LinkType::FRELAY => frame_relay(walk),
        LinkType::ENC => {
            walk.skip("enc", 12)?;
            Some(Next::Ip)
        }
        LinkType::PFLOG => {
            let Some(&[length]) = walk.rest.peek() else {
                return walk.cut("pflog", 1);
            };
            walk.skip("pflog", usize::from(length).next_multiple_of(4))?;
            Some(Next::Ip)
        }
        LinkType::IPNET => {
            walk.skip("ipnet", 24)?;
            Some(Next::Ip)
        }
        LinkType::PKTAP => pktap(walk),
        LinkType::NETANALYZER => {
            walk.skip("netanalyzer", 4)?;
            Some(Next::Ethernet)
        }
        _ => None,
    }
}

#[inline]
pub(crate) fn ethernet(walk: &mut Walk<'_>) -> Option<Next> {
    let header = walk.header::<14>("ethernet")?;
    match be16(header, 12) {
        0x0800 => Some(Next::Ip),
        kind => type_or_length(walk, kind),
    }
}

/// The field after Ethernet addresses or a tag: an EtherType, or the length of an 802.2 frame.
fn type_or_length(walk: &mut Walk<'_>, kind: u16) -> Option<Next> {
    if kind >= FIRST_ETHER_TYPE {
        return Some(Next::EtherType(kind));
    }
    if kind > LONGEST_8023 {
        return None;
    }
    let length = usize::from(kind);
    if length < walk.rest.wire {
        walk.rest.limit(length);
    }
    Some(Next::Llc)
}

#[inline]
pub(crate) fn ether_type(walk: &mut Walk<'_>, kind: u16) -> Option<Next> {
    match kind {
        0x0800 | 0x86dd => Some(Next::Ip),
        0x0806 => {
            if walk.packet.addresses.is_none() {
                walk.packet.transport = Transport::Arp;
            }
            None
        }
        0x8100 | 0x88a8 | 0x9100 => {
            let &[_, _, t0, t1] = walk.header("vlan")?;
            walk.push(Layer::Vlan)?;
            type_or_length(walk, u16::from_be_bytes([t0, t1]))
        }
        0x8847 | 0x8848 => Some(Next::Mpls),
        0x8864 => pppoe(walk),
        0x880b => Some(Next::Ppp),
        tunnel::BRIDGED_ETHERNET => Some(Next::Ethernet),
        // Provider backbone bridges (IEEE 802.1ah): a tag, then the customer's frame.
        0x88e7 => {
            walk.skip("pbb", 4)?;
            walk.push(Layer::Vlan)?;
            Some(Next::Ethernet)
        }
        // Bridge port extension (IEEE 802.1BR): a tag.
        0x893f => {
            let header = walk.header::<8>("e-tag")?;
            walk.push(Layer::Vlan)?;
            type_or_length(walk, be16(header, 6))
        }
        // Cisco's metadata, a tag: version, how many words of options, the options.
        0x8909 => {
            let &[_, words] = walk.header("cisco metadata")?;
            walk.skip("cisco metadata", usize::from(words) * 4)?;
            let header = walk.header::<2>("cisco metadata")?;
            type_or_length(walk, be16(header, 0))
        }
        // Cisco's FabricPath: a tag behind outer Ethernet addresses, then the whole frame.
        0x8903 => {
            walk.skip("fabricpath", 2)?;
            walk.push(Layer::FabricPath)?;
            Some(Next::Ethernet)
        }
        _ => None,
    }
}

/// IEEE 802.2 LLC, with SNAP (RFC 1042), IP's own service access point, or ISO's (RFC 2684).
pub(crate) fn llc(walk: &mut Walk<'_>) -> Option<Next> {
    let &[destination, source, control] = walk.header("llc")?;
    match (destination, source, control) {
        (0xaa, 0xaa, 0x03) => {
            let &[o0, o1, o2, t0, t1] = walk.header("snap")?;
            // Nobody's, or IEEE 802.1H's for what a bridge took from an Ethernet.
            matches!([o0, o1, o2], [0, 0, 0] | [0, 0, 0xf8])
                .then_some(Next::EtherType(u16::from_be_bytes([t0, t1])))
        }
        (0x06, 0x06, 0x03) => Some(Next::Ip),
        (0xfe, 0xfe, 0x03) => network_layer_id(walk),
        _ => None,
    }
}

/// A network layer protocol identifier (ISO/IEC TR 9577).
fn network_layer_id(walk: &mut Walk<'_>) -> Option<Next> {
    match walk.header("nlpid")? {
        [0xcc | 0x8e] => Some(Next::Ip),
        [0x80] => {
            let &[_, _, _, t0, t1] = walk.header("snap")?;
            Some(Next::EtherType(u16::from_be_bytes([t0, t1])))
        }
        _ => None,
    }
}

/// PPP (RFC 1661), with or without the address and control of RFC 1662.
pub(crate) fn ppp(walk: &mut Walk<'_>) -> Option<Next> {
    if walk.rest.bytes.first() == Some(&0xff) {
        walk.skip("ppp", 2)?;
    }
    let &[first] = walk.header("ppp")?;
    let protocol = if first & 1 != 0 {
        u16::from(first)
    } else {
        let &[second] = walk.header("ppp")?;
        u16::from_be_bytes([first, second])
    };
    match protocol {
        0x0021 | 0x0057 => Some(Next::Ip),
        0x0281 | 0x0283 => Some(Next::Mpls),
        _ => None,
    }
}

/// A PPPoE session (RFC 2516).
fn pppoe(walk: &mut Walk<'_>) -> Option<Next> {
    let &[version, code, _, _, l0, l1] = walk.header("pppoe")?;
    if version != 0x11 || code != 0 {
        return walk.malformed("pppoe");
    }
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if length < walk.rest.wire {
        walk.rest.limit(length);
    }
    walk.push(Layer::Pppoe)?;
    Some(Next::Ppp)
}

/// Serial lines on which the first byte tells PPP from Cisco HDLC (RFC 1547 section 4.3.1).
fn ppp_or_cisco(walk: &mut Walk<'_>) -> Option<Next> {
    match walk.rest.bytes {
        [0x0f | 0x8f] | [0x0f | 0x8f, 0, ..] => cisco_hdlc(walk),
        _ => Some(Next::Ppp),
    }
}

fn cisco_hdlc(walk: &mut Walk<'_>) -> Option<Next> {
    let &[_, _, t0, t1] = walk.header("cisco hdlc")?;
    match u16::from_be_bytes([t0, t1]) {
        0xfefe => network_layer_id(walk),
        kind => Some(Next::EtherType(kind)),
    }
}

/// The address family before a packet of a BSD loopback, in the byte order of whoever captured.
fn loopback(walk: &mut Walk<'_>) -> Option<Next> {
    let header = walk.header::<4>("loopback")?;
    match u32::from_le_bytes(*header).min(u32::from_be_bytes(*header)) {
        // AF_INET everywhere; AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
        2 | 10 | 23 | 24 | 28 | 30 => Some(Next::Ip),
        kind => u16::try_from(kind)
            .ok()
            .filter(|kind| *kind >= FIRST_ETHER_TYPE)
            .map(Next::EtherType),
    }
}

/// The Linux cooked header, version 1.
fn cooked(walk: &mut Walk<'_>) -> Option<Next> {
    let &[.., t0, t1] = walk.header::<16>("linux cooked")?;
    cooked_type(u16::from_be_bytes([t0, t1]))
}

/// The Linux cooked header, version 2.
fn cooked_v2(walk: &mut Walk<'_>) -> Option<Next> {
    let &[t0, t1, ..] = walk.header::<20>("linux cooked v2")?;
    cooked_type(u16::from_be_bytes([t0, t1]))
}

fn cooked_type(kind: u16) -> Option<Next> {
    match kind {
        4 => Some(Next::Llc),
        FIRST_ETHER_TYPE.. => Some(Next::EtherType(kind)),
        _ => None,
    }
}

/// The two bytes at an offset, little-endian.
fn le16(header: &[u8], at: usize) -> u16 {
    be16(header, at).swap_bytes()
}

/// Per-packet information: a little-endian header that names the link type of what follows.
fn ppi(walk: &mut Walk<'_>) -> Option<Next> {
    let Some(header) = walk.rest.peek::<8>() else {
        return walk.cut("ppi", 8);
    };
    let length = usize::from(le16(header, 2));
    if length < 8 || le16(header, 6) != 0 {
        return walk.malformed("ppi");
    }
    walk.skip("ppi", length)?;
    Some(Next::Link(LinkType(le16(header, 4))))
}

/// Apple's per-packet header, which names the link type of what follows.
fn pktap(walk: &mut Walk<'_>) -> Option<Next> {
    let Some(header) = walk.rest.peek::<12>() else {
        return walk.cut("pktap", 12);
    };
    let length = usize::from(le16(header, 0));
    if length < 12 || le16(header, 2) != 0 || le16(header, 10) != 0 {
        return walk.malformed("pktap");
    }
    walk.skip("pktap", length)?;
    Some(Next::Link(LinkType(le16(header, 8))))
}

/// A Prism or AVS header: both hold their length in their second word, Prism in either byte order.
fn prism(walk: &mut Walk<'_>) -> Option<Next> {
    let Some(&[_, _, _, _, l0, l1, l2, l3]) = walk.rest.peek() else {
        return walk.cut("prism", 8);
    };
    let length = [l0, l1, l2, l3];
    let length = u32::from_le_bytes(length).min(u32::from_be_bytes(length));
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if !(8..=LONGEST_PRISM).contains(&length) {
        return walk.malformed("prism");
    }
    walk.skip("prism", length)?;
    Some(Next::Wifi(wifi::Shape::Plain))
}

/// Netfilter's log: attributes in the byte order of whoever captured, one of which is the packet.
fn nflog(walk: &mut Walk<'_>) -> Option<Next> {
    let &[_, version, _, _] = walk.header("nflog")?;
    if version != 0 {
        return walk.malformed("nflog");
    }
    loop {
        let Some(&[l0, l1, k0, k1]) = walk.rest.peek() else {
            return walk.cut("nflog", 4);
        };
        // Attributes are no longer than a packet and have low numbers, so the order shows.
        let (length, kind) = if k1 == 0 || k1 == 0x80 {
            (u16::from_le_bytes([l0, l1]), k0)
        } else {
            (u16::from_be_bytes([l0, l1]), k1)
        };
        let length = usize::from(length);
        if length < 4 {
            return walk.malformed("nflog");
        }
        if kind == 9 {
            walk.skip("nflog", 4)?;
            walk.rest.limit(length - 4);
            return Some(Next::Ip);
        }
        walk.skip("nflog", length.next_multiple_of(4))?;
    }
}

/// IEEE 802.5, with source routing.
fn token_ring(walk: &mut Walk<'_>) -> Option<Next> {
    let &[_, _, _, _, _, _, _, _, source, _, _, _, _, _] = walk.header("token ring")?;
    if source & 0x80 != 0 {
        let Some(&[control, _]) = walk.rest.peek() else {
            return walk.cut("token ring", 2);
        };
        walk.skip("token ring", usize::from(control & 0x1f).max(2))?;
    }
    Some(Next::Llc)
}

/// Frame relay (RFC 2427): an address of two bytes, unnumbered information, what it carries.
fn frame_relay(walk: &mut Walk<'_>) -> Option<Next> {
    let &[_, address, control] = walk.header("frame relay")?;
    if address & 1 == 0 || control != 3 {
        return None;
    }
    if walk.rest.bytes.first() == Some(&0) {
        walk.skip("frame relay", 1)?;
    }
    network_layer_id(walk)
}

#[cfg(test)]
mod tests;
