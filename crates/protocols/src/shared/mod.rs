//! What several protocols share. Protocols do not know each other; what they have in common is here.

// A part may be used by one protocol alone, and that one taken out.
#[allow(dead_code)]
pub(crate) mod base64;
#[allow(dead_code)]
pub(crate) mod ber;
#[allow(dead_code)]
pub(crate) mod coded_content;
#[allow(dead_code)]
pub(crate) mod dns_listener;
#[allow(dead_code)]
pub(crate) mod dns_message;
#[allow(dead_code)]
pub(crate) mod host_name;
#[allow(dead_code)]
pub(crate) mod http_message;
#[allow(dead_code)]
pub(crate) mod login_form;
#[allow(dead_code)]
pub(crate) mod ntlm;
#[allow(dead_code)]
pub(crate) mod seen;
