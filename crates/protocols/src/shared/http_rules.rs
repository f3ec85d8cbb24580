//! The rules on web pages and logins that pass in clear: one text for all versions of HTTP, so that they
//! cannot judge differently.

use overheard_ledger::{Body, Credential, Seen};

/// The rules of a protocol by its name in the ledger.
macro_rules! http_rules {
    ($name:literal) => {{
        use overheard_ledger::{Body, Exposure, Rule, Severity, When};
        use $crate::shared::http_rules::{in_clear, login, user};
        [
            Rule {
                id: concat!($name, "-password"),
                title: "Web passwords in clear",
                severity: Severity::Critical,
                exposure: Exposure::Open,
                when: When::Record(|seen| {
                    let login = login(seen, $name, &["basic"])?;
                    Some(format!(
                        "The web password of {} at {}",
                        user(login),
                        seen.server()
                    ))
                }),
                remedy: "Serve the site over HTTPS only, redirect HTTP to it, and change the passwords that passed.",
                standard: "RFC 7617 section 4; RFC 9110 section 4.2.2",
                explain: "Basic authentication sends user name and password with every request, encoded but not encrypted. \
                          Whoever listens on the line reads them and can log in as their owner from then on.",
            },
            Rule {
                id: concat!($name, "-digest-password"),
                title: "Web passwords that can be guessed at leisure",
                severity: Severity::High,
                exposure: Exposure::Weak,
                when: When::Record(|seen| {
                    let login = login(seen, $name, &["digest", "ntlm"])?;
                    Some(format!(
                        "Enough to try passwords of {} at {} offline until one fits",
                        user(login),
                        seen.server()
                    ))
                }),
                remedy: "Serve the site over HTTPS only. Replace Digest and NTLM by a login that never shows a hash of the password.",
                standard: "RFC 7616 section 5; RFC 9110 section 4.2.2",
                explain: "Digest and NTLM do not send the password but a hash of it and of a challenge. Who heard both can try \
                          passwords by the billion without talking to the server; weak ones fall within minutes.",
            },
            Rule {
                id: concat!($name, "-token"),
                title: "Access tokens in clear",
                severity: Severity::Critical,
                exposure: Exposure::Open,
                when: When::Record(|seen| {
                    login(seen, $name, &["bearer"])?;
                    Some(format!("The access token that opens {}", seen.server()))
                }),
                remedy: "Call the interface over HTTPS only, refuse tokens that arrive in clear, and revoke those that passed.",
                standard: "RFC 6750 section 5.3; RFC 9110 section 4.2.2",
                explain: "A bearer token is as good as a password: whoever holds it is let in, until it expires.",
            },
            Rule {
                id: concat!($name, "-cookie"),
                title: "Cookies in clear",
                severity: Severity::High,
                exposure: Exposure::Open,
                when: When::Record(|seen| {
                    login(seen, $name, &["cookie"])?;
                    Some(format!(
                        "The cookies sent to {}, with which a session can be taken over",
                        seen.server()
                    ))
                }),
                remedy: "Serve the site over HTTPS only, set the Secure attribute on every cookie, and announce HSTS.",
                standard: "RFC 6265 section 8.3; RFC 6797",
                explain: "A site knows its visitors again by their cookies. Who copies one is taken for the visitor, without a \
                          password; and a cookie tells apart the visitors behind one address.",
            },
            Rule {
                id: concat!($name, "-login-form"),
                title: "Passwords typed into web forms, in clear",
                severity: Severity::Critical,
                exposure: Exposure::Open,
                when: When::Record(|seen| {
                    let login = login(seen, $name, &["form"])?;
                    Some(format!(
                        "The password that {} typed into a form of {}",
                        user(login),
                        seen.server()
                    ))
                }),
                remedy: "Serve the site over HTTPS only, the page with the form included, announce HSTS, and change the passwords that passed.",
                standard: "RFC 6797; RFC 9110 section 4.2.2",
                explain: "A login form sends what was typed as it is; only HTTPS seals it on the way.",
            },
            Rule {
                id: concat!($name, "-page"),
                title: "Pages and files in clear",
                severity: Severity::High,
                exposure: Exposure::Open,
                when: When::Record(|seen| match &seen.record.body {
                    Body::Request(request) if request.method != "CONNECT" && in_clear(seen, $name) => Some(
                        format!("The pages and files exchanged with {}", seen.server()),
                    ),
                    _ => None,
                }),
                remedy: "Serve the site over HTTPS, redirect HTTP to it, and announce HSTS so that browsers do not ask in clear again.",
                standard: "RFC 9110 section 4.2.2; RFC 6797",
                explain: "Over HTTP everything is readable: which pages were asked for, what they said, what was sent back. It \
                          can also be changed on the way.",
            },
        ]
    }};
}
pub(crate) use http_rules;

/// Whether the record was heard in HTTP that nothing seals, and this protocol is the version that the
/// conversation began with.
pub(crate) fn in_clear(seen: &Seen<'_>, name: &str) -> bool {
    let protocol = seen
        .conversation
        .and_then(|conversation| conversation.protocol.as_deref())
        .unwrap_or_default();
    protocol
        .split('+')
        .find(|part| matches!(*part, "http" | "http2" | "tls"))
        == Some(name)
}

/// The login that a record is, where it is of one of these mechanisms and in clear.
pub(crate) fn login<'a>(
    seen: &Seen<'a>,
    name: &str,
    mechanisms: &[&str],
) -> Option<&'a Credential> {
    match &seen.record.body {
        Body::Credential(login)
            if mechanisms.contains(&login.mechanism.as_str()) && in_clear(seen, name) =>
        {
            Some(login)
        }
        _ => None,
    }
}

/// The user of a login, for people.
pub(crate) fn user(login: &Credential) -> String {
    login
        .user
        .as_ref()
        .filter(|user| !user.is_empty())
        .map_or_else(|| "somebody".to_owned(), |user| format!("“{user}”"))
}
