//! What a tap gets, and how bad that is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a tap gets from one conversation. Ordered: a later variant exposes more.
///
/// The words are those of the threat model of RFC 7624: a passive attacker who observes, stores, and
/// may later come by a key (static key exfiltration) or by a quantum computer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Exposure {
    /// Not recognised, or not enough was captured to say.
    #[default]
    Unknown,
    /// Forward secret, with a post-quantum or hybrid key exchange.
    Sealed,
    /// Forward secret, with a classical key exchange: store now, decrypt with a quantum computer.
    Harvest,
    /// Opens with the server's long-term key.
    StolenKey,
    /// Sealed with what a tap can break today.
    Weak,
    /// Read as it passes.
    Open,
}

impl Exposure {
    /// All exposures, worst first.
    pub const ALL: [Exposure; 6] = [
        Exposure::Open,
        Exposure::Weak,
        Exposure::StolenKey,
        Exposure::Harvest,
        Exposure::Sealed,
        Exposure::Unknown,
    ];

    /// The word of the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Exposure::Open => "open",
            Exposure::Weak => "weak",
            Exposure::StolenKey => "stolen-key",
            Exposure::Harvest => "harvest",
            Exposure::Sealed => "sealed",
            Exposure::Unknown => "unknown",
        }
    }

    /// One plain sentence on what the word means.
    pub fn meaning(self) -> &'static str {
        match self {
            Exposure::Open => "read as it passes",
            Exposure::Weak => "sealed with what a tap can break today",
            Exposure::StolenKey => "opens with the server's long-term key",
            Exposure::Harvest => "can be stored now and opened with a quantum computer",
            Exposure::Sealed => "stays closed, to the best of today's knowledge",
            Exposure::Unknown => "not recognised, or not enough was captured to say",
        }
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much a finding matters. Ordered: a later variant is worse.
///
/// It follows what the tap gets: readable now, then opened with a stolen key, then stored for a
/// quantum computer, then metadata and inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Metadata or inference: names, times, habits.
    Info,
    /// Stored today, opened by a quantum computer.
    Low,
    /// Opens with a stolen key, or with what breaks today.
    Medium,
    /// Contents readable now.
    High,
    /// A secret readable now that opens more: a password, a key, the words of a call or a letter.
    Critical,
}

impl Severity {
    /// All severities, worst first.
    pub const ALL: [Severity; 5] = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
        Severity::Info,
    ];

    /// The word of the ledger and of `--fail-on`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
