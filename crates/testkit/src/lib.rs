//! Builds packets and captures for tests.
