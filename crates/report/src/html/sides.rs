//! Which side to upgrade: what every client of a server offered, and what the server took.

use std::collections::BTreeSet;
use std::net::IpAddr;

use maud::{Markup, html};
use overheard_judge::{Client, Server};

use super::tables::{heads, table};
use crate::escape::visible;
use crate::{Report, words};

/// The most rows; the caption says how many more there are.
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
        let head = heads(&[
            "Upgrade",
            "Server",
            ">Quantum-safe key exchange offered",
            ">taken",
            "Newest version taken",
            "Clients, and what they agreed on",
        ]);
        let body = html! { @for server in servers.iter().take(MAX_ROWS) { (row(server)) } };
        html! {
            h3 { "Which side to upgrade" }
            p {
                "Both sides must know a quantum-safe (post-quantum) key exchange: the client offers it, the server takes it. "
                "The newest version counts too: where a client could have had a newer one, the server is behind."
            }
            p { (self.sides_in_words()) }
            (table("By server, those first that can be upgraded and were spoken with most.", servers.len(), MAX_ROWS, head, body))
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
            td { (upgrade(server)) }
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
                @if old > 0 { br; span.note { "deprecated version " (words::grouped(old)) " of " (words::grouped(total)) " times" } }
            }
            td {
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
    let (side, version) = (server.key_exchanges.side(), server.old_versions.side());
    let unseen = server.key_exchanges.unseen > 0;
    html! {
        @match side {
            Some(side) => { b { (words::side(side)) } },
            None if unseen => { span.note { "what was offered did not show" } },
            None => { "nothing" },
        }
        @if let Some(version) = version {
            br;
            span.note { "version: " (words::side(version)) }
        }
    }
}

fn client_item(server: &Server<'_>, address: IpAddr, client: &Client<'_>) -> Markup {
    html! {
        li {
            (address) ": " (words::count(client.handshakes, "handshake", "handshakes")) ", agreed on "
            (names(&client.key_exchanges)) " with " (names(&client.versions)) "; offered "
            @if client.offered.is_empty() { "nothing quantum-safe" } @else { (names(&client.offered)) }
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
