//! Logins as text protocols make them: SASL exchanges (RFC 4422) with PLAIN (RFC 4616), LOGIN, CRAM-MD5
//! (RFC 2195), DIGEST-MD5 (RFC 2831), SCRAM (RFC 5802), NTLM, XOAUTH2 and OAUTHBEARER (RFC 7628), and
//! the writing down of what they gave away.

use overheard_ledger::{Body, Credential, Seen};
use overheard_tap::{Cursor, Cut, Evidence, Notes};

use super::base64;
use super::lines::{begins, contains, text};

/// Bytes of a user name or a secret that are kept.
const MAX_WORD: usize = 4096;

/// Bytes of the name of a mechanism that are kept: RFC 4422 section 3.1 allows 20.
const MAX_MECHANISM: usize = 20;

/// Messages of the client in one exchange; what comes after is no longer listened to.
const MAX_MESSAGES: u32 = 16;

/// What a login gave away, and what proves it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    /// As in [`Credential::mechanism`].
    pub mechanism: String,
    /// Who.
    pub user: Option<String>,
    /// The password, token or response.
    pub secret: Option<String>,
    /// Whether the secret is an answer to a challenge that can be attacked offline.
    pub crackable: bool,
    /// Where it was heard.
    pub evidence: Evidence,
}

impl Login {
    /// A login of a user name, to which a password may come.
    pub fn of_user(mechanism: &str, user: &[u8], notes: &Notes<'_>) -> Login {
        Login {
            mechanism: mechanism.to_owned(),
            user: Some(text(user, MAX_WORD)),
            evidence: notes.evidence(),
            ..Login::default()
        }
    }

    /// The secret was heard.
    pub fn secret(&mut self, secret: &[u8], notes: &Notes<'_>) {
        self.secret = Some(text(secret, MAX_WORD));
        self.evidence.join(&notes.evidence());
    }

    /// Writes it down, with the server's answer where that was heard. A login of nobody with nothing
    /// is not one.
    pub fn write(self, protocol: &str, accepted: Option<bool>, notes: &mut Notes<'_>) {
        let Login {
            mechanism,
            user,
            secret,
            crackable,
            mut evidence,
        } = self;
        let user = user.filter(|user| !user.is_empty());
        if user.is_none() && secret.is_none() {
            return;
        }
        if accepted.is_some() {
            evidence.join(&notes.evidence());
        }
        let secret = secret.map(|secret| notes.mask(&secret));
        let protocol = protocol.to_owned();
        notes.add_with(
            Credential {
                protocol,
                mechanism,
                user,
                secret,
                crackable,
                accepted,
            },
            evidence,
        );
    }
}

/// What [`Credential`] a record is, if it is one of this protocol.
fn credential<'a>(seen: &'a Seen<'_>, protocol: &str) -> Option<&'a Credential> {
    match &seen.record.body {
        Body::Credential(credential) if credential.protocol == protocol => Some(credential),
        _ => None,
    }
}

/// What a tap learns from a password of this protocol that was readable as it passed.
pub(crate) fn password_heard(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let login =
        credential(seen, protocol).filter(|login| !login.crackable && login.secret.is_some())?;
    let what = if login.mechanism.contains("oauth") {
        "access token"
    } else {
        "password"
    };
    Some(match &login.user {
        Some(user) => format!("The {what} of {user} for {}", seen.server()),
        None => format!("A {what} for {}", seen.server()),
    })
}

/// What a tap learns from a login of this protocol that did not show the password, but what it can be
/// guessed against.
pub(crate) fn crackable_heard(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let login = credential(seen, protocol).filter(|login| login.crackable)?;
    let user = login.user.as_deref().unwrap_or("a user");
    Some(format!(
        "The login name of {user} for {}, and what guesses of the password can be tried on",
        seen.server()
    ))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    Plain,
    Login,
    CramMd5,
    DigestMd5,
    Scram,
    OAuth,
    Ntlm,
    Other,
}

