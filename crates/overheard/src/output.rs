//! Writing what was learned, and nothing half.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use overheard_ledger::Line;
use overheard_report::inert;

use overheard::listen::Ledger;

/// Prints the ledger as NDJSON on standard output.
///
/// # Errors
/// Where standard output cannot be written.
pub fn ledger(ledger: &Ledger) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    for record in &ledger.records {
        serde_json::to_writer(&mut out, record)?;
        out.write_all(b"\n")?;
    }
    for record in &ledger.opened {
        let line = Line {
            record: record.clone(),
            opened: true,
        };
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// The file that a page will be written to, found good before anything is heard: hours of hearing are not
/// to end in a wrong name.
#[derive(Debug)]
pub struct Page {
    /// As given.
    given: PathBuf,
    /// Where it really is, links followed.
    path: PathBuf,
    /// Whether it is a device or a pipe, which is written to as it is.
    special: bool,
}

impl Page {
    /// Looks whether a page can be written under this name.
    ///
    /// # Errors
    /// Where it is a folder or one of the captures, or its folder does not exist or cannot be written.
    pub fn new(given: &Path, captures: &[PathBuf]) -> Result<Page> {
        Page::look(given, captures).with_context(|| cannot(given))
    }

    fn look(given: &Path, captures: &[PathBuf]) -> Result<Page> {
        let mut page = Page {
            given: given.to_owned(),
            path: given.to_owned(),
            special: false,
        };
        match fs::metadata(given) {
            Ok(metadata) if metadata.is_dir() => bail!("it is a folder"),
            Ok(metadata) if !metadata.is_file() => {
                page.special = true;
                return Ok(page);
            }
            Ok(_) => {
                page.path = fs::canonicalize(given)?;
                let is_page = |capture: &PathBuf| {
                    fs::canonicalize(capture).is_ok_and(|capture| capture == page.path)
                };
                if captures.iter().any(is_page) {
                    bail!("it is the capture itself");
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let part = page.part();
        File::create(&part)?;
        fs::remove_file(&part)?;
        Ok(page)
    }

    /// Writes the page as a whole or not at all: under a name of its own beside it first. What was there
    /// before stays until then.
    ///
    /// # Errors
    /// Where the folder cannot be written or the disk is full; nothing new is left under either name then.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        let written = match self.special {
            true => File::options()
                .write(true)
                .open(&self.path)
                .and_then(|mut file| file.write_all(bytes)),
            false => self.replace(bytes),
        };
        written.with_context(|| cannot(&self.given))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let part = self.part();
        let written = File::create(&part)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&part, &self.path));
        if written.is_err() {
            // The first error is the one that matters.
            let _ = fs::remove_file(&part);
        }
        written
    }

    /// A name beside the page's that nobody else uses. Short: with the page's own name in it, it could
    /// become too long.
    fn part(&self) -> PathBuf {
        let name = format!(".overheard-{}.part", std::process::id());
        self.path.with_file_name(name)
    }
}

fn cannot(page: &Path) -> String {
    format!("{}: the page cannot be written", page.display())
}

/// Prints one line on standard error, whatever stands in it: names of files are given by strangers too.
pub fn complain(message: &str) {
    // Who cannot read this learns it from the exit status.
    let _ = writeln!(io::stderr(), "overheard: {}", inert(message));
}

/// Whether an error says that nobody reads standard output any more.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
            || cause
                .downcast_ref::<serde_json::Error>()
                .is_some_and(|error| error.io_error_kind() == Some(io::ErrorKind::BrokenPipe))
    })
}
