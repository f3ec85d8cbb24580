//! Hand-made frames for the tests: builders of headers, and one frame of every link and tunnel that is
//! read. Each sample carries the same packet inside: [`hello`].

use crate::{Layer, LinkType, Packet, Ports, Transport, decode};

/// A frame that [`hello`] is inside of.
pub(crate) struct Sample {
    pub name: &'static str,
    pub link: LinkType,
    pub frame: Vec<u8>,
    pub layers: Vec<Layer>,
}

impl Sample {
    /// Whether what is around the packet says what it is, so that nothing has to be guessed.
    pub(crate) fn is_certain(&self) -> bool {
        let over_udp = self.link == LinkType::EN10MB && self.frame[23] == 17;
        let guessed = [Layer::Mpls, Layer::L2tp];
        !over_udp && !self.layers.iter().any(|layer| guessed.contains(layer))
    }
}

pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn length16(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap().to_be_bytes()
}

pub(crate) fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, inside: &[u8]) -> Vec<u8> {
    let total = length16(20 + inside.len());
    let rest = [0x12, 0x34, 0, 0, 64, protocol, 0, 0];
    join(&[&[0x45, 0], &total, &rest, &source, &destination, inside])
}

/// IPv4 between 192.0.2.1 and 192.0.2.2: the outside of a tunnel.
pub(crate) fn outer(protocol: u8, inside: &[u8]) -> Vec<u8> {
    ipv4([192, 0, 2, 1], [192, 0, 2, 2], protocol, inside)
}

/// IPv6 between 2001:db8::1 and 2001:db8::2.
pub(crate) fn ipv6(next: u8, inside: &[u8]) -> Vec<u8> {
    let address = |last| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let length = length16(inside.len());
    join(&[
        &[0x60, 0, 0, 0],
        &length,
        &[next, 64],
        &address(1),
        &address(2),
        inside,
    ])
}

pub(crate) fn udp(source: u16, destination: u16, inside: &[u8]) -> Vec<u8> {
    let length = length16(8 + inside.len());
    join(&[
        &source.to_be_bytes(),
        &destination.to_be_bytes(),
        &length,
        &[0, 0],
        inside,
    ])
}

/// From port 40000 to port 443, with four bytes of options.
pub(crate) fn tcp(inside: &[u8]) -> Vec<u8> {
    let header = [
        0x9c, 0x40, 0x01, 0xbb, 0, 0, 0x03, 0xe8, 0, 0, 0x07, 0xd0, 0x60, 0x18, 0x20, 0, 0, 0, 0,
        0, 1, 1, 1, 1,
    ];
    join(&[&header, inside])
}

/// A TCP segment with `hello` from 203.0.113.7 to 203.0.113.8.
pub(crate) fn hello() -> Vec<u8> {
    ipv4([203, 0, 113, 7], [203, 0, 113, 8], 6, &tcp(b"hello"))
}

/// The same from 2001:db8::1 to 2001:db8::2.
pub(crate) fn hello6() -> Vec<u8> {
    ipv6(6, &tcp(b"hello"))
}

pub(crate) fn ethernet(kind: u16, inside: &[u8]) -> Vec<u8> {
    join(&[
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2],
        &kind.to_be_bytes(),
        inside,
    ])
}

/// An IEEE 802.3 frame with LLC, and padding after it.
pub(crate) fn ethernet_8023(inside: &[u8]) -> Vec<u8> {
    join(&[
        &ethernet(u16::try_from(inside.len()).unwrap(), inside),
        &[0xee; 9],
    ])
}

pub(crate) fn snap(inside: &[u8]) -> Vec<u8> {
    join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], inside])
}

/// Whether the packet is [`hello`], all there.
pub(crate) fn is_hello(packet: &Packet, frame: &[u8]) -> bool {
    let ends = packet
        .addresses
        .map(|pair| (pair.source.to_string(), pair.destination.to_string()));
    let ends = ends
        .as_ref()
        .map(|(source, destination)| (source.as_str(), destination.as_str()));
    let known = [
        Some(("203.0.113.7", "203.0.113.8")),
        Some(("2001:db8::1", "2001:db8::2")),
    ];
    let Transport::Tcp(tcp) = packet.transport else {
        return false;
    };
    known.contains(&ends)
        && tcp.ports
            == Ports {
                source: 40000,
                destination: 443,
            }
        && (tcp.sequence, tcp.acknowledgement, tcp.flags, tcp.window) == (1000, 2000, 0x18, 0x2000)
        && packet.payload.of(frame) == b"hello"
        && packet.payload.length == 5
        && packet.trouble.is_none()
}

