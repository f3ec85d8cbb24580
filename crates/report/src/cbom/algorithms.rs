//! What is known of an algorithm by the name that a handshake gives it, in the words of CycloneDX 1.6.
//!
//! Security levels are given where they are certain: classical ones by NIST SP 800-57 part 1 table 2, quantum ones by
//! the categories of NIST (AES by definition, ML-KEM by FIPS 203, ML-DSA by FIPS 204), and 0 where Shor's
//! algorithm applies.

use overheard_ledger::PostQuantum;
use serde_json::{Map, Value, json};

/// An algorithm: its name, and what CycloneDX asks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Algorithm {
    pub(super) name: String,
    primitive: &'static str,
    parameter_set: Option<String>,
    curve: Option<&'static str>,
    mode: Option<&'static str>,
    padding: Option<&'static str>,
    functions: &'static [&'static str],
    classical: Option<u16>,
    quantum: Option<u8>,
}

impl Algorithm {
    fn new(name: impl Into<String>, primitive: &'static str) -> Algorithm {
        Algorithm {
            name: name.into(),
            primitive,
            parameter_set: None,
            curve: None,
            mode: None,
            padding: None,
            functions: &[],
            classical: None,
            quantum: None,
        }
    }

    /// `algorithmProperties`.
    pub(super) fn properties(&self) -> Value {
        let mut properties = Map::new();
        let mut add = |name: &str, value: Value| properties.insert(name.to_owned(), value);
        add("primitive", json!(self.primitive));
        if let Some(set) = &self.parameter_set {
            add("parameterSetIdentifier", json!(set));
        }
        if let Some(curve) = self.curve {
            add("curve", json!(curve));
        }
        if let Some(mode) = self.mode {
            add("mode", json!(mode));
        }
        if let Some(padding) = self.padding {
            add("padding", json!(padding));
        }
        if !self.functions.is_empty() {
            add("cryptoFunctions", json!(self.functions));
        }
        if let Some(level) = self.classical {
            add("classicalSecurityLevel", json!(level));
        }
        if let Some(level) = self.quantum {
            add("nistQuantumSecurityLevel", json!(level));
        }
        Value::Object(properties)
    }
}

/// The first number of these in a text.
fn number_of(text: &str, numbers: &[u16]) -> Option<u16> {
    let mut parts = text.split(|c: char| !c.is_ascii_digit());
    parts.find_map(|part| {
        part.parse()
            .ok()
            .filter(|number: &u16| numbers.contains(number))
    })
}

/// Bits of strength of RSA and of Diffie-Hellman over a finite field of so many bits.
fn strength_of_modulus(bits: u16) -> Option<u16> {
    match bits {
        1024 => Some(80),
        2048 => Some(112),
        3072 => Some(128),
        7680 => Some(192),
        15360 => Some(256),
        _ => None,
    }
}

/// Parts of names of curves, the curve, and its bits of strength.
const CURVES: &[(&str, &str, u16)] = &[
    ("25519", "Curve25519", 128),
    ("x448", "Curve448", 224),
    ("curve448", "Curve448", 224),
    ("secp256k1", "secp256k1", 128),
    ("brainpoolp256", "brainpoolP256r1", 128),
    ("brainpoolp384", "brainpoolP384r1", 192),
    ("brainpoolp512", "brainpoolP512r1", 256),
    ("secp224r1", "P-224", 112),
    ("p256", "P-256", 128),
    ("p-256", "P-256", 128),
    ("256-bit random ecp", "P-256", 128),
    ("p384", "P-384", 192),
    ("p-384", "P-384", 192),
    ("384-bit random ecp", "P-384", 192),
    ("p521", "P-521", 256),
    ("p-521", "P-521", 256),
    ("521-bit random ecp", "P-521", 256),
];

fn curve_of(name: &str) -> Option<(&'static str, u16)> {
    let known = CURVES.iter().find(|(part, ..)| name.contains(part));
    known.map(|(_, curve, strength)| (*curve, *strength))
}

/// The groups of SSH by their number (RFC 4253 section 8, RFC 8268), in bits.
const SSH_GROUPS: &[(&str, u16)] = &[
    ("group1-", 1024),
    ("group14-", 2048),
    ("group15-", 3072),
    ("group16-", 4096),
    ("group17-", 6144),
    ("group18-", 8192),
];

const MODULI: &[u16] = &[
    512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 7680, 8192, 15360,
];

