//! The ladder of a call: who said what to whom to set it up and to end it, and the sound between, from above to below.

use std::net::IpAddr;

use maud::{Markup, html};
use overheard_ledger::{CallStep, Endpoint, Exposure, Time};

use super::class_of;
use super::tables::{heads, table};
use crate::calls::words::{codecs, minutes};
use crate::calls::{Stream, Talk};
use crate::escape::visible;
use crate::words;

/// The most rungs that are drawn.
const MAX_RUNGS: usize = 120;
/// The most parties that have a column.
const MAX_PARTIES: usize = 6;
/// The most characters of what stands at a rung, and at the head of a column.
const LABEL: usize = 44;
const HEAD: usize = 22;
/// Units of the drawing: where the columns begin and how wide all are, where the rungs begin, and how high one is.
const LEFT: f64 = 190.0;
const LENGTH: f64 = 700.0;
const TOP: f64 = 54.0;
const RUNG: f64 = 28.0;

/// What happened between two parties.
enum What<'a> {
    /// A message of the signalling.
    Said(&'a CallStep),
    /// Sound: what it is, whether it went both ways, and what a tap gets of it.
    Sound(String, bool, Exposure),
}

/// A line of the ladder, from one party to another.
struct Rung<'a> {
    frame: u64,
    time: Option<Time>,
    source: Endpoint,
    destination: Endpoint,
    what: What<'a>,
}

impl Rung<'_> {
    fn label(&self) -> &str {
        match &self.what {
            What::Said(step) => &step.what,
            What::Sound(label, ..) => label,
        }
    }
}

/// The ladder of a call and the same as a table; nothing where nothing was said in it.
pub(super) fn drawing<'n>(
    number: u64,
    talk: &Talk<'_>,
    name_of: &dyn Fn(IpAddr) -> Option<&'n str>,
) -> Markup {
    let rungs = rungs(talk);
    if rungs.is_empty() {
        return html! {};
    }
    // Where all is said on one machine, its ports are the parties.
    let by_port = rungs
        .iter()
        .any(|rung| rung.source.ip == rung.destination.ip);
    let party = |endpoint: Endpoint| match by_port {
        true => endpoint,
        false => Endpoint::new(endpoint.ip, 0),
    };
    let mut parties: Vec<Endpoint> = Vec::new();
    for rung in &rungs {
        for end in [party(rung.source), party(rung.destination)] {
            if !parties.contains(&end) && parties.len() < MAX_PARTIES {
                parties.push(end);
            }
        }
    }
    let apart = LENGTH / (parties.len().max(2) - 1) as f64;
    let column = |endpoint| {
        let place = parties.iter().position(|one| *one == party(endpoint))?;
        Some(LEFT + apart * place as f64)
    };
    let drawn: Vec<(&Rung<'_>, f64, f64)> = rungs
        .iter()
        .filter_map(|rung| Some((rung, column(rung.source)?, column(rung.destination)?)))
        .take(MAX_RUNGS)
        .collect();
    let left_out = rungs.len() - drawn.len();
    let height = TOP + RUNG * (drawn.len() as f64 + 0.5);
    let (title, desc) = (format!("ladder-{number}"), format!("ladder-{number}-desc"));
    html! {
        figure {
            figcaption {
                "What was said to set the call up and to end it, in the order of the capture; times are UTC."
                @if left_out > 0 { " Left out of the drawing: " (words::count(left_out as u64, "step", "steps")) "." }
            }
            div.scroll tabindex="0" role="region" aria-labelledby=(title) {
                svg.ladder viewBox={ "0 0 1000 " (height) } role="img" aria-labelledby={ (title) " " (desc) } {
                    title id=(title) { "Ladder of call " (number) }
                    desc id=(desc) {
                        (words::count(drawn.len() as u64, "step", "steps")) " between "
                        (words::count(parties.len() as u64, "party", "parties")) "; the table below says the same in words."
                    }
                    @for (place, one) in parties.iter().enumerate() {
                        @let x = LEFT + apart * place as f64;
                        @match name_of(one.ip) {
                            Some(name) => {
                                text.party x=(place_of(x)) y="18" text-anchor="middle" { (clipped(name, HEAD)) title { (visible(name)) } }
                                text.tick x=(place_of(x)) y="34" text-anchor="middle" { (words::endpoint(*one)) }
                            }
                            None => text.party x=(place_of(x)) y="34" text-anchor="middle" { (words::endpoint(*one)) },
                        }
                        line.grid x1=(place_of(x)) x2=(place_of(x)) y1="42" y2=(height) {}
                    }
                    @for (at, (rung, from, to)) in drawn.iter().enumerate() {
                        (self::rung(rung, *from, *to, TOP + RUNG * (at as f64 + 1.0)))
                    }
                }
            }
            details.evidence {
                summary { "The ladder as a table" }
                (in_words(&rungs))
            }
        }
    }
}

/// Everything that happened in a call, by its first frame.
fn rungs<'a>(talk: &Talk<'a>) -> Vec<Rung<'a>> {
    let said = talk.steps().into_iter().map(|step| Rung {
        frame: step.frame,
        time: Some(step.time),
        source: step.source,
        destination: step.destination,
        what: What::Said(step),
    });
    let mut rungs: Vec<Rung<'a>> = said.collect();
    // Both directions of what is alike, and what goes on under another SSRC, are one bar.
    let mut groups: Vec<Vec<Stream<'a>>> = Vec::new();
    for stream in &talk.streams {
        let alike = |group: &Vec<Stream<'a>>| {
            group.first().is_some_and(|one| {
                let ends = [one.media.source.ip, one.media.destination.ip];
                ends.contains(&stream.media.source.ip)
                    && ends.contains(&stream.media.destination.ip)
                    && one.media.codec == stream.media.codec
                    && one.media.payload_type == stream.media.payload_type
                    && one.class() == stream.class()
            })
        };
        if let Some(place) = groups.iter().position(alike) {
            groups
                .iter_mut()
                .skip(place)
                .take(1)
                .for_each(|group| group.push(*stream));
        } else if groups.len() < MAX_RUNGS {
            groups.push(vec![*stream]);
        }
    }
    for group in groups {
        let Some(first) = group.first() else { continue };
        let (source, destination) = (first.media.source, first.media.destination);
        let both = group
            .iter()
            .any(|one| one.media.source.ip != source.ip || one.media.source.port != source.port);
        let lasted = match Talk::span_of(&group) {
            Some((start, end)) => end.seconds_since(start),
            None => first.media.seconds,
        };
        let codec = codecs(&[*first]).unwrap_or_default();
        let class = first.class();
        let label = format!("RTP {codec}, {}, {}", minutes(lasted), class.as_str());
        rungs.push(Rung {
            frame: first.frame,
            time: first.time,
            source,
            destination,
            what: What::Sound(label, both, class),
        });
    }
    rungs.sort_by_key(|rung| rung.frame);
    rungs
}

