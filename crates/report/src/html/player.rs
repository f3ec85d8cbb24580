//! A player for the sound of a call: in the page only where whoever asked wants it revealed, and the only reason for a
//! script in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use sha2::{Digest, Sha256};

use crate::calls::recording::{MAX_PAGE_SOUND, Recording};
use crate::{Report, words};

/// Steps back and forward, keys, and the line in the drawing that shows where it plays.
pub(super) const SCRIPT: &str = include_str!("player.js");

impl Report<'_> {
    /// Whether something can be played in the page.
    pub(super) fn has_players(&self) -> bool {
        self.recordings
            .values()
            .any(|recording| recording.wav.is_some())
    }

    /// What the page may do besides showing itself: play the sound that it holds, with this one script. Nothing where it holds none.
    pub(super) fn player_policy(&self) -> String {
        match self.has_players() {
            true => {
                let script = STANDARD.encode(Sha256::digest(SCRIPT));
                format!("; script-src 'sha256-{script}'; media-src data:")
            }
            false => String::new(),
        }
    }

    /// The player of a call, or why there is none; nothing where its sound was not handed over.
    pub(super) fn player(&self, number: u64) -> Markup {
        let Some(recording) = self.recordings.get(&number) else {
            return html! {};
        };
        match &recording.wav {
            Some(wav) => playing(number, recording, wav),
            None => html! {
                p.note {
                    "Its sound (" (words::bytes(recording.bytes)) ") is left out: a page holds at most "
                    (words::bytes(MAX_PAGE_SOUND)) " of it. " code { "overheard calls --reveal --save DIR" } " gives it."
                }
            },
        }
    }
}

fn playing(number: u64, recording: &Recording, wav: &[u8]) -> Markup {
    html! {
        div.player role="group" aria-label={ "Player of call " (number) } data-after=(format!("{:.3}", recording.after)) {
            audio controls preload="metadata" src={ "data:audio/wav;base64," (STANDARD.encode(wav)) } {}
            div.buttons hidden {
                button.back type="button" { "5 s back" }
                button.toggle type="button" { "Play" }
                button.forward type="button" { "5 s forward" }
            }
            p.note { "The caller is left, the callee right. Keys: left and right step by 5 s; a click on the drawing goes there." }
        }
    }
}
