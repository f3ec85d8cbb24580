//! Counts the frames of captures: `cargo run --release -p overheard-source --example frames -- FILE...`.

use overheard_source::{Batch, Captures, SourceError};

fn main() -> Result<(), SourceError> {
    let inputs: Vec<_> = std::env::args_os().skip(1).map(Into::into).collect();
    let mut captures = Captures::open(&inputs)?;
    let (mut batch, mut frames, mut bytes) = (Batch::default(), 0u64, 0u64);
    while captures.fill(&mut batch)? {
        frames += batch.frames.len() as u64;
        bytes += batch
            .frames
            .iter()
            .map(|frame| batch.bytes_of(frame).len() as u64)
            .sum::<u64>();
    }
    println!(
        "{frames} frames, {bytes} bytes, {} bytes of input",
        captures.position()
    );
    for notice in &captures.description().notices {
        println!("{notice}");
    }
    Ok(())
}
