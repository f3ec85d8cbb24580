use overheard_ledger::Body;
use overheard_testkit::{HeardScene, Scene, hear};

use crate::shared::scenes::{Said, heard_in, learned, voice};

use super::*;

const VIEWER: &str = "192.0.2.10:52470";
const CAMERA: &str = "192.0.2.80:554";

fn request(method: &str, target: &str, number: u32, more: &str) -> String {
    format!("{method} rtsp://camera.example{target} RTSP/1.0\r\nCSeq: {number}\r\n{more}\r\n")
}

fn answer(code: u16, number: u32, more: &str, body: &str) -> String {
    let length = match body.len() {
        0 => String::new(),
        length => format!("Content-Length: {length}\r\n"),
    };
    format!("RTSP/1.0 {code} Reason\r\nCSeq: {number}\r\n{more}{length}\r\n{body}")
}

const DESCRIPTION: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.80\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\nm=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n";
const DIGEST: &str = "Authorization: Digest username=\"ada\", realm=\"camera\", nonce=\"1\", uri=\"/\", response=\"0123\"\r\n";

/// A viewer logs in and watches; true: the viewer says it.
fn watched() -> Vec<(bool, Vec<u8>)> {
    let said = [
        (true, request("OPTIONS", "/1?token=secret", 1, "")),
        (false, answer(200, 1, "Public: DESCRIBE, SETUP\r\n", "")),
        (
            true,
            request(
                "DESCRIBE",
                "/1?token=secret",
                2,
                "Authorization: Basic YWRhOnNlY3JldA==\r\n",
            ),
        ),
        (
            false,
            answer(
                401,
                2,
                "WWW-Authenticate: Digest realm=\"camera\", nonce=\"1\"\r\n",
                "",
            ),
        ),
        (true, request("DESCRIBE", "/1?token=secret", 3, DIGEST)),
        (
            false,
            answer(200, 3, "Content-Type: application/sdp\r\n", DESCRIPTION),
        ),
        (
            true,
            request(
                "SETUP",
                "/1/trackID=0",
                4,
                "Transport: RTP/AVP;unicast;client_port=4588-4589\r\n",
            ),
        ),
        (
            false,
            answer(
                200,
                4,
                "Transport: RTP/AVP/UDP;unicast;client_port=4588-4589;server_port=6256-6257;ssrc=B1964B48\r\nSession: 1\r\n",
                "",
            ),
        ),
        (
            true,
            request(
                "SETUP",
                "/1/trackID=1",
                5,
                "Transport: RTP/AVP;unicast;client_port=4590-4591\r\n",
            ),
        ),
        (
            false,
            answer(
                200,
                5,
                "Transport: RTP/AVP;unicast;server_port=6258-6259;source=192.0.2.81\r\nSession: 1\r\n",
                "",
            ),
        ),
        (
            true,
            request("PLAY", "/1?token=secret", 6, "Session: 1\r\n"),
        ),
        (false, answer(200, 6, "", "")),
        (true, request("GET_PARAMETER", "/1", 7, "")),
        (false, answer(200, 7, "", "")),
        (true, request("GET_PARAMETER", "/1", 8, "")),
        (false, answer(200, 8, "", "")),
        (true, request("TEARDOWN", "/1", 9, "")),
    ];
    said.into_iter()
        .map(|(viewer, text)| (viewer, text.into_bytes()))
        .collect()
}

fn heard_at(said: &[Said], segment: usize) -> HeardScene {
    heard_in(&PROTOCOL, Over::Stream, [VIEWER, CAMERA], said, segment)
}

fn heard(said: &[(bool, Vec<u8>)]) -> HeardScene {
    heard_at(said, 1460)
}

fn requests(heard: &HeardScene) -> Vec<(String, Option<u16>)> {
    heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Request(request) => {
                assert_eq!(request.host.as_deref(), Some("camera.example"));
                let target = request.target.clone().unwrap_or_default();
                Some((format!("{} {target}", request.method), request.status))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn requests_are_written_with_their_answers() {
    assert_eq!(
        requests(&heard(&watched())),
        [
            ("OPTIONS /1?token=secret".to_owned(), Some(200)),
            ("DESCRIBE /1?token=secret".to_owned(), Some(401)),
            ("DESCRIBE /1?token=secret".to_owned(), Some(200)),
            ("SETUP /1/trackID=0".to_owned(), Some(200)),
            ("SETUP /1/trackID=1".to_owned(), Some(200)),
            ("PLAY /1?token=secret".to_owned(), Some(200)),
            ("GET_PARAMETER /1".to_owned(), Some(200)),
            ("TEARDOWN /1".to_owned(), None),
        ]
    );
}

#[test]
fn media_are_announced_with_their_codecs() {
    let rtp = voice(&heard(&watched()));
    let places: Vec<&str> = rtp.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(
        places,
        [
            "192.0.2.10:4588",
            "192.0.2.80:6256",
            "192.0.2.10:4590",
            "192.0.2.81:6258"
        ]
    );
    let has = |at: usize, name: &str, value: &str| rtp[at].2.contains(&(name.into(), value.into()));
    assert!(has(0, "96", "H264") && has(0, "media", "video") && has(0, "protection", "none"));
    assert!(has(2, "8", "PCMA") && has(2, "media", "audio"));
}

#[test]
fn logins_are_told_and_whether_they_were_taken() {
    let mut said = watched();
    said.push((
        true,
        b"DESCRIBE rtsp://bob:pass1@camera.example/2 RTSP/1.0\r\nCSeq: 10\r\n\r\n".to_vec(),
    ));
    let heard = heard(&said);
    let logins: Vec<_> = heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Credential(login) => Some((
                login.mechanism.as_str(),
                login.user.as_deref().unwrap_or_default(),
                login.secret.as_ref().map_or("", |secret| secret.as_str()),
                login.crackable,
                login.accepted,
            )),
            _ => None,
        })
        .collect();
    assert_eq!(
        logins,
        [
            ("basic", "ada", "secret", false, Some(false)),
            ("digest", "ada", "0123", true, Some(true)),
            ("uri", "bob", "pass1", false, None),
        ]
    );
}

