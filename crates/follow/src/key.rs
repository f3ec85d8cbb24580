//! What makes two packets belong together.

use std::net::IpAddr;

use overheard_ledger::Endpoint;

/// The transports that are told apart, by IP protocol number.
pub(crate) mod protocol {
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const ESP: u8 = 50;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const SCTP: u8 = 132;
    pub(crate) const UDP_LITE: u8 = 136;
}

/// Both endpoints in one order, whoever speaks, and the IP protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    low: u128,
    high: u128,
    ports: u32,
    kind: u16,
}

/// An address as a number: one that is hashed in a step or two, for every packet.
fn number(ip: IpAddr) -> u128 {
    match ip {
        // Not the mapped form: an IPv4 packet and an IPv6 packet with mapped addresses are two things.
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Key {
    /// The key of a packet.
    pub(crate) fn new(ip_protocol: u8, source: Endpoint, destination: Endpoint) -> Key {
        let (a, b) = (number(source.ip), number(destination.ip));
        let (low, high) = if (a, source.port) <= (b, destination.port) {
            ((a, source.port), (b, destination.port))
        } else {
            ((b, destination.port), (a, source.port))
        };
        Key {
            low: low.0,
            high: high.0,
            ports: u32::from(low.1) << 16 | u32::from(high.1),
            kind: u16::from(ip_protocol) << 1 | u16::from(source.ip.is_ipv6()),
        }
    }

    /// A number that spreads keys evenly and is the same in every run.
    pub(crate) fn spread(&self) -> u64 {
        use std::hash::BuildHasher;
        foldhash::fast::FixedState::with_seed(0x6f76_6572_6865_6172).hash_one(self)
    }
}

/// The ledger's word for a transport.
pub(crate) fn transport_name(ip_protocol: u8) -> String {
    match ip_protocol {
        protocol::ICMP => "icmp".into(),
        protocol::TCP => "tcp".into(),
        protocol::UDP => "udp".into(),
        protocol::ICMPV6 => "icmpv6".into(),
        protocol::SCTP => "sctp".into(),
        protocol::UDP_LITE => "udp-lite".into(),
        protocol::ESP => "esp".into(),
        other => format!("ip-{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        let address: std::net::SocketAddr = text.parse().unwrap();
        Endpoint::new(address.ip(), address.port())
    }

    #[test]
    fn both_directions_have_one_key() {
        let (a, b) = (endpoint("192.0.2.1:1000"), endpoint("192.0.2.1:80"));
        assert_eq!(Key::new(6, a, b), Key::new(6, b, a));
        assert_ne!(Key::new(6, a, b), Key::new(17, a, b));
    }

    #[test]
    fn keys_are_spread_evenly() {
        for (first, kind) in [("198.51.0.0", 6), ("2001:db8::", 17)] {
            let mut counts = [0u32; 16];
            let server = endpoint("192.0.2.1:443");
            for index in 0..16_000u32 {
                let [.., high, low] = index.to_be_bytes();
                let ip = match first.parse().unwrap() {
                    IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() + index / 4).into()),
                    IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() + u128::from(high)).into()),
                };
                let client = Endpoint::new(ip, 40_000 + u16::from(low));
                let key = Key::new(kind, client, server);
                counts[usize::try_from(key.spread() % 16).unwrap()] += 1;
            }
            assert!(
                counts.iter().all(|count| (800..1200).contains(count)),
                "{counts:?}"
            );
        }
    }

    #[test]
    fn ports_stay_with_their_addresses() {
        let straight = Key::new(6, endpoint("192.0.2.1:1"), endpoint("192.0.2.2:2"));
        let crossed = Key::new(6, endpoint("192.0.2.1:2"), endpoint("192.0.2.2:1"));
        assert_ne!(straight, crossed);
    }
}
