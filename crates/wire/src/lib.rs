//! Bytes to fields: link, network, tunnel and transport headers.
//!
//! [`decode`] takes a frame and gives a [`Packet`]: the innermost addresses and transport, what was
//! around them, and where the payload lies. It holds no state, allocates nothing, and cannot panic:
//! lengths are checked where they are read. A layer that fails leaves the layers before it as they are.

mod cursor;
mod decode;
mod link;
mod link_type;
mod network;
mod packet;
#[cfg(test)]
#[path = "samples_test.rs"]
mod samples;
mod transport;
mod tunnel;
mod wifi;

pub use cursor::{Cursor, Cut};
pub use decode::{decode, decode_datagram};
pub use packet::{
    Addresses, Fragment, Layer, LinkType, MAX_LAYERS, Packet, Ports, Span, Tcp, Transport, Trouble,
    TroubleKind, Tunnels,
};