/// What is read of a whole frame.
pub(crate) fn read(link: LinkType, frame: &[u8]) -> Packet {
    decode(link, frame, u32::try_from(frame.len()).unwrap())
}

/// An 802.11 data frame header without QoS: two bytes of frame control, three addresses.
pub(crate) fn wifi(control: [u8; 2], inside: &[u8]) -> Vec<u8> {
    join(&[&control, &[0; 2], &[2; 18], &[0x10, 0], inside])
}

/// Every link and tunnel.
pub(crate) fn all() -> Vec<Sample> {
    let mut samples = links();
    samples.extend(wireless());
    samples.extend(tags());
    samples.extend(tunnels());
    samples.extend(tunnels_over_udp());
    samples
}

fn sample(name: &'static str, link: LinkType, frame: Vec<u8>) -> Sample {
    Sample {
        name,
        link,
        frame,
        layers: Vec::new(),
    }
}

fn links() -> Vec<Sample> {
    let ppp = join(&[&[0xff, 3, 0, 0x21], &hello()]);
    let nflog = |order: fn(u16) -> [u8; 2]| {
        let payload = hello();
        let attribute = u16::try_from(4 + payload.len()).unwrap();
        let prefix = join(&[&order(5), &order(10), &[0, 0xee, 0xee, 0xee]]);
        join(&[
            &[2, 0, 0, 0],
            &prefix,
            &order(attribute),
            &order(9),
            &payload,
        ])
    };
    vec![
        sample(
            "ethernet, IPv4",
            LinkType::EN10MB,
            ethernet(0x0800, &hello()),
        ),
        sample(
            "ethernet, IPv6",
            LinkType::EN10MB,
            ethernet(0x86dd, &hello6()),
        ),
        sample(
            "ethernet, padded",
            LinkType::EN10MB,
            join(&[&ethernet(0x0800, &hello()), &[0xee; 7]]),
        ),
        sample(
            "802.3, SNAP",
            LinkType::EN10MB,
            ethernet_8023(&snap(&hello())),
        ),
        sample(
            "802.3, LLC",
            LinkType::EN10MB,
            ethernet_8023(&join(&[&[6, 6, 3], &hello()])),
        ),
        sample(
            "802.3, NLPID",
            LinkType::EN10MB,
            ethernet_8023(&join(&[&[0xfe, 0xfe, 3, 0xcc], &hello()])),
        ),
        sample("raw, IPv4", LinkType::RAW, hello()),
        sample("raw, IPv6", LinkType::RAW, hello6()),
        sample("raw 12", LinkType(12), hello()),
        sample("raw 14", LinkType(14), hello6()),
        sample("IPv4", LinkType::IPV4, hello()),
        sample("IPv6", LinkType::IPV6, hello6()),
        sample(
            "null, little-endian",
            LinkType::NULL,
            join(&[&[2, 0, 0, 0], &hello()]),
        ),
        sample(
            "null, big-endian",
            LinkType::NULL,
            join(&[&[0, 0, 0, 30], &hello6()]),
        ),
        sample("loop", LinkType::LOOP, join(&[&[0, 0, 0, 2], &hello()])),
        sample(
            "cooked",
            LinkType::LINUX_SLL,
            join(&[&[0, 4, 0, 1, 0, 6], &[0; 8], &[8, 0], &hello()]),
        ),
        sample(
            "cooked, LLC",
            LinkType::LINUX_SLL,
            join(&[&[0; 14], &[0, 4], &snap(&hello())]),
        ),
        sample(
            "cooked v2",
            LinkType::LINUX_SLL2,
            join(&[&[0x86, 0xdd], &[0; 18], &hello6()]),
        ),
        sample("PPP", LinkType::PPP, ppp.clone()),
        sample("PPP, short", LinkType::PPP, join(&[&[0x21], &hello()])),
        sample(
            "PPP, HDLC",
            LinkType::PPP_HDLC,
            join(&[&[0xff, 3, 0, 0x57], &hello6()]),
        ),
        sample(
            "PPP, Cisco",
            LinkType::PPP_HDLC,
            join(&[&[0x0f, 0, 8, 0], &hello()]),
        ),
        sample(
            "PPP, pppd",
            LinkType::PPP_PPPD,
            join(&[&[1, 3, 0, 0x21], &hello()]),
        ),
        sample(
            "PPP, direction",
            LinkType::PPP_WITH_DIR,
            join(&[&[0, 0, 0x21], &hello()]),
        ),
        sample(
            "Cisco HDLC",
            LinkType::C_HDLC,
            join(&[&[0x8f, 0, 8, 0], &hello()]),
        ),
        sample(
            "NFLOG, little-endian",
            LinkType::NFLOG,
            nflog(u16::to_le_bytes),
        ),
        sample(
            "NFLOG, big-endian",
            LinkType::NFLOG,
            nflog(u16::to_be_bytes),
        ),
        sample(
            "PPI",
            LinkType::PPI,
            join(&[&[0, 0, 12, 0, 9, 0, 0, 0], &[0; 4], &ppp]),
        ),
        sample(
            "PKTAP",
            LinkType::PKTAP,
            join(&[
                &[16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0],
                &[0; 4],
                &ethernet(0x0800, &hello()),
            ]),
        ),
        sample("SLIP", LinkType::SLIP, join(&[&[0; 16], &hello()])),
        sample(
            "FDDI",
            LinkType::FDDI,
            join(&[&[0x50; 13], &snap(&hello())]),
        ),
        sample(
            "token ring",
            LinkType::IEEE802_5,
            join(&[&[0x10; 14], &snap(&hello())]),
        ),
        sample(
            "token ring, routed",
            LinkType::IEEE802_5,
            join(&[&[0x10; 8], &[0x90; 6], &[0xc4, 0, 1, 2], &snap(&hello())]),
        ),
        sample("ATM", LinkType::ATM_RFC1483, snap(&hello())),
        sample(
            "frame relay",
            LinkType::FRELAY,
            join(&[&[0x18, 0x41, 3, 0xcc], &hello()]),
        ),
        sample(
            "ENC",
            LinkType::ENC,
            join(&[&[2, 0, 0, 0], &[0; 8], &hello()]),
        ),
        sample(
            "PFLOG",
            LinkType::PFLOG,
            join(&[&[61, 2], &[0; 62], &hello()]),
        ),
        sample(
            "IPNET",
            LinkType::IPNET,
            join(&[&[1, 2], &[0; 22], &hello()]),
        ),
        sample(
            "netANALYZER",
            LinkType::NETANALYZER,
            join(&[&[0; 4], &ethernet(0x0800, &hello())]),
        ),
    ]
}

