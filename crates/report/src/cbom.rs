//! The cryptography of a capture as a CycloneDX 1.6 bill of materials: what was agreed on in handshakes, with the
//! servers and frames that prove it.
//!
//! The document depends on the ledger alone: its time is that of the last packet, its serial number is made of its
//! content. Offers are not in it: a bill lists what is used.

mod algorithms;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use foldhash::HashMap;
use overheard_ledger::{Certificate, Conversation, Handshake};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{Report, escape, words};
use algorithms::Algorithm;

/// The most occurrences that an asset names as its evidence; a property has the number of all.
const MAX_OCCURRENCES: usize = 16;
/// The most assets of one kind; a property of the bill says how many more there are.
const MAX_ASSETS: usize = 2000;
/// The most cipher suites that one protocol lists.
const MAX_SUITES: usize = 500;

/// What the bill is of.
const CAPTURE: &str = "capture";

/// The kinds of asset, in the order of the bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Protocol,
    Algorithm,
    Certificate,
    PublicKey,
    Server,
}

impl Kind {
    const ALL: [Kind; 5] = [
        Kind::Protocol,
        Kind::Algorithm,
        Kind::Certificate,
        Kind::PublicKey,
        Kind::Server,
    ];

    fn id(self) -> &'static str {
        match self {
            Kind::Protocol => "protocol",
            Kind::Algorithm => "algorithm",
            Kind::Certificate => "certificate",
            Kind::PublicKey => "public-key",
            Kind::Server => "server",
        }
    }
}

/// One thing in the bill.
#[derive(Debug, Default)]
struct Asset {
    name: String,
    /// `cryptoProperties`; of a server, its other fields.
    properties: Map<String, Value>,
    depends_on: BTreeSet<String>,
    occurrences: Vec<Value>,
    seen: u64,
    /// Of a protocol: its suites, and the algorithms of each.
    suites: BTreeMap<String, BTreeSet<String>>,
    /// Of a protocol: algorithms that stand in no suite. Of IKE: all, by the type of their transform.
    others: BTreeMap<&'static str, BTreeSet<String>>,
}

/// A handshake, and what proves it.
#[derive(Clone, Copy)]
struct Proof<'a> {
    conversation: &'a Conversation,
    frames: &'a [u64],
}

impl Proof<'_> {
    /// An occurrence, in the words of CycloneDX.
    fn occurrence(self) -> Value {
        let (id, frames) = (self.conversation.id, self.frames);
        let context = format!("conversation {id}, {}", words::frames(frames, frames.len()));
        json!({"location": words::server(self.conversation), "additionalContext": context})
    }
}

/// The bill in the making.
#[derive(Default)]
struct Bill {
    assets: BTreeMap<(Kind, String), Asset>,
    of_kind: BTreeMap<Kind, usize>,
    left_out: BTreeMap<Kind, BTreeSet<String>>,
}

impl Bill {
    /// The asset of this name, made where it is new, with one more proof; `None` where there are too many.
    fn asset(
        &mut self,
        kind: Kind,
        key: &str,
        proof: Proof<'_>,
        properties: impl FnOnce() -> Map<String, Value>,
    ) -> Option<(String, &mut Asset)> {
        let reference = format!("{}/{key}", kind.id());
        let known = self.assets.contains_key(&(kind, reference.clone()));
        let count = self.of_kind.entry(kind).or_default();
        if !known {
            if *count >= MAX_ASSETS {
                let left_out = self.left_out.entry(kind).or_default();
                if left_out.len() < MAX_ASSETS {
                    left_out.insert(reference);
                }
                return None;
            }
            *count += 1;
        }
        let asset = self
            .assets
            .entry((kind, reference.clone()))
            .or_insert_with(|| Asset {
                name: key.to_owned(),
                properties: properties(),
                ..Asset::default()
            });
        asset.seen += 1;
        if asset.occurrences.len() < MAX_OCCURRENCES {
            let occurrence = proof.occurrence();
            if !asset.occurrences.contains(&occurrence) {
                asset.occurrences.push(occurrence);
            }
        }
        Some((reference, asset))
    }

