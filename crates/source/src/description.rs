//! What is known of the captures of a run, apart from their frames.

use std::fmt;

use overheard_wire::LinkType;

/// The most notices that are kept; a last one says that there were more.
const MAX_NOTICES: usize = 100;
/// The most names of interfaces that are kept.
const MAX_INTERFACES: usize = 256;
/// The most comments that are kept.
const MAX_COMMENTS: usize = 1000;
/// The most characters of a name or a comment that are kept.
const MAX_TEXT: usize = 1000;

/// What is known of the captures, complete once the last frame was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// File names without their folders (those found in a folder, with the path from there), or `-`.
    pub sources: Vec<String>,
    /// Link types, each once, in order of appearance.
    pub link_types: Vec<LinkType>,
    /// Names of the interfaces, each once, where the capture says them; at most 256.
    pub interfaces: Vec<String>,
    /// What could not be read, in plain sentences: a file cut short, a damaged block; each once, at most 100.
    pub notices: Vec<String>,
    /// Comments on frames, with the number of the frame; at most 1000. Somebody wrote them, so they may
    /// quote what the frames hold: not to be shown unmasked.
    pub comments: Vec<(u64, String)>,
    /// Key logs of TLS that stand in the captures themselves, where they were asked for.
    pub(crate) secrets: Secrets,
    /// Bytes of input in all (compressed size of compressed files); 0 where it is not known.
    pub input_bytes: u64,
}

/// The most bytes of key logs that are kept.
const MAX_SECRETS: usize = 32 << 20;

/// Key logs of TLS that stand in captures. Never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secrets {
    /// Whether anybody wants them.
    pub(crate) wanted: bool,
    /// The logs, one behind the other.
    pub(crate) logs: Vec<u8>,
    /// Whether only those are wanted that stand before the first frame.
    before_frames: bool,
    /// Whether there were too many to keep.
    pub(crate) left_out: bool,
}

impl Secrets {
    /// Those that stand before the first frame: of a pipe no others are there in time.
    pub(crate) fn before_frames() -> Secrets {
        Secrets {
            wanted: true,
            before_frames: true,
            ..Secrets::default()
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Description {
    /// A description that wants key logs, and knows nothing else.
    pub(crate) fn wanting_secrets() -> Description {
        Description {
            secrets: Secrets {
                wanted: true,
                ..Secrets::default()
            },
            ..Description::default()
        }
    }

    /// Keeps a key log that stands in a capture; `late` where frames came before it.
    pub(crate) fn add_secrets(&mut self, log: &[u8], late: bool) {
        let secrets = &mut self.secrets;
        if !secrets.wanted {
            return;
        }
        if late && secrets.before_frames {
            self.add_notice(
                "keys that stand behind the first frame of a pipe were not used: as a file the capture is opened with all of them".into(),
            );
            return;
        }
        if secrets.logs.len() + log.len() > MAX_SECRETS {
            secrets.left_out = true;
            return;
        }
        secrets.logs.extend_from_slice(log);
        secrets.logs.push(b'\n');
    }

    /// Adds what was learned elsewhere, but for the comments, whose frames have other numbers there.
    pub(crate) fn absorb(&mut self, learned: Description) {
        learned
            .link_types
            .into_iter()
            .for_each(|link| self.add_link_type(link));
        learned
            .interfaces
            .into_iter()
            .for_each(|name| self.add_interface(name.as_bytes()));
        learned
            .notices
            .into_iter()
            .for_each(|notice| self.add_notice(notice));
    }

    pub(crate) fn add_link_type(&mut self, link: LinkType) {
        if !self.link_types.contains(&link) {
            self.link_types.push(link);
        }
    }

    pub(crate) fn add_interface(&mut self, name: &[u8]) {
        let name = text(name);
        if !name.is_empty()
            && self.interfaces.len() < MAX_INTERFACES
            && !self.interfaces.contains(&name)
        {
            self.interfaces.push(name);
        }
    }

    pub(crate) fn add_comment(&mut self, frame: u64, comment: &[u8]) {
        if self.comments.len() < MAX_COMMENTS {
            self.comments.push((frame, text(comment)));
        }
    }

    pub(crate) fn add_notice(&mut self, notice: String) {
        match self.notices.len() {
            MAX_NOTICES.. => {}
            _ if self.notices.contains(&notice) => {}
            count if count + 1 == MAX_NOTICES => self
                .notices
                .push("there is more of which nothing is said here".into()),
            _ => self.notices.push(notice),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end_matches('\0')
        .chars()
        .take(MAX_TEXT)
        .collect()
}
