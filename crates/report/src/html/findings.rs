//! Findings, with what to do about them and what proves them.

use maud::{Markup, html};
use overheard_ledger::Finding;

use crate::escape::visible;
use crate::view::Judged;
use crate::{Report, words};

/// The findings of one rule that are shown at once; the others stand in a part that opens.
const SHOWN_AT_ONCE: usize = 5;

impl Report<'_> {
    pub(super) fn findings_section(&self) -> Markup {
        html! {
            section aria-labelledby="findings" {
                h2 #findings { "Findings" }
                @if self.rules.is_empty() {
                    p { "No rule found anything. What was not seen stands at the end of this page." }
                } @else {
                    p.note { "Worst first. Paste a filter into Wireshark's display filter to see the frames that prove a sentence." }
                }
                @for judged in &self.rules { (article(judged)) }
            }
        }
    }
}

fn article(judged: &Judged<'_>) -> Markup {
    let rule = judged.first;
    let (shown, more) = judged
        .findings
        .split_at_checked(SHOWN_AT_ONCE)
        .unwrap_or((judged.findings.as_slice(), &[]));
    html! {
        article.finding {
            h3 {
                span class={ "severity " (rule.severity.as_str()) } { (rule.severity.as_str()) }
                " " (visible(&rule.title))
            }
            ul.learns { @for (finding, frames) in shown { (learned(finding, frames)) } }
            @if !more.is_empty() {
                details {
                    summary { (more.len()) " more like this" }
                    ul.learns { @for (finding, frames) in more { (learned(finding, frames)) } }
                }
            }
            p { b { "What to do. " } (visible(&rule.remedy)) }
            p.note { (visible(&rule.standard)) " · rule " code { (visible(&rule.rule)) } }
        }
    }
}

pub(super) fn learned(finding: &Finding, frames: &[u64]) -> Markup {
    html! {
        li {
            (visible(&finding.learns))
            @if finding.count > 1 { span.note { " (" (words::grouped(finding.count)) " times)" } }
            @if !frames.is_empty() {
                details.evidence {
                    summary { (words::frames(frames, 4)) }
                    code.filter { (filter(frames)) }
                }
            }
        }
    }
}

/// A Wireshark display filter for these frames.
fn filter(frames: &[u64]) -> String {
    let numbers: Vec<String> = frames.iter().map(u64::to_string).collect();
    format!("frame.number in {{{}}}", numbers.join(", "))
}
