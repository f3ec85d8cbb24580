//! Logins in a request: Authorization (RFC 9110 section 11.6), cookies (RFC 6265), forms.

use std::hash::{DefaultHasher, Hash, Hasher};

use overheard_ledger::Credential;
use overheard_tap::Notes;

use super::http_message::parameter;
use super::{base64, login_form, ntlm};

/// The most cookies of one Cookie field that are looked at.
const MAX_COOKIES: usize = 16;

/// The most logins and cookies of one request that are kept.
pub const MAX_LOGINS: usize = 64;

/// A login or cookie of a request.
pub struct Login {
    /// What is written down.
    pub credential: Credential,
    /// What makes it the same as another one of this conversation.
    pub key: u64,
    /// The status that refuses it, where one does.
    refusal: Option<u16>,
}

impl Login {
    /// What is written down when the request was answered with this status, where it was.
    pub fn judged(&self, status: Option<u16>) -> Credential {
        let accepted = self
            .refusal
            .zip(status)
            .and_then(|(refusal, status)| match status {
                _ if status == refusal => Some(false),
                101..=399 => Some(true),
                _ => None,
            });
        Credential {
            accepted,
            ..self.credential.clone()
        }
    }
}

fn login(mechanism: &str, user: Option<String>, secret: Option<&str>, notes: &Notes<'_>) -> Login {
    let mut hasher = DefaultHasher::new();
    (mechanism, &user, secret).hash(&mut hasher);
    Login {
        credential: Credential {
            protocol: "http".to_owned(),
            mechanism: mechanism.to_owned(),
            user,
            secret: secret.map(|secret| notes.mask(secret)),
            crackable: false,
            accepted: None,
        },
        key: hasher.finish(),
        refusal: None,
    }
}

/// The login in the value of Authorization or Proxy-Authorization; `refusal` is the status that refuses
/// it: 401 or 407.
pub fn authorization(value: &str, refusal: u16, notes: &Notes<'_>) -> Option<Login> {
    let (scheme, rest) = value.trim().split_once([' ', '\t'])?;
    let rest = rest.trim();
    let login = match scheme.to_ascii_lowercase().as_str() {
        "basic" => basic(rest, notes)?,
        "digest" => digest(rest, notes)?,
        "bearer" if !rest.is_empty() => login("bearer", None, Some(rest), notes),
        "ntlm" | "negotiate" => negotiate(rest, notes)?,
        _ => return None,
    };
    Some(Login {
        refusal: Some(refusal),
        ..login
    })
}

/// RFC 7617.
fn basic(rest: &str, notes: &Notes<'_>) -> Option<Login> {
    let pair = base64::decode(rest.as_bytes())?;
    let pair = String::from_utf8_lossy(&pair);
    let (user, password) = pair.split_once(':')?;
    Some(login("basic", Some(user.to_owned()), Some(password), notes))
}

/// RFC 7616. Each request has another response, so a user is written once for a realm.
fn digest(rest: &str, notes: &Notes<'_>) -> Option<Login> {
    let user = parameter(rest, "username").or_else(|| parameter(rest, "username*"))?;
    let realm = parameter(rest, "realm").unwrap_or_default();
    let response = parameter(rest, "response");
    let mut login = login("digest", Some(user), response.as_deref(), notes);
    let mut hasher = DefaultHasher::new();
    ("digest", &login.credential.user, realm).hash(&mut hasher);
    login.key = hasher.finish();
    login.credential.crackable = true;
    Some(login)
}

/// RFC 4559: NTLM, bare or within SPNEGO. Of Kerberos nothing is read.
fn negotiate(rest: &str, notes: &Notes<'_>) -> Option<Login> {
    let user = ntlm::user(&base64::decode(rest.as_bytes())?).filter(|user| !user.is_empty())?;
    let mut login = login("ntlm", Some(user), None, notes);
    login.credential.protocol = "ntlm".to_owned();
    login.credential.crackable = true;
    Some(login)
}

/// The cookies in the value of Cookie. Each name counts once for a conversation.
pub fn cookies<'a>(value: &'a str, notes: &'a Notes<'_>) -> impl Iterator<Item = Login> + 'a {
    let pairs = value
        .split(';')
        .take(MAX_COOKIES)
        .filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, value)| !name.trim().is_empty() && !value.trim().is_empty())
        .map(|(name, value)| {
            let mut hasher = DefaultHasher::new();
            ("cookie name", name.trim()).hash(&mut hasher);
            Login {
                key: hasher.finish(),
                ..login("cookie", None, Some(value.trim()), notes)
            }
        })
}

/// A login that was typed into a form.
pub fn form(found: &login_form::Login, notes: &Notes<'_>) -> Login {
    login(
        "form",
        Some(found.user.clone()),
        Some(&found.password),
        notes,
    )
}

/// The login in the query of a target.
pub fn in_query(target: &str, notes: &Notes<'_>) -> Option<Login> {
    let (_, query) = target.split_once('?')?;
    login_form::find(query.as_bytes()).map(|found| form(&found, notes))
}
