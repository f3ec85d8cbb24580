use overheard_ledger::{
    Body, Call, CallState, CallStep, Capture, Conversation, Endpoint, Exposure, Masked, Media,
    Record, Reveal, Time,
};
use serde_json::Value;

use crate::escape::{columns, is_unseen};
use crate::{MAX_PAGE_SOUND, Recording, Report, Side, Style};

/// 2026-01-01 09:00:00 UTC.
const MORNING: u64 = 1_767_258_000_000_000_000;
const HOSTILE: &str = "</svg><script>alert(1)</script>\" x='\x1b[2J\u{202e}\r\n|`";

fn at(seconds: f64) -> Time {
    Time(MORNING + (seconds * 1e9) as u64)
}

fn endpoint(text: &str) -> Endpoint {
    let address: std::net::SocketAddr = text.parse().unwrap();
    Endpoint::new(address.ip(), address.port())
}

fn record(frame: u64, body: impl Into<Body>, time: Time) -> Record {
    Record {
        body: body.into(),
        conversation: Some(1),
        frames: vec![frame].into(),
        time: Some(time),
    }
}

fn capture() -> Record {
    record(
        1,
        Capture {
            packets: 100,
            start: Some(at(0.0)),
            end: Some(at(300.0)),
            ..Capture::default()
        },
        at(0.0),
    )
}

fn step(frame: u64, seconds: f64, ends: [&str; 2], what: &str) -> CallStep {
    CallStep {
        frame,
        time: at(seconds),
        source: endpoint(ends[0]),
        destination: endpoint(ends[1]),
        what: what.to_owned(),
    }
}

fn call(id: &str) -> Call {
    Call {
        protocol: "sip".to_owned(),
        call_id: id.to_owned(),
        from: Some("sip:ada@office.example".to_owned()),
        to: Some("sip:ben@office.example".to_owned()),
        state: CallState::Ended,
        start: Some(at(0.0)),
        ringing: Some(at(1.0)),
        answer: Some(at(2.0)),
        end: Some(at(194.0)),
        steps: vec![
            step(2, 0.0, ["192.0.2.1:5060", "192.0.2.2:5060"], "INVITE"),
            step(3, 1.0, ["192.0.2.2:5060", "192.0.2.1:5060"], "180 Ringing"),
            step(4, 2.0, ["192.0.2.2:5060", "192.0.2.1:5060"], "200 OK"),
        ],
        ..Call::default()
    }
}

fn media(ssrc: u32, ends: [&str; 2], call_id: Option<&str>, protection: &str) -> Media {
    Media {
        codec: Some("PCMU".to_owned()),
        packets: 9500,
        lost: Some(0),
        seconds: 190.0,
        protection: protection.to_owned(),
        call_id: call_id.map(str::to_owned),
        ..Media::new(ssrc, endpoint(ends[0]), endpoint(ends[1]))
    }
}

const CALLER: [&str; 2] = ["192.0.2.1:4000", "192.0.2.2:4002"];
const CALLEE: [&str; 2] = ["192.0.2.2:4002", "192.0.2.1:4000"];

fn speaking(media: Media, seconds: f64) -> Media {
    Media {
        speech_seconds: Some(seconds),
        loudness: vec![0, 30, 100, 255],
        jitter_ms: Some(3.12),
        ..media
    }
}

/// A call of which both sides are heard, the callee's first.
fn heard() -> Vec<Record> {
    vec![
        capture(),
        record(2, call("one"), at(0.0)),
        record(
            5,
            speaking(media(2, CALLEE, Some("one"), "none"), 65.0),
            at(2.0),
        ),
        record(
            6,
            speaking(media(1, CALLER, Some("one"), "none"), 60.0),
            at(2.5),
        ),
    ]
}

fn table(records: &[Record]) -> String {
    let mut out = Vec::new();
    Report::new(records)
        .calls(&mut out, Style::default())
        .unwrap();
    String::from_utf8(out).unwrap()
}

