//! The published JSON Schema of the ledger is that of the record types.

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::path::Path;

use overheard_ledger::Line;

#[test]
fn the_schema_is_that_of_the_records() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ledger.schema.json");
    let schema = schemars::schema_for!(Line);
    let generated = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("OVERHEARD_UPDATE").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(
        kept == generated,
        "docs/ledger.schema.json is old: OVERHEARD_UPDATE=1 cargo test -p overheard --test schema"
    );
}
