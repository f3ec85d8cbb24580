//! What makes two packets belong together.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use overheard_ledger::Endpoint;
use overheard_wire::Addresses;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Addresses, in halves: they lie closer together than as numbers of 128 bits.
    low: [u64; 2],
    high: [u64; 2],
    ports: u32,
    /// IP protocol times two, plus 1 for IPv6.
    kind: u16,
}

/// An address as a number, in halves. Not in the mapped form: an IPv4 packet and an IPv6 packet with
/// mapped addresses are two things.
#[inline]
fn halves(ip: IpAddr) -> [u64; 2] {
    match ip {
        IpAddr::V4(v4) => [0, u64::from(v4.to_bits())],
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            [bits >> 64, bits & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or(0))
        }
    }
}

impl Hash for Key {
    /// In whole numbers, which are hashed fastest.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for half in self.low.into_iter().chain(self.high) {
            state.write_u64(half);
        }
        state.write_u64(u64::from(self.ports) << 16 | u64::from(self.kind));
    }
}

impl Key {
    /// The key of a packet, and whether the lower of its endpoints sent it.
    #[inline]
    pub(crate) fn new(
        ip_protocol: u8,
        addresses: Addresses,
        (from, to): (u16, u16),
    ) -> (Key, bool) {
        let (source, destination) = (halves(addresses.source), halves(addresses.destination));
        let kind = u16::from(ip_protocol) << 1 | u16::from(addresses.source.is_ipv6());
        let from_low = (source, from) <= (destination, to);
        let (low, high, ports) = if from_low {
            (source, destination, (from, to))
        } else {
            (destination, source, (to, from))
        };
        let key = Key {
            low,
            high,
            ports: u32::from(ports.0) << 16 | u32::from(ports.1),
            kind,
        };
        (key, from_low)
    }

    /// The endpoints: the lower one, and the higher one.
    pub(crate) fn endpoints(&self) -> (Endpoint, Endpoint) {
        let v6 = self.kind & 1 == 1;
        let address = |[high, low]: [u64; 2]| match u32::try_from(low) {
            Ok(bits) if !v6 => IpAddr::V4(bits.into()),
            _ => IpAddr::V6((u128::from(high) << 64 | u128::from(low)).into()),
        };
        let [first, second, third, fourth] = self.ports.to_be_bytes();
        (
            Endpoint::new(address(self.low), u16::from_be_bytes([first, second])),
            Endpoint::new(address(self.high), u16::from_be_bytes([third, fourth])),
        )
    }

    /// The IP protocol.
    pub(crate) fn ip_protocol(&self) -> u8 {
        let [_, low] = (self.kind >> 1).to_be_bytes();
        low
    }

    /// A number that spreads keys evenly and is the same in every run.
    #[inline]
    pub(crate) fn spread(&self) -> u64 {
        use std::hash::BuildHasher;
        foldhash::fast::FixedState::with_seed(0x6f76_6572_6865_6172).hash_one(self)
    }
}

/// The ledger's word for a transport.
pub(crate) fn transport_name(ip_protocol: u8) -> Cow<'static, str> {
    match ip_protocol {
        protocol::ICMP => "icmp".into(),
        protocol::TCP => "tcp".into(),
        protocol::UDP => "udp".into(),
        protocol::ICMPV6 => "icmpv6".into(),
        protocol::SCTP => "sctp".into(),
        protocol::UDP_LITE => "udp-lite".into(),
        protocol::ESP => "esp".into(),
        other => format!("ip-{other}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        let address: std::net::SocketAddr = text.parse().unwrap();
        Endpoint::new(address.ip(), address.port())
    }

    fn key(kind: u8, source: Endpoint, destination: Endpoint) -> (Key, bool) {
        let addresses = Addresses {
            source: source.ip,
            destination: destination.ip,
        };
        Key::new(kind, addresses, (source.port, destination.port))
    }

    #[test]
    fn both_directions_have_one_key() {
        let (a, b) = (endpoint("192.0.2.1:1000"), endpoint("192.0.2.1:80"));
        let ((one, from_low), (other, back)) = (key(6, a, b), key(6, b, a));
        assert_eq!(one, other);
        assert_ne!(from_low, back);
        assert_ne!(one, key(17, a, b).0);
    }

    #[test]
    fn a_key_knows_its_endpoints() {
        for (a, b) in [
            ("192.0.2.1:1000", "198.51.100.1:80"),
            ("[2001:db8::1]:1", "[2001:db8:0:1::]:65535"),
            ("[::ffff:192.0.2.1]:7", "[::192.0.2.1]:7"),
        ] {
            let (a, b) = (endpoint(a), endpoint(b));
            let (key, from_low) = key(17, a, b);
            let expected = if from_low { (a, b) } else { (b, a) };
            assert_eq!(key.endpoints(), expected);
            assert_eq!(key.ip_protocol(), 17);
        }
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
                let (key, _) = key(kind, client, server);
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
        let straight = key(6, endpoint("192.0.2.1:1"), endpoint("192.0.2.2:2"));
        let crossed = key(6, endpoint("192.0.2.1:2"), endpoint("192.0.2.2:1"));
        assert_ne!(straight.0, crossed.0);
    }
}
