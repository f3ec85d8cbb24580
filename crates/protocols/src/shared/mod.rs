//! What several protocols share. Protocols do not know each other; what they have in common is here.

// A part may be used by one protocol alone, and that one taken out.
#[allow(dead_code)]
pub(crate) mod alerts;
#[allow(dead_code)]
pub(crate) mod auth_params;
#[allow(dead_code)]
pub(crate) mod base64;
#[allow(dead_code)]
pub(crate) mod ber;
#[allow(unused_macros, unused_imports, dead_code)]
pub(crate) mod call_book;
#[allow(dead_code)]
pub(crate) mod certificate;
#[allow(dead_code)]
pub(crate) mod coded_content;
#[allow(dead_code)]
pub(crate) mod dns_listener;
#[allow(dead_code)]
pub(crate) mod dns_message;
#[allow(dead_code)]
pub(crate) mod dns_over_http;
#[allow(dead_code)]
pub(crate) mod google_hello;
#[allow(dead_code)]
pub(crate) mod handshake_messages;
#[allow(dead_code)]
pub(crate) mod handshake_rules;
#[allow(dead_code)]
pub(crate) mod header_block;
#[allow(dead_code)]
pub(crate) mod hello;
#[cfg(test)]
#[path = "hello_samples_test.rs"]
pub(crate) mod hello_samples;
#[allow(dead_code)]
pub(crate) mod hex;
#[allow(dead_code)]
pub(crate) mod host_name;
#[allow(dead_code)]
pub(crate) mod http_body;
#[allow(dead_code)]
pub(crate) mod http_logins;
#[allow(dead_code)]
pub(crate) mod http_message;
#[allow(unused_macros, unused_imports, dead_code)]
pub(crate) mod http_rules;
#[allow(dead_code)]
pub(crate) mod iana;
#[allow(dead_code)]
pub(crate) mod ja4;
#[allow(dead_code)]
pub(crate) mod key_exchange;
#[allow(dead_code)]
pub(crate) mod lines;
#[allow(dead_code)]
pub(crate) mod login_form;
#[allow(unused_macros, unused_imports)]
pub(crate) mod login_rules;
#[allow(dead_code)]
pub(crate) mod mail_header;
#[allow(dead_code)]
pub(crate) mod negotiation;
#[allow(dead_code)]
pub(crate) mod ntlm;
#[allow(dead_code)]
pub(crate) mod payload_types;
#[allow(dead_code)]
pub(crate) mod per;
#[allow(dead_code)]
pub(crate) mod rtcp_reports;
#[allow(dead_code)]
pub(crate) mod rtp_header;
#[allow(dead_code)]
pub(crate) mod rtp_jitter;
#[allow(dead_code)]
pub(crate) mod rtp_streams;
#[allow(dead_code)]
pub(crate) mod sasl;
#[cfg(test)]
#[path = "scenes_test.rs"]
pub(crate) mod scenes;
#[allow(dead_code)]
pub(crate) mod sdp;
#[allow(dead_code)]
pub(crate) mod sealing_rules;
#[allow(dead_code)]
pub(crate) mod seen;
#[allow(dead_code)]
pub(crate) mod sip;
#[allow(dead_code)]
pub(crate) mod ssl2;
#[allow(dead_code)]
pub(crate) mod starttls;
#[allow(dead_code)]
pub(crate) mod tls_records;
#[allow(dead_code)]
pub(crate) mod unseal;
