//! Logins in HTML forms: `application/x-www-form-urlencoded` pairs (WHATWG URL standard section 5), as
//! they stand in the body of a POST or in the query of a target.

/// The most pairs of a form that are looked at.
const MAX_PAIRS: usize = 256;

/// A user name and a password that somebody typed into a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// The login in a form, where one of its fields is called like a user name and another like a
/// password, and both are filled in. The first of each counts.
pub fn find(form: &[u8]) -> Option<Login> {
    let mut user = None;
    let mut password = None;
    for pair in form.split(|&byte| byte == b'&').take(MAX_PAIRS) {
        let mut parts = pair.splitn(2, |&byte| byte == b'=');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        if value.is_empty() {
            continue;
        }
        let name = field_name(&decode(name));
        if password.is_none() && is_password(&name) {
            password = Some(decode(value));
        } else if user.is_none() && is_user(&name) {
            user = Some(decode(value));
        }
    }
    Some(Login {
        user: user?,
        password: password?,
    })
}

/// The part of a field's name that says what it is: `password` of `session[password]`, `login` of
/// `form.login`; lower case, without the characters that only divide words.
fn field_name(name: &str) -> String {
    let name = name.trim_end_matches(']');
    let last = name.rsplit(['[', '.', ':', '$']).next().unwrap_or(name);
    last.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn is_password(name: &str) -> bool {
    matches!(name, "pw" | "psw" | "pin")
        || ["pass", "passwd", "pwd", "passphrase"]
            .iter()
            .any(|end| name.ends_with(end))
        || name.contains("password")
}

fn is_user(name: &str) -> bool {
    matches!(
        name,
        "log" | "uid" | "uname" | "usr" | "account" | "id" | "email" | "mail" | "emailaddress"
    ) || name.ends_with("login")
        || name.contains("username")
        || [
            "user",
            "userid",
            "loginid",
            "loginname",
            "useremail",
            "loginemail",
        ]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Text of which `+` is a space and `%41` an `A`. Bytes that are not UTF-8 become U+FFFD.
fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match after
                .split_at_checked(2)
                .and_then(|(digits, after)| Some((hexadecimal(digits)?, after)))
            {
                Some((decoded, after)) => {
                    rest = after;
                    decoded
                }
                None => byte,
            },
            _ => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    // `from_str_radix` would take a sign.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(form: &str) -> Option<(String, String)> {
        find(form.as_bytes()).map(|login| (login.user, login.password))
    }

    #[test]
    fn finds_the_usual_fields() {
        for form in [
            "user=ada&pass=lovelace",
            "log=ada&pwd=lovelace&wp-submit=Log+In",
            "csrf=1&session%5Busername%5D=ada&session%5Bpassword%5D=lovelace",
            "remember=1&LoginForm.Login=ada&LoginForm.Passwd=lovelace",
            "user_name=ada&user_password=lovelace&user_password_again=no",
            "pass=lovelace&uid=ada",
        ] {
            assert_eq!(
                login(form),
                Some(("ada".to_owned(), "lovelace".to_owned())),
                "{form}"
            );
        }
    }

    #[test]
    fn undoes_the_encoding() {
        assert_eq!(
            login("email=ada%40example.org&password=a+b%2"),
            Some(("ada@example.org".into(), "a b%2".into()))
        );
        assert_eq!(login("user=%+1&pw=x"), Some(("% 1".into(), "x".into())));
    }

    #[test]
    fn leaves_other_forms_alone() {
        for form in [
            "",
            "q=password",
            "user=ada",
            "password=x",
            "user=&password=x",
            "user=ada&password=",
            "passenger=2&user=a",
        ] {
            assert_eq!(login(form), None, "{form}");
        }
    }
}
