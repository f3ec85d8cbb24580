//! Bodies of SIP messages: keys that were pressed, and descriptions of sessions.

use std::borrow::Cow;

use crate::shared::header_block::{HeaderBlock, end_of_block};

/// The most parts of a multipart body that are looked at.
const MAX_PARTS: usize = 16;

/// The digit of `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`).
pub(super) fn digit(block: &HeaderBlock<'_>, body: &[u8]) -> Option<char> {
    let kind = block.get("Content-Type", "c")?.to_ascii_lowercase();
    let body = std::str::from_utf8(body).ok()?;
    let text = if kind.starts_with("application/dtmf-relay") {
        body.lines().find_map(|line| {
            line.trim()
                .strip_prefix("Signal=")
                .or(line.trim().strip_prefix("Signal:"))
        })?
    } else if kind.starts_with("application/dtmf") {
        body
    } else {
        return None;
    };
    match text.trim() {
        "10" => Some('*'),
        "11" => Some('#'),
        other => other
            .chars()
            .next()
            .filter(|digit| digit.is_ascii_digit() || "*#ABCDabcd".contains(*digit)),
    }
}

/// The session descriptions of a body: the body itself, or parts of it (RFC 5621).
pub(super) fn descriptions<'a>(block: &HeaderBlock<'_>, body: &'a [u8]) -> Vec<&'a [u8]> {
    let kind = block
        .get("Content-Type", "c")
        .unwrap_or(Cow::Borrowed("application/sdp"));
    let lower = kind.to_ascii_lowercase();
    if lower.starts_with("application/sdp") {
        return vec![body];
    }
    let boundary = match (lower.starts_with("multipart/"), lower.find("boundary=")) {
        (true, Some(at)) => kind.get(at + "boundary=".len()..).unwrap_or_default(),
        _ => return Vec::new(),
    };
    let boundary = match boundary.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => boundary.split([';', ' ']).next().unwrap_or_default(),
    };
    let mut found = Vec::new();
    let mut part: Option<usize> = None;
    let mut at = 0;
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        let delimiter = line
            .strip_prefix(b"--")
            .and_then(|rest| rest.strip_prefix(boundary.as_bytes()));
        if delimiter.is_some() && !boundary.is_empty() {
            if let Some(part) = part.and_then(|begun| body.get(begun..at)) {
                let end = end_of_block(part, 0).unwrap_or(part.len());
                let (fields, content) = part.split_at_checked(end).unwrap_or((part, &[]));
                // A part has no start line: one is put before it by reading from the delimiter's end.
                let fields = [b"\n", fields].concat();
                let kind = HeaderBlock::parse(&fields);
                let kind = kind.get("Content-Type", "c");
                if kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/sdp"))
                {
                    found.push(content);
                }
            }
            if found.len() == MAX_PARTS {
                break;
            }
            part = Some(at + line.len());
        }
        at += line.len();
    }
    found
}
