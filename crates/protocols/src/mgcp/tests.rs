use overheard_testkit::{HeardScene, Scene, hear};

use crate::shared::scenes::{Said, call, calls, described, heard_in, steps, voice};

use super::*;

const AGENT: &str = "192.0.2.1:2727";
const GATEWAY: &str = "192.0.2.20:2427";

fn heard(said: &[(bool, String)]) -> HeardScene {
    let said: Vec<Said> = said
        .iter()
        .map(|(agent, text)| (*agent, text.clone().into_bytes()))
        .collect();
    heard_in(&PROTOCOL, Over::Datagram, [AGENT, GATEWAY], &said, 1460)
}

fn description(port: u16) -> String {
    format!(
        "v=0\r\no=- 25678 753849 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    )
}

/// A call between two telephones of one gateway, as RFC 3435 appendix F.6 tells it; true: the call agent says it.
fn whole_call() -> Vec<(bool, String)> {
    let answer = |number: u32| format!("200 {number} OK\r\n");
    vec![
        (true, "RQNT 1201 aaln/1@rgw.example MGCP 1.0\r\nN: ca@ca1.example:2727\r\nX: 1\r\nR: L/hd(N)\r\n".into()),
        (false, answer(1201)),
        (false, "NTFY 2001 aaln/1@rgw.example MGCP 1.0\r\nX: 1\r\nO: L/hd\r\n".into()),
        (true, answer(2001)),
        (false, "NTFY 2002 aaln/1@rgw.example MGCP 1.0\r\nX: 2\r\nO: D/5,D/5,D/5,D/1,D/2,D/1,D/2\r\n".into()),
        (true, answer(2002)),
        (true, "CRCX 1204 aaln/1@rgw.example MGCP 1.0\r\nC: A3C47F21456789F0\r\nL: p:10, a:PCMU\r\nM: recvonly\r\n".into()),
        (false, format!("200 1204 OK\r\nI: FDE234C8\r\n\r\n{}", description(3456))),
        (true, format!("CRCX 1205 aaln/2@rgw.example MGCP 1.0\r\nC: A3C47F21456789F0\r\nL: p:10, a:PCMU\r\nM: sendrecv\r\n\r\n{}", description(3456))),
        (false, format!("200 1205 OK\r\nI: 32F345E2\r\n\r\n{}", description(1296))),
        (true, "RQNT 1206 aaln/2@rgw.example MGCP 1.0\r\nX: 3\r\nR: L/hd(N)\r\nS: L/rg, L/ci(10/14/17/26,\"555-1212\",\"Ada, the first\")\r\n".into()),
        (false, answer(1206)),
        (false, "NTFY 2003 aaln/2@rgw.example MGCP 1.0\r\nX: 3\r\nO: L/hd\r\n".into()),
        (true, answer(2003)),
        (true, "MDCX 1210 aaln/1@rgw.example MGCP 1.0\r\nC: A3C47F21456789F0\r\nI: FDE234C8\r\nM: sendrecv\r\n".into()),
        (false, answer(1210)),
        (false, "NTFY 2004 aaln/1@rgw.example MGCP 1.0\r\nX: 4\r\nO: 1, D/2,D/3,D/4\r\n".into()),
        (true, answer(2004)),
        (false, "NTFY 2005 aaln/2@rgw.example MGCP 1.0\r\nX: 5\r\nO: hu\r\n".into()),
        (true, "200 2005 OK\r\n.\r\nDLCX 1217 aaln/1@rgw.example MGCP 1.0\r\nC: A3C47F21456789F0\r\nI: FDE234C8\r\n".into()),
        (false, "250 1217 OK\r\nP: PS=1245, OS=62345, PR=780, OR=45123, PL=10, JI=27, LA=48\r\n".into()),
    ]
}

#[test]
fn a_call_is_told_from_the_lifted_receiver_to_the_end() {
    let heard = heard(&whole_call());
    let call = call(&heard);
    assert_eq!(call.protocol, "mgcp");
    assert_eq!(call.call_id, "A3C47F21456789F0");
    assert_eq!(call.from.as_deref(), Some("aaln/1@rgw.example"));
    assert_eq!(call.to.as_deref(), Some("tel:5551212"));
    assert_eq!(call.state, CallState::Ended);
    assert!(call.start < call.ringing && call.ringing < call.answer && call.answer < call.end);
    assert_eq!(call.digits.as_ref().unwrap().as_str(), "1234");
    assert_eq!(
        steps(call),
        [
            "CRCX", "200", "RQNT", "NTFY", "200", "MDCX", "200", "NTFY", "200", "DLCX", "250"
        ]
    );
}

#[test]
fn the_voice_is_announced_on_both_sides() {
    let heard = heard(&whole_call());
    let mut voice = voice(&heard);
    voice.sort();
    let places: Vec<&str> = voice.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(places, ["192.0.2.20:1296", "192.0.2.20:3456"]);
    for (_, label, details) in &voice {
        assert_eq!(label.as_deref(), Some("A3C47F21456789F0"));
        assert!(details.contains(&("0".into(), "PCMU".into())));
        assert!(details.contains(&("protection".into(), "none".into())));
    }
}

#[test]
fn the_keys_of_both_sides_are_told_once() {
    let key = |letter: &str| {
        format!(
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n",
            letter.repeat(40)
        )
    };
    let said: Vec<(bool, String)> = whole_call()
        .into_iter()
        .map(|(agent, message)| {
            let key = key(if message.contains("audio 3456") {
                "A"
            } else {
                "B"
            });
            (
                agent,
                message.replace("RTP/AVP 0\r\n", &format!("RTP/SAVP 0\r\n{key}")),
            )
        })
        .collect();
    let heard = heard(&said);
    let described = described(&heard);
    assert_eq!(described.len(), 2, "{described:?}");
    assert_ne!(described[0].party, described[1].party);
    for said in described {
        assert_eq!(said.call, "A3C47F21456789F0");
        assert_eq!(said.media[0].keys.len(), 1);
    }
}

#[test]
fn the_called_side_alone_tells_who_calls_by_what_is_shown() {
    let said: Vec<(bool, String)> = whole_call()
        .into_iter()
        .filter(|(_, message)| message.contains("aaln/2") || message.starts_with("200 1205"))
        .collect();
    let heard = heard(&said);
    let calls = calls(&heard);
    assert_eq!(calls[0].from.as_deref(), Some("555-1212"));
    assert_eq!(calls[0].to.as_deref(), Some("aaln/2@rgw.example"));
    assert_eq!(calls[0].state, CallState::Ended);
}

#[test]
fn a_line_that_is_put_through_without_ringing_was_answered() {
    let said = [
        (
            true,
            format!(
                "CRCX 1 ds/ds1-1/2@tgw.example MGCP 1.0\r\nC: 7\r\nM: sendrecv\r\n\r\n{}",
                description(4000)
            ),
        ),
        (
            false,
            format!("200 1 OK\r\nI: 1\r\n\r\n{}", description(5000)),
        ),
        (
            true,
            "DLCX 2 ds/ds1-1/2@tgw.example MGCP 1.0\r\nC: 7\r\n".to_owned(),
        ),
    ];
    let heard = heard(&said);
    assert_eq!(calls(&heard)[0].state, CallState::Ended);
    assert!(calls(&heard)[0].answer.is_some());
}

#[test]
fn a_connection_that_is_refused_fails_with_the_code() {
    let said = [
        (
            true,
            "CRCX 1 aaln/1@rgw.example MGCP 1.0\r\nC: 7\r\nM: recvonly\r\n".to_owned(),
        ),
        (false, "403 1 no resources\r\n".to_owned()),
    ];
    let heard = heard(&said);
    let call = calls(&heard)[0];
    assert_eq!(call.state, CallState::Failed);
    assert_eq!(call.reason.as_deref(), Some("403"));
}

#[test]
fn what_is_sent_again_changes_nothing() {
    let twice: Vec<(bool, String)> = whole_call()
        .into_iter()
        .flat_map(|said| [said.clone(), said])
        .collect();
    let (once, twice) = (heard(&whole_call()), heard(&twice));
    let told = |heard: &HeardScene| {
        let call = calls(heard)[0].clone();
        (call.from, call.to, call.state, call.steps.len())
    };
    assert_eq!(told(&once), told(&twice));
}

#[test]
fn answers_alone_are_believed_at_its_ports_only() {
    for (port, expected) in [(2427, true), (2428, false)] {
        let mut scene = Scene::new();
        let talk = scene.udp("192.0.2.1:40000", &format!("192.0.2.20:{port}"));
        scene.server(talk, b"200 262662134 OK\r\n");
        let heard = hear(&[&PROTOCOL], &scene.pcap());
        assert_eq!(heard.ledger().contains("\"mgcp\""), expected, "{port}");
    }
}

#[test]
fn other_text_is_not_taken() {
    for text in [
        "NTFY 1 a@b HTTP/1.1\r\n",
        "NOTIFY sip:a@b SIP/2.0\r\n",
        "NTFY one a@b MGCP 1.0\r\n",
        "NTFY 1234567890 a@b MGCP 1.0\r\n",
        "200 OK\r\n",
        "ABCD 1 a@b MGCP 1.0\r\n",
    ] {
        let heard = heard(&[(true, text.to_owned())]);
        assert!(!heard.ledger().contains("\"mgcp\""), "{text}");
    }
}

#[test]
fn every_cut_survives() {
    for (agent, message) in whole_call() {
        for end in 0..message.len() {
            if let Some(cut) = message.get(..end) {
                heard(&[(agent, cut.to_owned())]);
                let mut said = whole_call();
                said.push((agent, cut.to_owned()));
                if end % 16 == 0 {
                    heard(&said);
                }
            }
        }
    }
}

#[test]
fn events_are_split_with_their_parameters() {
    let found: Vec<_> = events("L/ci(10/14, \"a,b\", c), L/rg, D/5@, X+(").collect();
    assert_eq!(
        found,
        [
            ("ci", "10/14, \"a,b\", c"),
            ("rg", ""),
            ("5", ""),
            ("X+", "")
        ]
    );
}
