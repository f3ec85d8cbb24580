use overheard_testkit::{HeardScene, Scene, hear};

use overheard_ledger::{Body, Call, CallState, HintBody};

use super::*;
use crate::shared::scenes::described;
use crate::shared::sip::MAX_CALLS;

const CALLER: &str = "192.0.2.10:5060";
const EXCHANGE: &str = "192.0.2.60:5060";

/// A message with the fields that all of these tests' messages have; `more` ends each line itself.
fn message(start: &str, call_id: &str, sequence: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "{start}\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK776\r\nFrom: \"Ada <the first>\" <sip:ada@office.example;user=phone>;tag=1\r\n\
         To: Bob <sip:bob@office.example>\r\nCall-ID: {call_id}\r\nCSeq: {sequence}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn request(method: &str, number: u32, more: &str, body: &str) -> Vec<u8> {
    message(
        &format!("{method} sip:bob@office.example SIP/2.0"),
        "call-1@192.0.2.10",
        &format!("{number} {method}"),
        more,
        body,
    )
}

fn response(code: u16, sequence: &str, more: &str, body: &str) -> Vec<u8> {
    message(
        &format!("SIP/2.0 {code} Reason"),
        "call-1@192.0.2.10",
        sequence,
        more,
        body,
    )
}

fn description(address: &str, port: u16, more: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n{more}"
    )
}

const SDP: &str = "Content-Type: application/sdp\r\n";
const LOGIN: &str = "Authorization: Digest username=\"ada\", realm=\"office.example\",\r\n nonce=\"n1\", uri=\"sip:office.example\", response=\"0123456789abcdef0123456789abcdef\"\r\n";

/// What is said in a call: who says it (true for the caller) and the message.
fn whole_call() -> Vec<(bool, Vec<u8>)> {
    vec![
        (
            true,
            request("INVITE", 1, SDP, &description("192.0.2.10", 4000, "")),
        ),
        (false, response(407, "1 INVITE", "", "")),
        (true, request("ACK", 1, "", "")),
        (
            true,
            request(
                "INVITE",
                2,
                &format!("{SDP}{LOGIN}"),
                &description("192.0.2.10", 4000, ""),
            ),
        ),
        (false, response(100, "2 INVITE", "", "")),
        (false, response(180, "2 INVITE", "", "")),
        (
            false,
            response(
                200,
                "2 INVITE",
                SDP,
                &description("192.0.2.20", 6000, "a=rtcp:6789\r\n"),
            ),
        ),
        (true, request("ACK", 2, "", "")),
        (
            true,
            request(
                "INFO",
                3,
                "Content-Type: application/dtmf-relay\r\n",
                "Signal=4\r\nDuration=160\r\n",
            ),
        ),
        (
            true,
            request(
                "INFO",
                3,
                "Content-Type: application/dtmf-relay\r\n",
                "Signal=4\r\nDuration=160\r\n",
            ),
        ),
        (
            true,
            request(
                "INFO",
                4,
                "Content-Type: application/dtmf-relay\r\n",
                "Signal=2\r\nDuration=160\r\n",
            ),
        ),
        (false, request("BYE", 9, "", "")),
        (true, response(200, "9 BYE", "", "")),
    ]
}

fn over_datagrams(said: &[(bool, Vec<u8>)]) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.udp(CALLER, EXCHANGE);
    for (caller, message) in said {
        if *caller {
            scene.client(talk, message)
        } else {
            scene.server(talk, message)
        }
    }
    hear(&[&PROTOCOL], &scene.pcap())
}

fn over_stream(said: &[(bool, Vec<u8>)], segment_size: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(segment_size);
    let talk = scene.tcp("192.0.2.10:40000", EXCHANGE);
    for (caller, message) in said {
        if *caller {
            scene.client(talk, message)
        } else {
            scene.server(talk, message)
        }
    }
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

fn calls(heard: &HeardScene) -> Vec<&Call> {
    let calls = heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Call(call) => Some(&**call),
            _ => None,
        });
    calls.collect()
}

fn state(said: &[(bool, Vec<u8>)]) -> CallState {
    calls(&over_datagrams(said))[0].state
}

#[test]
fn a_call_is_told_once_with_its_login() {
    insta::assert_snapshot!(over_datagrams(&whole_call()).ledger());
}

