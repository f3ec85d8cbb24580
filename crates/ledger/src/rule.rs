//! The shape of a rule: when it holds, and what it says.

use crate::{Conversation, Exposure, Record, Severity};

/// A rule of judgement: a fact about a record, and what the owner of the line should do about it.
/// Rules stand beside the protocol that they are about.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable id in kebab case, beginning with the protocol's name: `ftp-password`.
    pub id: &'static str,
    /// A short title, in plain words, without a full stop.
    pub title: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What a tap gets where the rule holds.
    pub exposure: Exposure,
    /// When it holds.
    pub when: When,
    /// What to do, and on which side: one or two plain sentences.
    pub remedy: &'static str,
    /// The standard that says so, as it is cited: `RFC 8314 section 3`.
    pub standard: &'static str,
    /// Why it matters, for `overheard explain`: a short paragraph.
    pub explain: &'static str,
}

/// When a [`Rule`] holds.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// When the function gives what the tap learns (one plain sentence) for a record of what was said
    /// in a conversation. Equal sentences of one rule become one finding with a count, so a sentence names
    /// the server or the person concerned but no detail that differs every time.
    Record(fn(&Seen<'_>) -> Option<String>),
    /// Likewise, for the record of a conversation itself. Apart, since they are most of all records.
    Conversation(fn(&Conversation) -> Option<String>),
    /// When an analyzer says so with [`crate::HintBody::Observed`].
    Observed,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The record.
    pub record: &'a Record,
    /// The conversation that it belongs to, where it does.
    pub conversation: Option<&'a Conversation>,
}

impl Seen<'_> {
    /// The server as a person would name it: the best known name with its address, or `an unknown server`.
    pub fn server(&self) -> String {
        self.conversation.map_or_else(
            || "an unknown server".to_owned(),
            Conversation::server_label,
        )
    }
}