#[test]
fn what_is_watched_is_found() {
    let found = |heard: &HeardScene| learned(heard, "rtsp-stream");
    assert_eq!(
        found(&heard(&watched())),
        Some("The pictures and sound of camera.example/1".to_owned())
    );
    let sealed: Vec<(bool, Vec<u8>)> = watched()
        .into_iter()
        .map(|(viewer, text)| {
            let text = String::from_utf8(text)
                .unwrap()
                .replace("RTP/AVP", "RTP/SAVP");
            (viewer, text.into_bytes())
        })
        .collect();
    assert_eq!(found(&heard(&sealed)), None);
}

fn interleaved() -> Vec<(bool, Vec<u8>)> {
    let mut said = watched();
    said.pop();
    for at in 0..30_u8 {
        let mut packet = vec![b'$', at % 2, 0, 30];
        // What looks like a message inside a packet is none.
        packet.extend(b"\r\nRTSP/1.0 200 OK\r\n\r\n          ");
        packet.truncate(34);
        said.push((false, packet));
    }
    said.push((true, request("TEARDOWN", "/1", 9, "").into_bytes()));
    said.push((false, answer(200, 9, "", "").into_bytes()));
    said
}

#[test]
fn packets_between_messages_are_passed_over() {
    for segment in [1460, 1, 13] {
        let heard = heard_at(&interleaved(), segment);
        assert_eq!(
            requests(&heard).last().unwrap(),
            &("TEARDOWN /1".to_owned(), Some(200))
        );
    }
}

#[test]
fn media_between_messages_are_counted() {
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let mut said: Vec<Said> = [
        (true, request("SETUP", "/1/trackID=1", 1, transport)),
        (false, answer(200, 1, transport, "")),
        (true, request("PLAY", "/1", 2, "")),
        (false, answer(200, 2, "", "")),
    ]
    .into_iter()
    .map(|(viewer, text)| (viewer, text.into_bytes()))
    .collect();
    for at in 0..50_u16 {
        let mut packet = vec![b'$', 0, 0, 172, 0x80, 8];
        packet.extend(at.to_be_bytes());
        packet.extend((u32::from(at) * 160).to_be_bytes());
        packet.extend([1, 2, 3, 4]);
        packet.extend([0xd5; 160]);
        said.push((false, packet));
        said.push((false, vec![b'$', 1, 0, 4, 0x80, 200, 0, 0]));
    }
    for segment in [1460, 100] {
        let heard = heard_at(&said, segment);
        let media: Vec<_> = heard
            .records
            .iter()
            .filter_map(|record| match &record.body {
                Body::Media(media) => Some((media.packets, media.lost, media.tentative)),
                _ => None,
            })
            .collect();
        assert_eq!(media, [(50, Some(0), false)], "{segment}");
        assert_eq!(voice(&heard)[0].0, VIEWER);
    }
}

#[test]
fn behind_a_gap_the_next_message_is_found() {
    let mut scene = Scene::new();
    let talk = scene.tcp(VIEWER, CAMERA);
    scene.client(talk, request("OPTIONS", "/1", 1, "").as_bytes());
    scene.server(talk, answer(200, 1, "", "").as_bytes());
    scene.lose(talk, false, 500);
    scene.server(talk, &[0xfe; 300]);
    scene.client(talk, request("PLAY", "/1", 2, "").as_bytes());
    scene.server(
        talk,
        &[&[7; 20][..], b"\n", answer(200, 2, "", "").as_bytes()].concat(),
    );
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert_eq!(
        requests(&heard).last().unwrap(),
        &("PLAY /1".to_owned(), Some(200))
    );
}

#[test]
fn other_text_is_not_taken() {
    for text in [
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS sip:a@b SIP/2.0\r\n\r\n",
        "PLAY rtsp://a/ RTSP/3.0\r\n\r\n",
        "RTSP/1.0 OK\r\n\r\n",
        "SETUP\r\n",
    ] {
        let heard = heard(&[(true, text.as_bytes().to_vec())]);
        assert!(!heard.ledger().contains("\"rtsp\""), "{text}");
    }
}

#[test]
fn every_cut_survives() {
    for viewer in [true, false] {
        let bytes: Vec<u8> = interleaved()
            .into_iter()
            .filter(|(said, _)| *said == viewer)
            .flat_map(|(_, message)| message)
            .collect();
        for end in (0..bytes.len()).step_by(3) {
            heard(&[(viewer, bytes[..end].to_vec())]);
        }
    }
}
