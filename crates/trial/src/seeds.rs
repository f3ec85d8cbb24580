//! Seeds: inputs from which fuzzing and the mutations of the test begin.
//!
//! They lie in `fuzz/seeds/TARGET`, packed: each file holds many, every one after its length (two bytes,
//! the higher first). `fuzz/seeds.py` packs them; few files keep the repository easy to look at.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the seeds of a target are.
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target)
}

/// The committed seeds of a target, in the order of the files.
///
/// # Panics
/// Where there are none, or they cannot be read.
pub fn committed(target: &str) -> Vec<Vec<u8>> {
    let folder = folder(target);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|problem| panic!("{}: {problem}", folder.display()))
        .map(|entry| entry.expect("a folder can be listed").path())
        .collect();
    files.sort();
    let mut seeds = Vec::new();
    for file in files {
        let packed =
            fs::read(&file).unwrap_or_else(|problem| panic!("{}: {problem}", file.display()));
        seeds.extend(unpack(&packed));
    }
    assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
    seeds
}

/// The seeds of a packed file.
///
/// # Panics
/// Where it is damaged.
pub fn unpack(mut packed: &[u8]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    while let [high, low, rest @ ..] = packed {
        let (seed, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        seeds.push(seed.to_vec());
        packed = rest;
    }
    assert!(packed.is_empty(), "a packed file of seeds is damaged");
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_seeds_come_back() {
        assert_eq!(
            unpack(b"\0\x03one\0\0\0\x05other"),
            [&b"one"[..], b"", b"other"]
        );
    }

    #[test]
    #[should_panic(expected = "damaged")]
    fn a_packed_file_that_ends_too_early_is_noticed() {
        unpack(b"\0\x03one\0");
    }
}
