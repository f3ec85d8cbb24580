//! The walk through a frame, from its first byte inwards.
//!
//! Each layer reads its header off the [`Rest`] of the frame and names the [`Next`] layer, until one
//! has nothing inside, is not known, or fails. What an IP layer and its transport give is kept in the
//! packet as soon as it is read, so a deeper layer that fails leaves them as they are.

use crate::{
    Addresses, Cut, Layer, LinkType, Packet, Span, Tcp, Transport, Trouble, TroubleKind, Tunnels,
    link, network, transport, tunnel, wifi,
};

/// Reads the headers of a frame: `frame` is what was captured of the `on_wire` bytes that were sent.
///
/// Never fails: what could not be read is said in [`Packet::trouble`]. IP packets that ICMP errors
/// quote are not read. A tunnel in UDP is recognised by its port and by content that fits; otherwise
/// it stays plain UDP. The outer UDP also stands where a tunnel carries no IP.
#[inline]
pub fn decode(link: LinkType, frame: &[u8], on_wire: u32) -> Packet {
    let wire = usize::try_from(on_wire)
        .unwrap_or(usize::MAX)
        .max(frame.len());
    match usual(link, frame, wire) {
        Some(packet) => packet,
        None => layer_by_layer(link, frame, wire),
    }
}

/// What most frames are, read in one go: IPv4 without options in Ethernet, whole TCP or UDP header
/// inside, no fragment, no tunnel. Gives what [`layer_by_layer`] would give, or nothing.
#[inline]
fn usual(link: LinkType, frame: &[u8], wire: usize) -> Option<Packet> {
    /// Offsets of the IP header and of what it carries.
    const IP: usize = 14;
    const CARRIED: usize = 34;
    if link != LinkType::EN10MB {
        return None;
    }
    let headers = frame.first_chunk::<54>()?;
    let whole = be16(headers, IP + 6) & 0x3fff == 0;
    if be16(headers, 12) != 0x0800 || headers[IP] != 0x45 || !whole {
        return None;
    }
    let total = usize::from(be16(headers, IP + 2));
    if total < 40 || IP + total > wire {
        return None;
    }
    let carried = headers.get(CARRIED..)?;
    let (transport, start, end) = match headers[IP + 9] {
        6 => {
            let length = transport::tcp_length(carried, total - 20)?;
            (
                Transport::Tcp(transport::tcp_header(carried)),
                CARRIED + length,
                IP + total,
            )
        }
        17 => {
            let length = usize::from(be16(carried, 4));
            let ports = transport::ports(carried);
            if !(transport::UDP_HEADER..=total - 20).contains(&length)
                || tunnel::is_candidate(ports)
            {
                return None;
            }
            (
                Transport::Udp(ports),
                CARRIED + transport::UDP_HEADER,
                CARRIED + length,
            )
        }
        _ => return None,
    };
    Some(Packet {
        tunnels: Tunnels::default(),
        addresses: Some(network::ipv4_addresses(headers.get(IP..)?)),
        transport,
        payload: Span {
            start: short(start),
            captured: short(end.min(frame.len()).checked_sub(start)?),
            length: short(end - start),
        },
        trouble: None,
    })
}

/// Any frame, layer by layer.
fn layer_by_layer(link: LinkType, frame: &[u8], wire: usize) -> Packet {
    let mut walk = Walk::new(frame, wire);
    let first = link::begin(&mut walk, link);
    let mut packet = walk.run(first);
    // A SYN says nothing as a rule. Where the whole frame was captured, data that only a length of its headers
    // claims was never sent, and would stand in the way of what is.
    if let Transport::Tcp(tcp) = packet.transport
        && tcp.has(Tcp::SYN)
        && packet.payload.captured == 0
        && frame.len() == wire
    {
        packet.payload.length = 0;
    }
    packet
}

/// Reads the headers inside a datagram that was put together from fragments.
///
/// `addresses`, `tunnels` and `protocol` are those of its fragments; offsets are relative to
/// `datagram`, all of which was captured. A fragment of a fragment gives [`Transport::Fragment`] again.
pub fn decode_datagram(
    addresses: Addresses,
    tunnels: Tunnels,
    protocol: u8,
    datagram: &[u8],
) -> Packet {
    let mut walk = Walk::new(datagram, datagram.len());
    walk.tunnels = tunnels;
    walk.arrived(addresses, protocol);
    walk.run(Some(Next::Protocol(protocol)))
}

