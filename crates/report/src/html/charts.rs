//! Drawings: what each exposure holds, and when the conversations were.

use std::collections::BTreeMap;

use maud::{Markup, html};
use overheard_ledger::{Exposure, Time};

use super::{chip, class_of};
use crate::calls::Talk;
use crate::escape::visible;
use crate::{Report, words};

/// The most rows of the timeline.
const MAX_ROWS: usize = 30;
/// The most calls that have a row there.
const MAX_CALLS: usize = 10;
/// The most marks in one row of it.
const MAX_MARKS: usize = 200;
/// Units of the drawing: where the time begins, how long it is, how high a row is.
const LEFT: f64 = 250.0;
const LENGTH: f64 = 730.0;
const ROW: f64 = 22.0;
/// The most characters of a row's label.
const LABEL: usize = 36;

/// A row of the timeline: a call, or a server and what it is asked for.
struct Row {
    label: String,
    spans: Vec<(Time, Time, Exposure)>,
    worst: Exposure,
    bytes: u64,
}

impl Report<'_> {
    pub(super) fn exposure_bar(&self) -> Markup {
        let total: u64 = self.exposures.iter().map(|held| held.bytes).sum();
        if total == 0 {
            return html! {};
        }
        let parts: Vec<(Exposure, u64)> = self
            .exposures
            .iter()
            .map(|held| (held.exposure, held.bytes))
            .collect();
        html! {
            figure {
                figcaption { "What each exposure holds, in bytes on the wire" }
                (bar(&parts))
                dl.legend {
                    @for held in self.exposures.iter().filter(|held| held.conversations > 0) {
                        div {
                            dt { (chip(held.exposure)) " " b { (words::bytes(held.bytes)) } " " (words::share(held.bytes, total)) }
                            dd {
                                (held.exposure.meaning()) " · "
                                (words::count(held.conversations, "conversation", "conversations"))
                            }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn timeline_section(&self) -> Markup {
        let (Some(start), Some(end)) = (self.capture().start, self.capture().end) else {
            return html! {};
        };
        let (rows, left_out) = self.rows();
        if rows.is_empty() {
            return html! {};
        }
        let whole = end.seconds_since(start).max(1e-6);
        let place = |time: Time| LEFT + (time.seconds_since(start) / whole).min(1.0) * LENGTH;
        let height = ROW * (rows.len() as f64 + 1.0) + 12.0;
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0];
        html! {
            section aria-labelledby="timeline" {
                h2 #timeline { "Timeline" }
                figure {
                    figcaption {
                        "When which server was talked to, coloured by what a tap gets; "
                        (words::span(whole)) " from " (words::clock(start)) " to " (words::clock(end)) " UTC."
                        @if left_out > 0 { " Left out: " (words::count(left_out as u64, "row that exposes", "rows that expose")) " least." }
                        " The table of conversations says the same in words."
                    }
                    div.scroll tabindex="0" role="region" aria-label="Timeline" {
                        svg.timeline viewBox={ "0 0 1000 " (height) } role="img" aria-label="Conversations over time" {
                            @for tick in ticks {
                                @let x = LEFT + tick * LENGTH;
                                line.grid x1=(x) x2=(x) y1="18" y2=(height) {}
                                text.tick x=(x) y="12" text-anchor=(if tick == 0.0 { "start" } else if tick == 1.0 { "end" } else { "middle" }) {
                                    "+" (words::span(whole * tick))
                                }
                            }
                            @for (at, row) in rows.iter().enumerate() {
                                @let y = ROW * (at as f64 + 1.0);
                                text.label x="0" y=(y + 14.0) { (clipped(&row.label)) title { (visible(&row.label)) } }
                                @for (from, to, exposure) in row.spans.iter().take(MAX_MARKS) {
                                    rect class=(class_of(*exposure)) x=(format!("{:.1}", place(*from)))
                                        width=(format!("{:.1}", (place(*to) - place(*from)).max(3.0)))
                                        y=(y + 3.0) height=(ROW - 7.0) rx="2" {}
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The rows of the timeline in order of their beginning, calls first, and how many are left out.
    fn rows(&self) -> (Vec<Row>, usize) {
        let mut rows: BTreeMap<(&str, String), Row> = BTreeMap::new();
        for conversation in &self.conversations {
            let protocol = conversation.protocol.as_deref();
            let protocol = protocol.unwrap_or(&conversation.transport);
            let server = match conversation.server_names.first() {
                Some(name) => name.clone(),
                None => conversation.server.ip.to_string(),
            };
            let label = format!("{protocol} {server}");
            let row = rows.entry((protocol, server)).or_insert(Row {
                label,
                spans: Vec::new(),
                worst: Exposure::Unknown,
                bytes: 0,
            });
            let exposure = conversation.exposure;
            row.spans
                .push((conversation.start, conversation.end, exposure));
            row.worst = row.worst.max(exposure);
            row.bytes += conversation.bytes.iter().sum::<u64>();
        }
        let mut rows: Vec<Row> = rows.into_values().collect();
        let mut calls: Vec<Row> = self.talks.iter().filter_map(call_row).collect();
        let most = MAX_ROWS - calls.len().min(MAX_CALLS);
        let left_out = rows.len().saturating_sub(most) + calls.len().saturating_sub(MAX_CALLS);
        calls.truncate(MAX_CALLS);
        rows.sort_by_key(|row| std::cmp::Reverse((row.worst, row.bytes)));
        rows.truncate(most);
        rows.sort_by_key(|row| row.spans.iter().map(|(start, ..)| *start).min());
        calls.extend(rows);
        (calls, left_out)
    }
}

/// A bar of parts in the colours of exposures, as long as their sizes.
pub(super) fn bar(parts: &[(Exposure, u64)]) -> Markup {
    let total: u64 = parts.iter().map(|(_, size)| size).sum();
    let mut at = 0.0;
    let parts = parts
        .iter()
        .filter(|(_, size)| *size > 0)
        .map(|(exposure, size)| {
            let width = *size as f64 * 1000.0 / total as f64;
            let part = (*exposure, at, width);
            at += width;
            part
        });
    html! {
        svg.bar viewBox="0 0 1000 30" preserveAspectRatio="none" aria-hidden="true" {
            @for (exposure, x, width) in parts {
                rect class=(class_of(exposure)) x=(format!("{x:.1}")) width=(format!("{width:.1}")) height="30" {}
            }
        }
    }
}

/// The row of a call: open where its words can be heard.
fn call_row(talk: &Talk<'_>) -> Option<Row> {
    let call = talk.call()?;
    let start = talk.time?;
    let worst = match talk.is_heard() {
        true => Exposure::Open,
        false => Exposure::Unknown,
    };
    let from = call.from.as_deref().unwrap_or("unknown");
    Some(Row {
        label: format!("call by {from}"),
        spans: vec![(start, call.end.unwrap_or(start), worst)],
        worst,
        bytes: 0,
    })
}

fn clipped(label: &str) -> String {
    let label = visible(label);
    match label.chars().count() > LABEL {
        true => label.chars().take(LABEL - 1).chain(['…']).collect(),
        false => label,
    }
}
