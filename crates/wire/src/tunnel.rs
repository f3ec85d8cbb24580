//! Packets inside packets: IP in IP, GRE and ERSPAN, MPLS, and the tunnels over UDP.

use crate::decode::{Next, Rest, Walk};
use crate::{Layer, Ports, wifi};

/// The most labels of one MPLS stack that are read.
const MPLS_LABELS: usize = 16;
/// The most extension headers of one GTP-U header that are read.
const GTP_EXTENSIONS: usize = 16;
/// EtherType of an Ethernet frame inside something else.
pub(crate) const BRIDGED_ETHERNET: u16 = 0x6558;

/// IP protocols 4 and 41.
pub(crate) fn ip_in_ip(walk: &mut Walk<'_>, protocol: u8) -> Option<Next> {
    walk.push(if protocol == 41 && !walk.v6 {
        Layer::SixInFour
    } else {
        Layer::IpInIp
    })?;
    Some(Next::Ip)
}

/// GRE (RFC 2784, RFC 2890; version 1 is that of PPTP, RFC 2637) and what it carries.
pub(crate) fn gre(walk: &mut Walk<'_>) -> Option<Next> {
    let &[flags, version, p0, p1] = walk.header("gre")?;
    let protocol = u16::from_be_bytes([p0, p1]);
    let (checksum, routing, key, sequence) =
        (flags & 0x80, flags & 0x40, flags & 0x20, flags & 0x10);
    match version & 7 {
        0 => {
            if checksum | routing != 0 {
                walk.skip("gre", 4)?;
            }
            if key != 0 {
                walk.skip("gre", 4)?;
            }
            if sequence != 0 {
                walk.skip("gre", 4)?;
            }
            if routing != 0 {
                routes(walk)?;
            }
        }
        1 if protocol == 0x880b && key != 0 => {
            let &[l0, l1, _, _] = walk.header("gre")?;
            if sequence == 0 {
                return None;
            }
            walk.skip("gre", 4)?;
            if version & 0x80 != 0 {
                walk.skip("gre", 4)?;
            }
            let length = usize::from(u16::from_be_bytes([l0, l1]));
            if length < walk.rest.wire {
                walk.rest.limit(length);
            }
        }
        _ => return walk.malformed("gre"),
    }
    walk.push(Layer::Gre)?;
    match protocol {
        0x88be if sequence == 0 => {
            walk.push(Layer::Erspan)?;
            Some(Next::Ethernet)
        }
        0x88be | 0x22eb => erspan(walk),
        // WCCP's redirect header is there or not.
        0x883e => {
            if walk.rest.bytes.first().is_some_and(|first| first >> 4 != 4) {
                walk.skip("gre", 4)?;
            }
            Some(Next::Ip)
        }
        _ => Some(Next::EtherType(protocol)),
    }
}

/// The source route entries of GRE (RFC 1701), up to the one without a length.
fn routes(walk: &mut Walk<'_>) -> Option<()> {
    loop {
        let &[_, _, _, length] = walk.header("gre")?;
        if length == 0 {
            return Some(());
        }
        walk.skip("gre", usize::from(length))?;
    }
}

/// ERSPAN types II and III (draft-foschiano-erspan).
fn erspan(walk: &mut Walk<'_>) -> Option<Next> {
    let &[version, _, _, _, _, _, _, _] = walk.header("erspan")?;
    walk.push(Layer::Erspan)?;
    match version >> 4 {
        1 => Some(Next::Ethernet),
        2 => {
            let &[_, _, kind, options] = walk.header("erspan")?;
            if options & 1 != 0 {
                walk.skip("erspan", 8)?;
            }
            match (u16::from_be_bytes([kind, options]) >> 10) & 31 {
                0 => Some(Next::Ethernet),
                2 => Some(Next::Ip),
                _ => None,
            }
        }
        _ => walk.malformed("erspan"),
    }
}

/// An MPLS label stack (RFC 3032). It does not say what is inside: IP by its first half-byte (RFC 4928),
/// or an Ethernet pseudowire with or without control word (RFC 4448).
pub(crate) fn mpls(walk: &mut Walk<'_>) -> Option<Next> {
    let mut bottom = false;
    for _ in 0..MPLS_LABELS {
        let &[_, _, label, _] = walk.header("mpls")?;
        bottom = label & 1 != 0;
        if bottom {
            break;
        }
    }
    if !bottom {
        return walk.malformed("mpls");
    }
    walk.push(Layer::Mpls)?;
    inside(walk, &[0, 4])
}

/// What is found after one of these many bytes: IP or Ethernet that fits, or nothing.
fn inside(walk: &mut Walk<'_>, skips: &[usize]) -> Option<Next> {
    let begin = walk.rest;
    let at = |skip: &usize| begin.after(*skip);
    if let Some(rest) = skips.iter().filter_map(at).find(is_ip) {
        walk.rest = rest;
        return Some(Next::Ip);
    }
    walk.rest = skips.iter().filter_map(at).find(is_ethernet)?;
    Some(Next::Ethernet)
}

