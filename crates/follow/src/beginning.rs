//! The first bytes of a conversation that nobody recognises: enough of them to tell whether they are spread
//! as evenly as those of a cipher.

use overheard_ledger::{HintBody, MAX_BEGINNING};
use overheard_tap::Side;

/// Bytes of each side that are looked at.
const LOOKED_AT: usize = 256;

/// The fewest bytes of a side that say something. Of so many random ones about 30 are the same as another; of
/// so many letters and digits more than 100 are.
const TELLING: usize = 128;

/// What the sides said first, as it arrived.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    sides: [Vec<u8>; 2],
}

impl Beginning {
    /// Keeps what `side` said next, as far as it is looked at. Whether anything was kept.
    pub(crate) fn hear(&mut self, side: Side, bytes: &[u8]) -> bool {
        let Some(kept) = self.sides.get_mut(side.index()) else {
            return false;
        };
        let room = LOOKED_AT.saturating_sub(kept.len());
        let new = bytes.get(..room).unwrap_or(bytes);
        kept.extend_from_slice(new);
        !new.is_empty()
    }

    /// Exchanges client and server.
    pub(crate) fn swap(&mut self) {
        self.sides.reverse();
    }

    /// Memory that it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Beginning>() + self.sides.iter().map(Vec::capacity).sum::<usize>()
    }

    /// What to say of it: something where a side said enough, and no side said what is spread unevenly.
    pub(crate) fn hint(&self) -> Option<HintBody> {
        let [client, server] = &self.sides;
        let telling = client.len() >= TELLING || server.len() >= TELLING;
        if !telling || !is_even(client) || !is_even(server) {
            return None;
        }
        let first = |bytes: &[u8]| bytes.iter().take(MAX_BEGINNING).copied().collect();
        Some(HintBody::HighEntropy {
            client: first(client),
            server: first(server),
        })
    }
}

/// Whether bytes may be random ones: the first of them as well as all. Few bytes may always be.
fn is_even(bytes: &[u8]) -> bool {
    let first = bytes.get(..MAX_BEGINNING).unwrap_or(bytes);
    let high = bytes.iter().filter(|byte| **byte >= 0x80).count();
    // Half of them, within four standard deviations.
    let off = (2 * high).abs_diff(bytes.len());
    has_few_pairs(first) && has_few_pairs(bytes) && off * off <= 16 * bytes.len()
}

/// Whether no more pairs of equal bytes are among these than among random ones: n(n-1)/2 pairs, of which one in
/// 256 is equal, and four standard deviations more.
fn has_few_pairs(bytes: &[u8]) -> bool {
    let mut counts = [0u32; 256];
    for &byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let pairs: u32 = counts
        .iter()
        .map(|count| count * count.saturating_sub(1) / 2)
        .sum();
    let length = bytes.len() as f64;
    let expected = length * (length - 1.0).max(0.0) / 512.0;
    f64::from(pairs) <= expected + 4.0 * expected.sqrt() + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that look random, the same ones every time (xorshift).
    fn random(seed: u64, count: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[3]
        };
        (0..count).map(|_| next()).collect()
    }

    fn tells(client: &[u8], server: &[u8]) -> bool {
        let mut beginning = Beginning::default();
        // In two pieces, as segments bring them.
        let (first, rest) = client.split_at(client.len() / 3);
        beginning.hear(Side::Client, first);
        beginning.hear(Side::Server, server);
        beginning.hear(Side::Client, rest);
        beginning.hint().is_some()
    }

    #[test]
    fn random_bytes_are_told_nearly_always() {
        let told = (0..1000)
            .filter(|&seed| tells(&random(seed, 300), &random(seed + 1000, 40)))
            .count();
        assert!(told >= 980, "{told}");
    }

    #[test]
    fn what_has_a_structure_is_not_told() {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for seed in 0..500 {
            let noise = random(seed, 300);
            let base64: Vec<u8> = noise.iter().map(|b| letters[usize::from(b % 64)]).collect();
            let seven_bits: Vec<u8> = noise.iter().map(|b| b & 0x7f).collect();
            let zeros = [&[0, 0, 0, 0, 0, 0, 1, 44][..], &noise].concat();
            for structured in [&base64, &seven_bits, &zeros] {
                assert!(!tells(structured, &[]), "{structured:?}");
                assert!(!tells(&noise, structured));
            }
        }
    }

    #[test]
    fn little_says_nothing_and_no_more_than_needed_is_kept() {
        assert!(!tells(&random(1, TELLING - 1), &random(2, 100)));
        let mut beginning = Beginning::default();
        for _ in 0..10 {
            beginning.hear(Side::Server, &random(3, 1000));
        }
        assert!(beginning.weight() < 2 * LOOKED_AT + size_of::<Beginning>());
        let Some(HintBody::HighEntropy { client, server }) = beginning.hint() else {
            panic!("{beginning:?}");
        };
        assert_eq!((client.len(), server.len()), (0, MAX_BEGINNING));
        beginning.swap();
        assert!(
            matches!(beginning.hint(), Some(HintBody::HighEntropy { client, .. }) if client == server)
        );
    }
}
