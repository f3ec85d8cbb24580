//! The calls: a table of all, and of the first a drawing of what was said and of how it sounded.

use maud::{Markup, html};

use super::tables::{heads, table};
use crate::calls::Talk;
use crate::calls::words::{codecs, minutes, quality};
use crate::escape::visible;
use crate::{Report, words};

/// The most rows of the table.
const MAX_ROWS: usize = 500;

impl Report<'_> {
    pub(super) fn calls_section(&self) -> Markup {
        if self.talks.is_empty() {
            return html! {};
        }
        let head = heads(&[
            ">No.",
            "Began",
            "Caller",
            "Callee",
            "How it went",
            ">Spoke",
            "What is heard",
            "Line",
        ]);
        let body = html! {
            @for (number, talk) in (1_u64..).zip(&self.talks).take(MAX_ROWS) { (row(number, talk)) }
        };
        html! {
            section aria-labelledby="calls" {
                h2 #calls { "Calls" }
                (table("Telephone calls, each told once, and sound that nothing signalled.", self.talks.len(), MAX_ROWS, head, body))
            }
        }
    }
}

fn row(number: u64, talk: &Talk<'_>) -> Markup {
    let told = talk.told();
    let mut went = vec![talk.ending()];
    went.extend(talk.turns());
    let line: Vec<String> = codecs(&told).into_iter().chain(quality(&told)).collect();
    html! {
        tr {
            td.number { (number) }
            td { @if let Some(time) = talk.time { (words::clock(time)) } }
            td { (visible(&talk.caller())) }
            td { (visible(&talk.callee())) }
            td {
                (visible(&went.join(", ")))
                @if let Some(digits) = talk.digits() { ", keys pressed: " (visible(&digits)) }
            }
            td.number { @if let Some((spoke, _)) = talk.spoke() { (minutes(spoke)) } }
            td { (visible(&talk.heard())) }
            td { (visible(&line.join(", "))) }
        }
    }
}
