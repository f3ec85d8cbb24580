//! Conversations that nobody recognised and whose bytes are spread evenly from the first one on: sealed by
//! something that does not name itself, as protocols built on Noise are, or a compressed file.

use foldhash::HashMap;
use overheard_ledger::{Conversation, Hint, HintBody, SERVER};

/// The id of the rule.
pub(crate) const RULE: &str = "high-entropy-unrecognised";

/// What files begin with whose bytes are spread evenly because they are compressed or coded: Zip, gzip, bzip2,
/// xz, 7-Zip, Zstandard, LZ4, compress, RAR, cabinet, PNG, JPEG, GIF, WebP and WAV, Ogg, FLAC, MP3, Matroska,
/// Flash video, PDF, Git packs, Debian and RPM packages.
const MAGIC: &[&[u8]] = &[
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"\x1f\x9d",
    b"Rar!",
    b"MSCF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"OggS",
    b"fLaC",
    b"ID3",
    b"\x1a\x45\xdf\xa3",
    b"FLV\x01",
    b"%PDF",
    b"PACK",
    b"!<arch>",
    b"\xed\xab\xee\xdb",
];

/// One hint for each such conversation.
pub(crate) fn hints(conversations: &HashMap<u64, &Conversation>, hints: &[Hint]) -> Vec<Hint> {
    let observed = hints.iter().filter_map(|hint| {
        let HintBody::HighEntropy { client, server } = &hint.body else {
            return None;
        };
        let conversation = conversations.get(&hint.conversation)?;
        // Another conversation may have said meanwhile what it is.
        if conversation.protocol.is_some() || is_file(client) || is_file(server) {
            return None;
        }
        Some(Hint {
            body: HintBody::Observed {
                rule: RULE,
                learns: format!(
                    "Who talks to {SERVER}, when, and how much: {} bytes, high-entropy, unrecognised",
                    conversation.accounts.unrecognised
                ),
            },
            ..hint.clone()
        })
    });
    observed.collect()
}

/// Whether bytes begin as a compressed or coded file does.
fn is_file(bytes: &[u8]) -> bool {
    let zlib = match *bytes {
        // Deflate with a window of up to 32 KiB, and a check of both bytes (RFC 1950 section 2.2).
        [method, flags, ..] => {
            method & 0x0f == 8 && method >> 4 <= 7 && u16::from_be_bytes([method, flags]) % 31 == 0
        }
        _ => false,
    };
    // MP4 says so in its fifth byte; MP3 and AAC in eleven or twelve bits.
    let coded =
        bytes.get(4..8) == Some(b"ftyp") || matches!(*bytes, [0xff, 0xf1 | 0xf9 | 0xfb | 0xf3, ..]);
    zlib || coded || MAGIC.iter().any(|magic| bytes.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_files_are_no_ciphers() {
        for first in [
            &[0x78, 0x9c][..],
            &[0x78, 0x01],
            b"\x1f\x8b\x08",
            b"\0\0\0\x18ftypmp42",
            b"\xff\xfb\x90",
        ] {
            assert!(is_file(first), "{first:?}");
        }
        assert!(!is_file(&[]) && !is_file(&[0x78, 0x9d]) && !is_file(b"\x4c\x01\xaa"));
    }
}
