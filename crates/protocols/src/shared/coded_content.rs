//! What a message carries: bytes as they come, their content coding undone (RFC 9110 section 8.4),
//! hashed and counted, never kept.

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, GzDecoder, ZlibDecoder};
use overheard_tap::limits::MAX_CONTENT;
use sha2::{Digest, Sha256};

use super::hex::hex;

/// A content coding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    /// None, or one that is not undone: the bytes count as they are.
    #[default]
    Identity,
    /// `gzip`, `x-gzip` (RFC 1952).
    Gzip,
    /// `deflate`: zlib (RFC 1950), or by a common mistake bare deflate (RFC 1951).
    Deflate,
}

impl Coding {
    /// The coding that a Content-Encoding field names.
    pub fn named(value: &str) -> Coding {
        match value.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Coding::Gzip,
            "deflate" => Coding::Deflate,
            _ => Coding::Identity,
        }
    }
}

/// What was found out about a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its size in bytes, its coding undone as far as that went.
    pub bytes: u64,
    /// SHA-256 of those bytes, in hexadecimal.
    pub sha256: String,
    /// Whether its coding could be undone to the end.
    pub sound: bool,
    /// All its bytes, where no more than the asked for number came.
    pub excerpt: Option<Vec<u8>>,
}

/// One content on its way. Holds the window of its coding (about 70 kB) and the excerpt, no more.
pub struct Content {
    decoder: Decoder,
    /// The coding broke its rules, or grew beyond [`MAX_CONTENT`].
    broken: bool,
}

enum Decoder {
    Identity(Sink),
    Gzip(Box<GzDecoder<Sink>>),
    /// Deflate, before its first byte tells zlib from bare deflate.
    Undecided(Sink),
    Zlib(Box<ZlibDecoder<Sink>>),
    Deflate(Box<DeflateDecoder<Sink>>),
}

/// Memory of a coding: its window, its buffer and its tables.
const CODING: usize = 80 * 1024;

impl Content {
    /// Memory that it takes, in bytes.
    pub fn held(&self) -> usize {
        let excerpt = self.sink().excerpt.as_ref().map_or(0, Vec::capacity);
        match self.decoder {
            Decoder::Identity(_) | Decoder::Undecided(_) => excerpt,
            Decoder::Gzip(_) | Decoder::Zlib(_) | Decoder::Deflate(_) => CODING + excerpt,
        }
    }

    /// A content in this coding. All of it is kept for the summary where it has at most `excerpt` bytes.
    pub fn new(coding: Coding, excerpt: usize) -> Content {
        let coded = coding != Coding::Identity;
        let sink = Sink {
            excerpt: (excerpt > 0).then(Vec::new),
            most: excerpt,
            coded,
            ..Sink::default()
        };
        let decoder = match coding {
            Coding::Identity => Decoder::Identity(sink),
            Coding::Gzip => Decoder::Gzip(Box::new(GzDecoder::new(sink))),
            Coding::Deflate => Decoder::Undecided(sink),
        };
        Content {
            decoder,
            broken: false,
        }
    }

    /// Takes the next bytes as transferred. False where [`MAX_CONTENT`] sets them aside.
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        if self.broken {
            return !self.sink().full;
        }
        if let (Decoder::Undecided(sink), Some(&first)) = (&mut self.decoder, bytes.first()) {
            let sink = std::mem::take(sink);
            // CM = 8 of a zlib header (RFC 1950 section 2.2): bare deflate would begin with a stored
            // block whose padding is not zero.
            self.decoder = if first & 0x0f == 8 {
                Decoder::Zlib(Box::new(ZlibDecoder::new(sink)))
            } else {
                Decoder::Deflate(Box::new(DeflateDecoder::new(sink)))
            };
        }
        let result = match &mut self.decoder {
            Decoder::Identity(sink) | Decoder::Undecided(sink) => sink.write_all(bytes),
            Decoder::Gzip(decoder) => feed(decoder.as_mut(), bytes),
            Decoder::Zlib(decoder) => feed(decoder.as_mut(), bytes),
            Decoder::Deflate(decoder) => feed(decoder.as_mut(), bytes),
        };
        self.broken = result.is_err();
        !self.sink().full
    }

    /// The summary, when no more bytes come.
    pub fn finish(mut self) -> Summary {
        let ended = match &mut self.decoder {
            Decoder::Identity(_) | Decoder::Undecided(_) => Ok(()),
            Decoder::Gzip(decoder) => decoder.try_finish(),
            Decoder::Zlib(decoder) => decoder.try_finish(),
            Decoder::Deflate(decoder) => decoder.try_finish(),
        };
        let sound = !self.broken && ended.is_ok();
        let sink = self.sink();
        Summary {
            bytes: sink.bytes,
            sha256: hex(&sink.hash.clone().finalize()),
            sound,
            excerpt: sink.excerpt.clone().filter(|_| sound),
        }
    }

    fn sink(&self) -> &Sink {
        match &self.decoder {
            Decoder::Identity(sink) | Decoder::Undecided(sink) => sink,
            Decoder::Gzip(decoder) => decoder.get_ref(),
            Decoder::Zlib(decoder) => decoder.get_ref(),
            Decoder::Deflate(decoder) => decoder.get_ref(),
        }
    }
}

