//! Streams (RFC 9113 section 5): what was asked, answered, sent and pushed on each.

use std::collections::BTreeMap;

use overheard_ledger::{Name, Request, mask_query};
use overheard_tap::{Account, Evidence, Notes, Side};

use super::block::{Block, Head};
use crate::shared::dns_over_http::{self, DnsOverHttp};
use crate::shared::http_body::{About, Body};
use crate::shared::http_logins::{self as logins, Login};
use crate::shared::http_message::{file_name, host_name};
use crate::shared::seen::Seen;

/// The most streams of a conversation that are followed at the same time. Of what is beyond, the oldest are
/// written down as far as they are known.
const MAX_STREAMS: usize = 128;
/// Memory of a stream without its bodies, in bytes.
const STREAM: usize = 512;

/// The streams of one conversation.
#[derive(Default)]
pub struct Streams {
    open: BTreeMap<u32, Stream>,
    /// Whether some were given up because too many were open.
    given_up: bool,
    /// Sides that say nothing more that can be understood.
    lost: [bool; 2],
    /// What was written already.
    said: Seen,
    dns: DnsOverHttp,
}

/// A stream.
#[derive(Default)]
struct Stream {
    /// A request that is not written down yet.
    waiting: Option<Pending>,
    /// The last part of the target's path.
    name: Option<String>,
    method: String,
    /// A final answer whose request is not known.
    early: Option<(u16, Evidence)>,
    parts: [Part; 2],
}

/// What one side says on a stream.
#[derive(Default)]
struct Part {
    begun: bool,
    body: Option<Body>,
    ended: bool,
}

/// A request without an answer.
struct Pending {
    request: Request,
    evidence: Evidence,
    logins: Vec<Login>,
    held: usize,
}

impl Stream {
    fn part(&mut self, side: Side) -> &mut Part {
        let [client, server] = &mut self.parts;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn held(&self) -> usize {
        let bodies = self.parts.iter().filter_map(|part| part.body.as_ref());
        let waiting = self.waiting.as_ref().map_or(0, |waiting| waiting.held);
        STREAM
            .saturating_add(waiting)
            .saturating_add(bodies.map(Body::held).sum())
    }
}

impl Streams {
    /// Memory that they take, in bytes.
    pub fn held(&self) -> usize {
        let open: usize = self.open.values().map(Stream::held).sum();
        open.saturating_add(self.said.held())
            .saturating_add(self.dns.held())
    }

    /// Takes a stream to do something with it; a new one where it is not open.
    fn take(&mut self, id: u32, notes: &mut Notes<'_>) -> Stream {
        if let Some(stream) = self.open.remove(&id) {
            return stream;
        }
        if self.open.len() >= MAX_STREAMS
            && let Some((_, oldest)) = self.open.pop_first()
        {
            self.given_up = true;
            self.write_down(oldest, notes);
        }
        Stream::default()
    }

    /// Puts a stream back, unless it is over.
    fn put(&mut self, id: u32, stream: Stream, notes: &mut Notes<'_>) {
        let over = stream
            .parts
            .iter()
            .zip(self.lost)
            .all(|(part, lost)| part.ended || lost);
        if over {
            self.write_down(stream, notes);
        } else {
            self.open.insert(id, stream);
        }
    }

    /// A header block is there, as far as it was captured. What it is goes by what it says.
    pub fn block(&mut self, side: Side, block: Block, notes: &mut Notes<'_>) {
        let Block {
            stream: id,
            promised,
            ends_stream,
            head,
            ..
        } = block;
        if let Some(promised) = promised {
            // The server says what the client would have asked for.
            let mut stream = self.take(promised, notes);
            stream.part(side.other()).ended = true;
            self.request(&mut stream, head, notes);
            return self.put(promised, stream, notes);
        }
        let mut stream = self.take(id, notes);
        // An interim answer: the last one is still to come (RFC 9110 section 15.2).
        let interim = head.status.is_some_and(|status| status < 200);
        if !interim && !std::mem::replace(&mut stream.part(side).begun, true) {
            let is_request =
                head.method.is_some() || (head.status.is_none() && side == Side::Client);
            let about = About {
                protocol: "http2",
                name: None,
                media_type: head.media_type.clone(),
                coding: head.coding,
                is_request,
                evidence: head.evidence.clone(),
            };
            if is_request {
                self.request(&mut stream, head, notes);
            } else {
                self.answer(&mut stream, head, notes);
            }
            // What goes through a tunnel is no body, and the answer to HEAD has none.
            let has_body = match stream.method.as_str() {
                "CONNECT" => false,
                "HEAD" => is_request,
                _ => true,
            };
            if has_body && !ends_stream {
                let name = stream.name.clone();
                stream.part(side).body = Some(Body::new(About { name, ..about }, notes));
            }
        }
        if ends_stream {
            self.finish(&mut stream, side, true, notes);
        }
        self.put(id, stream, notes);
    }

