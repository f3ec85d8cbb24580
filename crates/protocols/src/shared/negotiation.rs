//! A handshake of TLS, DTLS or QUIC as it is overheard: the messages come from either side in any order, and
//! become one record when what the sides agreed on is known.

use overheard_ledger::{Certificate, Exposure, Handshake, Name, SERVER};
use overheard_tap::{Cursor, Cut, Evidence, Notes, Side};

use super::hello::{ClientHello, ServerHello, message};
use super::key_exchange::{self, Ephemeral};
use super::{alerts, certificate, iana, ja4};

/// The most server names of one conversation that are written down.
const MAX_SERVER_NAMES: usize = 8;

/// What opening a conversation takes to know, but for the secrets.
#[derive(Clone, Copy, Debug)]
pub struct Agreed {
    /// Who said the ClientHello.
    pub client: Side,
    /// Number of the cipher suite.
    pub cipher_suite: u16,
    /// Whether it is TLS 1.3 (or DTLS 1.3).
    pub is_tls13: bool,
    /// The client's random.
    pub client_random: [u8; 32],
    /// The server's random.
    pub server_random: [u8; 32],
}

/// The handshake of one conversation.
#[derive(Debug)]
pub struct Negotiation {
    protocol: &'static str,
    /// Who said the ClientHello: not always who opened the conversation.
    caller: Option<Side>,
    client: Option<Box<ClientHello>>,
    /// Fingerprint of the first ClientHello, once a second one has taken its place.
    first_ja4: Option<String>,
    server: Option<Box<ServerHello>>,
    /// Whether a HelloRetryRequest was heard.
    retried: bool,
    ephemeral: Option<Ephemeral>,
    certificate: Option<Box<Certificate>>,
    client_certificate: Option<Box<Certificate>>,
    /// Whether the server gave the client a ticket in clear.
    ticket: bool,
    /// What the client's second hello says of an encrypted one.
    repeated_ech: Option<&'static str>,
    /// Whether data was heard before the server's answer.
    early_data: bool,
    /// The alert that ended the handshake.
    alert: Option<u8>,
    /// Whether the server said more than its hello: no session of TLS 1.2 or before was resumed.
    full: bool,
    /// Whether the server went to the cipher right after its hello.
    resumed: Option<bool>,
    /// Whether the server's part is over.
    answered: bool,
    closed: [bool; 2],
    names: Vec<String>,
    evidence: Evidence,
    /// Version of the protocol that carries the handshake, where that has one of its own.
    carrier: Option<String>,
    written: bool,
}

impl Negotiation {
    /// A handshake of `tls`, `dtls` or `quic` of which nothing was heard.
    pub fn new(protocol: &'static str) -> Negotiation {
        Negotiation {
            protocol,
            caller: None,
            client: None,
            first_ja4: None,
            server: None,
            retried: false,
            ephemeral: None,
            certificate: None,
            client_certificate: None,
            ticket: false,
            repeated_ech: None,
            early_data: false,
            alert: None,
            full: false,
            resumed: None,
            answered: false,
            closed: [false; 2],
            names: Vec::new(),
            evidence: Evidence::default(),
            carrier: None,
            written: false,
        }
    }

    /// Hears the body of a handshake message, proved by `evidence`.
    ///
    /// # Errors
    /// [`Cut`] where a hello cannot be read; nothing was noted then.
    pub fn hear(
        &mut self,
        side: Side,
        kind: u8,
        body: &[u8],
        evidence: &Evidence,
        notes: &mut Notes<'_>,
    ) -> Result<(), Cut> {
        match kind {
            message::CLIENT_HELLO => {
                let hello = if self.protocol == "dtls" {
                    ClientHello::parse_dtls(body)?
                } else {
                    ClientHello::parse(body)?
                };
                self.hear_client(side, hello, evidence, notes);
            }
            message::SERVER_HELLO => self.hear_server(side, ServerHello::parse(body)?, evidence),
            message::HELLO_RETRY_REQUEST => {
                self.hear_server(side, ServerHello::parse_draft_retry(body)?, evidence)
            }
            message::CERTIFICATE if side == self.answerer() => {
                self.full = true;
                if self.certificate.is_none() && !self.written {
                    self.certificate = certificate::first_of(body).map(Box::new);
                }
            }
            message::CERTIFICATE if self.client_certificate.is_none() && !self.written => {
                self.client_certificate = certificate::first_of(body).map(Box::new);
                if self.client_certificate.is_some() {
                    self.evidence.join(evidence);
                }
            }
            message::SERVER_KEY_EXCHANGE => {
                self.full = true;
                let suite = self.server.as_ref().and_then(|server| server.cipher_suite);
                if let (None, Ok(Some(ephemeral))) =
                    (self.ephemeral, server_key_exchange(suite, body))
                {
                    self.ephemeral = Some(ephemeral);
                    self.evidence.join(evidence);
                }
            }
            message::NEW_SESSION_TICKET if side == self.answerer() => self.ticket = true,
            message::SERVER_HELLO_DONE => {
                self.full = true;
                self.resumed = Some(false);
            }
            _ => {}
        }
        Ok(())
    }