    fn algorithm(&mut self, algorithm: &Algorithm, proof: Proof<'_>) -> Option<String> {
        let properties = || {
            object(json!({
                "assetType": "algorithm",
                "algorithmProperties": algorithm.properties(),
            }))
        };
        let (reference, _) = self.asset(Kind::Algorithm, &algorithm.name, proof, properties)?;
        Some(reference)
    }

    fn certificate(&mut self, certificate: &Certificate, proof: Proof<'_>) -> Option<String> {
        let digest = hex(&Sha256::digest(
            serde_json::to_string(certificate).unwrap_or_default(),
        ));
        let short = digest.get(..16).unwrap_or(&digest).to_owned();
        let signature = self.algorithm(&algorithms::signature(&certificate.signature), proof);
        let (algorithm, bits) = algorithms::public_key(&certificate.key);
        let algorithm = self.algorithm(&algorithm, proof);
        let key = self.asset(Kind::PublicKey, &short, proof, || {
            let mut material = object(json!({"type": "public-key"}));
            insert(&mut material, "algorithmRef", algorithm.clone());
            insert(&mut material, "size", bits);
            object(json!({
                "assetType": "related-crypto-material",
                "relatedCryptoMaterialProperties": material,
            }))
        });
        let key = key.map(|(reference, asset)| {
            asset.name.clone_from(&certificate.key);
            asset.depends_on.extend(algorithm);
            reference
        });
        let (reference, asset) = self.asset(Kind::Certificate, &short, proof, || {
            let mut about = object(json!({
                "subjectName": certificate.subject,
                "issuerName": certificate.issuer,
                "certificateFormat": "X.509",
            }));
            insert(
                &mut about,
                "notValidBefore",
                certificate.not_before.map(|time| time.to_string()),
            );
            insert(
                &mut about,
                "notValidAfter",
                certificate.not_after.map(|time| time.to_string()),
            );
            insert(&mut about, "signatureAlgorithmRef", signature.clone());
            insert(&mut about, "subjectPublicKeyRef", key.clone());
            object(json!({"assetType": "certificate", "certificateProperties": about}))
        })?;
        asset.name.clone_from(match certificate.subject.is_empty() {
            true => &certificate.issuer,
            false => &certificate.subject,
        });
        asset.depends_on.extend(signature);
        asset.depends_on.extend(key);
        Some(reference)
    }

    fn handshake(&mut self, handshake: &Handshake, proof: Proof<'_>) {
        let Some(version) = &handshake.version else {
            return;
        };
        if handshake.cipher_suite.is_none() && handshake.key_exchange.is_none() {
            return;
        }
        let mut used = BTreeSet::new();
        let suite = handshake.cipher_suite.as_deref();
        let suite_algorithms: Vec<(&str, Option<String>)> = suite
            .map(|suite| algorithms::of_suite(&handshake.protocol, suite))
            .unwrap_or_default()
            .iter()
            .map(|algorithm| {
                let transform = transform_of(&algorithm.name);
                (transform, self.algorithm(algorithm, proof))
            })
            .collect();
        let method = handshake.key_exchange.as_deref();
        let method =
            method.and_then(|method| self.algorithm(&algorithms::key_exchange(method), proof));
        used.extend(method.clone());
        used.extend(
            suite_algorithms
                .iter()
                .filter_map(|(_, reference)| reference.clone()),
        );
        if let Some(certificate) = &handshake.certificate {
            used.extend(self.certificate(certificate, proof));
        }
        let name = match handshake.protocol.as_str() {
            "dtls" | "tls" | "ikev1" | "ikev2" | "ssh" | "wireguard" | "quic" => version.clone(),
            protocol => format!("{protocol}: {version}"),
        };
        let protocol = &handshake.protocol;
        let added = self.asset(Kind::Protocol, &name, proof, || {
            let number = version
                .split_once([' ', '-'])
                .map_or(&**version, |(_, number)| number);
            object(json!({"type": type_of(protocol), "version": number}))
        });
        if let Some((reference, asset)) = added {
            asset.depends_on.extend(used.iter().cloned());
            if let Some(suite) = suite
                && (asset.suites.len() < MAX_SUITES || asset.suites.contains_key(suite))
            {
                let references = suite_algorithms.iter().filter_map(|(_, one)| one.clone());
                asset
                    .suites
                    .entry(suite.to_owned())
                    .or_default()
                    .extend(references);
            }
            for (transform, reference) in suite_algorithms {
                if protocol == "ikev2" {
                    asset.others.entry(transform).or_default().extend(reference);
                }
            }
            asset.others.entry("ke").or_default().extend(method);
            used.insert(reference);
        }
        self.server(used, proof);
    }