/// Gives all bytes to a decoder; what stands behind the end of its format is passed over.
fn feed(decoder: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match decoder.write(bytes)? {
            0 => break,
            written => bytes = bytes.get(written..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Where decoded bytes go: hashed, counted, forgotten.
#[derive(Default)]
struct Sink {
    hash: Sha256,
    bytes: u64,
    excerpt: Option<Vec<u8>>,
    most: usize,
    /// Whether these bytes grew out of fewer.
    coded: bool,
    full: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let total = self
            .bytes
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.coded && total > MAX_CONTENT {
            self.full = true;
            return Err(io::Error::other("too much"));
        }
        self.bytes = total;
        self.hash.update(bytes);
        if let Some(excerpt) = &mut self.excerpt {
            if excerpt.len().saturating_add(bytes.len()) > self.most {
                self.excerpt = None;
            } else {
                excerpt.extend_from_slice(bytes);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    /// `printf 'hello, tap' | sha256sum`
    const TEXT: &[u8] = b"hello, tap";
    const SHA256: &str = "21ffcf386d66487b17d9cf1f9379fd88298d86cd51caaee5c56e1ac14394c870";

    fn summary(coding: Coding, bytes: &[u8], step: usize) -> Summary {
        let mut content = Content::new(coding, 64);
        for part in bytes.chunks(step) {
            content.take(part);
        }
        content.finish()
    }

    #[test]
    fn undoes_every_coding_in_any_pieces() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(TEXT).unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(TEXT).unwrap();
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
        deflate.write_all(TEXT).unwrap();
        for (name, coded) in [
            ("identity", TEXT.to_vec()),
            ("x-gzip", gzip.finish().unwrap()),
            ("Deflate", zlib.finish().unwrap()),
            ("deflate", deflate.finish().unwrap()),
        ] {
            for step in [1, 2, 3, 1000] {
                let expected = Summary {
                    bytes: 10,
                    sha256: SHA256.into(),
                    sound: true,
                    excerpt: Some(TEXT.to_vec()),
                };
                assert_eq!(
                    summary(Coding::named(name), &coded, step),
                    expected,
                    "{name} in steps of {step}"
                );
            }
        }
    }

    #[test]
    fn says_that_a_coding_broke() {
        assert!(!summary(Coding::Gzip, b"this is no gzip at all", 1000).sound);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(TEXT).unwrap();
        let coded = gzip.finish().unwrap();
        assert!(
            !summary(Coding::Gzip, &coded[..coded.len() - 9], 1000).sound,
            "cut"
        );
    }

    #[test]
    fn a_bomb_is_set_aside() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..=MAX_CONTENT / 65536 {
            bomb.write_all(&[0; 65536]).unwrap();
        }
        let mut content = Content::new(Coding::Gzip, 0);
        let used: Vec<bool> = bomb
            .finish()
            .unwrap()
            .chunks(1024)
            .map(|part| content.take(part))
            .collect();
        assert_eq!((used.first(), used.last()), (Some(&true), Some(&false)));
        let summary = content.finish();
        assert!(!summary.sound && summary.bytes <= MAX_CONTENT);
    }

    #[test]
    fn a_large_content_leaves_no_excerpt() {
        assert_eq!(summary(Coding::Identity, &[b'x'; 65], 10).excerpt, None);
        assert_eq!(
            summary(Coding::Identity, &[b'x'; 64], 10)
                .excerpt
                .map(|excerpt| excerpt.len()),
            Some(64)
        );
    }
}
