//! The calls: a table of all, and of the first ones what was said to set them up and how they sounded, as drawings.

use maud::{Markup, html};

use super::tables::{heads, table};
use super::{chip, ladder, waveform};
use crate::calls::recording::MAX_DRAWN;
use crate::calls::words::{codecs, minutes, protection, quality};
use crate::calls::{Stream, Talk};
use crate::escape::visible;
use crate::{Report, words};

/// The most rows of the table.
const MAX_ROWS: usize = 500;
/// How many of them are unfolded at first.
const UNFOLDED: u64 = 3;
/// The most streams of one call that are listed.
const MAX_STREAMS: usize = 16;

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
            "What a tap hears",
        ]);
        let body = html! {
            @for (number, talk) in (1_u64..).zip(&self.talks).take(MAX_ROWS) { (row(number, talk)) }
        };
        let drawable = self.talks.iter().filter(|talk| talk.is_drawable()).count();
        let more = drawable.saturating_sub(MAX_DRAWN);
        html! {
            section aria-labelledby="calls" {
                h2 #calls { "Calls" }
                (table("Telephone calls, each told once, and sound that nothing signalled.", self.talks.len(), MAX_ROWS, head, body))
                @if more > 0 {
                    p.note { "The first " (MAX_DRAWN) " are drawn; " (words::count(more as u64, "more is", "more are")) " not." }
                }
                @for (number, talk) in self.drawn() { (self.call(number, talk)) }
            }
        }
    }

    /// One call: its ladder, its sound, and both in words.
    fn call(&self, number: u64, talk: &Talk<'_>) -> Markup {
        let told = talk.told();
        html! {
            details.call open[number <= UNFOLDED] {
                summary {
                    b { "Call " (number) } ": " (visible(&talk.caller())) " → " (visible(&talk.callee()))
                    @if let Some(time) = talk.time { ", " (words::clock(time)) }
                }
                p { (visible(&talk.heard())) }
                @if !told.is_empty() {
                    (waveform::drawing(number, &told))
                    (self.player(number))
                    (streams(talk, &told))
                }
                (ladder::drawing(number, talk, &|address| self.host_name(address)))
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
            td { (visible(&talk.heard())) @if !line.is_empty() { br; span.soft { (visible(&line.join("; "))) } } }
        }
    }
}

/// What was sent in a call, direction by direction.
fn streams(talk: &Talk<'_>, told: &[Stream<'_>]) -> Markup {
    let mut ordered = told.to_vec();
    ordered.sort_by_key(|stream| stream.side);
    let head = heads(&[
        "Who speaks",
        "From",
        "To",
        "Codec",
        ">Lasted",
        ">Speech",
        "Line",
        "Protection",
        "Exposure",
    ]);
    let body = html! {
        @for stream in ordered.iter().take(MAX_STREAMS) {
            @let media = stream.media;
            tr {
                td { (stream.side.name()) }
                td { (words::endpoint(media.source)) }
                td { (words::endpoint(media.destination)) }
                td { (visible(&codecs(&[*stream]).unwrap_or_default())) }
                td.number { (minutes(media.seconds)) }
                td.number {
                    @match media.speech_seconds {
                        Some(speech) => (minutes(speech)),
                        None if stream.is_audible() => "not decoded",
                        None => "",
                    }
                }
                td { (quality(&[*stream]).unwrap_or_default()) }
                td { (visible(&protection(&media.protection))) }
                td { (chip(stream.class())) }
            }
        }
    };
    let copies = talk.streams.len().saturating_sub(told.len());
    html! {
        (table("What was sent, direction by direction.", told.len(), MAX_STREAMS, head, body))
        @if copies > 0 {
            p.note { (words::count(copies as u64, "copy", "copies")) " of the same sound, seen on another leg, left out." }
        }
    }
}
