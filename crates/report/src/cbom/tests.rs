use overheard_ledger::Record;
use serde_json::{Value, json};

use crate::Report;

fn records(extra: &[Value]) -> Vec<Record> {
    let accounts = json!({"read": 0, "sealed": 900, "unrecognised": 0, "malformed": 0, "missing": 0,
        "duplicate": 0, "limited": 0});
    let conversation = |id: u64, ip: &str, port: u16, exposure: &str, name: &str| {
        json!({"kind": "conversation", "id": id, "transport": "tcp",
            "client": {"ip": "192.0.2.10", "port": 40000}, "server": {"ip": ip, "port": port},
            "packets": [5, 5], "bytes": [500, 1500], "start": "2026-01-01T09:00:00Z",
            "end": "2026-01-01T09:00:01Z", "exposure": exposure, "server_names": [name], "frames": [id],
            "accounts": accounts})
    };
    let mut all = vec![
        json!({"kind": "capture", "source": ["a.pcap"], "link_types": [], "interfaces": [], "packets": 9,
            "bytes": 1, "captured_bytes": 1, "start": "2026-01-01T09:00:00Z", "end": "2026-01-01T09:00:02.5Z",
            "truncated_packets": 0, "undecoded_packets": 0, "payload_bytes": 2700,
            "accounts": {"read": 0, "sealed": 2700, "unrecognised": 0, "malformed": 0, "missing": 0,
                "duplicate": 0, "limited": 0}}),
        conversation(1, "192.0.2.25", 443, "harvest", "mail.example"),
        conversation(2, "2001:db8::22", 22, "sealed", "shell.example"),
        conversation(3, "192.0.2.50", 500, "sealed", "vpn.example"),
        json!({"kind": "handshake", "protocol": "tls", "version": "TLS 1.2", "key_exchange": "secp256r1",
            "cipher_suite": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "offered_key_exchange": ["X25519MLKEM768"],
            "forward_secret": true, "quantum_safe": false, "conversation": 1, "frames": [4, 6],
            "certificate": {"subject": "CN=mail.example", "issuer": "CN=An Issuer", "names": ["mail.example"],
                "not_before": "2025-01-01T00:00:00Z", "not_after": "2026-06-01T00:00:00Z", "key": "RSA 2048",
                "signature": "sha256WithRSAEncryption"}}),
        json!({"kind": "handshake", "protocol": "ssh", "version": "SSH-2.0", "forward_secret": true,
            "key_exchange": "mlkem768x25519-sha256", "cipher_suite": "aes256-ctr+hmac-sha2-256",
            "quantum_safe": true, "conversation": 2, "frames": [5]}),
        json!({"kind": "handshake", "protocol": "ikev2", "version": "IKEv2", "forward_secret": true,
            "key_exchange": "256-bit random ECP + ML-KEM-768", "quantum_safe": true, "conversation": 3, "frames": [7],
            "cipher_suite": "ENCR_AES_CBC-256+PRF_HMAC_SHA2_256+AUTH_HMAC_SHA2_256_128"}),
        // Asked for, and never answered: no cryptography in use.
        json!({"kind": "handshake", "protocol": "tls", "offered_key_exchange": ["x448"], "conversation": 1,
            "frames": [8]}),
    ];
    all.extend(extra.iter().cloned());
    all.into_iter()
        .map(|one| serde_json::from_value(one).unwrap())
        .collect()
}

#[test]
fn the_bill_lists_what_was_agreed_on_with_its_evidence() {
    let records = records(&[]);
    let bill = Report::new(&records).cbom();
    assert_eq!(bill, Report::new(&records).cbom(), "the same each time");
    assert!(!bill.contains("x448"), "an offer is not in use");
    insta::assert_snapshot!("bill", bill);
}

#[test]
fn the_serial_number_is_of_the_content() {
    let serial = |records: &[Record]| {
        let bill: Value = serde_json::from_str(&Report::new(records).cbom()).unwrap();
        bill["serialNumber"].as_str().unwrap().to_owned()
    };
    let one = records(&[]);
    let other = records(&[
        json!({"kind": "handshake", "protocol": "tls", "version": "TLS 1.3",
        "key_exchange": "x25519", "conversation": 1, "frames": [9]}),
    ]);
    assert_ne!(serial(&one), serial(&other));
    let serial = serial(&one);
    let parts: Vec<&str> = serial
        .strip_prefix("urn:uuid:")
        .unwrap()
        .split('-')
        .collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert!(parts[2].starts_with('8') && "89ab".contains(&parts[3][..1]));
}

#[test]
fn evidence_and_assets_are_bounded_and_the_rest_is_counted() {
    let handshakes: Vec<Value> = (0..5000)
        .map(|at| {
            json!({"kind": "handshake", "protocol": "ssh", "version": "SSH-2.0", "conversation": 2,
                "key_exchange": format!("method-{at}"), "cipher_suite": "aes256-ctr", "frames": [at + 10]})
        })
        .collect();
    let records = records(&handshakes);
    let bill: Value = serde_json::from_str(&Report::new(&records).cbom()).unwrap();
    let components = bill["components"].as_array().unwrap();
    let algorithms = components
        .iter()
        .filter(|one| one["cryptoProperties"]["assetType"] == "algorithm");
    assert_eq!(algorithms.count(), super::MAX_ASSETS);
    let ssh = components
        .iter()
        .find(|one| one["bom-ref"] == "protocol/SSH-2.0")
        .unwrap();
    let occurrences = ssh["evidence"]["occurrences"].as_array().unwrap();
    assert_eq!(occurrences.len(), super::MAX_OCCURRENCES);
    assert_eq!(ssh["properties"][0]["value"], "5001");
    let properties = bill["metadata"]["properties"].as_array().unwrap();
    assert!(
        properties
            .iter()
            .any(|one| one["name"] == "overheard:left-out:algorithm")
    );
    // All that is referred to is there.
    let known: Vec<&Value> = components.iter().map(|one| &one["bom-ref"]).collect();
    let used = ssh["cryptoProperties"]["protocolProperties"]["cryptoRefArray"].as_array();
    assert!(used.unwrap().iter().all(|one| known.contains(&one)));
}
