//! Replays the committed seeds, and 100,000 mutations of them that are the same every time: nothing
//! panics, every payload byte is in one account, and time and memory stay bounded.
//!
//! `OVERHEARD_MUTATIONS` gives another number of mutations, shared out in the same way.

use std::panic::{AssertUnwindSafe, catch_unwind};

use overheard_trial::{CAPTURES, Dice, HEADERS, PROTOCOLS, REASSEMBLY, Target, mutate, seeds};

/// Mutations in all.
const MUTATIONS: usize = 100_000;

/// Tries an input, and says how to find it again where it fails.
fn attempt(target: Target, input: &[u8], what: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let name = target.name;
        let file = std::env::temp_dir().join(format!("overheard-{name}-failure"));
        let kept = std::fs::write(&file, input).is_ok();
        eprintln!("{name}: {what} fails; kept as {}: {kept}", file.display());
        std::panic::resume_unwind(panic);
    }
}

/// Seeds of one target, and its share of the mutations: so many in a thousand, from dice of their own.
fn replay(target: Target, share: usize, dice: u64) {
    let all: usize = std::env::var("OVERHEARD_MUTATIONS").map_or(MUTATIONS, |count| {
        count.parse().expect("a number of mutations")
    });
    let seeds = seeds::committed(target.name);
    let mut dice = Dice::new(dice);
    for (index, seed) in seeds.iter().enumerate() {
        attempt(target, seed, &format!("seed {index}"));
    }
    for count in 0..all * share / 1000 {
        let seed = dice.below(seeds.len());
        let other = dice.below(seeds.len());
        let input = mutate(&seeds[seed], &seeds[other], &mut dice);
        attempt(target, &input, &format!("mutation {count}, of seed {seed}"));
    }
}

#[test]
fn headers_bear_mutations() {
    replay(HEADERS, 300, 1);
}

#[test]
fn reassembly_bears_mutations() {
    replay(REASSEMBLY, 150, 2);
}

#[test]
fn captures_bear_mutations() {
    replay(CAPTURES, 100, 3);
}

#[test]
fn protocols_bear_mutations() {
    replay(PROTOCOLS, 225, 4);
}

#[test]
fn protocols_bear_other_mutations() {
    replay(PROTOCOLS, 225, 5);
}