fn wireless() -> Vec<Sample> {
    let inside = snap(&hello());
    let quality = |first: u8| join(&[&wifi([0x88, 1], &[first, 0]), &inside]);
    let aggregated = join(&[
        &[2; 12],
        &[0, u8::try_from(inside.len()).unwrap()],
        &inside,
        &[0xee; 30],
    ]);
    let tap = |fields: &[u8], frame: &[u8]| {
        let length = u8::try_from(4 + fields.len()).unwrap();
        join(&[&[0, 0, length, 0], fields, frame])
    };
    let stamped = join(&[&[3, 0, 0, 0], &[9; 8], &[0x20]]);
    let stamped_twice = join(&[&[3, 0, 0, 0x80, 1, 0, 0, 0], &[0xee; 4], &[9; 8], &[0x20]]);
    let filled = join(&[&wifi([0x88, 1], &[0, 0, 0xee, 0xee]), &inside]);
    let prism = join(&[&[0x44, 0, 0, 0, 24, 0, 0, 0], &[0; 16]]);
    let avs = join(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], &[0; 56]]);
    vec![
        sample("802.11", LinkType::IEEE802_11, wifi([8, 2], &inside)),
        sample("802.11, QoS", LinkType::IEEE802_11, quality(5)),
        sample(
            "802.11, HT control",
            LinkType::IEEE802_11,
            wifi([0x88, 0x81], &join(&[&[0; 6], &inside])),
        ),
        sample(
            "802.11, four addresses",
            LinkType::IEEE802_11,
            wifi([8, 3], &join(&[&[2; 6], &inside])),
        ),
        sample(
            "802.11, A-MSDU",
            LinkType::IEEE802_11,
            wifi([0x88, 1], &join(&[&[0x80, 0], &aggregated])),
        ),
        sample(
            "radiotap",
            LinkType::IEEE802_11_RADIOTAP,
            tap(&[0; 4], &wifi([8, 1], &inside)),
        ),
        sample(
            "radiotap, flags",
            LinkType::IEEE802_11_RADIOTAP,
            tap(&[2, 0, 0, 0, 0x20], &filled),
        ),
        sample(
            "radiotap, time",
            LinkType::IEEE802_11_RADIOTAP,
            tap(&stamped, &filled),
        ),
        sample(
            "radiotap, two words",
            LinkType::IEEE802_11_RADIOTAP,
            tap(&stamped_twice, &filled),
        ),
        sample(
            "Prism",
            LinkType::IEEE802_11_PRISM,
            join(&[&prism, &quality(0)]),
        ),
        sample("AVS", LinkType::IEEE802_11_AVS, join(&[&avs, &quality(0)])),
        sample(
            "PPI, 802.11",
            LinkType::PPI,
            join(&[&[0, 0, 8, 0, 105, 0, 0, 0], &quality(0)]),
        ),
    ]
}

