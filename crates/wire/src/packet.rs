//! What a frame is after its headers have been read.

use std::net::IpAddr;

use crate::Cut;

/// A link type by its number in the registry of link-layer header types (`LINKTYPE_`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

/// The most layers around the innermost packet that are read: tags, labels and tunnels together.
pub const MAX_LAYERS: usize = 8;

/// A layer around the innermost packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layer {
    /// No layer; fills the unused places of [`Tunnels`].
    #[default]
    None,
    /// IEEE 802.1Q, 802.1ad, 802.1ah or 802.1BR tag.
    Vlan,
    /// MPLS label stack (RFC 3032).
    Mpls,
    /// PPP over Ethernet (RFC 2516).
    Pppoe,
    /// IPv4 or IPv6 inside IPv4 or IPv6 (RFC 2003, RFC 2473).
    IpInIp,
    /// IPv6 inside IPv4 (RFC 4213).
    SixInFour,
    /// Teredo (RFC 4380).
    Teredo,
    /// GRE (RFC 2784).
    Gre,
    /// ERSPAN type I, II or III.
    Erspan,
    /// VXLAN (RFC 7348).
    Vxlan,
    /// GENEVE (RFC 8926).
    Geneve,
    /// GTP-U (3GPP TS 29.281).
    GtpU,
    /// L2TP (RFC 2661, RFC 3931).
    L2tp,
    /// CAPWAP data (RFC 5415).
    Capwap,
    /// Cisco's FabricPath.
    FabricPath,
}

impl Layer {
    /// The word of the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Layer::None => "none",
            Layer::Vlan => "vlan",
            Layer::Mpls => "mpls",
            Layer::Pppoe => "pppoe",
            Layer::IpInIp => "ip-in-ip",
            Layer::SixInFour => "6in4",
            Layer::Teredo => "teredo",
            Layer::Gre => "gre",
            Layer::Erspan => "erspan",
            Layer::Vxlan => "vxlan",
            Layer::Geneve => "geneve",
            Layer::GtpU => "gtp-u",
            Layer::L2tp => "l2tp",
            Layer::Capwap => "capwap",
            Layer::FabricPath => "fabricpath",
        }
    }
}

/// The layers around the innermost packet, outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tunnels {
    layers: [Layer; MAX_LAYERS],
    count: u8,
}

impl Tunnels {
    /// Adds the next inner layer; `false` where there is no place left.
    #[must_use]
    pub fn push(&mut self, layer: Layer) -> bool {
        let Some(place) = self.layers.get_mut(usize::from(self.count)) else {
            return false;
        };
        *place = layer;
        self.count += 1;
        true
    }

    /// The layers, outermost first.
    pub fn as_slice(&self) -> &[Layer] {
        self.layers
            .get(..usize::from(self.count))
            .unwrap_or_default()
    }
}

/// Source and destination of the innermost IP layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Addresses {
    /// Who sent.
    pub source: IpAddr,
    /// Whom it was sent to.
    pub destination: IpAddr,
}

/// Bytes of a frame: where they begin, how many there are, how many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset from the frame's first byte.
    pub start: u32,
    /// Bytes in the capture.
    pub captured: u32,
    /// Bytes on the wire, as the headers say; more than `captured` where the capture was cut.
    pub length: u32,
}

impl Span {
    /// The captured bytes in the frame that the span is of.
    #[inline]
    pub fn of<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame
            .get(self.start as usize..)
            .and_then(|rest| rest.get(..self.captured as usize))
            .unwrap_or_default()
    }
}

/// Source and destination ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ports {
    /// Port of the sender.
    pub source: u16,
    /// Port of the receiver.
    pub destination: u16,
}

/// The TCP header (RFC 9293 section 3.1), options passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Ports.
    pub ports: Ports,
    /// Sequence number of the first payload byte (of the SYN where there is one).
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// The flags FIN (1), SYN (2), RST (4), PSH (8), ACK (16), URG (32).
    pub flags: u8,
    /// Receive window, unscaled.
    pub window: u16,
}

impl Tcp {
    /// No more data from the sender.
    pub const FIN: u8 = 1;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 2;
    /// Reset.
    pub const RST: u8 = 4;
    /// The acknowledgement number holds.
    pub const ACK: u8 = 16;

    /// Whether all of these flags are set.
    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// A fragment of an IP datagram (RFC 791, RFC 8200 section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Offset in bytes of this fragment's payload in the whole.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
    /// IP protocol (in IPv6, the next header) of the whole.
    pub protocol: u8,
}

/// The innermost layer that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// No network layer was found, or one that is not followed.
    #[default]
    None,
    /// ARP (RFC 826): it has no payload.
    Arp,
    /// A fragment: its transport is known once the whole is put together. A first fragment that was not
    /// all captured is never part of a whole, and is given as the transport that begins in it.
    Fragment(Fragment),
    /// TCP.
    Tcp(Tcp),
    /// UDP (RFC 768).
    Udp(Ports),
    /// UDP-Lite (RFC 3828).
    UdpLite(Ports),
    /// SCTP (RFC 9260): the payload is its chunks.
    Sctp(Ports),
    /// ICMP or ICMPv6: the payload is what follows type, code and checksum.
    Icmp {
        /// Whether it is ICMPv6.
        v6: bool,
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
    /// Another IP protocol, by its number.
    Other(u8),
}

/// Why a layer could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// The capture holds too little of the frame.
    Truncated,
    /// The frame contradicts itself.
    Malformed,
    /// More layers than [`MAX_LAYERS`].
    TooDeep,
}

/// Where and why the reading of layers stopped early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Why.
    pub kind: TroubleKind,
    /// Layer, lengths and offset from the frame's first byte.
    pub cut: Cut,
}

/// A frame after its headers have been read. Holds no reference to the frame: offsets only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// What is around the innermost packet.
    pub tunnels: Tunnels,
    /// Addresses of the innermost IP layer; `None` where no IP layer was found.
    pub addresses: Option<Addresses>,
    /// The innermost layer that was read.
    pub transport: Transport,
    /// What that layer carries; without any layer, the frame. Nothing of TCP or UDP whose header is
    /// malformed or was cut too early: the receiver dropped it, or where it begins is not known.
    pub payload: Span,
    /// Why no further layer was read, where one was expected. A payload that was cut is no trouble: its
    /// span says so. TCP and UDP with trouble have true ports; TCP then has flags only if they were
    /// captured in a header that holds together.
    pub trouble: Option<Trouble>,
}
