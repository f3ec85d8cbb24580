//! Records to findings.