/// Whether an IP header that fits stands here.
fn is_ip(rest: &Rest<'_>) -> bool {
    if let Some(&[first @ 0x45..=0x4f, _, l0, l1, ..]) = rest.peek::<20>() {
        let total = usize::from(u16::from_be_bytes([l0, l1]));
        return total >= usize::from(first & 15) * 4 && total <= rest.wire;
    }
    if let Some(&[0x60..=0x6f, _, _, _, l0, l1, ..]) = rest.peek::<40>() {
        return 40 + usize::from(u16::from_be_bytes([l0, l1])) <= rest.wire;
    }
    false
}

/// Whether an Ethernet header stands here that carries something known.
fn is_ethernet(rest: &Rest<'_>) -> bool {
    let Some(&[.., t0, t1]) = rest.peek::<14>() else {
        return false;
    };
    match u16::from_be_bytes([t0, t1]) {
        0x0800 | 0x86dd => rest.after(14).is_some_and(|inner| is_ip(&inner)),
        0x0806 | 0x8100 | 0x88a8 | 0x8847 | 0x8863 | 0x8864 => true,
        _ => false,
    }
}

/// Whether one of the ports may mean a tunnel.
#[inline]
pub(crate) fn is_candidate(ports: Ports) -> bool {
    by_port(ports.destination).is_some() || by_port(ports.source).is_some()
}

/// A tunnel over UDP, as one of the ports says and the content confirms.
#[inline]
pub(crate) fn over_udp(walk: &mut Walk<'_>, ports: Ports) -> Option<Next> {
    let tunnel = by_port(ports.destination).or_else(|| by_port(ports.source))?;
    tunnel(walk)
}