#[test]
fn media_are_announced_to_those_who_join() {
    let heard = over_datagrams(&whole_call());
    let expected: Vec<String> = heard
        .hints
        .iter()
        .filter_map(|hint| match &hint.body {
            HintBody::Expect {
                endpoint,
                protocol,
                label,
                details,
            } => Some(format!(
                "{:?} {endpoint} {protocol} {} {details:?}",
                hint.frames,
                label.as_deref().unwrap_or_default()
            )),
            _ => None,
        })
        .collect();
    insta::assert_snapshot!(expected.join("\n"));
}

#[test]
fn any_segmentation_says_the_same() {
    let whole = over_stream(&whole_call(), 1460).content();
    assert_eq!(whole.len(), 2, "{whole:?}");
    // Times are those of the segments.
    let untimed = |lines: Vec<String>| -> Vec<String> {
        let cut = |line: String| {
            line.split("\"start\"")
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        lines.into_iter().map(cut).collect()
    };
    for size in [1, 2, 3, 5, 7, 16] {
        let heard = over_stream(&whole_call(), size);
        assert_eq!(
            untimed(heard.content()),
            untimed(whole.clone()),
            "segments of {size} bytes"
        );
        assert_eq!(
            heard.hints.len(),
            over_datagrams(&whole_call()).hints.len(),
            "segments of {size} bytes"
        );
    }
}

#[test]
fn states_follow_the_messages() {
    let invite = || (true, request("INVITE", 1, "", ""));
    let answer = |code| (false, response(code, "1 INVITE", "", ""));
    assert_eq!(state(&[invite()]), CallState::Attempted);
    assert_eq!(state(&[invite(), answer(100)]), CallState::Attempted);
    assert_eq!(state(&[invite(), answer(183)]), CallState::Ringing);
    assert_eq!(state(&[invite(), answer(486)]), CallState::Failed);
    assert_eq!(state(&[invite(), answer(200)]), CallState::Answered);
    let cancel = || (true, request("CANCEL", 1, "", ""));
    assert_eq!(
        state(&[invite(), answer(180), cancel(), answer(487)]),
        CallState::Cancelled
    );
    // The answer crossed the cancellation.
    assert_eq!(
        state(&[invite(), answer(180), cancel(), answer(200)]),
        CallState::Answered
    );
    // A new INVITE of a call that goes on, refused, does not end it.
    let again = (true, request("INVITE", 2, "", ""));
    assert_eq!(
        state(&[
            invite(),
            answer(200),
            again,
            (false, response(488, "2 INVITE", "", ""))
        ]),
        CallState::Answered
    );
    assert_eq!(state(&[answer(200)]), CallState::Answered);
}

#[test]
fn what_is_no_call_makes_no_call() {
    let heard = over_datagrams(&[
        (true, request("REGISTER", 1, LOGIN, "")),
        (false, response(403, "1 REGISTER", "", "")),
        (true, request("BYE", 2, "", "")),
        (false, response(200, "2 BYE", "", "")),
    ]);
    assert!(calls(&heard).is_empty());
    let refused = heard.records.iter().any(|record| match &record.body {
        Body::Credential(login) => login.accepted == Some(false) && login.crackable,
        _ => false,
    });
    assert!(refused, "{}", heard.ledger());
}

#[test]
fn compact_and_folded_fields_are_understood() {
    let text = "INVITE sip:bob@office.example SIP/2.0\r\nf: <sip:ada@office.example>\r\nt:\r\n sip:bob@office.example;tag=2\r\ni: x\r\nCSeq: 1 INVITE\r\nl: 0\r\n\r\n";
    let heard = over_datagrams(&[(true, text.into())]);
    let call = calls(&heard)[0];
    assert_eq!(call.from.as_deref(), Some("sip:ada@office.example"));
    assert_eq!(call.to.as_deref(), Some("sip:bob@office.example"));
    assert_eq!(call.call_id, "x");
}

#[test]
fn a_datagram_may_hold_several_messages_and_line_ends() {
    let mut both = b"\r\n\r\n".to_vec();
    both.extend(request("INVITE", 1, "", ""));
    both.extend(request("CANCEL", 1, "", ""));
    assert_eq!(
        state(&[(true, request("OPTIONS", 1, "", "")), (true, both)]),
        CallState::Cancelled
    );
}

#[test]
fn a_text_message_is_told_once_and_its_text_is_not() {
    let text = request(
        "MESSAGE",
        7,
        "Content-Type: text/plain\r\n",
        "Meet me at noon",
    );
    let heard = over_datagrams(&[(true, text.clone()), (true, text)]);
    let letters: Vec<_> = heard
        .content()
        .into_iter()
        .filter(|line| line.contains("\"kind\":\"message\""))
        .collect();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].contains("\"bytes\":15"), "{}", letters[0]);
    assert!(
        letters[0].contains("\"from\":\"sip:ada@office.example\""),
        "{}",
        letters[0]
    );
    assert!(!heard.ledger().contains("noon"));
}

