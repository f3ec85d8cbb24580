//! What strangers may send, and what must hold all the same.
//!
//! Each [`Target`] takes any bytes at all, makes of them what a part of the program has to bear, and
//! panics where a law is broken. The fuzz targets (`fuzz/`) and `cargo test` share them: the former
//! look for new inputs, the latter replay the committed seeds and mutations of them.
//!
//! For tests only: it stops at the first surprise. Linking it replaces the allocator by one that counts.
#![forbid(unsafe_code)]

mod bounds;
mod captures;
mod given;
mod headers;
mod model;
mod mutation;
mod protocols;
mod reassembly;
pub mod seeds;

pub use mutation::{Dice, mutate};
pub use protocols::{Said, Scenario};

/// Something that is tried with any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name: of the fuzz target, and of the folder of its seeds.
    pub name: &'static str,
    /// Tries an input. Panics where a law is broken.
    pub run: fn(&[u8]),
}

/// Every protocol of the registry, through the real following of conversations.
pub const PROTOCOLS: Target = Target {
    name: "protocols",
    run: protocols::run,
};

/// Whole capture files, from their bytes to every page of the report.
pub const CAPTURES: Target = Target {
    name: "captures",
    run: captures::run,
};

/// The headers of a frame of any link type.
pub const HEADERS: Target = Target {
    name: "headers",
    run: headers::run,
};

/// Segments of a stream and fragments of a datagram, against a naive model.
pub const REASSEMBLY: Target = Target {
    name: "reassembly",
    run: reassembly::run,
};

/// All targets.
pub const TARGETS: &[Target] = &[PROTOCOLS, CAPTURES, HEADERS, REASSEMBLY];
