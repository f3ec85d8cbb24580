use overheard_testkit::{Scene, hear};

use super::PROTOCOL;

#[test]
fn hears_who_looks_and_who_announces_itself() {
    let mut scene = Scene::new();
    let search = scene.udp("192.0.2.10:50000", "239.255.255.250:1900");
    scene.client(
        search,
        b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\n\r\n",
    );
    let answer = scene.udp("192.0.2.20:1900", "192.0.2.10:50000");
    scene.client(
        answer,
        b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nSERVER: Linux/6.1 UPnP/1.0 Camera/2.4\r\n\r\n",
    );
    let notify = scene.udp("192.0.2.30:1900", "239.255.255.250:1900");
    for _ in 0..2 {
        scene.client(
            notify,
            b"NOTIFY * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nServer: Printer\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\n\r\n",
        );
    }
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    insta::assert_snapshot!(heard.ledger());
    insta::assert_debug_snapshot!(heard.hints);
}

#[test]
fn leaves_others_alone() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:50000", "192.0.2.20:5060");
    for other in [
        &b"NOTIFY sip:ada@example.org SIP/2.0\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"M-SEARCH",
        b"M-SEARCH * HTTP/1.1\r\n",
        b"\0",
    ] {
        scene.client(talk, other);
    }
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert!(
        heard.content().is_empty() && heard.hints.is_empty(),
        "{}",
        heard.ledger()
    );
    assert!(!heard.ledger().contains("ssdp"));
}