fn objects(records: &[Record]) -> Vec<Value> {
    let lines = Report::new(records).calls_json();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_call_is_told_as_a_person_tells_it() {
    let text = table(&heard());
    let expected = "\
1 call: 1 heard.

  #  Began     Answered  Caller                  Callee                    Spoke
     2026-01-01 UTC
  1  09:00:00  09:00:02  ada@office.example      ben@office.example         3:12
     rang 09:00:01; hung up
     heard: 3:11, 2:05 of speech; PCMU; loss 0 %, jitter 3.1\u{20}ms
";
    assert_eq!(text.replace('\u{a0}', " "), expected);
}

#[test]
fn a_loss_that_nobody_can_know_is_not_told() {
    let mut records = heard();
    for record in &mut records {
        if let Body::Media(media) = &mut record.body {
            media.lost = None;
        }
    }
    let text = table(&records);
    assert!(!text.contains("loss") && text.contains("jitter"), "{text}");
    assert_eq!(objects(&records)[0]["loss_percent"], Value::Null);
}

#[test]
fn who_asked_for_the_call_is_the_caller_whoever_is_heard_first() {
    let calls = objects(&heard());
    assert_eq!(calls.len(), 1);
    let sides: Vec<&str> = calls[0]["media"]
        .as_array()
        .unwrap()
        .iter()
        .map(|media| media["side"].as_str().unwrap())
        .collect();
    assert_eq!(sides, ["callee", "caller"]);
    assert_eq!(calls[0]["heard"], "heard");
    assert_eq!(calls[0]["speech_seconds"], 125.0);
    assert_eq!(calls[0]["spoke_seconds"], 192.0);
}

#[test]
fn what_is_heard_follows_from_how_the_sound_is_protected() {
    let with = |protections: [&str; 2], exposure| {
        let mut records = heard();
        let conversation = Conversation {
            id: 1,
            community_id: None,
            transport: "udp".into(),
            client: endpoint(CALLER[0]),
            server: endpoint(CALLER[1]),
            packets: [0, 0],
            bytes: [0, 0],
            start: at(0.0),
            end: at(1.0),
            protocol: None,
            exposure,
            encapsulation: Vec::new(),
            server_names: Vec::new(),
            accounts: Default::default(),
            conflicting_bytes: 0,
        };
        records.push(record(2, conversation, at(0.0)));
        for (record, protection) in records.iter_mut().skip(2).zip(protections) {
            if let Body::Media(media) = &mut record.body {
                media.protection = protection.to_owned();
                if !matches!(protection, "none" | "sdes-in-clear") {
                    media.speech_seconds = None;
                }
            }
        }
        table(&records)
    };
    let cases = [
        (["none"; 2], Exposure::Open, "heard: 3:11, 2:05 of speech;"),
        (
            ["none", "dtls-srtp"],
            Exposure::Open,
            "heard, callee only: 3:10, 1:05 of speech;",
        ),
        (
            ["dtls-srtp"; 2],
            Exposure::Harvest,
            "sealed: DTLS-SRTP, store now, decrypt later;",
        ),
        (["zrtp"; 2], Exposure::Sealed, "sealed: ZRTP, stays closed;"),
        (
            ["sdes"; 2],
            Exposure::Unknown,
            "sealed: SRTP, its key went by sealed (SDES);",
        ),
        (
            ["sdes-in-clear"; 2],
            Exposure::Open,
            "sealed in name, key went by in clear: heard: 3:11, 2:05 of speech;",
        ),
        (
            [""; 2],
            Exposure::Unknown,
            "not known whether its sound is sealed;",
        ),
    ];
    for (protections, exposure, said) in cases {
        let text = with(protections, exposure);
        assert!(text.contains(said), "{protections:?}: {text}");
    }
}

#[test]
fn a_call_without_sound_says_whether_anything_was_said() {
    let text = table(&[capture(), record(2, call("one"), at(0.0))]);
    assert!(
        text.contains("not heard: its sound is not in the capture"),
        "{text}"
    );
    let refused = Call {
        state: CallState::Failed,
        answer: None,
        reason: Some("486 Busy Here".to_owned()),
        ..call("one")
    };
    let text = table(&[capture(), record(2, refused, at(0.0))]);
    assert!(
        text.contains("486 Busy Here\n     nothing was said"),
        "{text}"
    );
}

#[test]
fn legs_are_folded_into_the_call_that_they_are_of() {
    let mut records = heard();
    let leg = |id: &str, of: &str| Call {
        leg_of: Some(of.to_owned()),
        steps: vec![step(9, 0.1, ["192.0.2.2:5060", "192.0.2.3:5060"], "INVITE")],
        digits: Some(Masked::new("123456", Reveal::No)),
        ..call(id)
    };
    records.push(record(9, leg("two", "one"), at(0.1)));
    records.push(record(10, leg("three", "two"), at(0.2)));
    // The same sound beyond the agent, less of it, and a copy with the same SSRC.
    let beyond = ["192.0.2.2:6000", "192.0.2.3:6002"];
    records.push(record(
        11,
        speaking(media(9, beyond, Some("two"), "none"), 50.0),
        at(2.0),
    ));
    let copy = record(
        12,
        speaking(media(1, beyond, Some("one"), "none"), 10.0),
        at(2.0),
    );
    records.push(Record {
        conversation: Some(2),
        ..copy
    });
    let calls = objects(&records);
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert_eq!(call["call_id"], "one");
    assert_eq!(call["legs"], serde_json::json!(["one", "two", "three"]));
    assert_eq!(call["steps"].as_array().unwrap().len(), 5);
    assert_eq!(call["speech_seconds"], 125.0, "a voice counts once");
    assert_eq!(call["digits"], "12… (6 characters)");
    assert!(table(&records).contains("seen on 3 legs"));
    assert!(
        Report::new(&records)
            .headline()
            .contains("heard 1 call (2 min 5 s of speech)"),
        "{}",
        Report::new(&records).headline()
    );
}

#[test]
fn legs_that_go_in_a_ring_end() {
    let leg = |id: &str, of: &str| Call {
        leg_of: Some(of.to_owned()),
        ..call(id)
    };
    let records = [
        capture(),
        record(2, leg("one", "two"), at(0.0)),
        record(3, leg("two", "one"), at(0.0)),
        record(4, leg("self", "self"), at(0.0)),
        record(5, leg("lost", "nowhere"), at(0.0)),
    ];
    let legs: usize = objects(&records)
        .iter()
        .map(|call| call["legs"].as_array().unwrap().len())
        .sum();
    assert_eq!(legs, 4, "every record is told");
}

#[test]
fn sound_that_nothing_signalled_is_a_call_of_both_directions() {
    let records = [
        capture(),
        record(5, media(1, CALLER, None, "none"), at(0.0)),
        record(6, media(2, CALLEE, None, "none"), at(1.0)),
        Record {
            conversation: Some(2),
            ..record(90, media(3, CALLER, None, "none"), at(260.0))
        },
    ];
    let calls = objects(&records);
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["media"].as_array().unwrap().len(), 2);
    assert_eq!(calls[0]["heard"], "heard");
    assert_eq!(calls[1]["heard"], "one-side");
    let text = table(&records);
    assert!(text.starts_with("No call was seen. Sound of 2 calls of unknown parties."));
    assert!(
        text.contains("192.0.2.1:4000          192.0.2.2:4002"),
        "{text}"
    );
    assert!(text.contains("sound without signalling"));
}

