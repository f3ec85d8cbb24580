//! Sealing for one who may hear it: a writer of the age format (age-encryption.org/v1).

use std::io::{self, Write};
use std::str::FromStr;

/// Whom something is sealed to: an X25519 recipient of age, `age1...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

/// Why a text is no recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no recipient of age with an X25519 key (age1...)")]
pub struct RecipientError;

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(_text: &str) -> Result<Recipient, RecipientError> {
        Err(RecipientError)
    }
}

/// Seals what is written to it. Without [`Sealing::finish`] what was written cannot be opened to its end.
#[derive(Debug)]
pub struct Sealing<W: Write> {
    out: W,
}

impl<W: Write> Sealing<W> {
    /// Begins to seal to a recipient: writes the header.
    ///
    /// # Errors
    /// Where `out` cannot be written, or the system gives no random bytes.
    pub fn to(_recipient: &Recipient, out: W) -> io::Result<Sealing<W>> {
        Ok(Sealing { out })
    }

    /// Writes the last part, and gives the output back.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub fn finish(self) -> io::Result<W> {
        Ok(self.out)
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