    /// Hears a ClientHello. The first one counts, until another one follows before the server's choice: the
    /// server asked for it, and answers it.
    pub fn hear_client(
        &mut self,
        side: Side,
        hello: ClientHello,
        evidence: &Evidence,
        notes: &mut Notes<'_>,
    ) {
        if let Some(name) = &hello.server_name
            && !self.names.contains(name)
            && self.names.len() < MAX_SERVER_NAMES
        {
            self.names.push(name.clone());
            notes.add_with(
                Name {
                    source: match self.protocol {
                        "quic" => "quic-sni".to_owned(),
                        _ => "tls-sni".to_owned(),
                    },
                    name: name.clone(),
                },
                evidence.clone(),
            );
        }
        // In a stream nothing else can be said twice; what made the server ask may not have been captured.
        let may_repeat =
            |before: &ClientHello| self.retried || self.protocol == "tls" && before.offers_tls13();
        let repeated = self.server.is_none() && self.client.as_deref().is_some_and(may_repeat);
        if repeated && hello.ech_outer {
            self.repeated_ech = Some(if hello.ech_has_key { "grease" } else { "used" });
        }
        if !self.written && (self.client.is_none() || repeated) {
            let mut name = hello.server_name.clone();
            if let Some(before) = self.client.take() {
                let first = ja4::fingerprint(self.protocol, &before);
                self.first_ja4 = self.first_ja4.take().or(first);
                name = before.server_name.or(name);
            }
            self.caller = self.caller.or(Some(side));
            self.client = Some(Box::new(ClientHello {
                server_name: name,
                ..hello
            }));
            self.evidence.join(evidence);
        }
    }

    /// Hears a ServerHello or HelloRetryRequest. The first ServerHello counts.
    pub fn hear_server(&mut self, side: Side, hello: ServerHello, evidence: &Evidence) {
        self.caller = self.caller.or(Some(side.other()));
        if hello.retry {
            self.retried = true;
        } else if self.server.is_none() {
            self.answered |= hello.is_tls13();
            self.server = Some(Box::new(hello));
            self.evidence.join(evidence);
        }
    }

    /// From here on `side` says nothing more that can be understood: it goes to the cipher, ends, or was lost.
    pub fn close(&mut self, side: Side) {
        if let Some(closed) = self.closed.get_mut(side.index()) {
            *closed = true;
        }
    }

    /// Data came before the server's answer (0-RTT).
    pub fn hear_early_data(&mut self) {
        self.early_data = true;
    }

    /// Hears an alert in clear (RFC 9846 section 6). One that ends the handshake leaves nothing to be sealed.
    pub fn hear_alert(&mut self, level: u8, description: u8, evidence: &Evidence) {
        const FATAL: u8 = 2;
        if level == FATAL && !self.written && self.alert.is_none() {
            self.alert = Some(description);
            self.evidence.join(evidence);
            self.close(Side::Client);
            self.close(Side::Server);
        }
    }

    /// `side` goes to the cipher that was agreed on (ChangeCipherSpec of TLS 1.2 and before).
    pub fn change_cipher(&mut self, side: Side) {
        if side == self.answerer() && self.server.is_some() && self.resumed.is_none() {
            self.resumed = Some(!self.full);
        }
        self.close(side);
    }

    /// Writes the record once all is known that will be.
    pub fn write_when_known(&mut self, notes: &mut Notes<'_>) {
        let closed = |side: Side| self.closed.get(side.index()).copied().unwrap_or_default();
        let asked = self.client.is_some() || closed(self.answerer().other());
        let answered = self.answered || closed(self.answerer());
        if asked && answered {
            self.write(notes);
        }
    }

    /// Writes the record with what is known, if anything is.
    pub fn write(&mut self, notes: &mut Notes<'_>) {
        if self.written || (!self.has_hello() && self.ephemeral.is_none()) {
            return;
        }
        self.written = true;
        let mut record = key_exchange::handshake(
            self.protocol,
            self.client.as_deref(),
            self.server.as_deref(),
            self.ephemeral,
        );
        if record.resumed.is_none() && self.server.is_some() {
            record.resumed = self.resumed.or_else(|| self.session_echoed());
        }
        if let Some(carrier) = self.carrier.take() {
            record.version = Some(carrier);
        }
        record.certificate = self.certificate.take().map(|certificate| *certificate);
        record.client_certificate = self.client_certificate.take().map(|one| *one);
        self.write_circumstances(&mut record, notes);
        if let Some(first) = self.first_ja4.take() {
            let second = record.ja4.replace(first);
            record.ja4_second = second.filter(|second| record.ja4.as_ref() != Some(second));
        }
        if self.client.as_ref().is_some_and(|client| client.is_ssl2) {
            // The fingerprint is of hellos in records of TLS.
            record.ja4 = None;
        }
        self.add(record, notes);
    }

