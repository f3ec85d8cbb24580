//! TCP (RFC 9293), UDP (RFC 768), UDP-Lite (RFC 3828), SCTP (RFC 9260), ICMP (RFC 792, RFC 4443).

use crate::decode::{Next, Walk};
use crate::{Ports, Tcp, Transport, tunnel};

/// Shortest TCP header, in bytes.
const TCP_HEADER: usize = 20;
/// UDP and UDP-Lite header, in bytes.
const UDP_HEADER: usize = 8;

#[inline]
fn ports([s0, s1, d0, d1]: [u8; 4]) -> Ports {
    Ports {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
    }
}

#[inline]
pub(crate) fn tcp(walk: &mut Walk<'_>) -> Option<Next> {
    let Some(header) = walk.rest.peek::<TCP_HEADER>() else {
        return cut_tcp(walk);
    };
    let &[
        p0,
        p1,
        p2,
        p3,
        s0,
        s1,
        s2,
        s3,
        a0,
        a1,
        a2,
        a3,
        offset,
        flags,
        w0,
        w1,
        ..,
    ] = header;
    let tcp = Tcp {
        ports: ports([p0, p1, p2, p3]),
        sequence: u32::from_be_bytes([s0, s1, s2, s3]),
        acknowledgement: u32::from_be_bytes([a0, a1, a2, a3]),
        flags: flags & 0x3f,
        window: u16::from_be_bytes([w0, w1]),
    };
    let header = usize::from(offset >> 4) * 4;
    if header < TCP_HEADER || header > walk.rest.wire {
        let begin = walk.rest;
        walk.rest = begin.beyond(TCP_HEADER);
        walk.carries(Transport::Tcp(tcp));
        walk.rest = begin;
        return walk.malformed("tcp");
    }
    walk.rest = walk.rest.beyond(header);
    walk.carries(Transport::Tcp(tcp));
    None
}

/// A TCP header of which the capture holds a part. Up to the flags is enough to know what was sent.
#[cold]
fn cut_tcp(walk: &mut Walk<'_>) -> Option<Next> {
    let begin = walk.rest;
    if let Some(
        &[
            p0,
            p1,
            p2,
            p3,
            s0,
            s1,
            s2,
            s3,
            a0,
            a1,
            a2,
            a3,
            offset,
            flags,
        ],
    ) = begin.peek()
    {
        let header = usize::from(offset >> 4) * 4;
        if (TCP_HEADER..=begin.wire).contains(&header) {
            walk.rest = begin.beyond(header);
            walk.carries(Transport::Tcp(Tcp {
                ports: ports([p0, p1, p2, p3]),
                sequence: u32::from_be_bytes([s0, s1, s2, s3]),
                acknowledgement: u32::from_be_bytes([a0, a1, a2, a3]),
                flags: flags & 0x3f,
                window: 0,
            }));
            walk.rest = begin;
        }
    }
    walk.cut("tcp", TCP_HEADER)
}

#[inline]
pub(crate) fn udp(walk: &mut Walk<'_>) -> Option<Next> {
    let begin = walk.rest;
    let Some(&[p0, p1, p2, p3, l0, l1, _, _]) = begin.peek() else {
        return cut_udp(walk);
    };
    let ports = ports([p0, p1, p2, p3]);
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if (1..UDP_HEADER).contains(&length) {
        walk.rest = begin.beyond(UDP_HEADER);
        walk.carries(Transport::Udp(ports));
        walk.rest = begin;
        return walk.malformed("udp");
    }
    // No length means a jumbogram (RFC 2675 section 4); one that IP has no room for is not believed.
    if (UDP_HEADER..begin.wire).contains(&length) {
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
    if begin.wire >= UDP_HEADER
        && let Some(&four) = begin.peek()
    {
        walk.rest = begin.beyond(UDP_HEADER);
        walk.carries(Transport::Udp(ports(four)));
        walk.rest = begin;
    }
    walk.cut("udp", UDP_HEADER)
}

pub(crate) fn udp_lite(walk: &mut Walk<'_>) -> Option<Next> {
    let &[p0, p1, p2, p3, _, _, _, _] = walk.header("udp-lite")?;
    walk.carries(Transport::UdpLite(ports([p0, p1, p2, p3])));
    None
}

pub(crate) fn sctp(walk: &mut Walk<'_>) -> Option<Next> {
    let &[p0, p1, p2, p3, _, _, _, _, _, _, _, _] = walk.header("sctp")?;
    walk.carries(Transport::Sctp(ports([p0, p1, p2, p3])));
    None
}

pub(crate) fn icmp(walk: &mut Walk<'_>, v6: bool) -> Option<Next> {
    let &[kind, code, _, _] = walk.header(if v6 { "icmpv6" } else { "icmp" })?;
    walk.carries(Transport::Icmp { v6, kind, code });
    None
}

#[cfg(test)]
mod tests;