/// What a header says comes after it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// A frame of another link type (PPI, PKTAP).
    Link(LinkType),
    /// An Ethernet frame, without preamble.
    Ethernet,
    /// What an EtherType stands for.
    EtherType(u16),
    /// An 802.2 LLC header.
    Llc,
    /// A PPP frame, with or without address and control.
    Ppp,
    /// An MPLS label stack.
    Mpls,
    /// An IEEE 802.11 frame.
    Wifi(wifi::Shape),
    /// An IPv4 or IPv6 header.
    Ip,
    /// What an IP protocol number stands for.
    Protocol(u8),
}

/// The part of a frame that is still to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest<'a> {
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Its offset from the frame's first byte.
    pub at: usize,
    /// Its length on the wire, as the headers so far say; not less than was captured.
    pub wire: usize,
}

/// The two bytes at an offset; zero where the header, which is longer, would end before.
#[inline]
pub(crate) fn be16(header: &[u8], at: usize) -> u16 {
    let bytes = header.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

/// The four bytes at an offset; zero where the header, which is longer, would end before.
#[inline]
pub(crate) fn be32(header: &[u8], at: usize) -> u32 {
    let bytes = header.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl<'a> Rest<'a> {
    #[inline]
    pub(crate) fn span(&self) -> Span {
        Span {
            start: short(self.at),
            captured: short(self.bytes.len()),
            length: short(self.wire),
        }
    }

    /// The first `N` bytes, which stay.
    #[inline]
    pub(crate) fn peek<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.bytes.first_chunk()
    }

    /// Sets the length on the wire. Bytes after it are padding or trailer, and are no longer seen.
    #[inline]
    pub(crate) fn limit(&mut self, wire: usize) {
        self.wire = wire;
        if let Some(bytes) = self.bytes.get(..wire) {
            self.bytes = bytes;
        }
    }

    /// What is left after `count` bytes; `None` where fewer were captured.
    #[inline]
    pub(crate) fn after(&self, count: usize) -> Option<Rest<'a>> {
        let bytes = self.bytes.get(count..)?;
        Some(Rest {
            bytes,
            at: self.at + count,
            wire: self.wire.saturating_sub(count),
        })
    }

    /// What is left after `count` bytes on the wire, however few of them were captured.
    pub(crate) fn beyond(&self, count: usize) -> Rest<'a> {
        let there = count.min(self.bytes.len());
        let bytes = self.bytes.get(there..).unwrap_or_default();
        Rest {
            bytes,
            at: self.at + there,
            wire: self.wire.saturating_sub(count).max(bytes.len()),
        }
    }
}

/// The state of a walk. Layers give `None` to end it, having noted the trouble if there was any.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) rest: Rest<'a>,
    pub(crate) packet: Packet,
    /// The layers so far; they become the packet's once an IP layer is found inside them.
    tunnels: Tunnels,
    /// Whether the innermost IP layer is IPv6, whose extension headers are read.
    pub(crate) v6: bool,
    /// Whether this is the inside of a supposed tunnel, of which no IP layer has been read yet.
    pub(crate) guess: bool,
}

