//! What several protocols share. Protocols do not know each other; what they have in common is here.

// A part may be used by one protocol alone, and that one taken out.
#[allow(dead_code)]
pub(crate) mod base64;
#[allow(dead_code)]
pub(crate) mod ber;
#[allow(dead_code)]
pub(crate) mod dns_listener;
#[allow(dead_code)]
pub(crate) mod dns_message;
#[allow(dead_code)]
pub(crate) mod host_name;
#[allow(dead_code)]
pub(crate) mod lines;
#[allow(dead_code)]
pub(crate) mod mail_header;
#[allow(dead_code)]
pub(crate) mod sasl;
#[allow(dead_code)]
pub(crate) mod seen;