#[test]
fn the_headline_tells_how_much_is_said() {
    let undecoded = |records: &mut Vec<Record>| {
        if let Some(Body::Media(media)) = records.last_mut().map(|record| &mut record.body) {
            media.speech_seconds = None;
        }
    };
    let mut records = heard();
    assert_eq!(
        Report::new(&records).headline(),
        "In 5 minutes a tap would have heard 1 call (2 min 5 s of speech)."
    );
    records.push(record(
        7,
        speaking(media(7, ["192.0.2.7:1", "192.0.2.8:1"], None, "none"), 0.0),
        at(9.0),
    ));
    assert_eq!(
        Report::new(&records).headline(),
        "In 5 minutes a tap would have heard 1 call (2 min 5 s of speech) and 1 audio stream (no speech)."
    );
    let mut records = heard();
    undecoded(&mut records);
    assert_eq!(
        Report::new(&records).headline(),
        "In 5 minutes a tap would have heard 1 call (at least 1 min 5 s of speech)."
    );
}

#[test]
fn the_table_is_inert_and_80_columns_wide_whatever_stands_in_it() {
    let wide =
        "漢字かな交じり文の長い長い長い長い長い長い長い長い長い長い長い長い長い名前".repeat(4);
    for text in [HOSTILE, &wide, &"x".repeat(900), ""] {
        let hostile = Call {
            from: Some(text.to_owned()),
            to: Some(text.to_owned()),
            asserted: Some(text.to_owned()),
            reason: Some(text.to_owned()),
            digits: Some(Masked::new(text, Reveal::Yes)),
            ..call("one")
        };
        let mut records = heard();
        records[1] = record(2, hostile, at(0.0));
        let table = table(&records);
        for line in table.lines() {
            let width: usize = line.chars().map(columns).sum();
            assert!(width <= 80, "{width}: {line}");
        }
        assert!(table.chars().all(|one| one == '\n' || !is_unseen(one)));
        let json = Report::new(&records).calls_json();
        assert!(json.chars().all(|one| one == '\n' || !is_unseen(one)));
        assert_eq!(objects(&records)[0]["reason"], text);
    }
}

