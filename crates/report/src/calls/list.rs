//! Calls as a list: a table for a person, and one object a line for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::words::{codecs, minutes, quality};
use super::{Stream, Talk};
use crate::escape::{columns, json as inert_json, visible};
use crate::opened::{HEADING, NOTE};
use crate::terminal::{Style, paragraph, wrap};
use crate::{Report, words};

/// The most lines of one cell; what is longer is cut, and whole in the other formats.
const MAX_CELL_LINES: usize = 3;
/// Columns of the number of a call, of a time of day, of a length of time, and between two cells.
const NUMBER: usize = 3;
const TIME: usize = 8;
const SPOKE: usize = 7;
const GAP: usize = 2;

impl Report<'_> {
    /// Writes the calls as a table for a person at a terminal: one call a row, and under it how it went and what a tap
    /// hears of it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn calls(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.capture().interrupted {
            paragraph(out, "Interrupted: this is only the beginning.", 0, style)?;
        }
        let text = self.calls_in_words();
        for line in wrap(&text, 0, style.columns()) {
            writeln!(out, "{}", style.paint("1", &line))?;
        }
        self.write_calls(out, style)?;
        if let Some(opened) = &self.opened
            && !opened.report.talks.is_empty()
        {
            writeln!(out, "\n{}", style.paint("1", HEADING))?;
            paragraph(out, NOTE, 0, style)?;
            opened.report.write_calls(out, style)?;
        }
        Ok(())
    }

    fn write_calls(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.talks.is_empty() {
            return Ok(());
        }
        let party = (style.columns() - NUMBER - 2 * TIME - SPOKE - 5 * GAP) / 2;
        let widths = [NUMBER, TIME, TIME, party, party, SPOKE];
        let heads = ["#", "Began", "Answered", "Caller", "Callee", "Spoke"].map(str::to_owned);
        writeln!(out)?;
        write_row(out, &heads, &widths)?;
        let mut day = String::new();
        for (number, talk) in (1_u64..).zip(&self.talks) {
            let began = talk.time.map(words::moment).unwrap_or_default();
            let today = began.get(..10).unwrap_or_default();
            if today != day {
                writeln!(out, "{:indent$}{today} UTC", "", indent = NUMBER + GAP)?;
                today.clone_into(&mut day);
            }
            let clock = |time: Option<_>| time.map(words::clock).unwrap_or_default();
            let cells = [
                number.to_string(),
                clock(talk.time),
                clock(talk.known(|leg| leg.answer)),
                visible(&talk.caller()),
                visible(&talk.callee()),
                talk.spoke()
                    .map(|(spoke, _)| minutes(spoke))
                    .unwrap_or_default(),
            ];
            write_row(out, &cells, &widths)?;
            for line in talk.details() {
                paragraph(out, &visible(&line), NUMBER + GAP, style)?;
            }
            if let Some(file) = self.saved.get(&number) {
                paragraph(
                    out,
                    &format!("saved as {}", visible(file)),
                    NUMBER + GAP,
                    style,
                )?;
            }
        }
        Ok(())
    }

    /// How many calls there were, in one sentence.
    fn calls_in_words(&self) -> String {
        let counted = [
            (self.facts.calls_heard, "heard"),
            (self.facts.calls_seen, "seen and not heard"),
        ];
        let parts: Vec<String> = counted
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", words::grouped(*number)))
            .collect();
        let calls = self.facts.calls_heard + self.facts.calls_seen;
        let loose = self.talks.iter().filter(|talk| talk.call_id().is_none());
        let loose = u64::try_from(loose.count()).unwrap_or(u64::MAX);
        let mut said = match calls {
            0 => "No call was seen.".to_owned(),
            _ => format!(
                "{}: {}.",
                words::count(calls, "call", "calls"),
                words::list(&parts)
            ),
        };
        if loose > 0 {
            let calls = words::count(loose, "call", "calls");
            said.push_str(&format!(" Sound of {calls} of unknown parties."));
        }
        said
    }

    /// The calls as NDJSON: one object a line. `docs/calls.md` tells what its fields mean. They are added to and never renamed.
    pub fn calls_json(&self) -> String {
        let mut lines = String::new();
        let inside = self.opened.as_ref().map(|opened| &opened.report);
        for (report, opened) in [(Some(self), false), (inside, true)] {
            let Some(report) = report else { continue };
            for (number, talk) in (1_u64..).zip(&report.talks) {
                let mut object = report.call_object(number, talk);
                if let (true, Value::Object(fields)) = (opened, &mut object) {
                    fields.insert("opened".to_owned(), Value::Bool(true));
                }
                lines.push_str(&inert_json(&object.to_string()));
                lines.push('\n');
            }
        }
        lines
    }

    fn call_object(&self, number: u64, talk: &Talk<'_>) -> Value {
        let told = talk.told();
        let speech = talk.speech();
        let spoke = talk.spoke();
        let call = talk.call();
        let legs: Vec<&str> = talk.legs.iter().map(|leg| &*leg.call_id).collect();
        let streams: Vec<Value> = talk.streams.iter().map(|one| stream(one, &told)).collect();
        let steps: Vec<&overheard_ledger::CallStep> = talk.steps();
        let mut object = json!({
            "number": number,
            "protocol": call.map(|call| &call.protocol).filter(|name| !name.is_empty()),
            "call_id": talk.call_id(),
            "legs": legs,
            "from": talk.known(|leg| leg.from.as_deref()),
            "to": talk.known(|leg| leg.to.as_deref()),
            "asserted": talk.known(|leg| leg.asserted.as_deref()),
            "diverted_from": talk.known(|leg| leg.diverted_from.as_deref()),
            "transferred_to": talk.known(|leg| leg.transferred_to.as_deref()),
            "state": call.map(|call| call.state),
            "reason": talk.known(|leg| leg.reason.as_deref()),
            "start": talk.time,
            "ringing": talk.known(|leg| leg.ringing),
            "answer": talk.known(|leg| leg.answer),
            "end": talk.known(|leg| leg.end),
            "spoke_seconds": spoke.map(|(seconds, _)| seconds),
            "spoke_at_least": spoke.is_some_and(|(_, least)| least),
            "holds": talk.legs.iter().map(|leg| leg.holds).max().unwrap_or(0),
            "digits": talk.digits(),
            "heard": talk.hearing(&told).id(),
            "speech_seconds": speech.seconds,
            "speech_at_least": speech.partial && speech.seconds.is_some(),
            "loss_percent": Talk::loss(&told),
            "jitter_ms": Talk::jitter(&told),
            "saved": self.saved.get(&number),
            "media": streams,
            "steps": steps,
        });
        drop_unknown(&mut object);
        object
    }
}

