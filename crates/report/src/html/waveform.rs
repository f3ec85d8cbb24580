//! How a call sounded: how loud each side was over time. Speech can be seen as such; it cannot be listened to.

use maud::{Markup, html};

use super::class_of;
use crate::calls::words::minutes;
use crate::calls::{Side, Stream, Talk};
use crate::words;

/// The most streams that are drawn.
const MAX_STREAMS: usize = 16;
/// The most parts of one stream; the loudest of several stands for them.
const MAX_PARTS: usize = 400;
/// Units of the drawing: where the time begins, how long it is; where the line between the sides is and how far the
/// loudest sample reaches from it.
const LEFT: f64 = 70.0;
const LENGTH: f64 = 920.0;
const MIDDLE: f64 = 66.0;
const REACH: f64 = 58.0;
/// The most marks of time.
const MAX_TICKS: f64 = 8.0;
/// Half of the height of a stream that was not decoded.
const FLAT: f64 = 3.0;

/// The sound of a call, caller above, callee below; of streams as `Talk::told` gives them.
pub(super) fn drawing(number: u64, told: &[Stream<'_>]) -> Markup {
    let Some((start, end)) = Talk::span_of(told) else {
        return html! {};
    };
    let whole = end.seconds_since(start).max(0.001);
    let decoded = told.iter().any(|stream| !stream.media.loudness.is_empty());
    let said = |side| {
        let of = told.iter().filter(|stream| stream.side == side);
        let speech: Vec<f64> = of.filter_map(|one| one.media.speech_seconds).collect();
        (!speech.is_empty()).then(|| minutes(speech.iter().sum()))
    };
    let more = told.len().saturating_sub(MAX_STREAMS);
    let (title, desc) = (format!("sound-{number}"), format!("sound-{number}-desc"));
    html! {
        figure.sound {
            figcaption {
                @if decoded { "How loud it was over " } @else { "When there was sound, over " }
                (minutes(whole)) ": the caller above"
                @if let Some(speech) = said(Side::Caller) { " (" (speech) " of speech)" }
                ", the callee below"
                @if let Some(speech) = said(Side::Callee) { " (" (speech) " of speech)" }
                "."
                @if decoded && told.iter().any(|stream| stream.media.loudness.is_empty()) { " A bar is sound that could not be decoded." }
                @if more > 0 { " Left out: " (words::count(more as u64, "stream", "streams")) "." }
            }
            div.scroll tabindex="0" role="region" aria-labelledby=(title) {
                svg.waveform viewBox="0 0 1000 150" data-scale={ (LEFT) " " (LENGTH) " " (whole) } role="img" aria-labelledby={ (title) " " (desc) } {
                    title id=(title) { "Sound of call " (number) }
                    desc id=(desc) {
                        "The loudness of each side over time. The table below says how long each side was and spoke."
                    }
                    text.tick x="0" y=(MIDDLE - 24.0) { "caller" }
                    text.tick x="0" y=(MIDDLE + 30.0) { "callee" }
                    line.grid x1=(LEFT) x2=(LEFT + LENGTH) y1=(MIDDLE) y2=(MIDDLE) {}
                    @for tick in ticks(whole) {
                        @let x = format!("{:.1}", LEFT + tick / whole * LENGTH);
                        line.grid x1=(x) x2=(x) y1=(MIDDLE - REACH) y2=(MIDDLE + REACH) {}
                        text.tick x=(x) y="146" text-anchor=(if tick > 0.0 { "middle" } else { "start" }) { (minutes(tick)) }
                    }
                    @for stream in told.iter().take(MAX_STREAMS) {
                        @let after = stream.time.map_or(0.0, |time| time.seconds_since(start));
                        @let from = LEFT + (after / whole).clamp(0.0, 1.0) * LENGTH;
                        @let length = ((stream.media.seconds / whole) * LENGTH).clamp(1.0, (LEFT + LENGTH - from).max(1.0));
                        path class=(class_of(stream.class())) d=(outline(&stream.media.loudness, from, length, stream.side)) {}
                    }
                    line.playhead hidden y1=(MIDDLE - REACH) y2=(MIDDLE + REACH) {}
                }
            }
        }
    }
}

/// The outline of a stream's loudness, from the line between the sides upwards or downwards.
fn outline(loudness: &[u8], from: f64, length: f64, side: Side) -> String {
    let parts = parts(loudness);
    let way = match side {
        Side::Caller => -1.0,
        Side::Callee => 1.0,
    };
    if parts.is_empty() {
        let y = MIDDLE + way * (FLAT + 2.0);
        return format!(
            "M{from:.1} {:.1}H{:.1}V{:.1}H{from:.1}Z",
            y - FLAT,
            from + length,
            y + FLAT
        );
    }
    let wide = length / parts.len() as f64;
    let mut path = format!("M{from:.1} {MIDDLE}");
    for (at, loud) in (1_u32..).zip(&parts) {
        // Silence is a thin line too: that there was sound can be seen.
        let high = (f64::from((*loud).min(100)) / 100.0 * REACH).max(0.5);
        let (y, x) = (MIDDLE + way * high, from + wide * f64::from(at));
        path.push_str(&format!("V{y:.1}H{x:.1}"));
    }
    path.push_str(&format!("V{MIDDLE}Z"));
    path
}

/// Round seconds at which there is a mark, a few of them.
fn ticks(whole: f64) -> Vec<f64> {
    const STEPS: [f64; 12] = [
        1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0,
    ];
    let step = STEPS.into_iter().find(|step| whole / step <= MAX_TICKS);
    let step = step.unwrap_or((whole / MAX_TICKS).ceil());
    // The last one is not to stand over the edge.
    (0_u32..)
        .map(|at| f64::from(at) * step)
        .take_while(|tick| *tick <= whole * 0.97)
        .collect()
}

/// At most `MAX_PARTS` equal parts, each as loud as the loudest in it.
fn parts(loudness: &[u8]) -> Vec<u8> {
    let size = loudness.len().div_ceil(MAX_PARTS).max(1);
    let loudest = |part: &[u8]| part.iter().copied().max().unwrap_or(0);
    loudness.chunks(size).map(loudest).collect()
}