/// A key exchange by the name of its group or method.
pub(super) fn key_exchange(name: &str) -> Algorithm {
    let lower = name.to_ascii_lowercase();
    if let Some(post_quantum) = PostQuantum::of(name) {
        let is_alone = matches!(
            lower.replace('-', "").as_str(),
            "mlkem512" | "mlkem768" | "mlkem1024"
        );
        return Algorithm {
            parameter_set: match post_quantum {
                PostQuantum::MlKem(set) => Some(set.to_string()),
                PostQuantum::Other => None,
            },
            functions: &["encapsulate", "decapsulate"],
            quantum: post_quantum.category(),
            ..Algorithm::new(name, if is_alone { "kem" } else { "combiner" })
        };
    }
    if lower == "rsa" || lower.starts_with("rsa1024-") || lower.starts_with("rsa2048-") {
        return Algorithm {
            functions: &["encrypt", "decrypt"],
            quantum: Some(0),
            ..Algorithm::new(name, "pke")
        };
    }
    let agreement = Algorithm {
        functions: &["keyderive"],
        quantum: Some(0),
        ..Algorithm::new(name, "key-agree")
    };
    if let Some((curve, strength)) = curve_of(&lower) {
        return Algorithm {
            curve: Some(curve),
            classical: Some(strength),
            ..agreement
        };
    }
    let ssh = SSH_GROUPS
        .iter()
        .find(|(part, _)| lower.contains(part))
        .map(|(_, bits)| *bits);
    let is_field = ["ffdhe", "dhe ", "-bit modp"]
        .iter()
        .any(|part| lower.contains(part));
    if let Some(bits) = ssh.or(number_of(&lower, MODULI).filter(|_| is_field)) {
        return Algorithm {
            parameter_set: Some(bits.to_string()),
            classical: strength_of_modulus(bits),
            ..agreement
        };
    }
    const CLASSICAL: &[&str] = &["dh", "diffie-hellman", "secp", "sect", "brainpool", "modp"];
    match CLASSICAL.iter().any(|part| lower.contains(part)) {
        true => agreement,
        false => Algorithm::new(name, "unknown"),
    }
}

/// A cipher by its name in a suite: `AES_128_GCM`, `chacha20-poly1305@openssh.com`, `ENCR_AES_CBC-256`.
pub(super) fn cipher(name: &str) -> Algorithm {
    let upper = name.to_ascii_uppercase();
    let has = |part: &str| upper.contains(part);
    let mode = [
        ("GCM", "gcm"),
        ("CCM", "ccm"),
        ("CBC", "cbc"),
        ("CTR", "ctr"),
        ("CFB", "cfb"),
        ("OFB", "ofb"),
    ];
    let mode = mode
        .iter()
        .find(|(part, _)| has(part))
        .map(|(_, mode)| *mode);
    let bits = number_of(
        &upper.replace("AES", "AES-").replace("ARIA", "ARIA-"),
        &[128, 192, 256],
    );
    let sealing = |primitive| Algorithm {
        functions: &["encrypt", "decrypt"],
        ..Algorithm::new(name, primitive)
    };
    let block = Algorithm {
        mode,
        parameter_set: bits.map(|bits| bits.to_string()),
        classical: bits,
        ..sealing(match mode {
            Some("gcm" | "ccm") => "ae",
            _ => "block-cipher",
        })
    };
    if has("NULL") || upper == "NONE" {
        Algorithm {
            classical: Some(0),
            quantum: Some(0),
            ..Algorithm::new(name, "other")
        }
    } else if has("CHACHA") {
        Algorithm {
            classical: Some(256),
            ..sealing("ae")
        }
    } else if has("RC4") || has("ARCFOUR") {
        sealing("stream-cipher")
    } else if has("3DES") {
        Algorithm {
            classical: Some(112),
            ..block
        }
    } else if has("AES") || has("RIJNDAEL") {
        Algorithm {
            quantum: match bits {
                Some(128) => Some(1),
                Some(192) => Some(3),
                Some(256) => Some(5),
                _ => None,
            },
            ..block
        }
    } else if has("DES") {
        Algorithm {
            parameter_set: None,
            classical: None,
            ..block
        }
    } else if [
        "CAMELLIA", "ARIA", "SEED", "SM4", "IDEA", "CAST", "BLOWFISH", "TWOFISH", "SERPENT",
    ]
    .iter()
    .any(|part| has(part))
    {
        block
    } else {
        Algorithm::new(name, "unknown")
    }
}

/// A hash function by its name in a suite of TLS.
pub(super) fn hash(name: &str) -> Algorithm {
    let (known, quantum) = match name {
        "SHA" => ("SHA-1", None),
        "SHA256" => ("SHA-256", Some(2)),
        "SHA384" => ("SHA-384", Some(4)),
        "SHA512" => ("SHA-512", None),
        other => (other, None),
    };
    Algorithm {
        functions: &["digest"],
        quantum,
        ..Algorithm::new(known, "hash")
    }
}

