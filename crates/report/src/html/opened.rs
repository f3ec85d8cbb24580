//! The owner's own view, behind all that a tap learns.

use maud::{Markup, html};

use super::findings::learned;
use super::tables::{heads, table};
use crate::escape::visible;
use crate::opened::{HEADING, NOTE};
use crate::{Report, words};

/// The most findings of one rule that are shown.
const MAX_FINDINGS_OF_A_RULE: usize = 50;
/// The most rows of the table.
const MAX_ROWS: usize = 500;

impl Report<'_> {
    pub(super) fn opened_section(&self) -> Markup {
        let Some(opened) = &self.opened else {
            return html! {};
        };
        let conversations = &opened.report.conversations;
        let head = heads(&["At", "Client", "Server", "Protocol", ">Bytes inside"]);
        let body = html! {
            @for conversation in conversations.iter().take(MAX_ROWS) {
                tr {
                    td { (words::clock(conversation.start)) }
                    td { (words::endpoint(conversation.client)) }
                    td { (visible(&words::server(conversation))) }
                    td { (visible(conversation.protocol.as_deref().unwrap_or_default())) }
                    td.number { (words::bytes(conversation.accounts.total())) }
                }
            }
        };
        html! {
            section aria-labelledby="opened" {
                h2 #opened { (HEADING) }
                p { b { (NOTE) } }
                @for line in opened.said() { p { (visible(&line)) } }
                @for judged in opened.rules() {
                    article.finding {
                        h3 { "Inside: " (visible(&judged.first.title)) }
                        ul.learns {
                            @for (finding, frames) in judged.findings.iter().take(MAX_FINDINGS_OF_A_RULE) { (learned(finding, frames)) }
                        }
                        @if judged.findings.len() > MAX_FINDINGS_OF_A_RULE {
                            p.note { "and " (judged.findings.len() - MAX_FINDINGS_OF_A_RULE) " more like this" }
                        }
                        p.note { "rule " code { (visible(&judged.first.rule)) } }
                    }
                }
                @if !conversations.is_empty() {
                    (table("Conversations that were opened.", conversations.len(), MAX_ROWS, head, body))
                }
            }
        }
    }
}