type Tunnel = fn(&mut Walk<'_>) -> Option<Next>;

#[inline]
fn by_port(port: u16) -> Option<Tunnel> {
    Some(match port {
        1701 => l2tp,
        2152 => gtp_u,
        3544 => teredo,
        4754 => gre_in_udp,
        4789 | 8472 => vxlan,
        4790 => vxlan_gpe,
        5247 => capwap,
        6081 => geneve,
        6635 => mpls_in_udp,
        _ => return None,
    })
}

/// VXLAN (RFC 7348). Its reserved bits mean nothing to a receiver.
fn vxlan(walk: &mut Walk<'_>) -> Option<Next> {
    let &[flags, ..] = walk.rest.peek::<8>()?;
    if flags & 8 == 0 {
        return None;
    }
    walk.guess(Layer::Vxlan)?;
    walk.skip("vxlan", 8)?;
    Some(Next::Ethernet)
}

/// VXLAN with the generic protocol extension (draft-ietf-nvo3-vxlan-gpe).
fn vxlan_gpe(walk: &mut Walk<'_>) -> Option<Next> {
    let &[flags, 0, 0, protocol, _, _, _, 0] = walk.rest.peek()? else {
        return None;
    };
    if flags & 0xf8 != 8 || flags & 4 == 0 {
        return None;
    }
    walk.guess(Layer::Vxlan)?;
    walk.skip("vxlan", 8)?;
    match protocol {
        1 | 2 => Some(Next::Ip),
        3 => Some(Next::Ethernet),
        _ => None,
    }
}

/// CAPWAP data (RFC 5415 section 4.3) that is not sealed: 802.11 frames, or Ethernet. Fragments are
/// not put together.
fn capwap(walk: &mut Walk<'_>) -> Option<Next> {
    let &[0, length, binding, flags, ..] = walk.rest.peek::<8>()? else {
        return None;
    };
    let length = usize::from(length >> 3) * 4;
    let (native, fragment, keep_alive) = (binding & 1 != 0, flags & 0x80 != 0, flags & 0x08 != 0);
    if length < 8 || fragment || keep_alive {
        return None;
    }
    walk.guess(Layer::Capwap)?;
    walk.skip("capwap", length)?;
    if !native {
        return Some(Next::Ethernet);
    }
    // IEEE 802.11 is binding 1. Some write its frame control the wrong way round; data to or from
    // an access point shows which.
    match (binding >> 1 & 31, walk.rest.bytes) {
        (1, [first, second, ..]) if first & 3 != 0 && second & 0x0f == 8 => {
            Some(Next::Wifi(wifi::Shape::Swapped))
        }
        (1, _) => Some(Next::Wifi(wifi::Shape::Plain)),
        _ => None,
    }
}

/// GENEVE (RFC 8926).
fn geneve(walk: &mut Walk<'_>) -> Option<Next> {
    let &[options, flags, p0, p1, _, _, _, reserved] = walk.rest.peek()?;
    if options & 0xc0 != 0 || flags & 0x3f != 0 || reserved != 0 {
        return None;
    }
    walk.guess(Layer::Geneve)?;
    walk.skip("geneve", 8 + usize::from(options) * 4)?;
    Some(Next::EtherType(u16::from_be_bytes([p0, p1])))
}

/// GTP-U (3GPP TS 29.281): a G-PDU with its extension headers.
fn gtp_u(walk: &mut Walk<'_>) -> Option<Next> {
    let &[flags, 255, l0, l1, _, _, _, _] = walk.rest.peek()? else {
        return None;
    };
    let length = 8 + usize::from(u16::from_be_bytes([l0, l1]));
    if flags & 0xf8 != 0x30 || length > walk.rest.wire {
        return None;
    }
    walk.guess(Layer::GtpU)?;
    walk.rest.limit(length);
    walk.skip("gtp-u", 8)?;
    if flags & 7 != 0 {
        let &[_, _, _, kind] = walk.header("gtp-u")?;
        let mut kind = if flags & 4 != 0 { kind } else { 0 };
        for _ in 0..GTP_EXTENSIONS {
            if kind == 0 {
                break;
            }
            let size = usize::from(*walk.rest.bytes.first()?) * 4;
            kind = *walk.rest.bytes.get(size.checked_sub(1)?)?;
            walk.skip("gtp-u", size)?;
        }
    }
    match walk.rest.bytes {
        [0xff, 0x03, ..] => Some(Next::Ppp),
        _ => Some(Next::Ip),
    }
}

/// Teredo (RFC 4380): IPv6 behind optional authentication and origin indications.
fn teredo(walk: &mut Walk<'_>) -> Option<Next> {
    let mut rest = walk.rest;
    if let [0, 1, id, value, ..] = rest.bytes {
        rest = rest.after(13 + usize::from(*id) + usize::from(*value))?;
    }
    if let [0, 0, ..] = rest.bytes {
        rest = rest.after(8)?;
    }
    if !matches!(rest.bytes, [0x60..=0x6f, ..]) {
        return None;
    }
    walk.guess(Layer::Teredo)?;
    walk.rest = rest;
    Some(Next::Ip)
}

/// L2TP data messages over UDP: version 2 carries PPP (RFC 2661), version 3 mostly Ethernet (RFC 3931).
fn l2tp(walk: &mut Walk<'_>) -> Option<Next> {
    let &[flags, version] = walk.rest.peek()?;
    if flags & 0x80 != 0 {
        return None;
    }
    match version & 15 {
        2 => l2tp_v2(walk, flags),
        3 if flags == 0 && version == 3 => {
            walk.guess(Layer::L2tp)?;
            walk.skip("l2tp", 8)?;
            inside(walk, &L2TP_COOKIES)
        }
        _ => None,
    }
}

fn l2tp_v2(walk: &mut Walk<'_>, flags: u8) -> Option<Next> {
    if flags & 0x34 != 0 {
        return None;
    }
    let (has_length, has_sequence, has_offset) =
        (flags & 0x40 != 0, flags & 0x08 != 0, flags & 0x02 != 0);
    walk.guess(Layer::L2tp)?;
    if has_length {
        let &[_, _, l0, l1] = walk.rest.peek()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if length > walk.rest.wire {
            return None;
        }
        walk.rest.limit(length);
        walk.skip("l2tp", 2)?;
    }
    walk.skip("l2tp", 6)?;
    if has_sequence {
        walk.skip("l2tp", 4)?;
    }
    if has_offset {
        let &[o0, o1] = walk.header("l2tp")?;
        walk.skip("l2tp", usize::from(u16::from_be_bytes([o0, o1])))?;
    }
    Some(Next::Ppp)
}

/// Cookie and sublayer of L2TP version 3 have lengths that only its two ends know.
const L2TP_COOKIES: [usize; 4] = [0, 4, 8, 12];

/// L2TP version 3 straight over IP (RFC 3931 section 4.1.1).
pub(crate) fn l2tp_over_ip(walk: &mut Walk<'_>) -> Option<Next> {
    let &[s0, s1, s2, s3] = walk.header("l2tp")?;
    if [s0, s1, s2, s3] == [0; 4] {
        return None;
    }
    walk.push(Layer::L2tp)?;
    inside(walk, &L2TP_COOKIES)
}

/// GRE in UDP (RFC 8086).
fn gre_in_udp(walk: &mut Walk<'_>) -> Option<Next> {
    walk.guess = true;
    gre(walk)
}

/// MPLS in UDP (RFC 7510).
fn mpls_in_udp(walk: &mut Walk<'_>) -> Option<Next> {
    walk.guess = true;
    mpls(walk)
}

#[cfg(test)]
mod tests;