/// A message authentication code, or a function that derives keys, by its name.
pub(super) fn mac(name: &str) -> Algorithm {
    match name.starts_with("PRF_") {
        true => Algorithm {
            functions: &["keyderive"],
            ..Algorithm::new(name, "kdf")
        },
        false => Algorithm {
            functions: &["tag"],
            ..Algorithm::new(name, "mac")
        },
    }
}

/// A signature algorithm by its name in a certificate or in a suite.
pub(super) fn signature(name: &str) -> Algorithm {
    let lower = name.to_ascii_lowercase();
    let set = lower
        .split_once("ml-dsa-")
        .and_then(|(_, set)| number_of(set, &[44, 65, 87]));
    let quantum = match set {
        Some(44) => Some(2),
        Some(65) => Some(3),
        Some(87) => Some(5),
        _ if lower.contains("dsa") && (lower.contains("ml-") || lower.contains("slh")) => None,
        _ => ["rsa", "dsa", "ed25519", "ed448"]
            .iter()
            .any(|part| lower.contains(part))
            .then_some(0),
    };
    Algorithm {
        parameter_set: set.map(|set| set.to_string()),
        padding: lower.ends_with("withrsaencryption").then_some("pkcs1v15"),
        functions: &["sign", "verify"],
        quantum,
        ..Algorithm::new(name, "signature")
    }
}

/// What a public key is for, by its name in a certificate (`RSA 2048`, `ECDSA P-256`), and its length in bits where
/// that is said.
pub(super) fn public_key(name: &str) -> (Algorithm, Option<u16>) {
    let lower = name.to_ascii_lowercase();
    if let Some(bits) = lower.strip_prefix("rsa ") {
        let bits = bits.parse().ok();
        let algorithm = Algorithm {
            parameter_set: bits.map(|bits: u16| bits.to_string()),
            classical: bits.and_then(strength_of_modulus),
            quantum: Some(0),
            ..Algorithm::new(name, "pke")
        };
        return (algorithm, bits);
    }
    let curve = curve_of(&lower);
    let algorithm = Algorithm {
        curve: curve.map(|(curve, _)| curve),
        classical: curve.map(|(_, strength)| strength),
        ..signature(name)
    };
    (algorithm, None)
}

/// What stands in a cipher suite: ciphers, codes that protect against changes, signatures, in the suite's order.
pub(super) fn of_suite(protocol: &str, suite: &str) -> Vec<Algorithm> {
    match protocol {
        "ssh" | "ikev1" | "ikev2" => suite
            .split(['+', ','])
            .filter(|part| !part.is_empty())
            .map(of_part)
            .collect(),
        "wireguard" => vec![cipher("ChaCha20-Poly1305"), hash("BLAKE2s")],
        "rdp" => vec![cipher(suite)],
        _ => of_tls_suite(suite),
    }
}

/// A part of a suite of SSH or IKE.
fn of_part(part: &str) -> Algorithm {
    let lower = part.to_ascii_lowercase();
    let is_mac = ["hmac", "umac", "prf_", "auth_"]
        .iter()
        .any(|sign| lower.starts_with(sign));
    if is_mac { mac(part) } else { cipher(part) }
}

