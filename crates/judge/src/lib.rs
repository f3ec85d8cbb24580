//! Records to findings: pure functions over what was observed.
//!
//! The rules are given: they stand beside the protocols that they are about. [`judge`] applies them,
//! and makes one finding of all that says the same.

mod entropy;
mod general;
mod servers;
mod sides;
mod stripped;
#[cfg(test)]
mod tests;

use foldhash::HashMap;
use overheard_ledger::{
    Body, Conversation, Finding, Frames, Hint, HintBody, MAX_EVIDENCE, Record, Rule, SERVER, Seen,
    Time, When, each_share, share, side_by_side,
};

use sides::Aimed;

pub use general::RULES;
pub use servers::{Client, Generation, KeyExchanges, OldVersions, Server, Servers, Side};

/// The most findings that one rule makes; what goes beyond is told by the last one's count.
const MAX_FINDINGS_OF_A_RULE: usize = 200;

/// A finding in the making.
struct Gathered<'a> {
    rule: &'a Rule,
    learns: String,
    count: u64,
    frames: Frames,
    time: Option<Time>,
    conversations: Vec<u64>,
    /// The side that it is about, where all handshakes with the server tell it.
    aimed: Option<Aimed>,
}

impl Gathered<'_> {
    fn add(&mut self, frames: &[u64], time: Option<Time>, conversation: Option<u64>) {
        self.count += 1;
        if self.frames.len() < MAX_EVIDENCE {
            self.frames.join(frames);
        }
        self.time = match (self.time, time) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if let Some(id) = conversation
            && self.conversations.len() < MAX_EVIDENCE
            && !self.conversations.contains(&id)
        {
            self.conversations.push(id);
        }
    }
}

/// The findings so far.
#[derive(Default)]
struct Findings<'a> {
    gathered: Vec<Gathered<'a>>,
    of_rule: HashMap<&'a str, OfRule>,
}

/// The findings of one rule so far.
#[derive(Default)]
struct OfRule {
    /// Where its sentences stand.
    known: HashMap<String, usize>,
    /// Where its last finding stands.
    last: usize,
}

impl<'a> Findings<'a> {
    fn add(
        &mut self,
        rule: &'a Rule,
        learns: String,
        frames: &[u64],
        time: Option<Time>,
        conversation: Option<u64>,
    ) {
        let of_rule = self.of_rule.entry(rule.id).or_default();
        let place = match of_rule.known.get(&learns) {
            Some(place) => *place,
            None if of_rule.known.len() >= MAX_FINDINGS_OF_A_RULE => of_rule.last,
            None => {
                of_rule.last = self.gathered.len();
                of_rule.known.insert(learns.clone(), of_rule.last);
                self.gathered.push(Gathered {
                    rule,
                    learns,
                    count: 0,
                    frames: Frames::default(),
                    time: None,
                    conversations: Vec::new(),
                    aimed: None,
                });
                of_rule.last
            }
        };
        if let Some(finding) = self.gathered.get_mut(place) {
            finding.add(frames, time, conversation);
        }
    }

    /// Adds what rules say of records.
    fn add_said(&mut self, said: Vec<Vec<Said<'a>>>) {
        for Said {
            rule,
            learns,
            record,
        } in said.into_iter().flatten()
        {
            let of = record.begins().or(record.conversation);
            self.add(rule, learns, &record.frames, record.time, of);
        }
    }

    /// Adds what hints say was observed.
    fn add_observed(
        &mut self,
        hints: &[Hint],
        rules: &HashMap<&'a str, &'a Rule>,
        conversations: &HashMap<u64, &Conversation>,
    ) {
        for hint in hints {
            if let HintBody::Observed { rule, learns } = &hint.body
                && let Some(rule) = rules.get(rule)
            {
                let learns = match conversations.get(&hint.conversation) {
                    Some(conversation) => learns.replace(SERVER, &conversation.server_label()),
                    None => learns.clone(),
                };
                let (time, of) = (Some(hint.time), Some(hint.conversation));
                self.add(rule, learns, &hint.frames, time, of);
            }
        }
    }
}

/// A rule that holds for a record, and what it says.
struct Said<'a> {
    rule: &'a Rule,
    learns: String,
    record: &'a Record,
}

