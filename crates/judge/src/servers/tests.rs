use overheard_ledger::{Exposure, Finding, Rule, Severity, When};
use serde_json::{Value, json};

use super::*;
use crate::judge;

static CLASSICAL: Rule = Rule {
    id: "tls-classical-key-exchange",
    title: "TLS with a classical key exchange",
    severity: Severity::Low,
    exposure: Exposure::Harvest,
    when: When::Record(|seen| match &seen.record.body {
        Body::Handshake(handshake) if handshake.quantum_safe == Some(false) => {
            Some(format!("What is said with {}", seen.server()))
        }
        _ => None,
    }),
    remedy: "The remedy of the rule.",
    standard: "RFC 10024",
    explain: "It matters.",
};

static OLD: Rule = Rule {
    id: "tls-old-version",
    when: When::Record(|seen| match &seen.record.body {
        Body::Handshake(handshake) if handshake.version.as_deref() == Some("TLS 1.0") => {
            Some(format!("That {} is old", seen.server()))
        }
        _ => None,
    }),
    ..CLASSICAL
};

/// A conversation with a server, and its handshake: `tls` by a client of this number.
fn talk(id: u64, client: u8, server: &str, handshake: Value) -> Vec<Record> {
    let conversation = json!({"kind": "conversation", "id": id, "transport": "tcp",
        "client": {"ip": format!("192.0.2.{client}"), "port": 40000},
        "server": {"ip": server, "port": 443}, "packets": [1, 1], "bytes": [1, 1],
        "start": "2026-01-01T09:00:00Z", "end": "2026-01-01T09:00:00Z", "exposure": "harvest",
        "frames": [id], "accounts": {"read": 0, "sealed": 0, "unrecognised": 0, "malformed": 0,
            "missing": 0, "duplicate": 0, "limited": 0}});
    let mut said = json!({"kind": "handshake", "protocol": "tls", "version": "TLS 1.3",
        "conversation": id, "frames": [id]});
    for (name, value) in handshake.as_object().unwrap() {
        said[name] = value.clone();
    }
    [conversation, said]
        .into_iter()
        .map(|one| serde_json::from_value(one).unwrap())
        .collect()
}

const HYBRID: [&str; 2] = ["X25519MLKEM768", "x25519"];

fn agreed(chosen: &str, offered: &[&str]) -> Value {
    json!({"key_exchange": chosen, "offered_key_exchange": offered,
        "quantum_safe": PostQuantum::of(chosen).is_some()})
}

fn findings(records: &[Record]) -> Vec<Finding> {
    judge(records, &[], &[&CLASSICAL, &OLD], 1)
        .into_iter()
        .filter_map(|record| match record.body {
            Body::Finding(finding) => Some(*finding),
            _ => None,
        })
        .collect()
}

fn key_exchanges(records: &[Record]) -> (KeyExchanges, Option<Side>) {
    let servers = Servers::new(records);
    let counts = servers.all[0].key_exchanges;
    (counts, counts.side())
}

#[test]
fn a_server_that_does_not_take_what_is_offered_is_to_be_upgraded() {
    let mut records = talk(1, 10, "198.51.100.1", agreed("x25519", &HYBRID));
    records.extend(talk(2, 11, "198.51.100.1", agreed("x25519", &HYBRID)));
    let (counts, side) = key_exchanges(&records);
    assert_eq!(
        (counts.refused, counts.total(), side),
        (2, 2, Some(Side::Server))
    );
    let found = findings(&records);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].title,
        "TLS with a classical key exchange: upgrade the server"
    );
    assert_eq!(
        found[0].learns,
        "What is said with 198.51.100.1:443; a post-quantum key exchange was offered in 2 of 2 handshakes, and chosen in none"
    );
    assert!(found[0].remedy.starts_with("On the server: "));
    assert_eq!(
        (found[0].count, found[0].conversations.as_slice()),
        (2, &[1, 2][..])
    );
}

#[test]
fn clients_that_offer_nothing_better_are_to_be_upgraded() {
    let mut records = talk(1, 10, "198.51.100.1", agreed("x25519", &["x25519"]));
    let found = findings(&records);
    assert!(found[0].remedy.starts_with("On the clients: "), "{found:?}");
    assert!(
        found[0]
            .learns
            .ends_with("no client offered it a post-quantum key exchange")
    );
    // Once it is known that the server has one, the remedy says so.
    records.extend(talk(
        2,
        11,
        "198.51.100.1",
        agreed("X25519MLKEM768", &HYBRID),
    ));
    assert_eq!(key_exchanges(&records).1, Some(Side::Clients));
    let found = findings(&records);
    assert_eq!(found.len(), 1, "what is sealed is no finding");
    assert!(
        found[0]
            .remedy
            .starts_with("On the clients that do not offer it: ")
    );
    assert!(
        found[0]
            .learns
            .ends_with("offered in 1 of 2 handshakes, and chosen in 1")
    );
}