/// A suite of TLS: `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`, `TLS_AES_128_GCM_SHA256`.
fn of_tls_suite(suite: &str) -> Vec<Algorithm> {
    let Some(name) = suite
        .strip_prefix("TLS_")
        .or_else(|| suite.strip_prefix("SSL_"))
    else {
        return Vec::new();
    };
    let (authentication, rest) = match name.split_once("_WITH_") {
        // With `TLS_RSA_WITH` nothing is signed: the key is sent to the server's.
        Some((method, rest)) => (method.rsplit_once('_').map(|(_, last)| last), rest),
        None => (None, name),
    };
    let mut algorithms = Vec::new();
    const HASHES: [&str; 6] = ["SHA", "SHA256", "SHA384", "SHA512", "MD5", "SM3"];
    let last = rest.rsplit_once('_');
    match last.filter(|(_, last)| HASHES.contains(last)) {
        Some((name, last)) => {
            let sealing = cipher(name);
            // With these the hash serves to derive keys; with others, to protect against changes.
            let aead = sealing.primitive == "ae";
            algorithms.push(sealing);
            algorithms.push(match aead {
                true => hash(last),
                false => mac(&format!("HMAC-{}", hash(last).name)),
            });
        }
        None => algorithms.push(cipher(rest)),
    }
    match authentication {
        // Of RSA it only says that the key is one; which padding was used does not show.
        Some("RSA") => algorithms.push(signature("RSA signature")),
        Some("ECDSA") => algorithms.push(signature("ECDSA")),
        Some("DSS") => algorithms.push(signature("DSA")),
        _ => {}
    }
    algorithms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(algorithm: &Algorithm) -> (&'static str, Option<u16>, Option<u8>) {
        (algorithm.primitive, algorithm.classical, algorithm.quantum)
    }

    #[test]
    fn key_exchanges_have_their_primitive_and_levels() {
        let cases = [
            ("X25519MLKEM768", ("combiner", None, Some(3))),
            ("SecP384r1MLKEM1024", ("combiner", None, Some(5))),
            ("MLKEM512", ("kem", None, Some(1))),
            ("ML-KEM-768", ("kem", None, Some(3))),
            ("mlkem768x25519-sha256", ("combiner", None, Some(3))),
            ("X25519Kyber768Draft00", ("combiner", None, None)),
            ("sntrup761x25519-sha512", ("combiner", None, None)),
            ("x25519", ("key-agree", Some(128), Some(0))),
            ("secp384r1", ("key-agree", Some(192), Some(0))),
            ("256-bit random ECP", ("key-agree", Some(128), Some(0))),
            ("ecdh-sha2-nistp521", ("key-agree", Some(256), Some(0))),
            ("DHE 2048", ("key-agree", Some(112), Some(0))),
            ("ffdhe3072", ("key-agree", Some(128), Some(0))),
            ("1024-bit MODP", ("key-agree", Some(80), Some(0))),
            (
                "diffie-hellman-group14-sha256",
                ("key-agree", Some(112), Some(0)),
            ),
            (
                "diffie-hellman-group-exchange-sha256",
                ("key-agree", None, Some(0)),
            ),
            ("ECDHE", ("key-agree", None, Some(0))),
            ("RSA", ("pke", None, Some(0))),
            ("PSK", ("unknown", None, None)),
            ("0x1234", ("unknown", None, None)),
        ];
        for (name, expected) in cases {
            assert_eq!(told(&key_exchange(name)), expected, "{name}");
        }
    }

    #[test]
    fn suites_fall_into_their_algorithms() {
        let names = |protocol, suite| -> Vec<String> {
            let parts = of_suite(protocol, suite);
            parts
                .iter()
                .map(|part| format!("{} {}", part.name, part.primitive))
                .collect()
        };
        assert_eq!(
            names("tls", "TLS_AES_128_GCM_SHA256"),
            ["AES_128_GCM ae", "SHA-256 hash"]
        );
        assert_eq!(
            names("tls", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
            [
                "AES_256_CBC block-cipher",
                "HMAC-SHA-1 mac",
                "RSA signature signature"
            ]
        );
        assert_eq!(
            names("tls", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
            ["AES_128_GCM ae", "SHA-256 hash"]
        );
        assert_eq!(
            names("tls", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),
            ["AES_128_CCM_8 ae", "ECDSA signature"]
        );
        assert_eq!(
            names("tls", "TLS_DH_anon_WITH_RC4_128_MD5"),
            ["RC4_128 stream-cipher", "HMAC-MD5 mac"]
        );
        assert_eq!(names("tls", "0x1234"), [""; 0]);
        assert_eq!(
            names("ssh", "aes128-ctr+hmac-sha2-256-etm@openssh.com"),
            [
                "aes128-ctr block-cipher",
                "hmac-sha2-256-etm@openssh.com mac"
            ]
        );
        assert_eq!(
            names("ssh", "chacha20-poly1305@openssh.com"),
            ["chacha20-poly1305@openssh.com ae"]
        );
        assert_eq!(
            names("ikev2", "ENCR_AES_CBC-256+PRF_HMAC_SHA1+AUTH_HMAC_SHA1_96"),
            [
                "ENCR_AES_CBC-256 block-cipher",
                "PRF_HMAC_SHA1 kdf",
                "AUTH_HMAC_SHA1_96 mac"
            ]
        );
    }

    #[test]
    fn ciphers_and_signatures_have_their_levels() {
        assert_eq!(told(&cipher("AES_256_GCM")), ("ae", Some(256), Some(5)));
        assert_eq!(
            told(&cipher("aes128-ctr")),
            ("block-cipher", Some(128), Some(1))
        );
        assert_eq!(
            told(&cipher("3DES_EDE_CBC")),
            ("block-cipher", Some(112), None)
        );
        assert_eq!(told(&cipher("NULL")), ("other", Some(0), Some(0)));
        assert_eq!(
            told(&signature("sha256WithRSAEncryption")),
            ("signature", None, Some(0))
        );
        assert_eq!(told(&signature("ML-DSA-65")), ("signature", None, Some(3)));
        assert_eq!(told(&signature("1.2.3.4")), ("signature", None, None));
        let (key, bits) = public_key("RSA 2048");
        assert_eq!(
            (told(&key), bits),
            (("pke", Some(112), Some(0)), Some(2048))
        );
        let (key, bits) = public_key("ECDSA P-256");
        assert_eq!(
            (told(&key), bits),
            (("signature", Some(128), Some(0)), None)
        );
    }
}
