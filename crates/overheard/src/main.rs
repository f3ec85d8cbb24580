//! The command line of overheard: a tap that you run on yourself.

mod listen;

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use overheard_follow::Options;
use overheard_ledger::Reveal;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let reveal = if args.iter().any(|a| a == "--reveal") {
        Reveal::Yes
    } else {
        Reveal::No
    };
    let threads = args
        .iter()
        .position(|a| a == "--threads")
        .and_then(|at| args.get(at + 1)?.parse().ok())
        .unwrap_or(1);
    let inputs: Vec<PathBuf> = args.last().map(PathBuf::from).into_iter().collect();
    match listen::listen(
        &inputs,
        Options { threads, reveal },
        &mut |_| {},
        &mut |_| {},
    ) {
        Ok(ledger) => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            for record in &ledger.records {
                if serde_json::to_writer(&mut out, record).is_err() || out.write_all(b"\n").is_err()
                {
                    return ExitCode::from(2);
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("overheard: {error:#}");
            ExitCode::from(2)
        }
    }
}
