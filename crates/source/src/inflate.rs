//! Captures that are packed: gzip (RFC 1952, with several members) and zstd (RFC 8878, with several and
//! skippable frames), unpacked as they are read.
//!
//! What can be unpacked before a cut or damage is given; then comes one error whose text says what is wrong
//! with the packed data.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::capture::Bytes;

/// Packed bytes read at once.
const PACKED_BLOCK: usize = 64 * 1024;

/// The most memory that zstd data may ask for to look back into, in bytes: what `zstd --long` uses.
const MAX_WINDOW: u64 = 128 * 1024 * 1024;

/// How a capture is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Packing {
    /// Its name, as its own tool is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        }
    }

    /// The bytes that were packed.
    pub(crate) fn unpack(self, bytes: Bytes) -> Bytes {
        let name = self.name();
        let packed = BufReader::with_capacity(PACKED_BLOCK, bytes);
        match self {
            Packing::Gzip => Box::new(Unpacked {
                name,
                decoder: MultiGzDecoder::new(packed),
                failed: None,
            }),
            Packing::Zstd => {
                let mut frame = FrameDecoder::new();
                frame.set_max_window_size(MAX_WINDOW);
                Box::new(Unpacked {
                    name,
                    decoder: Zstd {
                        packed,
                        frame,
                        failed: None,
                    },
                    failed: None,
                })
            }
        }
    }
}

/// Fills what it is given to the end, since decoders give little at a time, and says what failed.
struct Unpacked<D> {
    name: &'static str,
    decoder: D,
    failed: Option<io::Error>,
}

impl<D> Unpacked<D> {
    fn explain(&self, error: &io::Error) -> io::Error {
        let name = self.name;
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return io::Error::new(error.kind(), format!("{name} data cut off"));
        }
        io::Error::new(error.kind(), format!("{name} data damaged ({error})"))
    }
}

impl<D: Read> Read for Unpacked<D> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while self.failed.is_none() {
            let free = into.get_mut(filled..).unwrap_or_default();
            if free.is_empty() {
                return Ok(filled);
            }
            match self.decoder.read(free) {
                Ok(0) => return Ok(filled),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.failed = Some(self.explain(&error)),
            }
        }
        match self.failed.take() {
            Some(error) if filled == 0 => Err(error),
            failed => {
                self.failed = failed;
                Ok(filled)
            }
        }
    }
}

struct Zstd {
    packed: BufReader<Bytes>,
    frame: FrameDecoder,
    failed: Option<io::Error>,
}

impl Zstd {
    /// Begins the next frame; `false` where there is none.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.packed.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.frame.reset(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let passed = io::copy(
                        &mut self.packed.by_ref().take(u64::from(length)),
                        &mut io::sink(),
                    )?;
                    if passed < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.why(error)),
            }
        }
    }

    /// The decoder does not say whether it ran out of bytes or did not like them.
    fn why(&mut self, error: FrameDecoderError) -> io::Error {
        match self.packed.fill_buf() {
            Ok([]) => io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => io::Error::new(io::ErrorKind::InvalidData, error),
            Err(error) => error,
        }
    }

    /// Ends a frame that cannot go on. The decoder keeps what later blocks may refer to until the last
    /// block was read: it is given an empty last block, and a checksum in case it wants one.
    fn let_go(&mut self) {
        let last: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
        // Where it does not accept even that, there is nothing more to have.
        let _ = self.frame.decode_blocks(last, BlockDecodingStrategy::All);
    }
}

impl Read for Zstd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.frame.can_collect() > 0 {
                return self.frame.read(into);
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if self.frame.is_finished() {
                let (said, is) = (
                    self.frame.get_checksum_from_data(),
                    self.frame.get_calculated_checksum(),
                );
                if said.is_some() && said != is {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "checksum does not match",
                    ));
                }
                if !self.next_frame()? {
                    return Ok(0);
                }
            } else if let Err(error) = self
                .frame
                .decode_blocks(&mut self.packed, BlockDecodingStrategy::UptoBlocks(1))
            {
                self.failed = Some(self.why(error));
                self.let_go();
            }
        }
    }
}

#[cfg(test)]
mod tests;