impl Talk<'_> {
    /// Lines under the row of a call. Not escaped.
    fn details(&self) -> Vec<String> {
        let mut went = Vec::new();
        if let Some(ringing) = self.known(|leg| leg.ringing) {
            went.push(format!("rang {}", words::clock(ringing)));
        }
        went.push(self.ending());
        went.extend(self.turns());
        if let Some(digits) = self.digits() {
            went.push(format!("keys pressed: {digits}"));
        }
        let told = self.told();
        let mut line = vec![self.heard()];
        line.extend(codecs(&told));
        line.extend(quality(&told));
        vec![went.join("; "), line.join("; ")]
    }
}

/// Writes cells side by side, each broken into lines where it is too long.
fn write_row(out: &mut dyn Write, cells: &[String; 6], widths: &[usize; 6]) -> io::Result<()> {
    let cells: Vec<Vec<String>> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| wrap(cell, 0, *width))
        .collect();
    let lines = cells.iter().map(Vec::len).max().unwrap_or(0);
    for at in 0..lines.min(MAX_CELL_LINES) {
        let mut line = String::new();
        for (place, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let cut = at + 1 == MAX_CELL_LINES && cell.len() > MAX_CELL_LINES;
            let text = cell.get(at).map_or("", String::as_str);
            let text = if cut {
                shortened(text, *width)
            } else {
                text.to_owned()
            };
            let room = " ".repeat(width.saturating_sub(text.chars().map(columns).sum()));
            let gap = if place > 0 {
                " ".repeat(GAP)
            } else {
                String::new()
            };
            // Numbers stand at the right.
            match place {
                0 | 5 => line.push_str(&format!("{gap}{room}{text}")),
                _ => line.push_str(&format!("{gap}{text}{room}")),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Text that ends in `…` within so many columns.
fn shortened(text: &str, width: usize) -> String {
    let mut room = width.saturating_sub(1);
    let mut short = String::new();
    for character in text.chars() {
        match room.checked_sub(columns(character)) {
            Some(left) => room = left,
            None => break,
        }
        short.push(character);
    }
    short.push('…');
    short
}

fn stream(stream: &Stream<'_>, told: &[Stream<'_>]) -> Value {
    let media = stream.media;
    let counted = told.iter().any(|one| std::ptr::eq(one.media, media));
    let mut object = json!({
        "side": stream.side.name(),
        "counted": counted,
        "ssrc": media.ssrc,
        "source": media.source,
        "destination": media.destination,
        "start": stream.time,
        "seconds": media.seconds,
        "speech_seconds": media.speech_seconds,
        "codec": media.codec,
        "payload_type": media.payload_type,
        "packets": media.packets,
        "lost": media.lost,
        "jitter_ms": media.jitter_ms,
        "reordered": media.reordered,
        "duplicates": media.duplicates,
        "digits": media.digits,
        "protection": Some(&media.protection).filter(|protection| !protection.is_empty()),
        "exposure": stream.class(),
        "call_id": media.call_id,
    });
    drop_unknown(&mut object);
    object
}

/// Unknown values are left out, as in the ledger.
fn drop_unknown(object: &mut Value) {
    if let Value::Object(fields) = object {
        fields.retain(|_, value| !value.is_null());
    }
}
