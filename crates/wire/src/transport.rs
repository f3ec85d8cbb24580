//! TCP (RFC 9293), UDP (RFC 768), UDP-Lite (RFC 3828), SCTP (RFC 9260), ICMP (RFC 792, RFC 4443).

use crate::decode::{Next, Walk, be16, be32};
use crate::{Ports, Tcp, Transport, tunnel};

/// Shortest TCP header, in bytes.
const TCP_HEADER: usize = 20;
/// UDP and UDP-Lite header, in bytes.
pub(crate) const UDP_HEADER: usize = 8;

#[inline]
pub(crate) fn ports(header: &[u8]) -> Ports {
    Ports {
        source: be16(header, 0),
        destination: be16(header, 2),
    }
}

/// A TCP header, or as much of it as there is: what is missing is zero.
#[inline]
pub(crate) fn tcp_header(header: &[u8]) -> Tcp {
    Tcp {
        ports: ports(header),
        sequence: be32(header, 4),
        acknowledgement: be32(header, 8),
        flags: header.get(13).map_or(0, |flags| flags & 0x3f),
        window: be16(header, 14),
    }
}

/// The length of a TCP header, in bytes, if there can be a header of that length.
#[inline]
pub(crate) fn tcp_length(header: &[u8], wire: usize) -> Option<usize> {
    let length = usize::from(header.get(12)? >> 4) * 4;
    (length >= TCP_HEADER && length <= wire).then_some(length)
}

#[inline]
pub(crate) fn tcp(walk: &mut Walk<'_>) -> Option<Next> {
    let Some(header) = walk.rest.peek::<TCP_HEADER>() else {
        return cut_tcp(walk);
    };
    let Some(length) = tcp_length(header, walk.rest.wire) else {
        return refused_tcp(walk);
    };
    walk.rest = walk.rest.beyond(length);
    walk.carries(Transport::Tcp(tcp_header(header)));
    None
}

/// A TCP header that its receiver throws away: only the ports mean anything.
#[cold]
fn refused_tcp(walk: &mut Walk<'_>) -> Option<Next> {
    walk.carries_nothing(Transport::Tcp(Tcp {
        flags: 0,
        ..tcp_header(walk.rest.bytes)
    }));
    walk.malformed("tcp")
}

/// A TCP header of which the capture holds a part. Up to the flags is enough to know what was sent.
#[cold]
fn cut_tcp(walk: &mut Walk<'_>) -> Option<Next> {
    let begin = walk.rest;
    let bytes = begin.bytes;
    match tcp_length(bytes, begin.wire) {
        Some(length) if bytes.len() >= 14 => {
            walk.rest = begin.beyond(length);
            walk.carries(Transport::Tcp(tcp_header(bytes)));
            walk.rest = begin;
        }
        _ if bytes.len() >= 4 => {
            walk.carries_nothing(Transport::Tcp(Tcp {
                flags: 0,
                ..tcp_header(bytes)
            }));
        }
        _ => {}
    }
    walk.cut("tcp", TCP_HEADER)
}

#[inline]
pub(crate) fn udp(walk: &mut Walk<'_>) -> Option<Next> {
    let Some(header) = walk.rest.peek::<UDP_HEADER>() else {
        return cut_udp(walk);
    };
    let ports = ports(header);
    let length = usize::from(be16(header, 4));
    if (1..UDP_HEADER).contains(&length) {
        walk.carries_nothing(Transport::Udp(ports));
        return walk.malformed("udp");
    }
    // No length means a jumbogram (RFC 2675 section 4); one that IP has no room for is not believed.
    if (UDP_HEADER..walk.rest.wire).contains(&length) {
        walk.rest.limit(length);
    }
    walk.skip("udp", UDP_HEADER)?;
    walk.carries(Transport::Udp(ports));
    tunnel::over_udp(walk, ports)
}

/// A UDP header of which the capture holds a part.
#[cold]
fn cut_udp(walk: &mut Walk<'_>) -> Option<Next> {
    let begin = walk.rest;
    if begin.bytes.len() >= 4 {
        walk.rest = begin.beyond(UDP_HEADER);
        walk.carries(Transport::Udp(ports(begin.bytes)));
        // What is there belongs to the header.
        walk.rest = begin;
    }
    walk.cut("udp", UDP_HEADER)
}

pub(crate) fn udp_lite(walk: &mut Walk<'_>) -> Option<Next> {
    let header = walk.header::<8>("udp-lite")?;
    walk.carries(Transport::UdpLite(ports(header)));
    None
}

pub(crate) fn sctp(walk: &mut Walk<'_>) -> Option<Next> {
    let header = walk.header::<12>("sctp")?;
    walk.carries(Transport::Sctp(ports(header)));
    None
}

pub(crate) fn icmp(walk: &mut Walk<'_>, v6: bool) -> Option<Next> {
    let &[kind, code, _, _] = walk.header(if v6 { "icmpv6" } else { "icmp" })?;
    walk.carries(Transport::Icmp { v6, kind, code });
    None
}

#[cfg(test)]
mod tests;