/// One exchange, listened to from both sides.
#[derive(Debug)]
pub(crate) struct Sasl {
    mechanism: Mechanism,
    login: Login,
    /// Messages of the client so far.
    messages: u32,
    /// In LOGIN: whether the next message is the password.
    password_next: bool,
}

impl Sasl {
    /// A client asks for a mechanism.
    pub fn begin(name: &[u8], notes: &Notes<'_>) -> Sasl {
        let mechanism = match name.to_ascii_uppercase().as_slice() {
            b"PLAIN" => Mechanism::Plain,
            b"LOGIN" => Mechanism::Login,
            b"CRAM-MD5" => Mechanism::CramMd5,
            b"DIGEST-MD5" => Mechanism::DigestMd5,
            b"XOAUTH2" | b"OAUTHBEARER" => Mechanism::OAuth,
            b"NTLM" => Mechanism::Ntlm,
            other if other.starts_with(b"SCRAM-") => Mechanism::Scram,
            _ => Mechanism::Other,
        };
        let login = Login {
            mechanism: text(name, MAX_MECHANISM).to_ascii_lowercase(),
            evidence: notes.evidence(),
            ..Login::default()
        };
        Sasl {
            mechanism,
            login,
            messages: 0,
            password_next: false,
        }
    }

    /// The server's part, as it stands on the line behind `334 ` or `+ `.
    pub fn server(&mut self, line: &[u8]) {
        if self.mechanism == Mechanism::Login
            && let Some(prompt) = base64::decode(line)
        {
            // The prompts are free text; what they ask for says where the dialogue is.
            if contains(&prompt, b"user") {
                self.password_next = false;
            } else if contains(&prompt, b"pass") {
                self.password_next = true;
            }
        }
    }

    /// Whether the client has nothing more to say: its next line is no part of the exchange.
    pub fn complete(&self) -> bool {
        match self.mechanism {
            Mechanism::Plain | Mechanism::CramMd5 => self.messages >= 1,
            Mechanism::Login => self.login.secret.is_some(),
            Mechanism::OAuth | Mechanism::DigestMd5 | Mechanism::Ntlm => self.messages >= 2,
            Mechanism::Scram | Mechanism::Other => self.messages >= MAX_MESSAGES,
        }
    }

    /// The client's part, as it stands on its line. Whether it can be one: `false` where the
    /// client gives up (`*`) or says something else.
    pub fn client(&mut self, line: &[u8], notes: &Notes<'_>) -> bool {
        let line = line.trim_ascii();
        if line == b"*" || self.complete() {
            return false;
        }
        // "=" is an empty initial response (RFC 4954 section 4).
        let decoded = if line == b"=" {
            Some(Vec::new())
        } else {
            base64::decode(line)
        };
        let said = match (decoded, self.mechanism) {
            (Some(said), _) => said,
            // Some clients send name and password as they are.
            (None, Mechanism::Login) if !line.contains(&b' ') => line.to_vec(),
            _ => return false,
        };
        self.messages += 1;
        self.login.evidence.join(&notes.evidence());
        match self.mechanism {
            Mechanism::Plain => self.plain(&said),
            Mechanism::Login if self.password_next => {
                self.login.secret = Some(text(&said, MAX_WORD))
            }
            Mechanism::Login => {
                self.login.user = Some(text(&said, MAX_WORD));
                self.password_next = true;
            }
            Mechanism::CramMd5 => {
                if let Some(space) = said.iter().rposition(|&byte| byte == b' ') {
                    let (user, digest) = said.split_at_checked(space).unwrap_or_default();
                    self.response(Some(user), digest.trim_ascii());
                }
            }
            Mechanism::DigestMd5 => {
                if let Some(digest) = quoted(&said, b"response=") {
                    self.response(quoted(&said, b"username="), digest);
                }
            }
            Mechanism::Scram => self.scram(&said),
            Mechanism::OAuth => self.oauth(&said),
            Mechanism::Ntlm => {
                if let Ok(Some(user)) = ntlm_user(&said) {
                    self.login.user = Some(user);
                    self.login.crackable = true;
                }
            }
            Mechanism::Other => {}
        }
        true
    }

