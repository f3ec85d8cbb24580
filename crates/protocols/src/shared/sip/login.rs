//! Digest logins of telephones (RFC 3261 section 22, RFC 8760), and whether they were accepted.

use overheard_ledger::Credential;
use overheard_tap::{Evidence, Notes};

use crate::shared::auth_params::AuthParams;

use super::message::shortened;

/// The most logins (users and realms) that a conversation keeps in mind.
const MAX_LOGINS: usize = 256;

/// A login that waits for its answer, or for the end.
struct Login {
    user: String,
    realm: String,
    mechanism: &'static str,
    response: String,
    /// Hash of the Call-ID, and number, of the latest request that carried it.
    request: (u64, u32),
    accepted: Option<bool>,
    evidence: Evidence,
}

/// The logins of a conversation.
#[derive(Default)]
pub(super) struct Logins(Vec<Login>);

impl Logins {
    pub(super) fn held(&self) -> usize {
        self.0.len() * 2 * size_of::<Login>()
    }

    /// Hears the value of an `Authorization` field of a request.
    pub(super) fn hear(&mut self, value: &str, request: (u64, u32), notes: &mut Notes<'_>) {
        let auth = AuthParams::parse(value);
        let (Some(user), Some(response)) = (auth.get("username"), auth.get("response")) else {
            return;
        };
        // A telephone that was not asked yet sends an empty response: no login.
        if !auth.scheme.eq_ignore_ascii_case("digest") || user.is_empty() || response.is_empty() {
            return;
        }
        let (user, realm) = (
            shortened(user),
            shortened(auth.get("realm").unwrap_or_default()),
        );
        let mechanism = mechanism(auth.get("algorithm").unwrap_or("MD5"));
        if let Some(login) = self.0.iter_mut().find(|login| {
            (&login.user, &login.realm, login.mechanism) == (&user, &realm, mechanism)
        }) {
            login.request = request;
            return;
        }
        if self.0.len() >= MAX_LOGINS {
            write(self.0.remove(0), notes);
        }
        let (response, evidence) = (shortened(response), notes.evidence());
        self.0.push(Login {
            user,
            realm,
            mechanism,
            response,
            request,
            accepted: None,
            evidence,
        });
    }

    /// Hears the answer to a request.
    pub(super) fn answer(&mut self, code: u16, request: (u64, u32), notes: &Notes<'_>) {
        let accepted = match code {
            180..=299 => true,
            401 | 403 | 407 => false,
            _ => return,
        };
        for login in self.0.iter_mut().filter(|login| login.request == request) {
            if login.accepted.is_none_or(|before| !before && accepted) {
                login.accepted = Some(accepted);
                login.evidence.join(&notes.evidence());
            }
        }
    }

    pub(super) fn finish(&mut self, notes: &mut Notes<'_>) {
        for login in std::mem::take(&mut self.0) {
            write(login, notes);
        }
    }
}

/// The hash that a digest is made with (RFC 8760).
fn mechanism(algorithm: &str) -> &'static str {
    let lower = algorithm.trim().to_ascii_lowercase();
    match lower.strip_suffix("-sess").unwrap_or(&lower) {
        "sha-256" => "digest-sha-256",
        "sha-512-256" => "digest-sha-512-256",
        // The password is a fresh one of the SIM each time (RFC 3310): nothing to be guessed.
        aka if aka.starts_with("akav") => "digest-aka",
        _ => "digest",
    }
}

fn write(login: Login, notes: &mut Notes<'_>) {
    let credential = Credential {
        protocol: "sip".to_owned(),
        crackable: login.mechanism != "digest-aka",
        mechanism: login.mechanism.to_owned(),
        user: Some(login.user),
        secret: Some(notes.mask(&login.response)),
        accepted: login.accepted,
    };
    notes.add_with(credential, login.evidence);
}
