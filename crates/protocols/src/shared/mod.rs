//! What several protocols share. Protocols do not know each other; what they have in common is here.

// A part may be used by one protocol alone, and that one taken out.
#[allow(dead_code)]
pub(crate) mod auth_params;
#[allow(dead_code)]
pub(crate) mod ber;
#[allow(dead_code)]
pub(crate) mod dns_listener;
#[allow(dead_code)]
pub(crate) mod dns_message;
#[allow(dead_code)]
pub(crate) mod header_block;
#[allow(dead_code)]
pub(crate) mod host_name;
#[allow(dead_code)]
pub(crate) mod payload_types;
#[allow(dead_code)]
pub(crate) mod sdp;
#[allow(dead_code)]
pub(crate) mod seen;