    fn response(&mut self, user: Option<&[u8]>, digest: &[u8]) {
        self.login.user = user
            .map(|user| text(user, MAX_WORD))
            .or(self.login.user.take());
        self.login.secret = Some(text(digest, MAX_WORD));
        self.login.crackable = true;
    }

    /// `authorization NUL authentication NUL password` (RFC 4616 section 2).
    fn plain(&mut self, said: &[u8]) {
        let mut parts = said.splitn(3, |&byte| byte == 0);
        let as_whom = parts.next().unwrap_or_default();
        let user = parts.next().unwrap_or_default();
        self.login.user = Some(text(if user.is_empty() { as_whom } else { user }, MAX_WORD));
        self.login.secret = parts.next().map(|secret| text(secret, MAX_WORD));
    }

    /// `n,,n=user,r=nonce`, then `c=..,r=..,p=proof` (RFC 5802 section 7).
    fn scram(&mut self, said: &[u8]) {
        for field in said.split(|&byte| byte == b',') {
            match field {
                [b'n', b'=', user @ ..] => self.login.user = Some(text(user, MAX_WORD)),
                [b'p', b'=', proof @ ..] if self.messages > 1 => self.response(None, proof),
                _ => {}
            }
        }
    }

    /// Fields between 0x01: `user=`, or `n,a=user,` in the first; `auth=Bearer token` (RFC 7628 section 3.1).
    fn oauth(&mut self, said: &[u8]) {
        for field in said.split(|&byte| byte == 1) {
            if let Some(user) = field.strip_prefix(b"user=") {
                self.login.user = Some(text(user, MAX_WORD));
            } else if let Some(token) = field.strip_prefix(b"auth=") {
                let token = if begins(token, b"Bearer ") {
                    token.get(7..).unwrap_or_default()
                } else {
                    token
                };
                self.login.secret = Some(text(token, MAX_WORD));
            } else if self.login.user.is_none() {
                let named = field
                    .split(|&byte| byte == b',')
                    .find_map(|part| part.strip_prefix(b"a="));
                self.login.user = named.map(|user| text(user, MAX_WORD));
            }
        }
    }

    /// What the exchange gave away.
    pub fn into_login(self) -> Login {
        self.login
    }
}

/// The value behind `key`, without its quotation marks.
fn quoted<'a>(fields: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = fields.windows(key.len()).position(|window| window == key)?;
    let value = fields.get(at + key.len()..)?;
    match value.strip_prefix(b"\"") {
        Some(value) => value.split(|&byte| byte == b'"').next(),
        None => value.split(|&byte| byte == b',').next(),
    }
}