/// The part of the page that is about calls.
fn section(records: &[Record]) -> String {
    let page = Report::new(records).html();
    let (_, after) = page
        .split_once("<section aria-labelledby=\"calls\">")
        .unwrap();
    after.split_once("</section>").unwrap().0.to_owned()
}

fn with_steps(steps: Vec<CallStep>) -> Vec<Record> {
    vec![
        capture(),
        record(
            2,
            Call {
                steps,
                ..call("one")
            },
            at(0.0),
        ),
    ]
}

#[test]
fn a_ladder_has_a_rung_for_each_step_and_a_bar_for_the_sound() {
    let section = section(&heard());
    assert_eq!(section.matches("<svg class=\"ladder\"").count(), 1);
    assert_eq!(section.matches("class=\"party\"").count(), 2);
    assert_eq!(section.matches("<line class=\"arrow\"").count(), 3);
    assert!(section.contains("RTP PCMU, 3:11, open"));
    // Three arrows have one tip, the bar has two.
    assert_eq!(section.matches("<polygon").count(), 5);
    assert!(section.contains("<title id=\"ladder-1\">Ladder of call 1</title>"));
    assert!(
        section.contains("<td>09:00:01.000</td>"),
        "and the same as a table"
    );
}

#[test]
fn a_ladder_is_bounded_and_says_what_it_left_out() {
    assert!(!section(&with_steps(Vec::new())).contains("class=\"ladder\""));
    let one = vec![step(2, 0.0, CALLER, "INVITE")];
    assert_eq!(
        section(&with_steps(one))
            .matches("<line class=\"arrow\"")
            .count(),
        1
    );
    // A thousand steps, between a hundred parties.
    let many: Vec<CallStep> = (0..1000_u64)
        .map(|at| {
            let to = format!("198.51.100.{}:5060", 1 + at % 100);
            step(2 + at, at as f64, ["192.0.2.1:5060", &to], "OPTIONS")
        })
        .collect();
    let section = section(&with_steps(many));
    let drawn = section.matches("<line class=\"arrow\"").count();
    assert!((10..=120).contains(&drawn), "{drawn}");
    assert_eq!(section.matches("class=\"party\"").count(), 6);
    assert!(section.contains(&format!("Left out of the drawing: {} steps.", 1000 - drawn)));
    assert!(section.len() < 100_000, "{}", section.len());
}

#[test]
fn a_ladder_keeps_the_order_of_the_capture_where_the_clock_goes_back() {
    let section = section(&with_steps(vec![
        step(2, 50.0, CALLER, "INVITE"),
        step(3, 10.0, CALLEE, "180 Ringing"),
        step(4, 0.0, CALLEE, "200 OK"),
    ]));
    let places =
        ["09:00:50.000", "09:00:10.000", "09:00:00.000"].map(|one| section.find(one).unwrap());
    assert!(places.is_sorted());
    assert!(!section.contains("NaN") && !section.contains("inf"));
}

#[test]
fn what_one_machine_says_to_itself_is_drawn_by_ports() {
    let section = section(&with_steps(vec![
        step(2, 0.0, ["127.0.0.1:5060", "127.0.0.1:5070"], "INVITE"),
        step(3, 1.0, ["127.0.0.1:5070", "127.0.0.1:5060"], "200 OK"),
        step(4, 2.0, ["127.0.0.1:5070", "127.0.0.1:5070"], "NOTIFY"),
    ]));
    assert_eq!(section.matches("class=\"party\"").count(), 2);
    assert_eq!(section.matches("<line class=\"arrow\"").count(), 2);
    assert!(section.contains("NOTIFY"));
}