#[test]
fn both_sides_are_named_where_both_lack_it() {
    let mut records = talk(1, 10, "198.51.100.1", agreed("x25519", &["x25519"]));
    records.extend(talk(2, 11, "198.51.100.1", agreed("x25519", &HYBRID)));
    // Another server has nothing to do with it.
    records.extend(talk(
        3,
        12,
        "198.51.100.2",
        agreed("X25519MLKEM768", &HYBRID),
    ));
    assert_eq!(key_exchanges(&records).1, Some(Side::Both));
    assert!(findings(&records)[0].remedy.starts_with("On both sides: "));
    assert_eq!(Servers::new(&records).all[1].key_exchanges.side(), None);
}

#[test]
fn where_no_offer_was_seen_the_rule_speaks_for_itself() {
    let records = talk(1, 10, "198.51.100.1", agreed("x25519", &[]));
    let (counts, side) = key_exchanges(&records);
    assert_eq!((counts.unseen, side), (1, None));
    let found = findings(&records);
    assert_eq!(found[0].remedy, CLASSICAL.remedy);
    assert_eq!(found[0].title, CLASSICAL.title);
    // A hello was seen, without any groups: it offered none.
    let mut said = agreed("RSA", &[]);
    said["ja4"] = json!("t10d110000_0000_0000");
    let records = talk(1, 10, "198.51.100.1", said);
    assert_eq!(key_exchanges(&records).1, Some(Side::Clients));
}

#[test]
fn in_ssh_the_order_of_the_client_decides() {
    let ssh = |offered: &[&str]| {
        let mut said = agreed("curve25519-sha256", offered);
        said["protocol"] = json!("ssh");
        said["version"] = json!("SSH-2.0");
        said
    };
    let later = ["curve25519-sha256", "mlkem768x25519-sha256"];
    let first = ["mlkem768x25519-sha256", "curve25519-sha256"];
    let (counts, side) = key_exchanges(&talk(1, 10, "198.51.100.1", ssh(&later)));
    assert_eq!((counts.postponed, side), (1, Some(Side::Clients)));
    let (counts, side) = key_exchanges(&talk(1, 10, "198.51.100.1", ssh(&first)));
    assert_eq!((counts.refused, side), (1, Some(Side::Server)));
}

#[test]
fn an_old_version_is_whose_that_would_not_have_a_newer_one() {
    let old = |ja4: &str| json!({"version": "TLS 1.0", "key_exchange": "x25519", "ja4": ja4, "offered_key_exchange": ["x25519"]});
    let newer = talk(1, 10, "198.51.100.1", old("t13d1516h2_0_0"));
    let no_newer = talk(2, 11, "198.51.100.1", old("t10d1516h2_0_0"));
    let unseen = talk(
        3,
        12,
        "198.51.100.1",
        json!({"version": "TLS 1.0", "key_exchange": "x25519"}),
    );
    let side = |records: &[Record]| Servers::new(records).all[0].old_versions.side();
    assert_eq!(side(&newer), Some(Side::Server));
    assert_eq!(side(&no_newer), Some(Side::Clients));
    assert_eq!(side(&unseen), None);
    let both = [newer, no_newer, unseen].concat();
    assert_eq!(side(&both), Some(Side::Both));
    let found = findings(&both);
    assert!(found[0].remedy.contains("Turn on TLS 1.3 on the server"));
    assert!(
        found[0]
            .learns
            .ends_with("the clients offered a newer version in 1 of 3 handshakes")
    );
    let servers = Servers::new(&both);
    let (newest, name) = servers.all[0].newest.unwrap();
    assert!(newest.is_deprecated() && name == "TLS 1.0");
    assert_eq!(servers.all[0].clients.len(), 3);
}

#[test]
fn a_name_that_answers_from_many_addresses_is_one_server() {
    let named = |id, server| {
        let mut said = agreed("x25519", &["x25519"]);
        said["server_name"] = json!("www.example");
        talk(id, 10, server, said)
    };
    let records = [named(1, "198.51.100.1"), named(2, "198.51.100.2")].concat();
    let servers = Servers::new(&records);
    assert_eq!(servers.all.len(), 1);
    assert_eq!(servers.all[0].addresses.len(), 2);
    assert_eq!(servers.of_conversation(2).unwrap().name, "www.example");
    // Both versions of IKE are one protocol.
    let ike = |id, version: &str| {
        let said = json!({"protocol": version.to_lowercase(), "version": version, "key_exchange": "2048-bit MODP",
            "offered_key_exchange": ["2048-bit MODP"]});
        talk(id, 10, "198.51.100.1", said)
    };
    let records = [ike(1, "IKEv1"), ike(2, "IKEv2")].concat();
    let servers = Servers::new(&records);
    assert_eq!(servers.all.len(), 1);
    assert_eq!(servers.all[0].newest.unwrap().1, "IKEv2");
    assert_eq!(servers.all[0].old_versions.side(), Some(Side::Clients));
}