/// `DOMAIN\user` of an NTLM AUTHENTICATE message (MS-NLMP section 2.2.1.3); `None` for its other messages.
fn ntlm_user(message: &[u8]) -> Result<Option<String>, Cut> {
    let mut head = Cursor::new("ntlm", message);
    if head.take(8)? != b"NTLMSSP\0" || head.u32_le()? != 3 {
        return Ok(None);
    }
    head.skip(16)?;
    let mut field = || -> Result<&[u8], Cut> {
        let length = usize::from(head.u16_le()?);
        head.skip(2)?;
        let offset = usize::try_from(head.u32_le()?).unwrap_or(usize::MAX);
        let mut at = Cursor::new("ntlm field", message);
        at.skip(offset)?;
        at.take(length)
    };
    let (domain, user) = (field()?, field()?);
    field()?;
    head.skip(8)?;
    let wide = head.u32_le()? & 1 != 0;
    let read = |bytes: &[u8]| {
        if wide {
            let units = bytes
                .chunks_exact(2)
                .filter_map(|pair| pair.first_chunk().map(|pair| u16::from_le_bytes(*pair)));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        } else {
            text(bytes, MAX_WORD)
        }
    };
    let (domain, user): (String, String) = (read(domain), read(user));
    Ok(Some(if domain.is_empty() {
        user
    } else {
        format!("{domain}\\{user}")
    }))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use overheard_ledger::{Endpoint, Reveal, Time};
    use overheard_tap::{Context, Notebook, Over};

    use super::*;

    /// Runs an exchange of client messages that are given in clear, and gives user and secret.
    fn run(mechanism: &str, messages: &[&[u8]]) -> (Option<String>, Option<String>, bool) {
        let here = Endpoint::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
        let context = Context {
            conversation: 1,
            over: Over::Stream,
            client: here,
            server: here,
            frame: 1,
            time: Time::default(),
            missing: 0,
            reveal: Reveal::Yes,
        };
        let (mut book, mut written, mut exposure) = (Notebook::default(), 0, None);
        let notes = Notes::new(context, &[], &mut book, &mut written, &mut exposure);
        let mut sasl = Sasl::begin(mechanism.as_bytes(), &notes);
        for message in messages {
            assert!(!sasl.complete());
            assert!(sasl.client(encode(message).as_bytes(), &notes));
        }
        let login = sasl.into_login();
        (login.user, login.secret, login.crackable)
    }

    fn encode(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::new();
        for group in bytes.chunks(3) {
            let held = group
                .iter()
                .fold(0u32, |held, &byte| held << 8 | u32::from(byte))
                << (8 * (3 - group.len()));
            for digit in 0..=group.len() {
                out.push(char::from(DIGITS[(held >> (18 - 6 * digit) & 63) as usize]));
            }
        }
        if out.is_empty() { "=".to_owned() } else { out }
    }

    fn is(got: (Option<String>, Option<String>, bool), user: &str, secret: &str, crackable: bool) {
        assert_eq!(
            got,
            (Some(user.to_owned()), Some(secret.to_owned()), crackable)
        );
    }

    #[test]
    fn plain_and_login() {
        is(run("PLAIN", &[b"\0ada\0pa\0ss"]), "ada", "pa\0ss", false);
        is(run("login", &[b"ada", b"secret"]), "ada", "secret", false);
    }

    #[test]
    fn challenges_are_crackable() {
        is(
            run("CRAM-MD5", &[b"ada b 0123456789abcdef"]),
            "ada b",
            "0123456789abcdef",
            true,
        );
        is(
            run(
                "DIGEST-MD5",
                &[b"username=\"ada\",realm=\"r\",response=00ff,qop=auth"],
            ),
            "ada",
            "00ff",
            true,
        );
        is(
            run(
                "SCRAM-SHA-256",
                &[b"n,,n=ada,r=abc", b"c=biws,r=abcdef,p=cHJvb2Y="],
            ),
            "ada",
            "cHJvb2Y=",
            true,
        );
    }

    #[test]
    fn tokens() {
        is(
            run(
                "XOAUTH2",
                &[b"user=ada@mail.example\x01auth=Bearer tok\x01\x01"],
            ),
            "ada@mail.example",
            "tok",
            false,
        );
        is(
            run(
                "OAUTHBEARER",
                &[b"n,a=ada@mail.example,\x01host=h\x01auth=Bearer tok\x01\x01"],
            ),
            "ada@mail.example",
            "tok",
            false,
        );
    }

    #[test]
    fn ntlm_gives_domain_and_user() {
        let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
        message.extend([0; 16]);
        for (length, offset) in [(4u16, 64u32), (6, 68), (0, 74)] {
            message.extend(length.to_le_bytes());
            message.extend(length.to_le_bytes());
            message.extend(offset.to_le_bytes());
        }
        message.extend([0; 8]);
        message.extend(1u32.to_le_bytes());
        message.extend(b"D\0O\0a\0d\0a\0");
        assert_eq!(ntlm_user(&message).unwrap().unwrap(), "DO\\ada");
        assert!(ntlm_user(&message[..70]).is_err());
        assert_eq!(ntlm_user(b"NTLMSSP\0\x01\0\0\0").unwrap(), None);
    }
}
