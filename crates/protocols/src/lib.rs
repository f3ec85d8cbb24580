//! One file a protocol: hears a conversation's bytes and notes what they say.
//!
//! A protocol is one file here and one line in [`PROTOCOLS`]'s macro: detection, help text, tables,
//! fuzz targets and rules come from its [`Protocol`] entry. Protocols know each other by name only
//! ([`overheard_tap::Next::Protocol`]), so that any of them can be taken out.

mod registry;
mod shared;

registry::protocols! {
    dhcp,
    dhcpv6,
    dns,
    dtls,
    ftp,
    gquic,
    http,
    http2,
    iax2,
    ike,
    imap,
    ldap,
    llmnr,
    managesieve,
    mdns,
    mgcp,
    mysql,
    nbns,
    nntp,
    ntp,
    openvpn,
    pop3,
    postgresql,
    quic,
    radius,
    rdp,
    rtcp,
    rtp,
    sccp,
    sip,
    smtp,
    snmp,
    socks,
    ssdp,
    ssh,
    stun,
    telnet,
    tftp,
    tls,
    websocket,
    wireguard,
    xmpp,
    zrtp,
}