/// The functions of [`When`].
type OfConversation = fn(&Conversation) -> Option<String>;
type OfRecord = fn(&Seen<'_>) -> Option<String>;

/// What rules say of records, in the records' order.
fn apply<'a>(
    records: &'a [Record],
    conversations: &HashMap<u64, &Conversation>,
    of_conversations: &[(&'a Rule, OfConversation)],
    of_records: &[(&'a Rule, OfRecord)],
) -> Vec<Said<'a>> {
    let mut said = Vec::new();
    for record in records {
        let mut say = |rule, learns: Option<String>| {
            said.extend(learns.map(|learns| Said {
                rule,
                learns,
                record,
            }));
        };
        if let Body::Conversation(conversation) = &record.body {
            for &(rule, holds) in of_conversations {
                say(rule, holds(conversation));
            }
            continue;
        }
        let seen = Seen {
            record,
            conversation: record
                .conversation
                .and_then(|id| conversations.get(&id).copied()),
        };
        for &(rule, holds) in of_records {
            say(rule, holds(&seen));
        }
    }
    said
}

/// The conversations of a ledger by their ids.
fn by_id(records: &[Record]) -> HashMap<u64, &Conversation> {
    let is_one = |record: &&Record| matches!(record.body, Body::Conversation(_));
    let count = records.iter().filter(is_one).count();
    let mut conversations = HashMap::with_capacity_and_hasher(count, Default::default());
    for record in records {
        if let (Some(id), Body::Conversation(conversation)) = (record.begins(), &record.body) {
            conversations.insert(id, &**conversation);
        }
    }
    conversations
}

/// Applies rules to records (in the ledger's order) and hints. Equal sentences of one rule become one
/// finding with a count; findings come worst first. Where all handshakes with a server tell which side keeps both
/// from something better, title and remedy say so. They do not depend on the number of `threads`.
pub fn judge(records: &[Record], hints: &[Hint], rules: &[&Rule], threads: usize) -> Vec<Record> {
    let conversations = by_id(records);
    let of_records: Vec<_> = rules
        .iter()
        .filter_map(|rule| match rule.when {
            When::Record(holds) => Some((*rule, holds)),
            When::Conversation(_) | When::Observed => None,
        })
        .collect();
    let of_conversations: Vec<_> = rules
        .iter()
        .filter_map(|rule| match rule.when {
            When::Conversation(holds) => Some((*rule, holds)),
            When::Record(_) | When::Observed => None,
        })
        .collect();
    let named: HashMap<&str, &Rule> = rules.iter().map(|rule| (rule.id, *rule)).collect();
    let said = each_share(records.chunks(share(records.len(), threads)), |records| {
        apply(records, &conversations, &of_conversations, &of_records)
    });
    // What takes all conversations to see, and what was said of each: neither has to wait for the other.
    let across = || {
        let mut seen = stripped::hints(&conversations, hints);
        seen.extend(entropy::hints(&conversations, hints));
        (seen, Servers::among(records, &conversations))
    };
    let gather = || {
        let mut findings = Findings::default();
        findings.add_said(said);
        findings.add_observed(hints, &named, &conversations);
        findings
    };
    let ((seen, servers), mut findings) = side_by_side(records.len(), threads, across, gather);
    findings.add_observed(&seen, &named, &conversations);
    let mut gathered = findings.gathered;
    aim(&mut gathered, &servers);
    gathered.sort_by(|one, other| {
        (other.rule.severity, &one.frames, one.rule.id, &one.learns).cmp(&(
            one.rule.severity,
            &other.frames,
            other.rule.id,
            &other.learns,
        ))
    });
    gathered.into_iter().map(into_record).collect()
}

/// Says which side is to be upgraded, where the handshakes tell.
fn aim(gathered: &mut [Gathered<'_>], servers: &Servers<'_>) {
    for finding in gathered {
        if !sides::is_about_sides(finding.rule.id) {
            continue;
        }
        let mut ids = finding.conversations.iter();
        let server = ids.find_map(|id| servers.of_conversation(*id));
        let Some(aimed) = server.and_then(|server| sides::aimed(finding.rule.id, server)) else {
            continue;
        };
        finding.learns.push_str("; ");
        finding.learns.push_str(&aimed.because);
        finding.aimed = Some(aimed);
    }
}

fn into_record(gathered: Gathered<'_>) -> Record {
    let Gathered {
        rule,
        learns,
        count,
        frames,
        time,
        mut conversations,
        aimed,
    } = gathered;
    conversations.sort_unstable();
    let (title, remedy) = match aimed {
        Some(aimed) => (format!("{}: {}", rule.title, aimed.title), aimed.remedy),
        None => (rule.title.to_owned(), rule.remedy),
    };
    let finding = Finding {
        rule: rule.id.to_owned(),
        title,
        severity: rule.severity,
        exposure: rule.exposure,
        learns,
        remedy: remedy.to_owned(),
        standard: rule.standard.to_owned(),
        count,
        conversations,
    };
    Record {
        body: finding.into(),
        conversation: None,
        frames,
        time,
    }
}
