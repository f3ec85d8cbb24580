//! How it came about that something went by in clear where encryption could have been switched on.

use overheard_ledger::SERVER;
use overheard_tap::Notes;

/// What is known of a server's offer to encrypt, and of its use.
#[derive(Debug, Default)]
pub struct Starttls {
    /// The server listed what it can do.
    pub listed: bool,
    /// It offered to encrypt.
    pub offered: bool,
    /// It was asked to encrypt and refused.
    pub refused: bool,
    said: bool,
}

/// The rules of one protocol for it, by id, and what they are about.
pub struct Rules {
    /// What went by in clear, up to the server's name: `Mail to`.
    pub what: &'static str,
    /// Refused.
    pub refused: &'static str,
    /// Offered, and not used.
    pub ignored: &'static str,
    /// Not offered; none where servers need not list what they can do.
    pub not_offered: Option<&'static str>,
}

impl Starttls {
    /// Something that matters went by in clear: says once how that came about, as far as it is known.
    pub fn passed_in_clear(&mut self, rules: &Rules, notes: &mut Notes<'_>) {
        let (rule, how) = if self.refused {
            (rules.refused, ": encryption was asked for and refused")
        } else if self.offered {
            (rules.ignored, ", although encryption was offered")
        } else if let (true, Some(rule)) = (self.listed, rules.not_offered) {
            (rule, ": encryption was not offered")
        } else {
            return;
        };
        if !std::mem::replace(&mut self.said, true) {
            notes.observe(rule, format!("{} {SERVER} in clear{how}", rules.what));
        }
    }
}