#[test]
fn descriptions_are_found_in_parts_of_a_body() {
    let body = format!(
        "--b1\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--b1--\r\n",
        description("192.0.2.10", 4000, "")
    );
    let heard = over_datagrams(&[(
        true,
        request(
            "INVITE",
            1,
            "Content-Type: multipart/mixed; boundary=\"b1\"\r\n",
            &body,
        ),
    )]);
    let expected = |hint: &&overheard_ledger::Hint| matches!(hint.body, HintBody::Expect { .. });
    let count = heard.hints.iter().filter(expected).count();
    assert_eq!(count, 2, "RTP and RTCP: {:?}", heard.hints);
}

#[test]
fn a_key_in_clear_is_observed_and_not_kept() {
    let body = description(
        "192.0.2.10",
        4000,
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0a2V5\r\n",
    );
    let heard = over_datagrams(&[(
        true,
        request("INVITE", 1, SDP, &body.replace("RTP/AVP", "RTP/SAVP")),
    )]);
    let observed = |hint: &overheard_ledger::Hint| {
        matches!(
            hint.body,
            HintBody::Observed {
                rule: "sip-media-key",
                ..
            }
        )
    };
    assert!(heard.hints.iter().any(observed));
    assert!(!format!("{:?}", heard.hints).contains("c2VjcmV0a2V5"));
}

#[test]
fn after_a_loss_a_stream_goes_on_with_the_next_message() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", EXCHANGE);
    scene.client(talk, &request("OPTIONS", 1, "", ""));
    scene.server(talk, &response(200, "1 OPTIONS", "", ""));
    scene.lose(talk, true, 700);
    scene.client(talk, b"cut in the middle\r\nof a body\r\n");
    scene.client(talk, &request("INVITE", 2, "", ""));
    scene.server(talk, &response(200, "2 INVITE", "", ""));
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert_eq!(calls(&heard)[0].state, CallState::Answered);
}

#[test]
fn other_protocols_are_left_alone() {
    for text in [
        "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "OPTIONS rtsp://a.example/ RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        "SIP/2.0 999 No\r\n\r\n",
        "SIP/2.0 403 Wro\0ng\r\n\r\n",
        "INVITE SIP/2.0\r\n\r\n",
    ] {
        let heard = over_datagrams(&[(true, text.into())]);
        assert!(
            heard.ledger().contains("\"exposure\":\"unknown\""),
            "{text}"
        );
        let heard = over_stream(&[(true, text.into())], 3);
        assert!(
            heard.ledger().contains("\"exposure\":\"unknown\""),
            "{text}"
        );
    }
}

#[test]
fn more_calls_than_are_kept_are_written_all_the_same() {
    let mut said = Vec::new();
    for number in 0..MAX_CALLS + 10 {
        let id = format!("call-{number}");
        said.push((
            true,
            message(
                "INVITE sip:bob@office.example SIP/2.0",
                &id,
                "1 INVITE",
                "",
                "",
            ),
        ));
        said.push((false, message("SIP/2.0 486 Busy", &id, "1 INVITE", "", "")));
    }
    let heard = over_datagrams(&said);
    let calls = calls(&heard);
    assert_eq!(calls.len(), MAX_CALLS + 10);
    assert!(calls.iter().all(|call| call.state == CallState::Failed));
}

fn hinted(heard: &HeardScene, rule: &str) -> Vec<String> {
    let learned = heard.hints.iter().filter_map(|hint| match &hint.body {
        HintBody::Observed {
            rule: known,
            learns,
        } if *known == rule => Some(learns.clone()),
        _ => None,
    });
    learned.collect()
}

fn steps(call: &Call) -> Vec<&str> {
    call.steps.iter().map(|step| step.what.as_str()).collect()
}