impl<'a> Walk<'a> {
    #[inline]
    fn new(frame: &'a [u8], wire: usize) -> Walk<'a> {
        Walk {
            rest: Rest {
                bytes: frame,
                at: 0,
                wire,
            },
            packet: Packet::default(),
            tunnels: Tunnels::default(),
            v6: false,
            guess: false,
        }
    }

    /// Walks on to the end. Every layer takes bytes off the rest or ends the walk, so it does end.
    #[inline]
    fn run(&mut self, first: Option<Next>) -> Packet {
        let mut next = first;
        while let Some(layer) = next {
            next = match layer {
                Next::Link(link) => link::begin(self, link),
                Next::Ethernet => link::ethernet(self),
                Next::EtherType(kind) => link::ether_type(self, kind),
                Next::Llc => link::llc(self),
                Next::Ppp => link::ppp(self),
                Next::Mpls => tunnel::mpls(self),
                Next::Wifi(shape) => wifi::ieee80211(self, shape),
                Next::Ip => network::ip(self),
                Next::Protocol(number) => self.protocol(number),
            };
        }
        if self.packet.addresses.is_none() {
            self.packet.tunnels = self.tunnels;
            if self.packet.transport == Transport::None {
                self.packet.payload = self.rest.span();
            }
        }
        if self.guess {
            self.packet.trouble = None;
        }
        self.packet
    }

    #[inline]
    fn protocol(&mut self, number: u8) -> Option<Next> {
        match number {
            6 => transport::tcp(self),
            17 => transport::udp(self),
            1 => transport::icmp(self, false),
            58 => transport::icmp(self, true),
            132 => transport::sctp(self),
            136 => transport::udp_lite(self),
            4 | 41 => tunnel::ip_in_ip(self, number),
            47 => tunnel::gre(self),
            51 => network::authentication(self),
            115 => tunnel::l2tp_over_ip(self),
            137 => Some(Next::Mpls),
            0 | 43 | 60 | 135 | 139 | 140 if self.v6 => network::extension(self, number),
            44 if self.v6 => network::fragment(self),
            _ => {
                self.carries(Transport::Other(number));
                None
            }
        }
    }

    /// Notes the addresses of an IP layer that carries the rest.
    #[inline]
    pub(crate) fn arrived(&mut self, addresses: Addresses, protocol: u8) {
        self.v6 = addresses.source.is_ipv6();
        self.guess = false;
        self.packet.tunnels = self.tunnels;
        self.packet.addresses = Some(addresses);
        self.carries(Transport::Other(protocol));
    }

    /// Notes that the rest is the payload of `transport`.
    #[inline]
    pub(crate) fn carries(&mut self, transport: Transport) {
        self.packet.transport = transport;
        self.packet.payload = self.rest.span();
    }

    /// Notes a transport whose header is not whole or wrong: nothing is taken for its payload.
    pub(crate) fn carries_nothing(&mut self, transport: Transport) {
        self.packet.transport = transport;
        self.packet.payload = Span {
            start: short(self.rest.at),
            captured: 0,
            length: 0,
        };
    }

    /// Takes the next `N` bytes off the rest.
    #[inline]
    pub(crate) fn header<const N: usize>(&mut self, layer: &'static str) -> Option<&'a [u8; N]> {
        let Some((header, bytes)) = self.rest.bytes.split_first_chunk::<N>() else {
            return self.cut(layer, N);
        };
        self.rest = Rest {
            bytes,
            at: self.rest.at + N,
            wire: self.rest.wire.saturating_sub(N),
        };
        Some(header)
    }

    /// Takes `count` bytes off the rest.
    #[inline]
    pub(crate) fn skip(&mut self, layer: &'static str, count: usize) -> Option<()> {
        let Some(rest) = self.rest.after(count) else {
            return self.cut(layer, count);
        };
        self.rest = rest;
        Some(())
    }

    /// Goes one layer further in.
    pub(crate) fn push(&mut self, layer: Layer) -> Option<()> {
        if self.tunnels.push(layer) {
            return Some(());
        }
        self.guess = false;
        self.trouble(TroubleKind::TooDeep, layer.name(), 0)
    }

    /// Goes into a supposed tunnel: whatever fails before its first IP layer means that it is none.
    pub(crate) fn guess(&mut self, layer: Layer) -> Option<()> {
        self.push(layer)?;
        self.guess = true;
        Some(())
    }

    /// Ends the walk because `needed` bytes are not there: not captured, or never sent.
    #[cold]
    pub(crate) fn cut<T>(&mut self, layer: &'static str, needed: usize) -> Option<T> {
        let sent = needed <= self.rest.wire;
        self.trouble(
            if sent {
                TroubleKind::Truncated
            } else {
                TroubleKind::Malformed
            },
            layer,
            needed,
        )
    }

    /// Ends the walk because the header that begins here contradicts itself.
    #[cold]
    pub(crate) fn malformed<T>(&mut self, layer: &'static str) -> Option<T> {
        self.trouble(TroubleKind::Malformed, layer, 0)
    }

    #[cold]
    fn trouble<T>(&mut self, kind: TroubleKind, layer: &'static str, needed: usize) -> Option<T> {
        let had = if needed == 0 {
            0
        } else {
            self.rest.bytes.len()
        };
        self.packet.trouble = Some(Trouble {
            kind,
            cut: Cut {
                layer,
                needed,
                had,
                offset: self.rest.at,
            },
        });
        None
    }
}

#[cfg(test)]
mod tests;
