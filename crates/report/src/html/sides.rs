//! Which side to upgrade: what every client of a server offered, and what the server took.

use std::collections::BTreeSet;
use std::net::IpAddr;

use maud::{Markup, html};
use overheard_judge::{Client, Server, Side};

use super::tables::{heads, table};
use crate::escape::visible;
use crate::{Report, words};

/// The servers that are shown at once; the others stand in a part that opens.
const SHOWN_AT_ONCE: usize = 12;
/// The most of those others; the caption says how many more there are.
const MAX_ROWS: usize = 100;
/// The most clients of a server that are listed.
const MAX_CLIENTS: usize = 20;
/// The most names that stand in one list.
const MAX_NAMES: usize = 4;

impl Report<'_> {
    pub(super) fn sides(&self) -> Markup {
        let servers = &self.servers;
        if servers.is_empty() {
            return html! {};
        }
        let head = || {
            heads(&[
                "Upgrade",
                "Server",
                ">Offered",
                ">Taken",
                "Newest version",
                "Clients, and what each agreed on",
            ])
        };
        let rows = |servers: &[Server<'_>]| html! { @for server in servers { (row(server)) } };
        let (shown, more) = servers
            .split_at_checked(SHOWN_AT_ONCE)
            .unwrap_or((servers.as_slice(), &[]));
        let more_shown = more.get(..MAX_ROWS).unwrap_or(more);
        html! {
            h3 { "Which side to upgrade" }
            p {
                "A key exchange holds against a quantum computer (it is post-quantum) only where both sides know one: the "
                "client offers it, and the server takes it. So the remedy may be the server's or its clients'."
            }
            p { b { (self.sides_in_words()) } }
            (table("Offered and taken: in how many handshakes with this server a post-quantum key exchange was.",
                shown.len(), SHOWN_AT_ONCE, head(), rows(shown)))
            @if !more.is_empty() {
                details {
                    summary { (words::count(more.len() as u64, "more server", "more servers")) }
                    (table("Those first that can be upgraded and were spoken with most.", more.len(), MAX_ROWS, head(), rows(more_shown)))
                }
            }
        }
    }
}

fn row(server: &Server<'_>) -> Markup {
    let counts = server.key_exchanges;
    let total = counts.total();
    let handshakes =
        |number: u64| format!("{} of {}", words::grouped(number), words::grouped(total));
    let old = server.old_versions.total();
    html! {
        tr {
            td.wide { (upgrade(server)) }
            td {
                (visible(&words::upgradable(server))) " "
                span.note {
                    (visible(server.protocol))
                    @if server.addresses.len() > 1 { ", " (server.addresses.len()) " addresses" }
                }
            }
            td.number {
                (handshakes(counts.offered()))
                @if counts.unseen > 0 { br; span.note { (words::grouped(counts.unseen)) " not seen" } }
            }
            td.number { (handshakes(counts.agreed)) }
            td {
                @if let Some((_, version)) = server.newest { (visible(version)) }
                @if old > 0 { br; span.note { "a deprecated one " (words::grouped(old)) " of " (words::grouped(total)) " times" } }
            }
            td.wide {
                details {
                    summary { (words::count(server.clients.len() as u64, "client", "clients")) }
                    ul.plain {
                        @for (address, client) in server.clients.iter().take(MAX_CLIENTS) {
                            (client_item(server, *address, client))
                        }
                        @if server.clients.len() > MAX_CLIENTS { li { "and others, which the ledger has" } }
                    }
                }
            }
        }
    }
}

/// What is to be done with this server: for the key exchange, and for the version.
fn upgrade(server: &Server<'_>) -> Markup {
    let counts = server.key_exchanges;
    let told = match counts.side() {
        Some(Side::Server) => "clients offer it in vain",
        Some(Side::Both) => "some clients offer it in vain, others do not",
        Some(Side::Clients) if counts.agreed > 0 => "the server takes it from others",
        Some(Side::Clients) if counts.postponed > 0 => "they want a classical one more",
        Some(Side::Clients) => "they never offer it; whether the server would take it is not known",
        None if counts.unseen > 0 => "what was offered did not show",
        None => "both sides have it",
    };
    html! {
        @if let Some(side) = counts.side() { b { (words::side(side)) } br; }
        span.note { (told) }
        @if let Some(version) = server.old_versions.side() {
            br;
            b { (words::side(version)) } span.note { ": deprecated version" }
        }
    }
}

fn client_item(server: &Server<'_>, address: IpAddr, client: &Client<'_>) -> Markup {
    html! {
        li {
            (address) ": " (words::count(client.handshakes, "handshake", "handshakes")) ", agreed on "
            (names(&client.key_exchanges)) " with " (names(&client.versions)) "; offered "
            @if client.offered.is_empty() { "no post-quantum key exchange" } @else { (names(&client.offered)) }
            @if let Some(newest) = client.newest { ", up to " (newest.name(server.protocol)) }
        }
    }
}

fn names(names: &BTreeSet<&str>) -> String {
    let mut shown: Vec<String> = names
        .iter()
        .take(MAX_NAMES)
        .map(|name| visible(name))
        .collect();
    if names.len() > MAX_NAMES {
        shown.push("others".to_owned());
    }
    match shown.is_empty() {
        true => "an unknown version".to_owned(),
        false => words::list(&shown),
    }
}
