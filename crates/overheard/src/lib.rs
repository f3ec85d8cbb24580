//! The whole way from captures to the ledger, as the command line goes it: for tests that try all of it.

pub mod keylog;
pub mod listen;
