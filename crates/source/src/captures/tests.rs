use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Captures, SourceError};
use crate::tests::{Folder, drain, usual};

#[test]
fn one_file_is_one_capture() {
    let folder = Folder::new("one-file");
    let path = folder.put("a.pcap", &usual(1, &[5, 6]));
    let mut captures = Captures::open(&[path]).unwrap();
    assert_eq!(drain(&mut captures).unwrap().len(), 2);
    assert_eq!(captures.description().sources, ["a.pcap"]);
    assert_eq!(captures.description().input_bytes, 60);
    assert_eq!(captures.position(), 60);
}

#[test]
fn folders_give_every_capture_in_them_by_name() {
    let folder = Folder::new("folders");
    folder.put("b.pcap", &usual(1, &[5]));
    folder.put("a/z.pcap", &usual(2, &[5]));
    folder.put("a/deep/y.pcap", &usual(3, &[5]));
    folder.put("a/notes.txt", b"Dear all,\n");
    folder.put("empty", b"");
    let mut captures = Captures::open(std::slice::from_ref(&folder.path)).unwrap();
    let tags: Vec<u8> = drain(&mut captures)
        .unwrap()
        .iter()
        .map(|seen| seen.bytes[0])
        .collect();
    assert_eq!(tags, [3, 2, 1]);
    let description = captures.description();
    assert_eq!(description.sources, ["a/deep/y.pcap", "a/z.pcap", "b.pcap"]);
    assert_eq!(
        description.notices,
        [
            "a/notes.txt: skipped: not a capture: a text file",
            "empty: skipped: not a capture: an empty file"
        ]
    );
    assert_eq!(description.input_bytes, 3 * 42);
    assert_eq!(captures.position(), 3 * 42);
}

#[test]
fn a_folder_with_one_capture_is_that_capture() {
    let folder = Folder::new("folder-of-one");
    folder.put("b.pcap", &usual(1, &[5, 6])[..59]);
    folder.put("notes.txt", b"Dear all,\n");
    let mut captures = Captures::open(std::slice::from_ref(&folder.path)).unwrap();
    assert_eq!(drain(&mut captures).unwrap().len(), 1);
    assert_eq!(
        captures.description().notices.len(),
        2,
        "{:?}",
        captures.description().notices
    );
    assert_eq!(captures.position(), 59);
}

#[test]
fn a_folder_without_captures_is_an_error() {
    let folder = Folder::new("folder-of-none");
    folder.put("notes.txt", b"Dear all,\n");
    let with = Folder::new("folder-beside");
    with.put("a.pcap", &usual(1, &[5]));
    let error = Captures::open(&[with.path.clone(), folder.path.clone()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("no captures in {}", folder.path.display())
    );
    assert!(matches!(
        Captures::open(&[]),
        Err(SourceError::Empty { .. })
    ));
}

#[test]
fn what_is_given_by_name_has_to_be_a_capture() {
    let folder = Folder::new("by-name");
    let capture = folder.put("a.pcap", &usual(1, &[5]));
    let notes = folder.put("notes.txt", b"Dear all,\n");
    for inputs in [vec![notes.clone()], vec![capture.clone(), notes.clone()]] {
        let error = Captures::open(&inputs).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{}: not a capture: a text file", notes.display())
        );
    }
    let missing: PathBuf = folder.path.join("missing.pcap");
    for inputs in [vec![missing.clone()], vec![capture, missing.clone()]] {
        assert!(matches!(
            Captures::open(&inputs),
            Err(SourceError::Unreadable { .. })
        ));
    }
}

#[cfg(unix)]
#[test]
fn links_to_folders_are_not_followed() {
    let folder = Folder::new("links");
    folder.put("a/b.pcap", &usual(1, &[5]));
    std::os::unix::fs::symlink(&folder.path, folder.path.join("a/around")).unwrap();
    std::os::unix::fs::symlink(folder.path.join("a/b.pcap"), folder.path.join("c.pcap")).unwrap();
    let mut captures = Captures::open(std::slice::from_ref(&folder.path)).unwrap();
    assert_eq!(drain(&mut captures).unwrap().len(), 2);
    assert_eq!(
        captures.description().notices,
        ["a/around: skipped: not a file"]
    );
}

#[test]
fn a_reader_that_fails_is_an_error_after_the_frames_before_it() {
    struct Fails(io::Cursor<Vec<u8>>);
    impl io::Read for Fails {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(io::Error::other("the disk is gone")),
                count => Ok(count),
            }
        }
    }
    let reader = Fails(io::Cursor::new(usual(1, &[5, 6])));
    let mut captures = Captures::from_reader("disk", Box::new(reader)).unwrap();
    let mut batch = crate::Batch::default();
    assert!(captures.fill(&mut batch).unwrap());
    assert_eq!(batch.frames.len(), 2);
    assert_eq!(
        captures.fill(&mut batch).unwrap_err().to_string(),
        "disk: the disk is gone"
    );
    assert!(!captures.fill(&mut batch).unwrap());
}

#[test]
fn frames_of_a_pipe_are_given_as_they_come() {
    struct Pipe(Vec<Vec<u8>>);
    impl io::Read for Pipe {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let next = self.0.remove(0);
            into[..next.len()].copy_from_slice(&next);
            Ok(next.len())
        }
    }
    // A third read would fail: it must not be tried before the frames of the second were given.
    let whole = usual(1, &[5, 6]);
    let pipe = Pipe(vec![whole[..24].to_vec(), whole[24..].to_vec()]);
    let mut captures = Captures::from_reader("pipe", Box::new(pipe)).unwrap();
    let mut batch = crate::Batch::default();
    assert!(captures.fill(&mut batch).unwrap());
    assert_eq!(batch.frames.len(), 2);
}

#[test]
fn a_file_that_is_gone_when_its_turn_comes_is_an_error() {
    let folder = Folder::new("twice");
    let path = folder.put("a.pcap", &usual(1, &[5]));
    let mut captures = Captures::open(&[path.clone(), path.clone()]).unwrap();
    fs::remove_file(&path).unwrap();
    // Files are opened again when their turn comes; that one is gone is an error and no silence.
    assert!(matches!(
        drain(&mut captures),
        Err(SourceError::Unreadable { .. })
    ));
}
