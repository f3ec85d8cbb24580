//! A body on its way: hashed and counted, never kept; a form is looked through for a login.

use overheard_ledger::{Object, Time};
use overheard_tap::{Account, Evidence, Notes};

use super::logins;
use super::message_head::{Head, Login, Start};
use crate::shared::coded_content::Content;
use crate::shared::login_form;

/// The largest form that is looked through for a login, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// A body on its way.
pub struct Body {
    content: Content,
    name: Option<String>,
    media_type: Option<String>,
    evidence: Evidence,
    /// The latest frame that it came in.
    last: (u64, Time),
    is_form: bool,
    holed: bool,
}

impl Body {
    /// The body that follows a head; `name` is the last part of its request's target.
    pub fn new(name: Option<String>, head: &Head, notes: &Notes<'_>) -> Body {
        let media_type = head.media_type.clone();
        let is_request = matches!(head.start, Start::Request(_));
        let is_form =
            is_request && media_type.as_deref() == Some("application/x-www-form-urlencoded");
        Body {
            content: Content::new(head.coding, if is_form { MAX_FORM } else { 0 }),
            name,
            media_type,
            evidence: head.evidence.clone(),
            last: (notes.frame(), notes.now()),
            is_form,
            holed: false,
        }
    }

    /// Memory that it takes, in bytes.
    pub fn held(&self) -> usize {
        self.content.held()
    }

    /// Hears the next bytes, chunking undone.
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
    /// and the frames that prove it.
    pub fn finish(mut self, whole: bool, notes: &mut Notes<'_>) -> Option<(Login, Evidence)> {
        let summary = self.content.finish();
        let (frame, time) = self.last;
        self.evidence.join(&Evidence::new(&[frame], time));
        let complete = whole && !self.holed && summary.sound;
        let form = summary
            .excerpt
            .as_deref()
            .filter(|_| self.is_form && complete);
        let login = form
            .and_then(login_form::find)
            .map(|found| logins::form(&found, notes));
        let login = login.map(|login| (login, self.evidence.clone()));
        if summary.bytes > 0 {
            notes.add_with(
                Object {
                    protocol: "http".to_owned(),
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