    /// What stands around the choice of keys.
    fn write_circumstances(&self, record: &mut Handshake, notes: &mut Notes<'_>) {
        record.retried = self.retried.then_some(true);
        record.early_data = self.early_data.then_some(true);
        record.alert = self.alert.map(alerts::name);
        let Some(client) = self.client.as_deref() else {
            return;
        };
        let server = self.server.as_deref();
        let old = server.is_some_and(|server| !server.is_tls13());
        let ech = self
            .repeated_ech
            .unwrap_or(if old { "refused" } else { "offered" });
        record.encrypted_client_hello = client.ech_outer.then(|| ech.to_owned());
        if old && record.resumed == Some(true) && client.ticket_offered {
            key_exchange::resumed_by_ticket(record);
        }
        // Where a stolen key opens it anyway, or none is needed, the ticket says nothing new.
        let holds = matches!(
            key_exchange::exposure(record),
            Exposure::Harvest | Exposure::Sealed
        );
        if self.ticket && old && holds {
            let learns =
                format!("What is said with {SERVER}, once it has the key of the server's tickets");
            match self.protocol {
                "tls" => notes.observe("tls-session-ticket", learns),
                "dtls" => notes.observe("dtls-session-ticket", learns),
                _ => {}
            }
        }
        let unbound = server.is_some_and(|server| !server.binds_renegotiation());
        if self.protocol == "tls" && unbound && client.binds_renegotiation() && self.alert.is_none()
        {
            notes.observe(
                "tls-insecure-renegotiation",
                format!("That {SERVER} cannot tell a renegotiation from a new beginning"),
            );
        }
    }

    /// Writes a record that was made elsewhere in place of that of this handshake.
    pub fn write_instead(&mut self, record: Handshake, notes: &mut Notes<'_>) {
        if !self.written {
            self.written = true;
            self.add(record, notes);
        }
    }

    /// The handshake goes by a protocol whose version counts in place of that of TLS: `QUIC v1`.
    pub fn carried_by(&mut self, version: String) {
        self.carrier = Some(version);
    }

    /// Whether the record was written.
    pub fn is_written(&self) -> bool {
        self.written
    }

    /// More frames that prove the record.
    pub fn join_evidence(&mut self, evidence: &Evidence) {
        self.evidence.join(evidence);
    }

    fn add(&self, record: Handshake, notes: &mut Notes<'_>) {
        notes.expose(key_exchange::exposure(&record));
        notes.add_with(record, self.evidence.clone());
    }

    /// A server that takes up an earlier session repeats the session id that the client offered (RFC 5246
    /// section 7.4.1.3). Holds only where the server said nothing else.
    fn session_echoed(&self) -> Option<bool> {
        let (client, server) = (self.client.as_ref()?, self.server.as_ref()?);
        let echoed =
            !self.full && !client.session_id.is_empty() && client.session_id == server.session_id;
        echoed.then_some(true)
    }

    /// Whether a hello was heard, from either side.
    pub fn has_hello(&self) -> bool {
        self.client.is_some() || self.server.is_some() || self.retried
    }

    /// Who answers the ClientHello: the server, unless the hellos say otherwise.
    pub fn answerer(&self) -> Side {
        self.caller.map_or(Side::Server, Side::other)
    }

    /// Whether TLS 1.3 (or DTLS 1.3) was agreed on; `None` before the ServerHello.
    pub fn is_tls13(&self) -> Option<bool> {
        self.server.as_ref().map(|server| server.is_tls13())
    }

    /// What both hellos agreed on, once both were heard.
    pub fn agreed(&self) -> Option<Agreed> {
        let (client, server) = (self.client.as_ref()?, self.server.as_ref()?);
        Some(Agreed {
            client: self.answerer().other(),
            cipher_suite: server.cipher_suite?,
            is_tls13: server.is_tls13(),
            client_random: client.random,
            server_random: server.random,
        })
    }

    /// The random of the client's hello, once it was heard.
    pub fn client_random(&self) -> Option<&[u8; 32]> {
        self.client.as_ref().map(|client| &client.random)
    }

    /// Whether a second ClientHello may follow a ChangeCipherSpec of the client.
    pub fn may_repeat(&self) -> bool {
        self.server.is_none()
            && (self.retried
                || self
                    .client
                    .as_ref()
                    .is_some_and(|client| client.offers_tls13()))
    }