/// A message with tags of its own; `to_tag` may be empty.
fn tagged(
    start: &str,
    sequence: &str,
    from_tag: &str,
    to_tag: &str,
    more: &str,
    body: &str,
) -> Vec<u8> {
    let to_tag = if to_tag.is_empty() {
        String::new()
    } else {
        format!(";tag={to_tag}")
    };
    format!(
        "{start}\r\nFrom: <sip:ada@office.example>;tag={from_tag}\r\nTo: <sip:bob@office.example>{to_tag}\r\n\
         Call-ID: fork-1\r\nCSeq: {sequence}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const INVITE: &str = "INVITE sip:bob@office.example SIP/2.0";

#[test]
fn a_forked_call_goes_on_until_the_last_who_answered_is_left() {
    let said = [
        (true, tagged(INVITE, "1 INVITE", "a", "", "", "")),
        (false, tagged("SIP/2.0 180 R", "1 INVITE", "a", "x", "", "")),
        (false, tagged("SIP/2.0 180 R", "1 INVITE", "a", "y", "", "")),
        (false, tagged("SIP/2.0 200 O", "1 INVITE", "a", "x", "", "")),
        (false, tagged("SIP/2.0 200 O", "1 INVITE", "a", "y", "", "")),
        // The one that is not wanted is hung up again, and says so twice.
        (true, tagged("BYE sip:y SIP/2.0", "2 BYE", "a", "y", "", "")),
        (true, tagged("BYE sip:y SIP/2.0", "2 BYE", "a", "y", "", "")),
    ];
    let heard = over_datagrams(&said);
    let call = calls(&heard)[0];
    assert_eq!((call.state, call.end), (CallState::Answered, None));
    assert_eq!(
        steps(call),
        [
            "INVITE",
            "180 Ringing",
            "180 Ringing",
            "200 OK (INVITE)",
            "200 OK (INVITE)",
            "BYE"
        ]
    );
    assert!(call.ringing < call.answer);
    let mut said = said.to_vec();
    // The callee of the other dialog hangs up.
    said.push((
        false,
        tagged("BYE sip:a SIP/2.0", "7 BYE", "x", "a", "", ""),
    ));
    assert_eq!(calls(&over_datagrams(&said))[0].state, CallState::Ended);
}

#[test]
fn steps_are_told_once_and_in_the_words_of_the_registry() {
    let invite = || (true, request("INVITE", 1, "", ""));
    let said = [
        invite(),
        invite(),
        (false, response(183, "1 INVITE", "", "")),
        (true, request("PRACK", 2, "", "")),
        (false, response(200, "2 PRACK", "", "")),
        (false, response(486, "1 INVITE", "", "")),
        (false, response(486, "1 INVITE", "", "")),
        (true, request("ACK", 1, "", "")),
        (true, request("SECRETWORD", 3, "", "")),
    ];
    let heard = over_datagrams(&said);
    let call = calls(&heard)[0];
    assert_eq!(
        steps(call),
        [
            "INVITE",
            "183 Session Progress",
            "PRACK",
            "200 OK (PRACK)",
            "486 Busy Here (INVITE)",
            "ACK",
            "request"
        ]
    );
    assert_eq!(call.reason.as_deref(), Some("486 Busy Here"));
    assert_eq!(call.steps[1].source.to_string(), EXCHANGE);
}

#[test]
fn a_redirected_call_is_asked_for_again() {
    let said = [
        (true, request("INVITE", 1, "", "")),
        (
            false,
            response(
                302,
                "1 INVITE",
                "Contact: <sip:bob@elsewhere.example>\r\n",
                "",
            ),
        ),
        (true, request("INVITE", 2, "", "")),
        (false, response(200, "2 INVITE", "", "")),
    ];
    let heard = over_datagrams(&said);
    assert_eq!(calls(&heard)[0].state, CallState::Answered);
    assert_eq!(calls(&heard)[0].reason, None);
    let heard = over_datagrams(&said[..2]);
    assert_eq!(
        calls(&heard)[0].reason.as_deref(),
        Some("302 Moved Temporarily")
    );
}

#[test]
fn holds_are_counted_and_make_no_new_call() {
    let offer = |number, more: &str, address: &str| {
        (
            true,
            request("INVITE", number, SDP, &description(address, 4000, more)),
        )
    };
    let ok = |number: u32| (false, response(200, &format!("{number} INVITE"), "", ""));
    let said = [
        // A first offer that only sends is no hold.
        offer(1, "a=sendonly\r\n", "192.0.2.10"),
        ok(1),
        offer(2, "a=sendrecv\r\n", "192.0.2.10"),
        ok(2),
        offer(3, "a=inactive\r\n", "192.0.2.10"),
        offer(3, "a=inactive\r\n", "192.0.2.10"),
        ok(3),
        offer(4, "a=sendrecv\r\n", "192.0.2.10"),
        ok(4),
        offer(5, "", "0.0.0.0"),
        ok(5),
    ];
    let heard = over_datagrams(&said);
    let calls = calls(&heard);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].holds, 2);
}

