//! What a file is, by its first bytes.

use crate::classic::Layout;
use crate::inflate::Packing;

/// First bytes that are enough to tell what a file is.
pub(crate) const ENOUGH: usize = 4;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// A classic capture.
    Classic(Layout),
    /// A pcapng capture.
    Pcapng,
    /// A file that has to be unpacked to know more.
    Packed(Packing),
    /// No capture: what it seems to be instead, with its article.
    Other(&'static str),
}

/// Magic numbers of what people give by mistake, at the beginning of a file.
const OTHERS: &[(&[u8], &str)] = &[
    (b"\x7fELF", "an ELF program or library"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive (or an office document)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"BZh", "a bzip2 archive, which has to be unpacked first"),
    (b"\xfd7zXZ", "an xz archive, which has to be unpacked first"),
    (
        b"\x04\x22\x4d\x18",
        "an lz4 archive, which has to be unpacked first",
    ),
    (
        b"7z\xbc\xaf",
        "a 7-Zip archive, which has to be unpacked first",
    ),
    (b"SQLite format 3", "an SQLite database"),
    (b"RIFF", "an audio or video file"),
    (b"OggS", "an audio or video file"),
    (b"ID3", "an audio file"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"MZ", "a Windows program"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
    (b"\xca\xfe\xba\xbe", "a Java class or a Mach-O program"),
    (
        b"snoop\0\0\0",
        "a snoop capture: turn it into pcapng first, with `editcap IN OUT`",
    ),
    (
        b"btsnoop\0",
        "a Bluetooth snoop capture: turn it into pcapng first, with `editcap IN OUT`",
    ),
    (
        b"GMBU",
        "a Microsoft Network Monitor capture: turn it into pcapng first, with `editcap IN OUT`",
    ),
    (
        b"RTSS",
        "a Microsoft Network Monitor capture: turn it into pcapng first, with `editcap IN OUT`",
    ),
    (
        b"XCP\0",
        "a NetXRay capture: turn it into pcapng first, with `editcap IN OUT`",
    ),
    (
        b"TRSNIFF data",
        "a Sniffer capture: turn it into pcapng first, with `editcap IN OUT`",
    ),
    (b"\x0a\x0d\x0d\x0a", "a damaged pcapng file"),
    (b"#!", "a script"),
];

/// Says what a file is whose first bytes are these.
pub(crate) fn recognise(first: &[u8]) -> Recognised {
    if first.is_empty() {
        return Recognised::Other("an empty file");
    }
    if let Some(layout) = first.first_chunk().copied().and_then(Layout::of) {
        return Recognised::Classic(layout);
    }
    let byte_order = first.get(8..12);
    if first.starts_with(b"\x0a\x0d\x0d\x0a")
        && byte_order
            .is_none_or(|magic| magic == b"\x1a\x2b\x3c\x4d" || magic == b"\x4d\x3c\x2b\x1a")
    {
        return Recognised::Pcapng;
    }
    if first.starts_with(b"\x1f\x8b") {
        return Recognised::Packed(Packing::Gzip);
    }
    // A skippable frame (RFC 8878 section 3.1.2) may come first: pzstd writes one.
    if first.starts_with(b"\x28\xb5\x2f\xfd")
        || matches!(first, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
    {
        return Recognised::Packed(Packing::Zstd);
    }
    let known = OTHERS
        .iter()
        .find(|(magic, _)| first.starts_with(magic))
        .map(|(_, what)| *what);
    Recognised::Other(known.unwrap_or_else(|| {
        if is_text(first) {
            "a text file"
        } else {
            "an unknown kind of file"
        }
    }))
}

fn is_text(first: &[u8]) -> bool {
    let readable = |text: &str| {
        !text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c'))
    };
    match std::str::from_utf8(first) {
        Ok(text) => readable(text),
        // A character cut off at the end is none the less text.
        Err(error) if error.error_len().is_none() => {
            let whole = first.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).is_ok_and(readable)
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests;