fn in_ethernet(name: &'static str, layers: &[Layer], kind: u16, inside: &[&[u8]]) -> Sample {
    let frame = ethernet(kind, &join(inside));
    Sample {
        name,
        link: LinkType::EN10MB,
        frame,
        layers: layers.to_vec(),
    }
}

fn tags() -> Vec<Sample> {
    use Layer::{FabricPath, Mpls, Pppoe, Vlan};
    let hello = &hello()[..];
    let bridged = &ethernet(0x0800, hello)[..];
    let session = |inside: &[u8]| {
        join(&[
            &[0x11, 0, 0, 1],
            &length16(inside.len()),
            inside,
            &[0xee; 6],
        ])
    };
    let ppp = join(&[&[0, 0x21], hello]);
    vec![
        in_ethernet("VLAN", &[Vlan], 0x8100, &[&[0, 5, 8, 0], hello]),
        in_ethernet(
            "VLAN, 802.3",
            &[Vlan],
            0x8100,
            &[&[0, 5, 0, 82], &snap(hello), &[0; 30]],
        ),
        in_ethernet(
            "QinQ",
            &[Vlan, Vlan],
            0x88a8,
            &[&[0, 5, 0x81, 0, 0, 6, 8, 0], hello],
        ),
        in_ethernet(
            "old QinQ",
            &[Vlan, Vlan],
            0x9100,
            &[&[0, 5, 0x81, 0, 0, 6, 8, 0], hello],
        ),
        in_ethernet("PBB", &[Vlan], 0x88e7, &[&[0, 0, 0, 5], bridged]),
        in_ethernet(
            "E-tag",
            &[Vlan],
            0x893f,
            &[&[0, 0, 0, 5, 0, 0, 8, 0], hello],
        ),
        in_ethernet("metadata", &[], 0x8909, &[&[1, 1, 0, 1, 0, 2, 8, 0], hello]),
        in_ethernet(
            "FabricPath",
            &[FabricPath],
            0x8903,
            &[&[0x40, 0x20], bridged],
        ),
        in_ethernet("PPPoE", &[Pppoe], 0x8864, &[&session(&ppp)]),
        in_ethernet(
            "MPLS",
            &[Mpls],
            0x8847,
            &[&[0, 1, 0, 64, 0, 2, 1, 64], hello],
        ),
        in_ethernet(
            "MPLS, ethernet",
            &[Mpls],
            0x8847,
            &[&[0, 2, 1, 64], bridged],
        ),
        in_ethernet(
            "MPLS, control word",
            &[Mpls],
            0x8847,
            &[&[0, 2, 1, 64, 0, 0, 0, 9], bridged],
        ),
        Sample {
            name: "PPPoE link",
            link: LinkType::PPP_ETHER,
            frame: session(&ppp),
            layers: vec![Pppoe],
        },
    ]
}