#[test]
fn a_transfer_names_its_target_unless_it_is_refused() {
    let refer = "Refer-To: <sip:carol@office.example?Replaces=x%3Bto-tag%3D1>\r\n";
    let mut said = vec![
        (true, request("INVITE", 1, "", "")),
        (false, response(200, "1 INVITE", "", "")),
        (true, request("REFER", 2, refer, "")),
        (false, response(202, "2 REFER", "", "")),
    ];
    let heard = over_datagrams(&said);
    assert_eq!(
        calls(&heard)[0].transferred_to.as_deref(),
        Some("sip:carol@office.example")
    );
    said[3] = (false, response(603, "2 REFER", "", ""));
    let heard = over_datagrams(&said);
    assert_eq!(calls(&heard)[0].transferred_to, None);
}

#[test]
fn other_calls_that_an_invite_names_are_hinted() {
    let more = "Session-ID: AB30317F1A784DC48FF824D0D3715D86;remote=00000000000000000000000000000000\r\n\
                Replaces: other-call@x;to-tag=1;from-tag=2\r\nReferred-By: <sip:carol@office.example>\r\n";
    let heard = over_datagrams(&[(true, request("INVITE", 1, more, ""))]);
    let ties: Vec<_> = heard
        .hints
        .iter()
        .filter_map(|hint| match &hint.body {
            HintBody::Tied { by, .. } => Some(by.clone()),
            _ => None,
        })
        .collect();
    use overheard_ledger::Tie;
    assert_eq!(
        ties,
        [
            Tie::Session("ab30317f1a784dc48ff824d0d3715d86".into()),
            Tie::Call("other-call@x".into()),
            Tie::ReferredBy("sip:carol@office.example".into())
        ]
    );
}

#[test]
fn the_network_vouches_for_the_caller_and_says_who_was_called_first() {
    let more = "P-Asserted-Identity: \"Ada\" <sip:ada@office.example>, <tel:+15551234>\r\n\
                Diversion: <sip:second@office.example>;reason=unconditional, <sip:first@office.example>;reason=no-answer\r\n";
    let heard = over_datagrams(&[(true, request("INVITE", 1, more, ""))]);
    assert_eq!(calls(&heard)[0].asserted.as_deref(), Some("tel:+15551234"));
    assert_eq!(
        calls(&heard)[0].diverted_from.as_deref(),
        Some("sip:first@office.example")
    );
    let history = |entries: &str| {
        let heard = over_datagrams(&[(
            true,
            request("INVITE", 1, &format!("History-Info: {entries}\r\n"), ""),
        )]);
        calls(&heard)[0].diverted_from.clone()
    };
    assert_eq!(
        history("<sip:first@a>;index=1, <sip:phone@b>;index=1.1;rc=1"),
        None
    );
    assert_eq!(
        history("<sip:first@a?Reason=SIP%3Bcause%3D302>;index=1, <sip:second@a>;index=1.1;mp=1")
            .as_deref(),
        Some("sip:first@a")
    );
}

#[test]
fn registrations_tell_where_a_telephone_is() {
    let said = [
        (
            true,
            request(
                "REGISTER",
                1,
                "Contact: <sip:bob@192.0.2.10:5062;transport=udp>;expires=600\r\n",
                "",
            ),
        ),
        (
            true,
            request(
                "REGISTER",
                2,
                "Contact: <sip:bob@192.0.2.10:5062;transport=udp>;expires=600\r\n",
                "",
            ),
        ),
        (
            true,
            request(
                "REGISTER",
                3,
                "m: <sip:bob@x7d.invalid;transport=ws>\r\n",
                "",
            ),
        ),
        (
            true,
            request("REGISTER", 4, "Contact: *\r\nExpires: 0\r\n", ""),
        ),
        (
            true,
            request(
                "REGISTER",
                5,
                "Contact: <sip:bob@192.0.2.99>;expires=0\r\n",
                "",
            ),
        ),
    ];
    assert_eq!(
        hinted(&over_datagrams(&said), "sip-registration"),
        [
            "That the telephone of sip:bob@office.example is at 192.0.2.10:5062",
            "That the telephone of sip:bob@office.example is at 192.0.2.10"
        ]
    );
}

