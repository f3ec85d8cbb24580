//! Who talked to whom, conversations, and the account of bytes.

use maud::{Markup, html};
use overheard_ledger::Conversation;

use super::chip;
use crate::escape::visible;
use crate::{Report, words};

/// The most rows of any table; the caption says how many more there are.
const MAX_ROWS: usize = 500;
/// The most rows of the tables that are in no order of time.
const MAX_RANKED_ROWS: usize = 100;

/// A table in a frame of its own that scrolls where the page is narrow.
pub(super) fn table(caption: &str, rows: usize, most: usize, head: Markup, body: Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption {
                    (caption)
                    @if rows > most { " The first " (most) " of " (words::grouped(rows as u64)) "; the ledger has them all." }
                }
                thead { tr { (head) } }
                tbody { (body) }
            }
        }
    }
}

pub(super) fn heads(heads: &[&str]) -> Markup {
    html! {
        @for head in heads {
            @match head.strip_prefix('>') {
                Some(head) => th scope="col" class="number" { (head) },
                None => th scope="col" { (head) },
            }
        }
    }
}

impl Report<'_> {
    pub(super) fn pairs_section(&self) -> Markup {
        let pairs = self.pairs();
        if pairs.is_empty() {
            return html! {};
        }
        let most = pairs.first().map_or(1, |pair| pair.bytes).max(1);
        let head = heads(&[
            "Who",
            "To whom",
            "About",
            ">Conversations",
            ">Bytes",
            "",
            "Worst exposure",
        ]);
        let body = html! {
            @for pair in pairs.iter().take(MAX_RANKED_ROWS) {
                @let protocols: Vec<String> = pair.protocols.iter().take(6).map(|name| visible(name)).collect();
                tr {
                    td { (visible(&self.host(pair.client))) }
                    td { (visible(&self.host(pair.server))) }
                    td { @if protocols.is_empty() { "not recognised" } (protocols.join(", ")) @if pair.protocols.len() > 6 { ", …" } }
                    td.number { (words::grouped(pair.conversations)) }
                    td.number { (words::bytes(pair.bytes)) }
                    td {
                        svg.spark viewBox="0 0 100 10" width="100" height="10" preserveAspectRatio="none" aria-hidden="true" {
                            rect class=(pair.exposure.as_str()) width=((pair.bytes as f64 * 100.0 / most as f64).max(1.0).round()) height="10" {}
                        }
                    }
                    td { (chip(pair.exposure)) }
                }
            }
        };
        html! {
            section aria-labelledby="pairs" {
                h2 #pairs { "Who talked to whom" }
                p.note { "A tap sees this whatever is sealed." }
                (table("Pairs of hosts, most bytes first.", pairs.len(), MAX_RANKED_ROWS, head, body))
            }
        }
    }

    pub(super) fn conversations_section(&self) -> Markup {
        let head = heads(&[
            "At",
            ">Lasted",
            "Client",
            "Server",
            "Protocol",
            ">Sent",
            ">Received",
            "Exposure",
            "Wireshark filter",
        ]);
        let body = html! {
            @for conversation in self.conversations.iter().take(MAX_ROWS) { (conversation_row(conversation)) }
        };
        html! {
            section aria-labelledby="conversations" {
                h2 #conversations { "Conversations" }
                @if self.conversations.is_empty() {
                    p { "There were none." }
                } @else {
                    details open[self.conversations.len() <= 40] {
                        summary { (words::count(self.conversations.len() as u64, "conversation", "conversations")) }
                        (table("In the order of their first frames. Sent is from client to server; bytes are those on the wire.",
                            self.conversations.len(), MAX_ROWS, head, body))
                    }
                }
            }
        }
    }

    pub(super) fn unseen_section(&self) -> Markup {
        let accounts = self.accounts();
        let total = accounts.total();
        let unseen = self.unseen();
        html! {
            section aria-labelledby="unseen" {
                h2 #unseen { "What the tap could not see" }
                p.note { "Every byte of payload is in exactly one of these accounts." }
                div.scroll tabindex="0" role="region" aria-label="Account of payload bytes" {
                    table {
                        caption { "Account of all payload bytes." }
                        thead { tr { (heads(&["Account", ">Bytes", ">Share", "Meaning"])) } }
                        tbody {
                            @for (name, balance) in accounts.entries() {
                                tr {
                                    th scope="row" { (name) }
                                    td.number { (words::grouped(balance)) }
                                    td.number { (words::share(balance, total)) }
                                    td { (words::account(name)) }
                                }
                            }
                        }
                        tfoot {
                            tr {
                                th scope="row" { "all payload" }
                                td.number { (words::grouped(total)) }
                                td.number { (words::share(total, total)) }
                                td { "the sum of the above: " (words::bytes(total)) }
                            }
                        }
                    }
                }
                @if !unseen.is_empty() {
                    ul { @for line in &unseen { li { (visible(line)) } } }
                }
            }
        }
    }
}

fn conversation_row(conversation: &Conversation) -> Markup {
    let [sent, received] = conversation.bytes;
    let lasted = conversation.end.seconds_since(conversation.start);
    let protocol = conversation.protocol.as_deref();
    html! {
        tr {
            td { (words::clock(conversation.start)) }
            td.number { (words::span(lasted)) }
            td { (words::endpoint(conversation.client)) }
            td { (visible(&words::server(conversation))) }
            td {
                @match protocol {
                    Some(protocol) => { (visible(protocol)) " " span.note { (visible(&conversation.transport)) } },
                    None => { (visible(&conversation.transport)) " " span.note { "not recognised" } },
                }
                @if !conversation.encapsulation.is_empty() {
                    span.note { " in " (visible(&conversation.encapsulation.join(", "))) }
                }
            }
            td.number { (words::bytes(sent)) }
            td.number { (words::bytes(received)) }
            td { (chip(conversation.exposure)) }
            td { code.filter { (filter(conversation)) } }
        }
    }
}

/// A Wireshark display filter for a conversation.
fn filter(conversation: &Conversation) -> String {
    let (client, server) = (conversation.client, conversation.server);
    let family = |ip: std::net::IpAddr| if ip.is_ipv4() { "ip" } else { "ipv6" };
    let addresses = format!(
        "{}.addr == {} && {}.addr == {}",
        family(client.ip),
        client.ip,
        family(server.ip),
        server.ip
    );
    match &*conversation.transport {
        transport @ ("tcp" | "udp" | "sctp") => format!(
            "{addresses} && {transport}.port == {} && {transport}.port == {}",
            client.port, server.port
        ),
        _ => addresses,
    }
}