fn in_ip(name: &'static str, layers: &[Layer], protocol: u8, inside: &[&[u8]]) -> Sample {
    in_ethernet(name, layers, 0x0800, &[&outer(protocol, &join(inside))])
}

fn tunnels() -> Vec<Sample> {
    use Layer::{Erspan, Gre, IpInIp, L2tp, Mpls, SixInFour, Vlan};
    let hello = &hello()[..];
    let bridged = &ethernet(0x0800, hello)[..];
    let ppp = join(&[&[0xff, 3, 0, 0x21], hello]);
    let to_length = length16(ppp.len());
    let pptp = join(&[
        &[0x30, 0x81, 0x88, 0x0b],
        &to_length,
        &[0; 2],
        &[0; 8],
        &ppp,
    ]);
    vec![
        in_ip("IP in IP", &[IpInIp], 4, &[hello]),
        in_ip("6in4", &[SixInFour], 41, &[&hello6()]),
        in_ethernet("IPv4 in IPv6", &[IpInIp], 0x86dd, &[&ipv6(4, hello)]),
        in_ethernet("IPv6 in IPv6", &[IpInIp], 0x86dd, &[&ipv6(41, &hello6())]),
        in_ip("AH", &[IpInIp], 51, &[&[4, 4], &[0; 22], hello]),
        in_ip("GRE", &[Gre], 47, &[&[0, 0, 8, 0], hello]),
        in_ip(
            "GRE, all fields",
            &[Gre],
            47,
            &[&[0xb0, 0, 8, 0], &[9; 12], hello],
        ),
        in_ip(
            "GRE, routes",
            &[Gre],
            47,
            &[
                &[0x40, 0, 8, 0],
                &[9; 4],
                &[8, 0, 0, 2, 1, 1],
                &[0; 4],
                hello,
            ],
        ),
        in_ip(
            "GRE, ethernet",
            &[Gre, Vlan],
            47,
            &[
                &[0, 0, 0x65, 0x58],
                &ethernet(0x8100, &join(&[&[0, 1, 8, 0], hello])),
            ],
        ),
        in_ip(
            "GRE, MPLS",
            &[Gre, Mpls],
            47,
            &[&[0, 0, 0x88, 0x47, 0, 1, 1, 64], hello],
        ),
        in_ip("WCCP", &[Gre], 47, &[&[0, 0, 0x88, 0x3e], hello]),
        in_ip(
            "WCCP 2",
            &[Gre],
            47,
            &[&[0, 0, 0x88, 0x3e, 0, 0, 0, 0], hello],
        ),
        in_ip("PPTP", &[Gre], 47, &[&pptp]),
        in_ip(
            "ERSPAN I",
            &[Gre, Erspan],
            47,
            &[&[0, 0, 0x88, 0xbe], bridged],
        ),
        in_ip(
            "ERSPAN II",
            &[Gre, Erspan],
            47,
            &[&[0x10, 0, 0x88, 0xbe], &[9; 4], &[0x10; 8], bridged],
        ),
        in_ip(
            "ERSPAN III",
            &[Gre, Erspan],
            47,
            &[
                &[0x10, 0, 0x22, 0xeb],
                &[9; 4],
                &[0x20; 8],
                &[0; 4],
                bridged,
            ],
        ),
        in_ip(
            "ERSPAN III, IP",
            &[Gre, Erspan],
            47,
            &[
                &[0x10, 0, 0x22, 0xeb],
                &[9; 4],
                &[0x20; 8],
                &[0, 0, 8, 1],
                &[0; 8],
                hello,
            ],
        ),
        in_ip(
            "L2TPv3",
            &[L2tp],
            115,
            &[&[0, 0, 0, 9], &[7; 4], &[0; 4], bridged],
        ),
        in_ip("MPLS in IP", &[Mpls], 137, &[&[0, 2, 1, 64], hello]),
    ]
}

