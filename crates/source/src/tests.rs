//! What the tests of this crate share: captures built by hand, and what is read of them.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::order::Order;
use crate::{Batch, Captures, Description, SourceError};

/// A frame as it was read, with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) time: u64,
    pub(crate) link: u16,
    pub(crate) on_wire: u32,
    pub(crate) bytes: Vec<u8>,
}

/// Gives bytes a few at a time, as a pipe does.
pub(crate) struct Trickle {
    pub(crate) bytes: io::Cursor<Vec<u8>>,
    pub(crate) at_once: usize,
}

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(self.at_once);
        self.bytes.read(&mut into[..most])
    }
}

/// All frames, and what is known at the end.
pub(crate) fn drain(captures: &mut Captures) -> Result<Vec<Seen>, SourceError> {
    let (mut batch, mut seen) = (Batch::default(), Vec::new());
    while captures.fill(&mut batch)? {
        assert!(!batch.frames.is_empty());
        for frame in &batch.frames {
            let bytes = batch.bytes_of(frame).to_vec();
            assert_eq!(bytes.len(), frame.captured as usize);
            assert!(frame.on_wire >= frame.captured);
            seen.push(Seen {
                number: frame.number,
                time: frame.time,
                link: frame.link.0,
                on_wire: frame.on_wire,
                bytes,
            });
        }
    }
    assert!(!captures.fill(&mut batch)?, "the end stays the end");
    Ok(seen)
}

/// Reads a capture, so many bytes at a time.
pub(crate) fn read_by(
    bytes: &[u8],
    at_once: usize,
) -> Result<(Vec<Seen>, Description), SourceError> {
    let trickle = Trickle {
        bytes: io::Cursor::new(bytes.to_vec()),
        at_once,
    };
    let mut captures = Captures::from_reader("test", Box::new(trickle))?;
    let seen = drain(&mut captures)?;
    Ok((seen, captures.description().clone()))
}

/// Reads a capture that has to be one.
pub(crate) fn read(bytes: &[u8]) -> (Vec<Seen>, Description) {
    read_by(bytes, usize::MAX).expect("a capture")
}

/// Cuts a capture everywhere: what is read is always the beginning of the whole, and where frames are
/// missing, that is said. Gives the frames left at each cut.
pub(crate) fn cut_everywhere(whole: &[u8]) -> Vec<usize> {
    let (all, description) = read(whole);
    assert_eq!(description.notices, Vec::<String>::new());
    let cuts = (0..whole.len()).map(|cut| match read_by(&whole[..cut], usize::MAX) {
        Ok((seen, description)) => {
            assert_eq!(seen, all[..seen.len()], "cut at {cut}");
            assert!(description.notices.len() <= 1, "cut at {cut}");
            seen.len()
        }
        Err(SourceError::NotACapture { .. }) => 0,
        Err(error) => panic!("cut at {cut}: {error}"),
    });
    cuts.collect()
}

/// However the bytes come, the same is read. (What is no capture is only looked at as far as it came, so
/// the guess what it may be can differ.)
pub(crate) fn any_reads_are_equal(whole: &[u8]) {
    let once = read_by(whole, usize::MAX).ok();
    for at_once in [1, 2, 3, 5, 7, 16, 61] {
        assert_eq!(
            once,
            read_by(whole, at_once).ok(),
            "{at_once} bytes at a time"
        );
    }
}

/// Writes numbers in an order.
pub(crate) struct Writer {
    pub(crate) order: Order,
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(order: Order) -> Writer {
        Writer {
            order,
            bytes: Vec::new(),
        }
    }

    pub(crate) fn u16(&mut self, number: u16) -> &mut Writer {
        self.raw(&match self.order {
            Order::Big => number.to_be_bytes(),
            Order::Little => number.to_le_bytes(),
        })
    }

    pub(crate) fn u32(&mut self, number: u32) -> &mut Writer {
        self.raw(&match self.order {
            Order::Big => number.to_be_bytes(),
            Order::Little => number.to_le_bytes(),
        })
    }

    pub(crate) fn u64(&mut self, number: u64) -> &mut Writer {
        self.raw(&match self.order {
            Order::Big => number.to_be_bytes(),
            Order::Little => number.to_le_bytes(),
        })
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Writer {
        self.bytes.extend_from_slice(bytes);
        self
    }
}

/// A classic capture of frames (seconds, fraction, bytes).
pub(crate) fn classic(order: Order, magic: u32, frames: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(order);
    writer
        .u32(magic)
        .u16(2)
        .u16(4)
        .u32(0)
        .u32(0)
        .u32(65_535)
        .u32(1);
    for (seconds, fraction, bytes) in frames {
        let length = u32::try_from(bytes.len()).unwrap();
        writer
            .u32(*seconds)
            .u32(*fraction)
            .u32(length)
            .u32(length + 4);
        if matches!(magic, 0xa1b2_cd34 | 0xa1e2_cb12) {
            writer.raw(&[0x77; 8]);
        }
        writer.raw(bytes);
    }
    writer.bytes
}

/// A small capture in the usual form: frames at these seconds, each holding its second and the tag.
pub(crate) fn usual(tag: u8, seconds: &[u32]) -> Vec<u8> {
    let content: Vec<[u8; 2]> = seconds
        .iter()
        .map(|second| [tag, second.to_le_bytes()[0]])
        .collect();
    let frames: Vec<(u32, u32, &[u8])> = seconds
        .iter()
        .zip(&content)
        .map(|(s, c)| (*s, 0, c.as_slice()))
        .collect();
    classic(Order::Little, 0xa1b2_c3d4, &frames)
}

/// A folder for one test, gone after it.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    /// `test` has to be different for every test.
    pub(crate) fn new(test: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("overheard-source-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder { path }
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
