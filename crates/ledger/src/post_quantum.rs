//! Which key exchanges hold against a quantum computer, by the names that the ledger gives them.

/// The part of a key exchange that holds against a quantum computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostQuantum {
    /// ML-KEM (FIPS 203) with its parameter set: 512, 768 or 1024.
    MlKem(u16),
    /// Another one: the drafts of Kyber, Streamlined NTRU Prime, FrodoKEM, Classic McEliece, CECPQ.
    Other,
}

/// What ML-KEM is called: by TLS and SSH, and by IKE.
const ML_KEM: [&str; 2] = ["mlkem", "ml-kem-"];

/// Parts of the names of the others; what no registry names, by its number in TLS: CECPQ2, and Kyber in trials.
const OTHERS: [&str; 9] = [
    "mlkem", "kyber", "ntru", "frodo", "mceliece", "cecpq", "0x4138", "0xfe30", "0xfe31",
];

/// Whether a name holds the first two letters of any sign: asked of every group that every client offers, and
/// nearly all are classical.
fn may_be(name: &str) -> bool {
    name.as_bytes().windows(2).any(|pair| {
        // Two letters in lower case; a digit stays itself.
        let pair =
            [pair.first(), pair.get(1)].map(|letter| letter.map_or(0, |letter| letter | 0x20));
        matches!(&pair, b"ml" | b"ky" | b"nt" | b"fr" | b"mc" | b"ce" | b"0x")
    })
}

impl PostQuantum {
    /// By the name of a group or method, such as `X25519MLKEM768`, `mlkem768x25519-sha256`, `256-bit random
    /// ECP + ML-KEM-768`; `None` where it is classical, or not known.
    pub fn of(name: &str) -> Option<PostQuantum> {
        if !may_be(name) {
            return None;
        }
        let name = name.to_ascii_lowercase();
        let set = ML_KEM.iter().find_map(|sign| {
            let (_, after) = name.split_once(sign)?;
            let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
            digits
                .parse::<u16>()
                .ok()
                .filter(|set| matches!(set, 512 | 768 | 1024))
        });
        match set {
            Some(set) => Some(PostQuantum::MlKem(set)),
            None => OTHERS
                .iter()
                .any(|sign| name.contains(sign))
                .then_some(PostQuantum::Other),
        }
    }

    /// The security category of NIST, 1 to 5, where it is standardised: FIPS 203 section 8.
    pub fn category(self) -> Option<u8> {
        match self {
            PostQuantum::MlKem(512) => Some(1),
            PostQuantum::MlKem(768) => Some(3),
            PostQuantum::MlKem(1024) => Some(5),
            PostQuantum::MlKem(_) | PostQuantum::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_passes_the_first_look() {
        for sign in ML_KEM.iter().chain(&OTHERS) {
            assert!(may_be(sign) && may_be(&sign.to_uppercase()), "{sign}");
        }
        assert!(!may_be("x25519") && !may_be("secp256r1") && !may_be("ffdhe2048"));
    }

    #[test]
    fn names_of_every_protocol_are_known() {
        let cases = [
            ("X25519MLKEM768", Some(PostQuantum::MlKem(768))),
            ("SecP256r1MLKEM768", Some(PostQuantum::MlKem(768))),
            ("SecP384r1MLKEM1024", Some(PostQuantum::MlKem(1024))),
            ("curveSM2MLKEM768", Some(PostQuantum::MlKem(768))),
            ("MLKEM512", Some(PostQuantum::MlKem(512))),
            ("mlkem768x25519-sha256", Some(PostQuantum::MlKem(768))),
            ("mlkem1024nistp384-sha384", Some(PostQuantum::MlKem(1024))),
            ("ML-KEM-768", Some(PostQuantum::MlKem(768))),
            (
                "256-bit random ECP + ML-KEM-1024",
                Some(PostQuantum::MlKem(1024)),
            ),
            ("X25519Kyber768Draft00", Some(PostQuantum::Other)),
            (
                "sntrup761x25519-sha512@openssh.com",
                Some(PostQuantum::Other),
            ),
            ("0x4138", Some(PostQuantum::Other)),
            ("CECPQ1", Some(PostQuantum::Other)),
            ("x25519", None),
            ("curve25519-sha256", None),
            ("diffie-hellman-group14-sha256", None),
            ("256-bit random ECP", None),
            ("DHE 2048", None),
            ("RSA", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(PostQuantum::of(name), expected, "{name}");
        }
        assert_eq!(
            PostQuantum::of("x25519mlkem768").and_then(PostQuantum::category),
            Some(3)
        );
        assert_eq!(PostQuantum::Other.category(), None);
    }
}