    fn request(&mut self, stream: &mut Stream, mut head: Head, notes: &mut Notes<'_>) {
        let host = head.host();
        if let Some(name) = host.as_deref().and_then(host_name)
            && self.said.is_new(&("host", &name))
        {
            let name = Name {
                source: "http-host".to_owned(),
                name,
            };
            notes.add_with(name, head.evidence.clone());
        }
        let held = head.held();
        let mut logins = head.logins;
        // Its method was lost: nothing else of it can be written down but who asked.
        let Some(method) = head.method else {
            for login in logins {
                self.login(&login, None, &head.evidence, notes);
            }
            return;
        };
        let target = match head.path {
            Some(path) => {
                stream.name = file_name(&path);
                logins.extend(logins::in_query(&path, notes));
                if let Some(message) = dns_over_http::in_target(&path) {
                    self.dns.hear(&message, notes);
                }
                Some(mask_query(&path, notes.reveal()))
            }
            // RFC 9113 section 8.5.
            None if method == "CONNECT" => host.clone(),
            None => None,
        };
        stream.method.clone_from(&method);
        let waiting = Pending {
            request: Request {
                method,
                host,
                target,
                status: None,
            },
            evidence: head.evidence,
            logins,
            held,
        };
        match stream.early.take() {
            Some((status, evidence)) => self.write(waiting, Some((status, &evidence)), notes),
            None => stream.waiting = Some(waiting),
        }
    }

    fn answer(&mut self, stream: &mut Stream, head: Head, notes: &mut Notes<'_>) {
        let Some(status) = head.status else {
            return;
        };
        match stream.waiting.take() {
            Some(waiting) => self.write(waiting, Some((status, &head.evidence)), notes),
            None => stream.early = Some((status, head.evidence)),
        }
    }

    /// Bytes of DATA, without padding.
    pub fn data(&mut self, side: Side, id: u32, bytes: &[u8], notes: &mut Notes<'_>) {
        let account = match self.open.get_mut(&id) {
            Some(stream) => match &mut stream.part(side).body {
                Some(body) => return body.hear(bytes, notes),
                None => Account::Unrecognised,
            },
            None if self.given_up => Account::Limited,
            None => Account::Unrecognised,
        };
        notes.account(account, bytes.len());
    }

    /// Bytes of DATA were lost.
    pub fn hole(&mut self, side: Side, id: u32) {
        if let Some(stream) = self.open.get_mut(&id)
            && let Some(body) = &mut stream.part(side).body
        {
            body.hole();
        }
    }

    /// A side says nothing more on a stream.
    pub fn end(&mut self, side: Side, id: u32, notes: &mut Notes<'_>) {
        if let Some(mut stream) = self.open.remove(&id) {
            self.finish(&mut stream, side, true, notes);
            self.put(id, stream, notes);
        }
    }

    /// RST_STREAM: nobody says anything more on a stream, but for an answer that is on its way.
    pub fn reset(&mut self, side: Side, id: u32, notes: &mut Notes<'_>) {
        let Some(mut stream) = self.open.remove(&id) else {
            return;
        };
        if stream.waiting.is_some() && stream.part(side).begun {
            self.finish(&mut stream, side, false, notes);
            stream.part(side).ended = true;
            self.put(id, stream, notes);
        } else {
            self.write_down(stream, notes);
        }
    }

    /// GOAWAY: a side will not look at what the other side began after this stream.
    pub fn go_away(&mut self, side: Side, last: u32, notes: &mut Notes<'_>) {
        let begun_by_other = |id: u32| (id % 2 == 1) == (side == Side::Server);
        for (id, stream) in self.open.split_off(&last.saturating_add(1)) {
            if begun_by_other(id) {
                self.write_down(stream, notes);
            } else {
                self.open.insert(id, stream);
            }
        }
    }

    /// Nothing more of what a side says can be understood.
    pub fn lose(&mut self, side: Side, notes: &mut Notes<'_>) {
        if let Some(lost) = self.lost.get_mut(side.index()) {
            *lost = true;
        }
        for (id, mut stream) in std::mem::take(&mut self.open) {
            self.finish(&mut stream, side, false, notes);
            self.put(id, stream, notes);
        }
    }

    /// The conversation is over.
    pub fn close(&mut self, notes: &mut Notes<'_>) {
        for stream in std::mem::take(&mut self.open).into_values() {
            self.write_down(stream, notes);
        }
    }

    fn finish(&mut self, stream: &mut Stream, side: Side, whole: bool, notes: &mut Notes<'_>) {
        let part = stream.part(side);
        part.ended |= whole;
        let body = part.body.take();
        let login = body.and_then(|body| body.finish(whole, &mut self.dns, notes));
        if let Some((login, evidence)) = login {
            self.login(&login, None, &evidence, notes);
        }
    }

    /// Writes down what is not written of a stream that is over.
    fn write_down(&mut self, mut stream: Stream, notes: &mut Notes<'_>) {
        for side in [Side::Client, Side::Server] {
            self.finish(&mut stream, side, false, notes);
        }
        if let Some(waiting) = stream.waiting.take() {
            self.write(waiting, None, notes);
        }
    }

    fn write(&mut self, waiting: Pending, answer: Option<(u16, &Evidence)>, notes: &mut Notes<'_>) {
        let mut evidence = waiting.evidence;
        if let Some((_, answered_in)) = answer {
            evidence.join(answered_in);
        }
        let status = answer.map(|(status, _)| status);
        for login in &waiting.logins {
            self.login(login, status, &evidence, notes);
        }
        let request = Request {
            status,
            ..waiting.request
        };
        notes.add_with(request, evidence);
    }

    fn login(
        &mut self,
        login: &Login,
        status: Option<u16>,
        evidence: &Evidence,
        notes: &mut Notes<'_>,
    ) {
        if self.said.is_new(&login.key) {
            notes.add_with(login.judged(status), evidence.clone());
        }
    }
}
