//! Requests and their answers: who belongs to whom, and what is written down of them.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use overheard_ledger::{Name, Request};
use overheard_tap::{Evidence, Next, Notes};

use super::message_head::{Asked, Head, Start};
use crate::shared::dns_over_http::DnsOverHttp;
use crate::shared::http_logins::Login;
use crate::shared::http_message::host_name;

/// The most requests that wait for their answers, and answers for their requests.
const MAX_WAITING: usize = 64;
/// The most names, logins and cookies of one conversation that are remembered in order to write each once.
const MAX_SAID: usize = 512;

/// Requests and answers of one conversation.
#[derive(Default)]
pub struct Exchange {
    /// Requests without an answer, oldest first.
    waiting: VecDeque<Pending>,
    /// Answers heard before their requests, because these are held up by a hole; oldest first.
    early: VecDeque<(u16, Evidence)>,
    /// Requests that were written down before their answers came, because too many waited.
    given_up: u64,
    /// Whether answers were lost: the next one belongs to the latest request.
    lost_answers: bool,
    /// Keys of what was written already.
    said: BTreeSet<u64>,
    /// Names in DNS messages.
    pub dns: DnsOverHttp,
}

/// A request without an answer.
pub struct Pending {
    /// What is written down.
    pub request: Request,
    /// The last part of its target's path: what its answer's body is called.
    pub name: Option<String>,
    /// Who goes on if the answer agrees.
    pub change: Option<Next>,
    evidence: Evidence,
    logins: Vec<Login>,
}

impl Exchange {
    /// A request is known, as far as it was captured: it waits for its answer, or has it already.
    pub fn request(&mut self, head: &mut Head, notes: &mut Notes<'_>) {
        let change = head.change();
        let Start::Request(Asked {
            method,
            target,
            authority,
            name,
            dns,
        }) = &mut head.start
        else {
            return;
        };
        if let Some(host) = head.host.as_deref().and_then(host_name)
            && self.first_time(&("host", &host))
        {
            notes.add_with(
                Name {
                    source: "http-host".to_owned(),
                    name: host,
                },
                head.evidence.clone(),
            );
        }
        if let Some(message) = dns.take() {
            self.dns.hear(&message, notes);
        }
        let host = head.host.take().or_else(|| authority.take());
        let pending = Pending {
            request: Request {
                method: std::mem::take(method),
                host: host.filter(|host| !host.is_empty()),
                target: Some(std::mem::take(target)),
                status: None,
            },
            name: name.clone(),
            change,
            evidence: head.evidence.clone(),
            logins: std::mem::take(&mut head.logins),
        };
        // An answer that was said before the request belongs to one that was not captured.
        while self
            .early
            .front()
            .is_some_and(|(_, answer)| answer.time() < pending.evidence.time())
        {
            self.early.pop_front();
        }
        if let Some((status, evidence)) = self.early.pop_front() {
            self.write(&pending, Some((status, &evidence)), notes);
            return;
        }
        if self.waiting.len() >= MAX_WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.given_up = self.given_up.saturating_add(1);
            self.write(&oldest, None, notes);
        }
        self.waiting.push_back(pending);
    }

    /// A final answer. Gives the request that it belongs to, where that is known.
    pub fn answer(
        &mut self,
        status: u16,
        evidence: &Evidence,
        notes: &mut Notes<'_>,
    ) -> Option<Pending> {
        if self.given_up > 0 && !self.lost_answers {
            self.given_up -= 1;
            return None;
        }
        if std::mem::take(&mut self.lost_answers) {
            self.given_up = 0;
            while self.waiting.len() > 1
                && let Some(unanswered) = self.waiting.pop_front()
            {
                self.write(&unanswered, None, notes);
            }
        }
        match self.waiting.pop_front() {
            Some(pending) => {
                self.write(&pending, Some((status, evidence)), notes);
                Some(pending)
            }
            None => {
                if self.early.len() >= MAX_WAITING {
                    self.early.pop_front();
                }
                self.early.push_back((status, evidence.clone()));
                None
            }
        }
    }

    /// Whether no request waits for its answer.
    pub fn is_answered(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Answers may have been lost.
    pub fn lost_answers(&mut self) {
        self.lost_answers = true;
    }

    /// No more answers come: writes down what waits.
    pub fn give_up(&mut self, notes: &mut Notes<'_>) {
        while let Some(pending) = self.waiting.pop_front() {
            self.write(&pending, None, notes);
        }
    }

    /// Writes a login that stands by itself.
    pub fn login(&mut self, login: Login, evidence: &Evidence, notes: &mut Notes<'_>) {
        if self.first_time(&login.key) {
            notes.add_with(login.credential, evidence.clone());
        }
    }

    fn write(
        &mut self,
        pending: &Pending,
        answer: Option<(u16, &Evidence)>,
        notes: &mut Notes<'_>,
    ) {
        let mut evidence = pending.evidence.clone();
        if let Some((_, answered_in)) = answer {
            evidence.join(answered_in);
        }
        let status = answer.map(|(status, _)| status);
        for login in &pending.logins {
            if self.first_time(&login.key) {
                notes.add_with(login.judged(status), evidence.clone());
            }
        }
        notes.add_with(
            Request {
                status,
                ..pending.request.clone()
            },
            evidence,
        );
    }

    /// Whether this was not said before. What is beyond [`MAX_SAID`] counts as new.
    fn first_time(&mut self, what: &impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let key = hasher.finish();
        if self.said.len() >= MAX_SAID {
            return !self.said.contains(&key);
        }
        self.said.insert(key)
    }
}
