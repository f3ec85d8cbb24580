//! The report as one self-contained page: nothing fetched, every captured string escaped, and no script but that of the
//! player where it holds sound to play.

mod calls;
mod charts;
mod findings;
mod ladder;
mod opened;
mod player;
mod sealed;
mod sides;
mod tables;
mod waveform;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use overheard_ledger::Exposure;
use sha2::{Digest, Sha256};

use crate::escape::visible;
use crate::{Report, words};

const STYLE: &str = include_str!("html/style.css");

impl Report<'_> {
    /// The report as an HTML document. Its Content-Security-Policy allows its own style and nothing
    /// else; with recordings, also the sound in it and the script that plays it.
    pub fn html(&self) -> String {
        let style = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'{}",
            self.player_policy()
        );
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    meta name="color-scheme" content="light dark";
                    title { "What a tap would have overheard" }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header { (self.head()) }
                    main {
                        (self.overview())
                        (self.findings_section())
                        (self.calls_section())
                        (self.sealed_section())
                        (self.timeline_section())
                        (self.pairs_section())
                        (self.conversations_section())
                        (self.unseen_section())
                        (self.opened_section())
                    }
                    footer {
                        p {
                            "Made by overheard from the capture alone. All times are UTC. Frame numbers are "
                            "those that Wireshark shows. Unless it was asked to reveal them, it shows no more of a "
                            "secret than its first characters."
                        }
                    }
                    @if self.has_players() { script { (PreEscaped(player::SCRIPT)) } }
                }
            }
        };
        page.into_string()
    }

    fn head(&self) -> Markup {
        let capture = self.capture();
        let sources: Vec<String> = capture
            .source
            .iter()
            .take(8)
            .map(|name| visible(name))
            .collect();
        let more = capture.source.len().saturating_sub(8);
        html! {
            p.kicker { "What a tap on this line would have overheard" }
            h1 { (self.headline()) }
            p.meta {
                b { (sources.join(", ")) @if more > 0 { " and " (more) " more" } }
                @if let (Some(start), Some(end)) = (capture.start, capture.end) {
                    " · " time { (words::moment(start)) } " to " time { (words::moment(end)) }
                    " (" (words::span(end.seconds_since(start))) ")"
                }
                " · " (words::count(capture.packets, "frame", "frames"))
                " · " (words::bytes(capture.bytes))
            }
        }
    }

    fn overview(&self) -> Markup {
        let facts = &self.facts;
        let tiles = [
            (facts.calls_heard, "call heard", "calls heard"),
            (
                facts.streams_heard,
                "audio stream heard",
                "audio streams heard",
            ),
            (
                facts.calls_seen,
                "call seen, not heard",
                "calls seen, not heard",
            ),
            (facts.letters, "letter read", "letters read"),
            (facts.passwords, "password taken", "passwords taken"),
            (
                facts.tokens,
                "token or cookie taken",
                "tokens and cookies taken",
            ),
            (
                facts.crackable,
                "login to guess at offline",
                "logins to guess at offline",
            ),
            (facts.files, "file readable", "files readable"),
            (facts.requests, "request read", "requests read"),
            (facts.names, "name learned", "names learned"),
        ];
        html! {
            section aria-labelledby="overview" {
                h2 #overview { "At a glance" }
                ul.tiles {
                    @for (number, one, many) in tiles.iter().filter(|tile| tile.0 > 0) {
                        li { b { (words::grouped(*number)) } " " span { (if *number == 1 { one } else { many }) } }
                    }
                }
                (self.exposure_bar())
            }
        }
    }
}

/// The class that gives a thing the colour of its exposure.
fn class_of(exposure: Exposure) -> &'static str {
    exposure.as_str()
}

/// An exposure as a label: a patch of its colour, and its word.
fn chip(exposure: Exposure) -> Markup {
    html! { span.chip { i class=(class_of(exposure)) {} (exposure.as_str()) } }
}