#[test]
fn the_hash_of_a_login_is_said() {
    let mechanism = |algorithm: &str| {
        let login = LOGIN.replace("response=", &format!("algorithm={algorithm}, response="));
        let heard = over_datagrams(&[(true, request("REGISTER", 1, &login, ""))]);
        let login = heard.records.iter().find_map(|record| match &record.body {
            Body::Credential(login) => Some((login.mechanism.clone(), login.crackable)),
            _ => None,
        });
        login.unwrap()
    };
    assert_eq!(mechanism("MD5"), ("digest".into(), true));
    assert_eq!(mechanism("SHA-256-sess"), ("digest-sha-256".into(), true));
    assert_eq!(mechanism("AKAv1-MD5"), ("digest-aka".into(), false));
}

#[test]
fn addresses_inside_a_network_are_given_away_by_candidates() {
    let body = description(
        "192.0.2.10",
        4000,
        "a=candidate:1 1 UDP 1 192.168.7.5 4000 typ host\r\na=candidate:2 1 UDP 1 192.0.2.10 4000 typ srflx raddr 192.168.7.5 rport 4000\r\n",
    );
    let heard = over_datagrams(&[(true, request("INVITE", 1, SDP, &body))]);
    assert_eq!(
        hinted(&heard, "sip-private-address"),
        ["The address 192.168.7.5 inside the network of sip:ada@office.example"]
    );
}

#[test]
fn offer_and_answer_are_described_with_their_keys() {
    let key = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    let crypto = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n");
    let body = description("192.0.2.10", 4000, &crypto).replace("RTP/AVP", "RTP/SAVP");
    let heard = over_datagrams(&[
        (true, tagged(INVITE, "1 INVITE", "a", "", SDP, &body)),
        (
            false,
            tagged("SIP/2.0 200 O", "1 INVITE", "a", "b", SDP, &body),
        ),
        (
            false,
            tagged("SIP/2.0 200 O", "1 INVITE", "a", "b", SDP, &body),
        ),
    ]);
    let described = described(&heard);
    assert_eq!(described.len(), 2);
    assert_ne!(described[0].party, described[1].party);
    assert_eq!(described[0].media[0].keys[0].1.key.len(), 30);
    assert!(!format!("{:?} {}", heard.hints, heard.ledger()).contains("d0Rm"));
}

#[test]
fn what_goes_on_elsewhere_is_hinted_with_the_call_that_it_is_of() {
    let bye = || (true, tagged("BYE sip:y SIP/2.0", "2 BYE", "a", "y", "", ""));
    let heard = over_datagrams(&[
        bye(),
        bye(),
        (false, tagged("SIP/2.0 200 O", "2 BYE", "a", "y", "", "")),
        // Of no dialog.
        (true, tagged("BYE sip:y SIP/2.0", "3 BYE", "a", "", "", "")),
    ]);
    let steps: Vec<_> = heard
        .hints
        .iter()
        .filter_map(|hint| match &hint.body {
            HintBody::Step { call, step, ends } => Some((call.as_str(), step.what.as_str(), *ends)),
            _ => None,
        })
        .collect();
    assert_eq!(
        steps,
        [("fork-1", "BYE", true), ("fork-1", "200 OK (BYE)", false)]
    );
    assert!(calls(&heard).is_empty());
}

#[test]
fn a_hold_is_counted_where_the_beginning_of_the_call_was_not_heard() {
    let held = description("192.0.2.10", 4000, "a=inactive\r\n");
    let heard = over_datagrams(&[
        (true, tagged(INVITE, "5 INVITE", "a", "b", SDP, &held)),
        (false, tagged("SIP/2.0 200 O", "5 INVITE", "a", "b", "", "")),
    ]);
    assert_eq!(calls(&heard)[0].holds, 1);
}
