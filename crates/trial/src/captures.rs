//! Whole captures: from the bytes of a file to the ledger and every page of the report.

use std::io::Cursor;

use overheard::listen::{Ledger, listen_to};
use overheard_follow::{DEFAULT_MEMORY, MIN_MEMORY, Options};
use overheard_ledger::Reveal;
use overheard_report::{Report, Style};
use overheard_source::Captures;

use crate::bounds::Bounds;

/// What a capture may cost, and all that is made of it.
const BOUNDS: Bounds = Bounds {
    memory: (24 << 20, 256),
    allocated: (48 << 20, 4096),
    time: (500_000_000, 50_000),
};

/// Where it is packed its size does not say how much there is: memory is bounded all the same.
const PACKED: Bounds = Bounds {
    memory: (128 << 20, 256),
    allocated: (u64::MAX / 2, 0),
    time: (60_000_000_000, 0),
};

/// Bytes of ledger for each byte of the capture, and whatever the capture.
const LEDGER: (usize, usize) = (64 << 10, 40);

pub(crate) fn run(input: &[u8]) {
    let packed = input.starts_with(&[0x1f, 0x8b]) || input.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    let bounds = if packed { PACKED } else { BOUNDS };
    // Some have to do with the least memory.
    let memory = match input.len() % 16 {
        3 | 7 => MIN_MEMORY,
        _ => DEFAULT_MEMORY,
    };
    let text = bounds.hold(input.len(), || everything(input, 1, memory));
    // Law 2; only some, for threads take long to begin.
    if input.len() % 8 == 7 {
        assert!(
            text == everything(input, 2, memory),
            "2 threads hear something else"
        );
    }
    let (base, each) = LEDGER;
    assert!(
        packed || text.len() <= base + each * input.len(),
        "{} bytes make a ledger of {}",
        input.len(),
        text.len()
    );
}

/// The ledger of a capture as text; nothing where it is no capture.
fn everything(input: &[u8], threads: usize, memory: usize) -> String {
    let reader = Box::new(Cursor::new(input.to_vec()));
    let Ok(mut captures) = Captures::from_reader("input", reader) else {
        return String::new();
    };
    let options = Options {
        threads,
        reveal: Reveal::Yes,
        memory,
    };
    let Ok(ledger) = listen_to(&mut captures, options, &mut |_| {}) else {
        return String::new();
    };
    pages(&ledger);
    written(&ledger)
}

/// The ledger as NDJSON; what it says holds together.
pub(crate) fn written(ledger: &Ledger) -> String {
    assert!(ledger.conserves(), "payload bytes are lost");
    let mut text = String::new();
    for record in &ledger.records {
        let line = serde_json::to_string(record).expect("a record is JSON");
        assert!(!line.contains('\n'), "a record is one line");
        text += &line;
        text.push('\n');
    }
    text
}

/// Every page can be made, and holds nothing that controls a terminal.
fn pages(ledger: &Ledger) {
    let report = Report::new(&ledger.records);
    let mut terminal = Vec::new();
    let style = Style {
        color: false,
        width: 80,
    };
    report
        .terminal(&mut terminal, style)
        .expect("memory takes all");
    let mut calls = Vec::new();
    report.calls(&mut calls, style).expect("memory takes all");
    let [terminal, calls] =
        [terminal, calls].map(|page| String::from_utf8(page).expect("the report is UTF-8"));
    let json = report.json();
    serde_json::from_str::<serde_json::Value>(&json).expect("the report is JSON");
    let pages = [
        terminal,
        calls,
        report.calls_json(),
        report.html(),
        report.markdown(),
        json,
    ];
    for page in pages {
        let control = page.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "a page holds a control character");
    }
}
