//! The rules on logins that pass in clear, and on encryption that could have been switched on: one text for the
//! protocols that have STARTTLS or its like, so that they cannot judge differently.

/// The rules of a protocol by its name in the ledger, what is logged in to (`a news server`), what to do on
/// both sides, and the standard that says so.
macro_rules! login_rules {
    ($name:literal, $what:literal, $remedy:literal, $standard:literal) => {{
        use overheard_ledger::{Exposure, Rule, Severity, When};
        use $crate::shared::sasl::{crackable_heard, password_heard};
        [
            Rule {
                id: concat!($name, "-password"),
                title: concat!("Password for ", $what, " in clear"),
                severity: Severity::Critical,
                exposure: Exposure::Open,
                when: When::Record(|seen| password_heard(seen, $name)),
                remedy: concat!($remedy, " Change the password."),
                standard: $standard,
                explain: "Whoever hears a password has all that its owner has there, and mostly in other places too, since \
                          passwords are used more than once.",
            },
            Rule {
                id: concat!($name, "-crackable-login"),
                title: concat!("Login to ", $what, " that can be attacked offline"),
                severity: Severity::High,
                exposure: Exposure::Weak,
                when: When::Record(|seen| crackable_heard(seen, $name)),
                remedy: $remedy,
                standard: $standard,
                explain: "The password itself did not pass, but question and answer did: guesses can be tried on them at \
                          leisure, and most passwords are guessed.",
            },
            Rule {
                id: concat!($name, "-starttls-ignored"),
                title: concat!("Encryption offered by ", $what, " and not used"),
                severity: Severity::High,
                exposure: Exposure::Open,
                when: When::Observed,
                remedy: $remedy,
                standard: $standard,
                explain: "The server offered to encrypt, and the client went on in clear. A setting on the client's side \
                          is enough to change that.",
            },
            Rule {
                id: concat!($name, "-starttls-refused"),
                title: concat!("Encryption asked for and refused by ", $what),
                severity: Severity::High,
                exposure: Exposure::Open,
                when: When::Observed,
                remedy: $remedy,
                standard: $standard,
                explain: "The client asked for encryption, was refused, and went on in clear: what a man in the middle \
                          would bring about looks the same. Set up TLS on the server, and let the client give up rather \
                          than go on.",
            },
            Rule {
                id: concat!($name, "-starttls-not-offered"),
                title: concat!("Encryption not offered by ", $what),
                severity: Severity::High,
                exposure: Exposure::Open,
                when: When::Observed,
                remedy: $remedy,
                standard: $standard,
                explain: "The server said what it can do, and encryption was not among it, or something on the way took \
                          it out.",
            },
        ]
    }};
}
pub(crate) use login_rules;

/// How [`super::starttls::Starttls`] is told of the rules that [`login_rules`] makes.
macro_rules! starttls_rules {
    ($name:literal, $what:literal) => {
        $crate::shared::starttls::Rules {
            what: $what,
            refused: concat!($name, "-starttls-refused"),
            ignored: concat!($name, "-starttls-ignored"),
            not_offered: Some(concat!($name, "-starttls-not-offered")),
        }
    };
}
pub(crate) use starttls_rules;
