//! A body on its way: hashed and counted, never kept; a form is looked through for a login.

use overheard_ledger::{Object, Time};
use overheard_tap::{Account, Evidence, Notes};

use super::coded_content::{Coding, Content};
use super::dns_over_http::{self, DnsOverHttp};
use super::http_logins::{self, Login};
use super::login_form;

/// The largest form that is looked through for a login, and the largest DNS message that is heard, in
/// bytes.
const MAX_EXCERPT: usize = 16 * 1024;

/// What is known of a body before it comes.
pub struct About {
    /// The protocol that carries it.
    pub protocol: &'static str,
    /// The last part of its request's target.
    pub name: Option<String>,
    /// Media type.
    pub media_type: Option<String>,
    /// Content coding.
    pub coding: Coding,
    /// Whether it is asked with, rather than answered.
    pub is_request: bool,
    /// The frames that its head came in.
    pub evidence: Evidence,
}

/// A body on its way.
pub struct Body {
    content: Content,
    protocol: &'static str,
    name: Option<String>,
    media_type: Option<String>,
    evidence: Evidence,
    /// The latest frame that it came in.
    last: (u64, Time),
    is_form: bool,
    is_dns: bool,
    holed: bool,
}

impl Body {
    /// The body that follows a head.
    pub fn new(about: About, notes: &Notes<'_>) -> Body {
        let is_form = about.is_request
            && about.media_type.as_deref() == Some("application/x-www-form-urlencoded");
        let is_dns = about.media_type.as_deref() == Some(dns_over_http::MEDIA_TYPE);
        let excerpt = if is_form || is_dns { MAX_EXCERPT } else { 0 };
        Body {
            content: Content::new(about.coding, excerpt),
            protocol: about.protocol,
            name: about.name,
            media_type: about.media_type,
            evidence: about.evidence,
            last: (notes.frame(), notes.now()),
            is_form,
            is_dns,
            holed: false,
        }
    }

    /// Memory that it takes, in bytes.
    pub fn held(&self) -> usize {
        self.content.held()
    }

    /// Hears the next bytes, framing undone.
    pub fn hear(&mut self, bytes: &[u8], notes: &mut Notes<'_>) {
        self.last = (notes.frame(), notes.now());
        // What follows a hole would be hashed and decoded to nonsense.
        if !self.holed && !self.content.take(bytes) {
            notes.account(Account::Limited, bytes.len());
        }
    }

    /// Bytes in the middle were lost.
    pub fn hole(&mut self) {
        self.holed = true;
    }

    /// Nothing more comes; `whole` says whether the message was complete. Gives the login of a form,
    /// and the frames that prove it; a message of DNS goes to `dns`.
    pub fn finish(
        mut self,
        whole: bool,
        dns: &mut DnsOverHttp,
        notes: &mut Notes<'_>,
    ) -> Option<(Login, Evidence)> {
        let summary = self.content.finish();
        let (frame, time) = self.last;
        self.evidence.join(&Evidence::new(&[frame], time));
        let complete = whole && !self.holed && summary.sound;
        let excerpt = summary.excerpt.as_deref().filter(|_| complete);
        if let Some(message) = excerpt.filter(|_| self.is_dns) {
            dns.hear(message, notes);
        }
        let login = excerpt
            .filter(|_| self.is_form)
            .and_then(login_form::find)
            .map(|found| http_logins::form(&found, notes));
        let login = login.map(|login| (login, self.evidence.clone()));
        if summary.bytes > 0 {
            notes.add_with(
                Object {
                    protocol: self.protocol.to_owned(),
                    name: self.name,
                    media_type: self.media_type,
                    bytes: summary.bytes,
                    sha256: complete.then_some(summary.sha256),
                    complete,
                },
                self.evidence,
            );
        }
        login
    }
}
