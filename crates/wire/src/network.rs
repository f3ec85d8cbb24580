//! IPv4 (RFC 791) and IPv6 (RFC 8200) with extension headers, AH (RFC 4302).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::decode::{Next, Walk, be16, be32};
use crate::{Addresses, Fragment, Transport};

/// Shortest IPv4 header, in bytes.
const IPV4_HEADER: usize = 20;
/// IPv6 header, in bytes.
const IPV6_HEADER: usize = 40;
/// The next header of an IPv6 packet that ends here.
const NO_NEXT_HEADER: u8 = 59;

/// IPv4 or IPv6, as the version says: links that name the wrong one are common.
#[inline]
pub(crate) fn ip(walk: &mut Walk<'_>) -> Option<Next> {
    match walk.rest.bytes.first() {
        Some(0x40..=0x4f) => ipv4(walk),
        Some(0x60..=0x6f) => ipv6(walk),
        Some(_) => walk.malformed("ip"),
        None => walk.cut("ip", 1),
    }
}

/// The addresses in an IPv4 header.
#[inline]
pub(crate) fn ipv4_addresses(header: &[u8]) -> Addresses {
    Addresses {
        source: IpAddr::V4(Ipv4Addr::from_bits(be32(header, 12))),
        destination: IpAddr::V4(Ipv4Addr::from_bits(be32(header, 16))),
    }
}

#[inline]
fn ipv4(walk: &mut Walk<'_>) -> Option<Next> {
    let Some(header) = walk.rest.peek::<IPV4_HEADER>() else {
        return walk.cut("ipv4", IPV4_HEADER);
    };
    let &[first, ..] = header;
    let protocol = header[9];
    let (id, part) = (be16(header, 4), be16(header, 6));
    let addresses = ipv4_addresses(header);
    let length = be16(header, 2);
    let header = usize::from(first & 15) * 4;
    // Senders that leave segmentation to the network card write no length.
    let total = match usize::from(length) {
        0 => walk.rest.wire,
        total => total,
    };
    if header < IPV4_HEADER || total < header || (walk.guess && total > walk.rest.wire) {
        return walk.malformed("ipv4");
    }
    walk.rest.limit(total);
    let Some(rest) = walk.rest.after(header) else {
        return cut_header(walk, addresses, protocol, header);
    };
    walk.rest = rest;
    walk.arrived(addresses, protocol);
    let fragment = Fragment {
        id: u32::from(id),
        offset: u32::from(part & 0x1fff) * 8,
        more: part & 0x2000 != 0,
        protocol,
    };
    fragment_or_more(walk, fragment)
}

/// What follows, unless this is a fragment. Of a first fragment that was not all captured no whole can
/// ever be made, so what is there is read.
#[inline]
fn fragment_or_more(walk: &mut Walk<'_>, fragment: Fragment) -> Option<Next> {
    let is_whole = fragment.offset == 0 && !fragment.more;
    let is_cut = walk.rest.bytes.len() < walk.rest.wire;
    if is_whole || (fragment.offset == 0 && is_cut) {
        walk.carries(Transport::Other(fragment.protocol));
        return Some(Next::Protocol(fragment.protocol));
    }
    walk.carries(Transport::Fragment(fragment));
    None
}

/// The addresses are there, but the capture ends inside the IPv4 options.
#[cold]
fn cut_header(
    walk: &mut Walk<'_>,
    addresses: Addresses,
    protocol: u8,
    header: usize,
) -> Option<Next> {
    let begin = walk.rest;
    walk.rest = begin.beyond(header);
    walk.arrived(addresses, protocol);
    walk.rest = begin;
    walk.cut("ipv4", header)
}

#[inline]
fn ipv6(walk: &mut Walk<'_>) -> Option<Next> {
    let Some(header) = walk.rest.peek::<IPV6_HEADER>() else {
        return walk.cut("ipv6", IPV6_HEADER);
    };
    let (&[_, _, _, _, l0, l1, next, _], pair) = header.split_first_chunk::<8>()?;
    let (source, destination) = pair.split_first_chunk::<16>()?;
    // No length means a jumbogram (RFC 2675), or one that the sender's network card cuts up.
    let total = match usize::from(u16::from_be_bytes([l0, l1])) {
        0 => walk.rest.wire,
        length => IPV6_HEADER + length,
    };
    if walk.guess && total > walk.rest.wire {
        return walk.malformed("ipv6");
    }
    walk.rest.limit(total);
    walk.skip("ipv6", IPV6_HEADER)?;
    let addresses = Addresses {
        source: IpAddr::V6(Ipv6Addr::from(*source)),
        destination: IpAddr::V6(Ipv6Addr::from(*destination.first_chunk::<16>()?)),
    };
    walk.arrived(addresses, next);
    Some(Next::Protocol(next))
}

/// An extension header of IPv6 (RFC 8200 section 4): hop-by-hop options, routing, destination
/// options, mobility (RFC 6275), HIP (RFC 7401), Shim6 (RFC 5533).
pub(crate) fn extension(walk: &mut Walk<'_>, number: u8) -> Option<Next> {
    let Some(&[next, length]) = walk.rest.peek::<2>() else {
        return walk.cut("ipv6 extension header", 2);
    };
    let stands_alone = matches!(number, 135 | 139 | 140);
    if next == NO_NEXT_HEADER && stands_alone {
        return None;
    }
    walk.skip("ipv6 extension header", (usize::from(length) + 1) * 8)?;
    walk.carries(Transport::Other(next));
    Some(Next::Protocol(next))
}

/// The fragment header of IPv6 (RFC 8200 section 4.5). An atomic fragment (RFC 6946) is no fragment.
pub(crate) fn fragment(walk: &mut Walk<'_>) -> Option<Next> {
    let &[protocol, _, o0, o1, i0, i1, i2, i3] = walk.header::<8>("ipv6 fragment header")?;
    let part = u16::from_be_bytes([o0, o1]);
    let fragment = Fragment {
        id: u32::from_be_bytes([i0, i1, i2, i3]),
        offset: u32::from(part & 0xfff8),
        more: part & 1 != 0,
        protocol,
    };
    fragment_or_more(walk, fragment)
}

/// An authentication header (RFC 4302): what it protects can be read.
pub(crate) fn authentication(walk: &mut Walk<'_>) -> Option<Next> {
    let Some(&[next, length]) = walk.rest.peek::<2>() else {
        return walk.cut("ah", 2);
    };
    walk.skip("ah", (usize::from(length) + 2) * 4)?;
    walk.carries(Transport::Other(next));
    Some(Next::Protocol(next))
}

#[cfg(test)]
mod tests;
