//! Until when the standards allow what was seen. Dates only: whether one has passed is for the reader's calendar,
//! not for the machine's clock.

use crate::sealed::Sealed;
use crate::words;

/// A date that a standard sets.
pub(crate) struct Deadline {
    /// The standard, as it is cited.
    pub(crate) standard: &'static str,
    /// The date, in words.
    pub(crate) when: &'static str,
    /// What it says, in one plain sentence without its full stop.
    pub(crate) says: &'static str,
    concerns: Concern,
}

/// What a deadline is about.
enum Concern {
    ClassicalKeyExchange,
    KeyExchangeBelowMlKem1024,
    Version1_2,
    Certificates,
    /// What a tap cannot count: it depends on the length of keys that do not pass in clear.
    KeyLengths,
}

/// In the order of their dates.
pub(crate) const ALL: &[Deadline] = &[
    Deadline {
        standard: "CNSA 2.0",
        when: "from 2027-01-01",
        says: "new purchases for national security systems of the United States have to support post-quantum methods: for \
               key exchange, ML-KEM-1024",
        concerns: Concern::KeyExchangeBelowMlKem1024,
    },
    Deadline {
        standard: "BSI TR-02102 (2026-01)",
        when: "end of 2030",
        says: "last date for a classical key exchange by itself where high protection is needed",
        concerns: Concern::ClassicalKeyExchange,
    },
    Deadline {
        standard: "NIST IR 8547 (initial public draft, November 2024)",
        when: "after 2030",
        says: "classical methods of 112 bits of strength, such as RSA with 2048 bits, would be deprecated (it is a draft)",
        concerns: Concern::KeyLengths,
    },
    Deadline {
        standard: "BSI TR-02102 (2026-01)",
        when: "end of 2031",
        says: "last date for a classical key exchange by itself",
        concerns: Concern::ClassicalKeyExchange,
    },
    Deadline {
        standard: "BSI TR-02102 (2026-01)",
        when: "end of 2031",
        says: "last date for TLS 1.2",
        concerns: Concern::Version1_2,
    },
    Deadline {
        standard: "BSI TR-02102 (2026-01)",
        when: "end of 2035",
        says: "last date for classical signatures by themselves, as in certificates",
        concerns: Concern::Certificates,
    },
    Deadline {
        standard: "NIST IR 8547 (initial public draft, November 2024)",
        when: "after 2035",
        says: "all classical key exchange and signatures would be disallowed (it is a draft)",
        concerns: Concern::ClassicalKeyExchange,
    },
];

/// All of them in a few sentences.
pub(crate) const SHORT: &str = "BSI TR-02102 (2026-01) accepts a classical key exchange by itself to the end of 2031 (2030 for \
    high protection) and TLS 1.2 to the end of 2031. CNSA 2.0 asks for ML-KEM-1024 in new purchases from 2027-01-01. NIST IR \
    8547, an initial public draft, would deprecate 112-bit classical methods after 2030 and disallow classical ones \
    after 2035.";

impl Deadline {
    /// What of a capture it concerns: `12 conversations`; `None` where a tap cannot count it.
    pub(crate) fn concerns(&self, sealed: &Sealed) -> Option<String> {
        let conversations = match self.concerns {
            Concern::ClassicalKeyExchange => sealed.classical,
            Concern::KeyExchangeBelowMlKem1024 => sealed.without_ml_kem_1024,
            Concern::Version1_2 => sealed.version_1_2,
            Concern::Certificates => {
                let (one, many) = ("certificate seen", "certificates seen");
                return Some(words::count(sealed.certificates, one, many));
            }
            Concern::KeyLengths => return None,
        };
        Some(words::count(conversations, "conversation", "conversations"))
    }
}