#[test]
fn hostile_words_stay_words_in_the_drawings() {
    let mut records = with_steps(vec![step(2, 0.0, CALLER, HOSTILE)]);
    let hostile = Media {
        codec: Some(HOSTILE.to_owned()),
        protection: HOSTILE.to_owned(),
        ..media(1, CALLER, Some("one"), "")
    };
    records.push(record(5, hostile, at(2.0)));
    let section = section(&records);
    assert!(section.contains("&lt;script&gt;") && !section.contains("<script"));
    assert_eq!(
        section.matches("<svg").count(),
        section.matches("</svg>").count()
    );
}

#[test]
fn the_waveform_shows_each_side_and_its_time() {
    let section = section(&heard());
    let (_, drawing) = section.split_once("<svg class=\"waveform\"").unwrap();
    let drawing = drawing.split_once("</svg>").unwrap().0;
    let paths: Vec<&str> = drawing.split("<path").skip(1).collect();
    assert_eq!(paths.len(), 2);
    // The callee's is below the middle, the caller's above, and begins half a second later.
    assert!(paths[0].contains("d=\"M70.0 66V66.5H"), "{}", paths[0]);
    assert!(
        paths[1].contains("V8.0H") && !paths[1].contains("M70.0"),
        "{}",
        paths[1]
    );
    assert!(
        section.contains("the caller above (1:00 of speech), the callee below (1:05 of speech)")
    );
    for tick in ["0:00", "1:00", "2:00"] {
        assert!(drawing.contains(&format!(">{tick}</text>")), "{tick}");
    }
}

#[test]
fn many_calls_are_listed_and_the_first_are_drawn() {
    let mut records = vec![capture()];
    for number in 0..600_u64 {
        let id = format!("call {number}");
        records.push(record(10 + number, call(&id), at(number as f64)));
    }
    let section = section(&records);
    assert_eq!(section.matches("<svg class=\"ladder\"").count(), 25);
    assert!(section.contains("The first 25 are drawn; 575 more are not."));
    assert!(section.contains("The first 500 of 600"));
    assert_eq!(objects(&records).len(), 600);
}

fn policy(page: &str) -> &str {
    let (_, after) = page
        .split_once("http-equiv=\"Content-Security-Policy\" content=\"")
        .unwrap();
    after.split_once('"').unwrap().0
}

#[test]
fn only_a_page_with_sound_allows_its_one_script() {
    use base64::Engine;
    use sha2::Digest;
    let records = heard();
    let silent = Report::new(&records).html();
    assert!(!policy(&silent).contains("script") && !policy(&silent).contains("media"));
    assert!(!silent.contains("<script") && !silent.contains("<audio"));

    let recording = Recording {
        call: 1,
        after: 0.25,
        bytes: 4,
        wav: Some(b"RIFF".to_vec()),
    };
    let page = Report::new(&records)
        .with_recordings(vec![recording])
        .html();
    let (_, script) = page.split_once("<script>").unwrap();
    let script = script.split_once("</script>").unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    assert!(
        policy(&page).ends_with(&format!("; script-src 'sha256-{hash}'; media-src data:")),
        "{}",
        policy(&page)
    );
    assert!(!policy(&page).contains("unsafe"));
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains("src=\"data:audio/wav;base64,UklGRg==\""));
    assert!(!script.contains("fetch") && !script.contains("http"));
}

#[test]
fn sound_beyond_the_limit_is_left_out_and_said_to_be() {
    let records = heard();
    let size = usize::try_from(MAX_PAGE_SOUND).unwrap() + 1;
    let recording = Recording {
        call: 1,
        after: 0.0,
        bytes: MAX_PAGE_SOUND + 1,
        wav: Some(vec![0; size]),
    };
    let page = Report::new(&records)
        .with_recordings(vec![recording])
        .html();
    assert!(!page.contains("<audio") && !page.contains("<script"));
    assert!(page.contains("is left out: a page holds at most 25 MB of it."));
}

#[test]
fn a_recording_is_of_the_call_that_is_told_from_its_streams() {
    let records = heard();
    let report = Report::new(&records);
    let [caller, callee] = [CALLER, CALLEE].map(|ends| endpoint(ends[0]));
    let streams = [(1, caller, 1), (1, callee, 2)];
    assert_eq!(report.call_of(streams.into_iter()), Some((1, at(2.0))));
    assert_eq!(report.call_of([(2, caller, 1)].into_iter()), None);
    let sides = [((1, callee, 2), Side::Caller)];
    let turned = report.with_sides(sides.into_iter()).calls_json();
    assert!(!turned.contains("callee"), "{turned}");
}
