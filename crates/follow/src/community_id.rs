//! Community ID flow hashing, version 1, seed 0: so that other tools can find the same conversation.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use overheard_ledger::Endpoint;
use sha1::{Digest, Sha1};

use crate::key::protocol;

/// Characters of an id: the version, and 20 bytes in base64.
const LENGTH: usize = 30;

/// The id of a conversation over TCP, UDP, UDP-Lite or SCTP; `None` for others (for ICMP it would need
/// the type and code of the first message, and a conversation has many).
pub(crate) fn community_id(ip_protocol: u8, client: Endpoint, server: Endpoint) -> Option<String> {
    if !matches!(
        ip_protocol,
        protocol::TCP | protocol::UDP | protocol::UDP_LITE | protocol::SCTP
    ) {
        return None;
    }
    let (first, second) = if (client.ip, client.port) <= (server.ip, server.port) {
        (client, server)
    } else {
        (server, client)
    };
    let mut hash = Sha1::new();
    hash.update([0, 0]);
    for endpoint in [first, second] {
        match endpoint.ip {
            IpAddr::V4(v4) => hash.update(v4.octets()),
            IpAddr::V6(v6) => hash.update(v6.octets()),
        }
    }
    hash.update([ip_protocol, 0]);
    hash.update(first.port.to_be_bytes());
    hash.update(second.port.to_be_bytes());
    let mut text = String::with_capacity(LENGTH);
    text.push_str("1:");
    STANDARD.encode_string(hash.finalize(), &mut text);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_value_of_the_specification() {
        // Test vector of the Community ID specification's baseline.
        let client = Endpoint::new("128.232.110.120".parse().unwrap(), 34855);
        let server = Endpoint::new("66.35.250.204".parse().unwrap(), 80);
        assert_eq!(
            community_id(6, client, server).as_deref(),
            Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg=")
        );
        assert_eq!(
            community_id(6, server, client),
            community_id(6, client, server)
        );
    }
}