    fn server(&mut self, used: BTreeSet<String>, proof: Proof<'_>) {
        let conversation = proof.conversation;
        let name = words::server(conversation);
        let endpoint = location(conversation);
        let added = self.asset(Kind::Server, &name, proof, || {
            object(json!({"endpoints": [endpoint]}))
        });
        if let Some((_, asset)) = added {
            asset.depends_on.extend(used);
        }
    }
}

/// The endpoint of a server as an IRI. An IPv6 address is written out: checkers of IRIs stumble over `::`.
fn location(conversation: &Conversation) -> String {
    let host = match conversation.server.ip {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let parts = address.segments().map(|part| format!("{part:x}"));
            format!("[{}]", parts.join(":"))
        }
    };
    let scheme = match &*conversation.transport {
        transport @ ("tcp" | "udp" | "sctp") => transport,
        _ => "ip",
    };
    match conversation.server.port {
        0 => format!("{scheme}://{host}"),
        port => format!("{scheme}://{host}:{port}"),
    }
}

/// The type of an IKEv2 transform that an algorithm of a suite belongs to (RFC 7296 section 3.3.2).
fn transform_of(name: &str) -> &'static str {
    match name.get(..4) {
        Some("PRF_") => "prf",
        Some("AUTH") => "integ",
        _ => "encr",
    }
}

/// The type of a protocol: CycloneDX 1.6 has no word for DTLS and QUIC, whose handshakes are those of TLS.
fn type_of(protocol: &str) -> &'static str {
    match protocol {
        "tls" | "dtls" | "quic" | "openvpn" => "tls",
        "ssh" => "ssh",
        "ikev1" | "ikev2" => "ike",
        _ => "other",
    }
}

/// The fields of an object.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn insert(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Asset {
    fn count(&self) -> Value {
        json!([{"name": "overheard:handshakes", "value": self.seen.to_string()}])
    }

    fn component(&self, kind: Kind, reference: &str) -> Value {
        let crypto = match kind {
            Kind::Protocol => json!({
                "assetType": "protocol",
                "protocolProperties": self.protocol_properties(),
            }),
            _ => json!(self.properties),
        };
        json!({
            "type": "cryptographic-asset",
            "bom-ref": reference,
            "name": self.name,
            "cryptoProperties": crypto,
            "evidence": {"occurrences": self.occurrences},
            "properties": self.count(),
        })
    }

    fn protocol_properties(&self) -> Value {
        let mut properties = self.properties.clone();
        let suites: Vec<Value> = self
            .suites
            .iter()
            .map(|(name, algorithms)| json!({"name": name, "algorithms": algorithms}))
            .collect();
        if !suites.is_empty() {
            properties.insert("cipherSuites".to_owned(), json!(suites));
        }
        let others = self.others.iter().filter(|(_, some)| !some.is_empty());
        let others: BTreeMap<_, _> = others.collect();
        if others.keys().any(|transform| **transform != "ke") {
            properties.insert("ikev2TransformTypes".to_owned(), json!(others));
        } else if let Some(groups) = others.get(&"ke") {
            properties.insert("cryptoRefArray".to_owned(), json!(groups));
        }
        Value::Object(properties)
    }

    fn service(&self, reference: &str) -> Value {
        let mut service = self.properties.clone();
        service.insert("bom-ref".to_owned(), json!(reference));
        service.insert("name".to_owned(), json!(self.name));
        service.insert("properties".to_owned(), self.count());
        Value::Object(service)
    }
}