fn in_udp(name: &'static str, layers: &[Layer], port: u16, inside: &[&[u8]]) -> Sample {
    in_ip(name, layers, 17, &[&udp(50000, port, &join(inside))])
}

fn tunnels_over_udp() -> Vec<Sample> {
    use Layer::{Capwap, Geneve, Gre, GtpU, L2tp, Mpls, Teredo, Vxlan};
    let hello = &hello()[..];
    let bridged = &ethernet(0x0800, hello)[..];
    let ppp = &join(&[&[0xff, 3, 0, 0x21], hello])[..];
    let length = |more: usize, inside: &[u8]| length16(more + inside.len());
    let air = snap(hello);
    vec![
        in_udp(
            "VXLAN",
            &[Vxlan],
            4789,
            &[&[8, 0, 0, 0, 0, 0, 5, 0], bridged],
        ),
        in_udp(
            "VXLAN, policy",
            &[Vxlan],
            8472,
            &[&[0x88, 8, 0, 7, 0, 0, 5, 0], bridged],
        ),
        in_udp(
            "VXLAN-GPE",
            &[Vxlan],
            4790,
            &[&[0x0c, 0, 0, 2, 0, 0, 5, 0], &hello6()],
        ),
        in_udp(
            "GENEVE",
            &[Geneve],
            6081,
            &[&[2, 0, 0x65, 0x58, 0, 0, 5, 0], &[1; 8], bridged],
        ),
        in_udp(
            "GENEVE, IP",
            &[Geneve],
            6081,
            &[&[0, 0x40, 8, 0, 0, 0, 5, 0], hello],
        ),
        in_udp(
            "GTP-U",
            &[GtpU],
            2152,
            &[&[0x30, 255], &length(0, hello), &[0; 4], hello],
        ),
        in_udp(
            "GTP-U, extended",
            &[GtpU],
            2152,
            &[
                &[0x36, 255],
                &length(16, hello),
                &[0; 4],
                &[0, 1, 0, 0x85],
                &[1, 0x10, 9, 0xc0],
                &[2, 1, 1, 1, 1, 1, 1, 0],
                hello,
            ],
        ),
        in_udp(
            "GTP-U, PPP",
            &[GtpU],
            2152,
            &[&[0x30, 255], &length(0, ppp), &[0; 4], ppp],
        ),
        in_udp("Teredo", &[Teredo], 3544, &[&hello6()]),
        in_udp(
            "Teredo, indications",
            &[Teredo],
            3544,
            &[
                &[0, 1, 2, 3],
                &[7; 5],
                &[9; 9],
                &[0, 0, 1, 2, 3, 4, 5, 6],
                &hello6(),
            ],
        ),
        in_udp("L2TP", &[L2tp], 1701, &[&[0, 2, 0, 1, 0, 2], ppp]),
        in_udp(
            "L2TP, all fields",
            &[L2tp],
            1701,
            &[
                &[0x4a, 2],
                &length(16, ppp),
                &[0, 1, 0, 2, 0, 3, 0, 4],
                &[0, 2, 0xee, 0xee],
                ppp,
            ],
        ),
        in_udp(
            "L2TPv3",
            &[L2tp],
            1701,
            &[&[0, 3, 0, 0, 0, 0, 0, 9], &[7; 8], bridged],
        ),
        in_udp("GRE in UDP", &[Gre], 4754, &[&[0, 0, 8, 0], hello]),
        in_udp("MPLS in UDP", &[Mpls], 6635, &[&[0, 2, 1, 64], hello]),
        in_udp(
            "CAPWAP",
            &[Capwap],
            5247,
            &[&[0, 0x10, 3, 0, 0, 0, 0, 0], &wifi([8, 1], &air)],
        ),
        in_udp(
            "CAPWAP, swapped",
            &[Capwap],
            5247,
            &[&[0, 0x10, 3, 0, 0, 0, 0, 0], &wifi([0x11, 8], &air)],
        ),
        in_udp(
            "CAPWAP, ethernet",
            &[Capwap],
            5247,
            &[&[0, 0x10, 2, 0, 0, 0, 0, 0], bridged],
        ),
    ]
}