/// One line of the ladder at height `y`.
fn rung(rung: &Rung<'_>, from: f64, to: f64, y: f64) -> Markup {
    let (middle, way) = ((from + to) / 2.0, if from <= to { 1.0 } else { -1.0 });
    let time = rung.time.map(words::precise).unwrap_or_default();
    let full = visible(rung.label());
    html! {
        text.tick x="0" y=(y + 4.0) { (time) }
        // What a party says to itself has no way to go.
        @if from != to {
            @match &rung.what {
                What::Said(_) => {
                    line.arrow x1=(place_of(from)) x2=(place_of(to - way * 8.0)) y1=(y) y2=(y) {}
                    (tip(to, way, y, 5.0, "arrow"))
                }
                What::Sound(_, both, class) => {
                    @let (start, end) = (if *both { from + way * 12.0 } else { from }, to - way * 12.0);
                    rect class=(class_of(*class)) x=(place_of(start.min(end))) width=(place_of((end - start).abs())) y=(y - 3.0) height="6" {}
                    (tip(to, way, y, 8.0, class_of(*class)))
                    @if *both { (tip(from, -way, y, 8.0, class_of(*class))) }
                }
            }
        }
        text.label x=(place_of(middle)) y=(y - 6.0) text-anchor="middle" { (clipped(rung.label(), LABEL)) title { (full) } }
    }
}

/// The tip of an arrow at `x`, pointing right where `way` is 1.
fn tip(x: f64, way: f64, y: f64, size: f64, class: &str) -> Markup {
    let back = x - way * size * 1.7;
    html! {
        polygon class=(class) points=(format!("{x:.1},{y:.1} {back:.1},{:.1} {back:.1},{:.1}", y - size, y + size)) {}
    }
}

fn in_words(rungs: &[Rung<'_>]) -> Markup {
    let head = heads(&["Time", "From", "To", "What", ">Frame"]);
    let body = html! {
        @for rung in rungs.iter().take(MAX_RUNGS) {
            @let both = matches!(rung.what, What::Sound(_, true, _));
            tr {
                td { (rung.time.map(words::precise).unwrap_or_default()) }
                td { (words::endpoint(rung.source)) }
                td { (words::endpoint(rung.destination)) @if both { ", and back" } }
                td { (visible(rung.label())) }
                td.number { (rung.frame) }
            }
        }
    };
    table("Steps of the call.", rungs.len(), MAX_RUNGS, head, body)
}

/// A place in the drawing, to a tenth of a unit.
fn place_of(x: f64) -> String {
    format!("{x:.1}")
}

fn clipped(text: &str, most: usize) -> String {
    let text = visible(text);
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text,
    }
}
