//! `overheard calls`: the calls alone, as a list, and their sound where that is asked for.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use overheard_report::{MAX_PAGE_SOUND, Recording, Report, Side, StreamId};
use overheard_sound::{AudibleCall, Ear, Recipient, Sealing, Sounds};

use crate::cli::CallsArgs;
use crate::output::complain;
use crate::save::{Folder, Saved};
use crate::{STANDARD_OUTPUT, hear, style, verdict};

/// Lists the calls of captures, and saves their sound.
///
/// # Errors
/// Where the sound may not be saved or cannot, an input cannot be read, or standard output cannot be written.
pub fn calls(args: &CallsArgs) -> Result<ExitCode> {
    let recipient = args.seal_to.as_deref().map(recipient).transpose()?;
    if args.save.is_some() && recipient.is_none() && !args.input.reveal {
        bail!(
            "--save writes what people said: it needs --reveal, or --seal-to RECIPIENT to encrypt it; nothing was heard"
        );
    }
    let folder = args.save.as_deref().map(Folder::new).transpose()?;
    let heard = hear(&args.input)?;
    let sounds = &heard.ledger.sounds;
    let report = with_sides(heard.report(), sounds);
    let mut saving = Saving::default();
    if let Some(folder) = &folder {
        saving = save(&report, sounds, folder, recipient.as_ref());
    }
    let report = report
        .with_opened(&heard.ledger.opened)
        .with_saved(std::mem::take(&mut saving.names));
    // What was learned is not lost with the sound.
    let printed = print(&report, args.json).context(STANDARD_OUTPUT);
    match (saving.end(), printed) {
        (Err(error), Err(other)) => {
            complain(&format!("{error:#}"));
            Err(other)
        }
        (saved, printed) => {
            saved?;
            printed?;
            Ok(verdict(&heard, None))
        }
    }
}

fn recipient(text: &str) -> Result<Recipient> {
    text.parse()
        .with_context(|| format!("--seal-to {text}: nothing can be sealed to it"))
}

fn print(report: &Report<'_>, json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    if json {
        out.write_all(report.calls_json().as_bytes())?;
    } else {
        let style = style(&out);
        report.calls(&mut out, style)?;
    }
    out.flush()?;
    Ok(())
}

fn ids(call: &AudibleCall) -> impl Iterator<Item = StreamId> {
    let id = |one: &overheard_sound::AudibleStream| {
        let stream = one.stream;
        (stream.conversation, stream.source, stream.ssrc)
    };
    call.streams.iter().map(id)
}

/// The report, in which who speaks is who is heard there in the sound.
pub fn with_sides<'a>(report: Report<'a>, sounds: &Sounds) -> Report<'a> {
    let ears = sounds.calls().iter().flat_map(|call| &call.streams);
    report.with_sides(ears.map(|one| {
        let side = match one.ear {
            Ear::Left => Side::Caller,
            Ear::Right => Side::Callee,
        };
        let stream = one.stream;
        ((stream.conversation, stream.source, stream.ssrc), side)
    }))
}

/// The sound of the calls that the page draws, as much of it as a page may hold.
///
/// # Errors
/// Where what was recorded cannot be read.
pub fn recordings(report: &Report<'_>, sounds: &Sounds) -> Result<Vec<Recording>> {
    let mut room = MAX_PAGE_SOUND;
    let mut recordings = Vec::new();
    for call in sounds.calls() {
        let Some((number, start)) = report.call_of(ids(call)) else {
            continue;
        };
        if !report.is_drawn(number) {
            continue;
        }
        let expected = 44.0 + 4.0 * call.seconds() * f64::from(call.rate);
        let mut recording = Recording {
            call: number,
            after: call.start.seconds_since(start),
            bytes: expected as u64,
            wav: None,
        };
        // It is not made where it will not fit: a call may last for days.
        if recording.bytes <= room {
            let mut wav = Vec::new();
            sounds.write_wav(call, &mut wav)?;
            recording.bytes = u64::try_from(wav.len())?;
            room = room.saturating_sub(recording.bytes);
            recording.wav = Some(wav);
        }
        recordings.push(recording);
    }
    Ok(recordings)
}

/// What came of saving.
#[derive(Default)]
struct Saving {
    /// The names of the files, by the numbers of their calls.
    names: BTreeMap<u64, String>,
    /// Files that were there before, and how many there are.
    kept: Option<String>,
    kept_count: u64,
    failure: Option<anyhow::Error>,
}

impl Saving {
    fn end(self) -> Result<()> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        match self.kept {
            Some(name) if self.kept_count == 1 => {
                bail!("{name} is there already: it was left as it is, and that call was not saved")
            }
            Some(name) => bail!(
                "{} files are there already, such as {name}: they were left as they are, and those calls were not saved",
                self.kept_count
            ),
            None => Ok(()),
        }
    }
}

/// Writes the sound of every call into the folder, until one cannot be written.
fn save(
    report: &Report<'_>,
    sounds: &Sounds,
    folder: &Folder,
    recipient: Option<&Recipient>,
) -> Saving {
    let mut saving = Saving::default();
    for call in sounds.calls() {
        let Some((number, _)) = report.call_of(ids(call)) else {
            continue;
        };
        let name = name(call, number, recipient.is_some());
        let saved = folder.save(&name, |out| {
            match recipient {
                Some(recipient) => {
                    let mut sealed = Sealing::to(recipient, out)?;
                    sounds.write_wav(call, &mut sealed)?;
                    sealed.finish()?;
                }
                None => {
                    sounds.write_wav(call, out)?;
                }
            }
            Ok(())
        });
        match saved {
            Ok(Saved::New) => {
                saving.names.entry(number).or_insert(name);
            }
            Ok(Saved::Kept) => {
                saving.kept_count += 1;
                saving.kept.get_or_insert(folder.show(&name));
            }
            Err(error) => {
                saving.failure = Some(error);
                break;
            }
        }
    }
    saving
}

/// The name of a file: when the call began and its number, nothing that was captured.
fn name(call: &AudibleCall, number: u64, sealed: bool) -> String {
    let moment = call.start.to_string();
    let whole = moment.split('.').next().unwrap_or_default();
    let digits: String = whole
        .chars()
        .filter(|one| !matches!(one, '-' | ':'))
        .collect();
    let ending = if sealed { "wav.age" } else { "wav" };
    format!("{digits}Z-call-{number:04}.{ending}")
}
