//! What a stored recording opens, and when, with the deadlines of the standards.

use maud::{Markup, html};

use super::charts::bar;
use super::tables::{heads, table};
use super::{chip, class_of};
use crate::escape::visible;
use crate::sealed::{Group, Held};
use crate::{Report, deadlines, words};

/// The most rows of the table by server and key exchange; the caption says how many more there are.
const MAX_ROWS: usize = 100;
/// The servers of a group that are named at once; the others stand in a part that opens.
const SHOWN_AT_ONCE: usize = 4;
/// The most servers of a group that are named.
const MAX_SERVERS: usize = 100;

impl Report<'_> {
    pub(super) fn sealed_section(&self) -> Markup {
        html! {
            section aria-labelledby="stored" {
                h2 #stored { "What a stored recording opens, and when" }
                @if self.sealed.is_empty() {
                    p { "No sealed conversation was seen." }
                } @else {
                    p {
                        "A listener can keep what it cannot read today. This is what the recording would give it later: "
                        b { (words::bytes(self.sealed.bytes)) } " went by sealed."
                    }
                    (self.sealed_bar())
                    (self.groups_table())
                    (deadlines_table(self))
                    (self.sides())
                    (self.stored_table())
                }
            }
        }
    }

    fn sealed_bar(&self) -> Markup {
        let groups = self.sealed.groups.iter();
        let parts: Vec<_> = groups
            .map(|group| (group.opener.exposure(), group.sealed))
            .collect();
        html! {
            @if self.sealed.bytes > 0 {
                figure {
                    figcaption { "The sealed bytes, by what opens them" }
                    (bar(&parts))
                }
            }
        }
    }

    fn groups_table(&self) -> Markup {
        let sealed = &self.sealed;
        let conversations: u64 = sealed.groups.iter().map(|group| group.conversations).sum();
        html! {
            div.scroll tabindex="0" role="region" aria-label="What opens the recording" {
                table.groups {
                    caption { "Every sealed byte of the capture is in exactly one row." }
                    thead { tr { (heads(&["What opens it", ">Conversations", ">Sealed bytes", ">Share", "With which servers"])) } }
                    tbody { @for group in &sealed.groups { (group_row(group, sealed.bytes)) } }
                    tfoot {
                        tr {
                            th scope="row" { "All that was sealed" }
                            td.number { (words::grouped(conversations)) }
                            td.number { (words::grouped(sealed.bytes)) }
                            td.number { (words::share(sealed.bytes, sealed.bytes)) }
                            td { "the sum of the above: " (words::bytes(sealed.bytes)) }
                        }
                    }
                }
            }
        }
    }

    fn stored_table(&self) -> Markup {
        let head = heads(&[
            "Opens",
            "Server",
            "Version",
            "Key exchange",
            ">Conversations",
            ">Sealed bytes",
        ]);
        let stored = self.stored();
        let body = html! {
            @for stored in stored.iter().take(MAX_ROWS) {
                tr {
                    td { (chip(stored.exposure)) }
                    td { (visible(&stored.server)) }
                    td { (visible(&stored.version)) }
                    td { (visible(&stored.key_exchange)) }
                    td.number { (words::grouped(stored.conversations)) }
                    td.number { (words::bytes(stored.sealed)) }
                }
            }
        };
        html! {
            @if !stored.is_empty() {
                details {
                    summary { "All sealed conversations by server and key exchange" }
                    (table("As the server chose it.", stored.len(), MAX_ROWS, head, body))
                }
            }
        }
    }
}

fn group_row(group: &Group, total: u64) -> Markup {
    let opener = group.opener;
    let (shown, more) = group
        .servers
        .split_at_checked(SHOWN_AT_ONCE)
        .unwrap_or((group.servers.as_slice(), &[]));
    html! {
        tr {
            th scope="row" {
                span.chip { i class=(class_of(opener.exposure())) {} (opener.title()) }
                p.note { (opener.reason()) }
            }
            td.number { (words::grouped(group.conversations)) }
            td.number { (words::grouped(group.sealed)) }
            td.number { (group.share(total)) }
            td {
                @if group.servers.is_empty() { "none" }
                ul.plain { @for held in shown { (server(held)) } }
                @if !more.is_empty() {
                    details {
                        summary { (words::grouped(more.len() as u64)) " more" }
                        ul.plain {
                            @for held in more.iter().take(MAX_SERVERS) { (server(held)) }
                            @if more.len() > MAX_SERVERS { li { "and others, which the ledger has" } }
                        }
                    }
                }
            }
        }
    }
}

fn server(held: &Held) -> Markup {
    let sealed = match held.sealed {
        0 => "handshake only".to_owned(),
        some => words::bytes(some),
    };
    html! {
        li { (visible(&held.server)) " " span.note { (sealed) } }
    }
}

/// The deadlines of the standards, beside what they concern.
fn deadlines_table(report: &Report<'_>) -> Markup {
    let head = heads(&["Date", "What it means", "Standard", ">Concerns here"]);
    let body = html! {
        @for deadline in deadlines::ALL {
            tr {
                td.date { (deadline.when) }
                td { (deadline.says) }
                td { (deadline.standard) }
                td.number { (deadline.concerns(&report.sealed).unwrap_or_else(|| "does not show".to_owned())) }
            }
        }
    };
    html! {
        h3 { "How long the standards still accept it" }
        (table("Classical means: not made to hold against a quantum computer. Which of these dates binds you depends on who you are.",
            deadlines::ALL.len(), MAX_ROWS, head, body))
    }
}
