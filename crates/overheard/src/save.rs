//! Files in a folder, each whole or not there at all, and readable to their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A folder that files are written into, found good before anything is heard.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It was written.
    New,
    /// There was one of this name, which was left as it is.
    Kept,
}

impl Folder {
    /// Looks whether files can be written into the folder; makes it where it is missing.
    ///
    /// # Errors
    /// Where it is no folder, cannot be made or cannot be written.
    pub fn new(path: &Path) -> Result<Folder> {
        let folder = Folder {
            path: path.to_owned(),
        };
        folder.look().with_context(|| folder.cannot())?;
        Ok(folder)
    }

    fn look(&self) -> Result<()> {
        match fs::metadata(&self.path) {
            Ok(metadata) if !metadata.is_dir() => bail!("it is no folder"),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&self.path)?,
            Err(error) => return Err(error.into()),
        }
        let part = self.part();
        create(&part)?;
        fs::remove_file(&part)?;
        Ok(())
    }

    /// Writes a file as a whole or not at all, under a name of its own first. A file of this name that is there
    /// already stays.
    ///
    /// # Errors
    /// Where `write` fails, the folder cannot be written or the disk is full; nothing new is left under either name then.
    pub fn save(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
    ) -> Result<Saved> {
        let path = self.path.join(name);
        if fs::symlink_metadata(&path).is_ok() {
            return Ok(Saved::Kept);
        }
        let part = self.part();
        let written = self.write(&part, &path, write);
        // Under its other name it stays; where it was not written, the first error is the one that matters.
        let _ = fs::remove_file(&part);
        written.with_context(|| format!("{}: {}", self.cannot(), name))
    }

    fn write(
        &self,
        part: &Path,
        path: &Path,
        write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
    ) -> Result<Saved> {
        let mut out = BufWriter::with_capacity(1 << 16, create(part)?);
        write(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        // A second name, unlike a new one, never takes the place of a file that came in the meantime.
        match fs::hard_link(part, path) {
            Ok(()) => Ok(Saved::New),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Saved::Kept),
            // Not every disk can give two names to a file.
            Err(_) if fs::symlink_metadata(path).is_err() => {
                fs::rename(part, path)?;
                Ok(Saved::New)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A file of the folder, for people.
    pub fn show(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    fn part(&self) -> PathBuf {
        self.path
            .join(format!(".overheard-{}.part", std::process::id()))
    }

    fn cannot(&self) -> String {
        format!("{}: the sound cannot be saved", self.path.display())
    }
}

/// A new file that only its owner may read: what is in it is confidential from its first byte on.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new folder, likewise.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