impl Report<'_> {
    /// The cryptography bill of materials as CycloneDX 1.6 JSON.
    pub fn cbom(&self) -> String {
        let conversations: HashMap<u64, &Conversation> = self
            .conversations
            .iter()
            .map(|one| (one.id, *one))
            .collect();
        let mut bill = Bill::default();
        for (id, handshake, frames) in &self.handshakes {
            if let Some(&conversation) = conversations.get(id) {
                let proof = Proof {
                    conversation,
                    frames,
                };
                bill.handshake(handshake, proof);
            }
        }
        let mut document = self.document(&bill);
        let content = Sha256::digest(Value::Object(document.clone()).to_string());
        document.insert("serialNumber".to_owned(), json!(serial_number(&content)));
        let mut text = escape::json(&format!("{:#}", Value::Object(document)));
        text.push('\n');
        text
    }

    fn document(&self, bill: &Bill) -> Map<String, Value> {
        let capture = self.capture();
        let mut components = Vec::new();
        let mut services = Vec::new();
        let mut servers = Vec::new();
        let mut dependencies = Vec::new();
        for ((kind, reference), asset) in &bill.assets {
            match kind {
                Kind::Server => {
                    services.push(asset.service(reference));
                    servers.push(reference);
                }
                _ => components.push(asset.component(*kind, reference)),
            }
            // What was left out of the bill cannot be depended on.
            dependencies.push(json!({"ref": reference, "dependsOn": asset.depends_on}));
        }
        dependencies.insert(0, json!({"ref": CAPTURE, "dependsOn": servers}));
        let mut properties = vec![
            json!({"name": "overheard:frames", "value": capture.packets.to_string()}),
            json!({"name": "overheard:sealed-bytes", "value": self.sealed.bytes.to_string()}),
        ];
        for group in &self.sealed.groups {
            let name = format!("overheard:sealed-bytes:{}", group.opener.id());
            properties.push(json!({"name": name, "value": group.sealed.to_string()}));
        }
        for kind in Kind::ALL {
            if let Some(left_out) = bill.left_out.get(&kind) {
                let name = format!("overheard:left-out:{}", kind.id());
                properties.push(json!({"name": name, "value": left_out.len().to_string()}));
            }
        }
        let name = match capture.source.is_empty() {
            true => "capture".to_owned(),
            false => capture.source.join(", "),
        };
        let mut metadata = object(json!({
            "lifecycles": [{"phase": "discovery"}],
            "tools": {"components": [{
                "type": "application",
                "name": "overheard",
                "version": env!("CARGO_PKG_VERSION"),
            }]},
            "component": {"type": "data", "bom-ref": CAPTURE, "name": name},
            "properties": properties,
        }));
        insert(
            &mut metadata,
            "timestamp",
            capture.end.map(|time| time.to_string()),
        );
        object(json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": metadata,
            "components": components,
            "services": services,
            "dependencies": dependencies,
            // There is more cryptography on a line than one recording shows.
            "compositions": [{"aggregate": "incomplete", "assemblies": [CAPTURE]}],
        }))
    }
}

/// A UUID of version 8 (RFC 9562 section 5.8), made of a digest.
fn serial_number(digest: &[u8]) -> String {
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(digest) {
        *byte = *from;
    }
    let mut number = u128::from_be_bytes(bytes);
    number &= !(0xf << 76);
    number |= 0x8 << 76;
    number &= !(0x3 << 62);
    number |= 0x2 << 62;
    let digits = format!("{number:032x}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}
