//! What was given to read: files, what is in folders, standard input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::SourceError;
use crate::capture::{Bytes, Capture, Rejected};

/// Something to read a capture from.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    path: PathBuf,
    /// What the description calls it.
    pub(crate) name: String,
    /// Its size in bytes, where it is a file that can be read from the beginning more than once.
    pub(crate) size: Option<u64>,
}

impl Input {
    /// A file or standard input, as given.
    pub(crate) fn given(path: &Path) -> Result<Input, SourceError> {
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into(),
        );
        Input::of(path, name)
            .map_err(|problem| Rejected::Unreadable(problem).of(&path.display().to_string()))
    }

    fn of(path: &Path, name: String) -> io::Result<Input> {
        let size = if is_standard_input(path) {
            None
        } else {
            // Only a file is looked at: to open a pipe here would wait for whoever writes to it.
            Some(fs::metadata(path)?)
                .filter(fs::Metadata::is_file)
                .map(|metadata| metadata.len())
        };
        Ok(Input {
            path: path.to_owned(),
            name,
            size,
        })
    }

    /// Begins to read it, in blocks of so many bytes.
    pub(crate) fn begin(&self, block: usize, position: &Position) -> Result<Capture, SourceError> {
        let bytes = if is_standard_input(&self.path) {
            standard_input()
        } else {
            File::open(&self.path)
        };
        let bytes = bytes.map(|file| -> Bytes {
            match self.size {
                Some(_) => Box::new(file),
                None => Box::new(Pipe {
                    file,
                    stop: position.stop.clone(),
                }),
            }
        });
        bytes
            .map_err(Rejected::Unreadable)
            .and_then(|bytes| Capture::begin(&self.name, position.count(bytes), block))
            .map_err(|rejected| rejected.of(&self.path.display().to_string()))
    }
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;
    // Past the buffer of `Stdin`, in which bytes could lie that waiting for the pipe does not see.
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

/// A pipe or a device: where nothing comes, the wish to stop is heard none the less.
struct Pipe {
    file: File,
    stop: Arc<AtomicBool>,
}

/// Milliseconds after which somebody who waits for a pipe looks whether to stop.
#[cfg(unix)]
const PATIENCE: i64 = 100;

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        loop {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};
            if self.stop.load(Ordering::Relaxed) {
                return Ok(0);
            }
            let patience = Timespec {
                tv_sec: 0,
                tv_nsec: PATIENCE * 1_000_000,
            };
            match poll(
                &mut [PollFd::new(&self.file, PollFlags::IN)],
                Some(&patience),
            ) {
                // Nothing yet, or a signal came between.
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                // What cannot be waited for is read, and says itself what is wrong.
                _ => break,
            }
        }
        self.file.read(into)
    }
}

/// The files in a folder and in the folders in it, by name, and what is said of what is no file.
///
/// Links to folders are not followed, so there is no way round in a circle.
pub(crate) fn in_folder(folder: &Path) -> io::Result<(Vec<Input>, Vec<String>)> {
    let (mut inputs, mut notices) = (Vec::new(), Vec::new());
    let name = |path: &Path| {
        path.strip_prefix(folder)
            .unwrap_or(path)
            .display()
            .to_string()
    };
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    while let Some(entry) = entries.pop() {
        let path = entry.path();
        let added = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            fs::read_dir(&path).and_then(|inside| {
                entries.extend(inside.collect::<io::Result<Vec<_>>>()?);
                Ok(())
            })
        } else {
            Input::of(&path, name(&path)).map(|input| match input.size {
                Some(_) => inputs.push(input),
                None => notices.push(format!("{}: skipped: not a file", input.name)),
            })
        };
        if let Err(problem) = added {
            notices.push(format!("{}: skipped: {problem}", name(&path)));
        }
    }
    inputs.sort_by(|a, b| a.path.cmp(&b.path));
    notices.sort();
    Ok((inputs, notices))
}

/// Bytes read so far of all inputs, as they are stored, and whether to go on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Position {
    bytes: Arc<AtomicU64>,
    /// Set by whoever wants the reading to stop.
    stop: Arc<AtomicBool>,
}

impl Position {
    /// The beginning; reading stops once `stop` is set.
    pub(crate) fn until(stop: Arc<AtomicBool>) -> Position {
        Position {
            bytes: Arc::default(),
            stop,
        }
    }

    /// Whether reading is to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Counts the bytes that are read from here.
    pub(crate) fn count(&self, bytes: Bytes) -> Bytes {
        Box::new(Counted {
            bytes,
            position: self.clone(),
        })
    }

    pub(crate) fn get(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

struct Counted {
    bytes: Bytes,
    position: Position,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(into)?;
        self.position
            .bytes
            .fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
