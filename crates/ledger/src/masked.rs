//! Text that is shown only in part unless its owner asks for it (law 5).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether masked values are kept whole. [`Reveal::Yes`] is the deliberate act `--reveal`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reveal {
    /// Secrets are masked before they enter a record.
    #[default]
    No,
    /// Secrets enter records whole.
    Yes,
}

/// A value that holds a secret only where [`Reveal::Yes`] was given when it was made; otherwise at
/// most its first two characters and its length. What is masked is not kept anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Masked(String);

impl Masked {
    /// Masks `secret` unless it is to be revealed. Of a secret of fewer than six characters nothing
    /// but the length is shown: two characters would be too much of it.
    pub fn new(secret: &str, reveal: Reveal) -> Masked {
        if reveal == Reveal::Yes {
            return Masked(secret.to_owned());
        }
        let length = secret.chars().count();
        let shown: String = secret
            .chars()
            .take(if length < 6 { 0 } else { 2 })
            .collect();
        Masked(format!(
            "{shown}… ({length} character{})",
            if length == 1 { "" } else { "s" }
        ))
    }

    /// The text to show.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A request target with its query masked, unless it is to be revealed. The path stays.
pub fn mask_query(target: &str, reveal: Reveal) -> String {
    match target.split_once('?') {
        Some((path, query)) if reveal == Reveal::No && !query.is_empty() => {
            format!("{path}?{}", Masked::new(query, reveal))
        }
        _ => target.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_two_characters_and_the_length() {
        assert_eq!(
            Masked::new("hunter2", Reveal::No).as_str(),
            "hu… (7 characters)"
        );
    }

    #[test]
    fn shows_nothing_of_a_short_secret() {
        assert_eq!(Masked::new("1234", Reveal::No).as_str(), "… (4 characters)");
    }

    #[test]
    fn shows_all_when_revealed() {
        assert_eq!(Masked::new("hunter2", Reveal::Yes).as_str(), "hunter2");
    }

    #[test]
    fn a_query_is_masked_and_the_path_is_not() {
        assert_eq!(
            mask_query("/find?name=ada", Reveal::No),
            "/find?na… (8 characters)"
        );
        assert_eq!(mask_query("/find?name=ada", Reveal::Yes), "/find?name=ada");
        assert_eq!(mask_query("/find", Reveal::No), "/find");
    }
}
