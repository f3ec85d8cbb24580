//! Key logs that the owner of the conversations gives.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use overheard_tap::Keys;

/// The longest line that is looked at, in bytes; one of a key log has at most some 250.
const MAX_LINE: u64 = 4096;

/// Reads a key log (RFC 9850).
///
/// # Errors
/// Where it cannot be read, or holds no secret of TLS.
pub fn read(path: &Path, keys: &mut Keys) -> Result<()> {
    let name = || format!("{}", path.display());
    let mut log = BufReader::new(File::open(path).with_context(name)?);
    let mut line = Vec::new();
    let mut found = 0;
    loop {
        line.clear();
        let count = (&mut log).take(MAX_LINE).read_until(b'\n', &mut line);
        if count.with_context(name)? == 0 {
            break;
        }
        found += keys.read(&line);
    }
    if found == 0 {
        bail!("{}: no secrets of TLS are in it", name());
    }
    Ok(())
}