    /// Whether SSL 2.0 may still be agreed on.
    pub fn may_be_ssl2(&self) -> bool {
        self.server.is_none() && self.client.as_ref().is_some_and(|client| client.is_ssl2)
    }

    /// Whether the client announced data before the server's answer.
    pub fn has_early_data(&self) -> bool {
        self.server.is_none() && self.client.as_ref().is_some_and(|client| client.early_data)
    }

    /// Whether the cipher suite that was agreed on does not encrypt.
    pub fn is_null(&self) -> bool {
        let suite = self.server.as_ref().and_then(|server| server.cipher_suite);
        suite
            .and_then(iana::known_cipher_suite)
            .is_some_and(key_exchange::is_null)
    }
}

/// What a ServerKeyExchange says of the ephemeral key (RFC 5246 section 7.4.3, RFC 8422 section 5.4,
/// RFC 4279, RFC 5489); `None` where the suite has none, or is not known.
fn server_key_exchange(suite: Option<u16>, body: &[u8]) -> Result<Option<Ephemeral>, Cut> {
    let Some(suite) = suite.and_then(iana::known_cipher_suite) else {
        return Ok(None);
    };
    let mut cursor = Cursor::new("tls server key exchange", body);
    if suite.contains("PSK") {
        cursor.vector16("psk identity hint")?;
    }
    let curve = ["ECDHE_", "ECDH_anon_", "IBSDH_"]
        .iter()
        .any(|part| suite.contains(part));
    if curve {
        const NAMED_CURVE: u8 = 3;
        return Ok(Some(match cursor.u8()? {
            NAMED_CURVE => Ephemeral::Curve(cursor.u16()?),
            _ => Ephemeral::ExplicitCurve,
        }));
    }
    if ["DHE_", "DH_anon_"].iter().any(|part| suite.contains(part)) {
        return Ok(Some(field(cursor.vector16("prime")?.rest())));
    }
    Ok(None)
}

/// A finite field by its prime: those of RFC 7919 share their first bytes and differ in length.
fn field(prime: &[u8]) -> Ephemeral {
    const FFDHE: &[u8] = &[
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xad, 0xf8, 0x54, 0x58, 0xa2, 0xbb, 0x4a,
        0x9a,
    ];
    let start = prime
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(prime.len());
    let prime = prime.get(start..).unwrap_or_default();
    if prime.starts_with(FFDHE) {
        match prime.len() {
            256 => return Ephemeral::Field(0x100),
            384 => return Ephemeral::Field(0x101),
            512 => return Ephemeral::Field(0x102),
            768 => return Ephemeral::Field(0x103),
            1024 => return Ephemeral::Field(0x104),
            _ => {}
        }
    }
    let unused = prime
        .first()
        .map_or(0, |byte| byte.leading_zeros() as usize);
    Ephemeral::OwnField(prime.len() * 8 - unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_curve_is_read_behind_the_identity_hint_too() {
        assert_eq!(
            server_key_exchange(Some(0xc02f), &[3, 0, 29, 32]),
            Ok(Some(Ephemeral::Curve(29)))
        );
        assert_eq!(
            server_key_exchange(Some(0xc037), &[0, 1, 7, 3, 0, 23]),
            Ok(Some(Ephemeral::Curve(23)))
        );
        assert_eq!(
            server_key_exchange(Some(0xc02f), &[1, 0]),
            Ok(Some(Ephemeral::ExplicitCurve))
        );
        assert!(server_key_exchange(Some(0xc02f), &[3, 0]).is_err());
    }

    #[test]
    fn a_field_has_its_name_or_its_size() {
        let mut prime = vec![0xff; 256];
        prime[8..16].copy_from_slice(&[0xad, 0xf8, 0x54, 0x58, 0xa2, 0xbb, 0x4a, 0x9a]);
        assert_eq!(field(&prime), Ephemeral::Field(0x100));
        assert_eq!(field(&[0xff; 128]), Ephemeral::OwnField(1024));
        assert_eq!(field(&[0, 0x7f, 0xff]), Ephemeral::OwnField(15));
        assert_eq!(field(&[]), Ephemeral::OwnField(0));
        assert_eq!(
            server_key_exchange(Some(0x0033), &[0, 2, 0xff, 1]),
            Ok(Some(Ephemeral::OwnField(16)))
        );
    }

    #[test]
    fn key_transport_has_no_ephemeral_key() {
        assert_eq!(
            server_key_exchange(Some(0x002f), &[0, 2, 0xff, 1]),
            Ok(None)
        );
        assert_eq!(server_key_exchange(None, &[3, 0, 29]), Ok(None));
    }
}
