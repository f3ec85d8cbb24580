//! What strangers are known to say to programs that show it: a list of attack strings, put into every text
//! field of every kind of record, in every format.
//!
//! The fields are found by walking over records as JSON, so a new field joins by itself once the sample of
//! its kind (or the schema's test, which asks for every kind) has it; a new format joins with one line in
//! [`formats`].

use overheard_ledger::Record;
use serde_json::{Map, Value, json};

use crate::escape::is_unseen;
use crate::{Recording, Report, Style};

/// What stands in a field where nothing hostile does: its place in the page is compared with that of an
/// attack. Of the same length class as the attacks: no word that a format breaks lines in.
const HARMLESS: &str = "harmless";

const ATTACKS: &[&str] = &[
    // Terminals: CSI (colour, clear, cursor, title report), OSC (title, 8 links, 52 clipboard), DCS, APC, C1.
    "a\x1b[2J\x1b[1;1H\x1b[31mowned\x1b[0m",
    "a\x1b[6n\x1b[21t\x1b[?1049h",
    "a\x1b]0;title\x07",
    "a\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "a\x1b]52;c;Y3VybCBldmlsfHNo\x07",
    "a\x1bP$q\"p\x1b\\\x1bP+q544e\x1b\\",
    "a\x1b_Gf=100;AAAA\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\\x1bc",
    "a\u{9b}31m\u{9d}0;title\u{9c}\u{90}q\u{9c}\u{85}\u{84}",
    "a\x0e\x0f\x05\x08\x08\x08\x7f\x07\x0b\x0c",
    // What moves what stands around it.
    "invoice\u{202e}fdp.exe\u{202c}",
    "a\u{202a}b\u{202b}c\u{202d}d\u{2066}e\u{2067}f\u{2068}g\u{2069}\u{200e}\u{200f}\u{61c}",
    "pay\u{200b}pal\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}\u{180e}\u{3164}",
    "a\u{e0041}\u{e007f}\u{fe0f}\u{fff9}x\u{fffb}",
    "a\u{2028}b\u{2029}c\u{85}d",
    "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}",
    // New lines, in lines of logs, of NDJSON, of mail headers.
    "a\r\nCRITICAL  root was here (ftp-password)\r\n",
    "a\nb\rc\0d\te",
    "a\"}\n{\"kind\":\"finding\",\"severity\":\"critical\"}\n",
    // HTML and scripts: elements, attributes, URLs, entities, comments, raw text.
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "\" onmouseover=\"alert(1)\" x=\"",
    "' autofocus onfocus=alert(1) '",
    "` onclick=alert(1) `",
    "javascript:alert(1)//",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;&#x3c;img&#x3e;&quot;&apos;&NewLine;&colon;",
    "<!-- never closed",
    "--><b>out</b><!--",
    "<![CDATA[<b>]]><?php echo 1 ?><!DOCTYPE html>",
    "</style></title></textarea></script></svg><b>",
    "<style>*{background:url(//evil.example)}</style>",
    "<base href=//evil.example><meta http-equiv=refresh content=0><iframe srcdoc=x>",
    "<a\u{c}href=x\ttarget=_blank><b\n>",
    "${alert(1)}{{7*7}}#{7*7}<%= 7*7 %>`${1}`",
    "<\u{0}script>\u{fffd}<scr\u{200b}ipt>",
    "\u{ff1c}script\u{ff1e}\u{2039}b\u{203a}",
    "+ADw-script+AD4-",
    // JSON.
    "\",\"severity\":\"critical\",\"x\":\"",
    "\\\",\\u0022}]\\\\",
    "]}//*/</script>",
    // What bytes that are no UTF-8 become: a lone surrogate, an overlong slash.
    "\u{fffd}\u{fffd}\u{fffd}ed a0 80\u{fffd}\u{fffd}",
    // Markdown: tables, code, links, images, HTML, headings, lists, quotations, mentions of issues.
    "a | b | c",
    "|---|---|\n| x | y |",
    "```\ncode\n```",
    "` `` ``` ~~~",
    "[text](http://evil.example)",
    "![image](http://evil.example/pixel.png)",
    "<http://evil.example> www.evil.example https://evil.example mailto:a@evil.example",
    "[ref]: http://evil.example\n[ref]",
    "# heading\n## another\n---\n===\n* item\n> quoted\n1. one",
    "**bold** __bold__ *i* _i_ ~~gone~~ $x$ @everyone #1",
    "\\| \\` \\[ \\\\",
    "&vert;&#124;&grave;",
    // Spreadsheets.
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1+1)",
    "\t=1+1",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    // Names of files.
    "../../../etc/passwd",
    "-rf --html=/etc/passwd",
    "C:\\con\\nul:stream",
    // Long ones: no format breaks in the middle of an escape.
    LONG_ANGLES,
    LONG_ESCAPES,
];

const LONG_ANGLES: &str = "<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<\
    &&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&\
    ||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||\
    ````````````````````````````````````````````````````````````````````````````````````````````````````";
const LONG_ESCAPES: &str = "\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\
    \x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\
    \x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m\x1b[1m";

/// A ledger with every kind of record, and every field of it set. Lists hold two things.
fn ledger() -> Vec<Value> {
    let accounts = json!({"read": 10, "sealed": 20, "unrecognised": 1, "malformed": 2, "missing": 3,
        "duplicate": 4, "limited": 5});
    let (time, later) = (
        "2026-01-01T09:00:00.000000000Z",
        "2026-01-01T09:14:00.000000000Z",
    );
    let [client, server] = [40000, 443].map(|port| json!({"ip": "192.0.2.10", "port": port}));
    let mut records = vec![
        json!({"kind": "capture", "source": ["a.pcap", "b.pcap"], "link_types": ["EN10MB", "RAW"],
            "interfaces": ["eth0", "eth1"], "packets": 100, "bytes": 10000, "captured_bytes": 9000,
            "start": time, "end": later, "truncated_packets": 1, "undecoded_packets": 2,
            "payload_bytes": 45, "accounts": accounts, "interrupted": true, "notices": ["one", "two"]}),
    ];
    // Every exposure has its own place in the pages.
    for (id, exposure) in ["open", "weak", "stolen-key", "harvest", "sealed", "unknown"]
        .iter()
        .enumerate()
    {
        records.push(
            json!({"kind": "conversation", "id": id + 1, "community_id": "1:abc",
            "transport": "tcp", "client": client, "server": server, "packets": [5, 5],
            "bytes": [500, 1500], "start": time, "end": later, "protocol": "smtp+tls",
            "exposure": exposure, "encapsulation": ["vlan", "gre"],
            "server_names": ["mail.example", "other.example"], "accounts": accounts,
            "conflicting_bytes": 7}),
        );
    }
    records.extend([
        json!({"kind": "handshake", "protocol": "tls", "version": "TLS 1.3", "cipher_suite": "X",
            "key_exchange": "x25519", "offered_key_exchange": ["x25519", "secp256r1"],
            "server_name": "mail.example", "alpn": "h2", "ja4": "t13d", "client_software": "curl",
            "server_software": "nginx", "resumed": true, "forward_secret": true, "quantum_safe": false,
            "certificate": {"subject": "CN=a", "issuer": "CN=b", "names": ["a", "b"],
                "not_before": time, "not_after": later, "key": "RSA 2048", "signature": "sha256"}}),
        json!({"kind": "name", "source": "dns-query", "name": "mail.example"}),
        json!({"kind": "request", "method": "GET", "host": "mail.example", "target": "/", "status": 200}),
        json!({"kind": "credential", "protocol": "imap", "mechanism": "plain", "user": "ada",
            "secret": "qu…", "crackable": false, "accepted": true}),
        json!({"kind": "call", "protocol": "sip", "call_id": "one", "from": "sip:ada", "to": "sip:ben", "state": "ended",
            "start": time, "ringing": time, "answer": time, "end": later, "digits": "12", "reason": "200 OK",
            "asserted": "sip:ada@carrier", "diverted_from": "sip:cid", "transferred_to": "sip:dan", "holds": 1,
            "leg_of": "another", "steps": [
                {"frame": 12, "time": time, "source": client, "destination": server, "what": "INVITE"},
                {"frame": 15, "time": later, "source": server, "destination": client, "what": "200 OK"}]}),
        json!({"kind": "media", "ssrc": "0x00000001", "source": client, "destination": server,
            "payload_type": 0, "codec": "PCMU", "packets": 1250, "lost": 1, "seconds": 25.0,
            "speech_seconds": 9.5, "loudness": [0, 50, 100], "digits": "12", "jitter_ms": 2.5,
            "reordered": 3, "duplicates": 4, "protection": "none", "call_id": "one"}),
        json!({"kind": "media", "ssrc": "0x00000002", "source": client, "destination": server,
            "payload_type": 0, "codec": "PCMU", "packets": 1250, "lost": 1, "seconds": 25.0,
            "speech_seconds": 9.5, "protection": "dtls-srtp", "call_id": "none that was seen"}),
        json!({"kind": "message", "protocol": "smtp", "from": "ada", "to": ["ben", "cid"],
            "subject": "Pa…", "bytes": 500, "sha256": "00", "attachments": 1, "protected": "pgp"}),
        json!({"kind": "object", "protocol": "ftp-data", "name": "plan.pdf",
            "media_type": "application/pdf", "bytes": 500, "sha256": "00", "complete": true}),
    ]);
    for severity in ["critical", "high", "medium", "low", "info"] {
        records.push(
            json!({"kind": "finding", "rule": format!("rule-{severity}"), "title": "A title",
            "severity": severity, "exposure": "open", "learns": "A sentence.", "remedy": "Use TLS.",
            "standard": "RFC 8314 section 3", "count": 2, "conversations": [1, 2]}),
        );
    }
    for record in records.iter_mut().skip(1) {
        let record = record.as_object_mut().unwrap();
        record.insert("frames".to_owned(), json!([12, 15]));
        record.insert("time".to_owned(), json!(time));
        if record["kind"] != "conversation" {
            record.insert("conversation".to_owned(), json!(1));
        }
    }
    records
}

/// Places of all strings in a value, as JSON pointers.
fn strings(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                strings(value, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                strings(value, &format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
}

fn records_of(values: &[Value]) -> Option<Vec<Record>> {
    values
        .iter()
        .map(|value| serde_json::from_value(value.clone()).ok())
        .collect()
}

/// The text fields of all records: those in which any text is a record still (times, addresses and the words
/// of a closed list are not).
fn text_fields(ledger: &[Value]) -> Vec<(usize, String)> {
    let mut fields = Vec::new();
    for (at, record) in ledger.iter().enumerate() {
        let mut places = Vec::new();
        strings(record, "", &mut places);
        for place in places.into_iter().filter(|place| place != "/kind") {
            let mut changed = record.clone();
            *changed.pointer_mut(&place).unwrap() = json!(HARMLESS);
            if serde_json::from_value::<Record>(changed).is_ok() {
                fields.push((at, place));
            }
        }
    }
    fields
}

/// A format: what it makes of records, and what of that must not depend on any captured text.
struct Format {
    name: &'static str,
    write: fn(&[Record]) -> String,
    /// The structure of a page, after checking that the page is well-formed.
    structure: fn(&str) -> Vec<String>,
}

fn formats() -> [Format; 13] {
    [
        Format {
            name: "terminal",
            write: |records| terminal(records, false),
            structure: plain,
        },
        Format {
            name: "terminal, coloured",
            write: |records| terminal(records, true),
            structure: painted,
        },
        Format {
            name: "html",
            write: |records| Report::new(records).html(),
            structure: html_structure,
        },
        Format {
            name: "html with sound",
            write: |records| {
                let report = Report::new(records);
                let recordings = (1..4).map(|call| Recording {
                    call,
                    after: 0.5,
                    bytes: 3,
                    wav: (call < 3).then(|| b"wav".to_vec()),
                });
                report.with_recordings(recordings.collect()).html()
            },
            structure: html_structure,
        },
        Format {
            name: "calls",
            write: |records| calls(records, false),
            structure: plain,
        },
        Format {
            name: "calls, coloured",
            write: |records| calls(records, true),
            structure: painted,
        },
        Format {
            name: "calls as JSON",
            write: |records| Report::new(records).calls_json(),
            structure: |text| text.lines().flat_map(json_structure).collect(),
        },
        Format {
            name: "markdown",
            write: |records| Report::new(records).markdown(),
            structure: markdown_structure,
        },
        Format {
            name: "json",
            write: |records| Report::new(records).json(),
            structure: json_structure,
        },
        Format {
            name: "cbom",
            write: |records| Report::new(records).cbom(),
            structure: cbom_structure,
        },
        Format {
            name: "sarif",
            write: |records| Report::new(records).sarif(),
            structure: json_structure,
        },
        Format {
            name: "csv",
            write: |records| Report::new(records).csv(),
            structure: csv_structure,
        },
        Format {
            name: "ledger",
            write: |records| {
                let lines = records
                    .iter()
                    .map(|one| serde_json::to_string(one).unwrap());
                lines.map(|line| line + "\n").collect()
            },
            structure: ledger_structure,
        },
    ]
}

fn terminal(records: &[Record], color: bool) -> String {
    let mut out = Vec::new();
    let style = Style { color, width: 80 };
    Report::new(records).terminal(&mut out, style).unwrap();
    String::from_utf8(out).unwrap()
}

fn calls(records: &[Record], color: bool) -> String {
    let mut out = Vec::new();
    let style = Style { color, width: 80 };
    Report::new(records).calls(&mut out, style).unwrap();
    String::from_utf8(out).unwrap()
}

/// Text without anything unseen but new lines. How long lines are broken depends on the text: there is no
/// structure to compare but this one.
fn plain(text: &str) -> Vec<String> {
    let unseen = text.chars().find(|c| *c != '\n' && is_unseen(*c));
    assert_eq!(unseen, None, "in {text:?}");
    // Severities stand at the beginning of a line only where ours do.
    text.lines()
        .filter_map(|line| {
            line.split_whitespace()
                .next()
                .filter(|_| !line.starts_with(' '))
        })
        .filter(|word| word.chars().all(|c| c.is_ascii_uppercase()))
        .map(str::to_owned)
        .collect()
}

/// As [`plain`], after our own colours, which have to be closed where they were opened.
fn painted(text: &str) -> Vec<String> {
    const OURS: [&str; 6] = ["1", "1;31", "31", "33", "36", "2"];
    let mut bare = String::new();
    let mut codes = Vec::new();
    for (at, part) in text.split("\x1b[").enumerate() {
        if at == 0 {
            bare.push_str(part);
            continue;
        }
        let (code, rest) = part.split_once('m').unwrap();
        if at % 2 == 1 {
            assert!(OURS.contains(&code), "{code:?} is none of our colours");
            codes.push(code.to_owned());
        } else {
            assert_eq!(code, "0", "a colour ends before the next begins");
        }
        bare.push_str(rest);
    }
    // Lines of a headline are painted one by one; their number depends on the text.
    codes.retain(|code| code != "1");
    codes.extend(plain(&bare));
    codes
}

/// Elements, attributes and their values of a page, read as a browser reads it: by the states of a tokenizer
/// (HTML, section 13.2.5), which goes wrong where the page does.
fn html_structure(page: &str) -> Vec<String> {
    let unseen = page
        .chars()
        .find(|c| *c != '\n' && *c != '\u{a0}' && is_unseen(*c));
    assert_eq!(unseen, None, "in the page");
    let mut tags = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start]);
        rest = &rest[start + 1..];
        if let Some(after) = rest.strip_prefix('/') {
            let (name, after) = after.split_once('>').unwrap();
            assert_eq!(open.pop().as_deref(), Some(name), "elements are nested");
            rest = after;
            tags.push(format!("/{name}"));
            continue;
        }
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap();
        let name = rest[..length].to_owned();
        assert!(
            !name.is_empty(),
            "neither comment nor declaration: {:.40}",
            rest
        );
        rest = &rest[length..];
        let mut tag = name.clone();
        loop {
            rest = rest.trim_start_matches(' ');
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let length = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                .unwrap();
            let (attribute, after) = rest.split_at(length);
            assert!(!attribute.is_empty(), "an attribute: {:.40}", rest);
            assert!(
                !attribute.starts_with("on") && attribute != "style",
                "{attribute}"
            );
            tag.push_str(&format!(" {attribute}"));
            rest = after;
            if let Some(after) = rest.strip_prefix("=\"") {
                let (value, after) = after.split_once('"').unwrap();
                // Whatever a stranger said stands in no attribute: all values are the template's.
                check_text(value);
                tag.push_str(&format!("={value}"));
                rest = after;
            }
        }
        tags.push(tag);
        let is_void = ["meta", "br", "link", "img", "input"].contains(&name.as_str());
        if name == "style" || name == "script" {
            let end = format!("</{name}>");
            let (text, after) = rest.split_once(&end).unwrap();
            assert!(
                name == "style" || text == include_str!("html/player.js"),
                "a script of ours"
            );
            rest = after;
            tags.push(format!("/{name}"));
        } else if !is_void {
            open.push(name);
        }
    }
    check_text(rest);
    assert!(open.is_empty(), "all elements end: {open:?}");
    tags
}

/// Text holds nothing that begins a tag, and every `&` begins one of four references.
fn check_text(text: &str) {
    assert!(!text.contains(['<', '>']), "{text:?}");
    for after in text.split('&').skip(1) {
        assert!(
            ["amp;", "lt;", "gt;", "quot;"]
                .iter()
                .any(|one| after.starts_with(one)),
            "{text:?}"
        );
    }
}

/// What the blocks of a Markdown page are, line by line: headings, rows of tables with their cells, items,
/// paragraphs. Within a line nothing is special that is not ours.
fn markdown_structure(text: &str) -> Vec<String> {
    let unseen = text.chars().find(|c| *c != '\n' && is_unseen(*c));
    assert_eq!(unseen, None);
    let mut blocks = Vec::new();
    for line in text.lines() {
        let block = match line {
            _ if line.is_empty() => "empty".to_owned(),
            _ if line.starts_with('#') => {
                line.chars().take_while(|c| *c == '#').collect::<String>()
            }
            _ if line.starts_with('|') => format!("row of {}", bare(line, '|')),
            _ if line.starts_with("- ") => "item".to_owned(),
            _ => "paragraph".to_owned(),
        };
        if !line.starts_with('|') {
            // The headline is our own bold.
            let ours = if line.starts_with("**") && line.ends_with("**") {
                4
            } else {
                0
            };
            assert_eq!(bare(line, '*'), ours, "{line}");
            assert_eq!(bare(line, '|'), 0, "{line}");
            let marks = line.trim_start_matches('#');
            assert_eq!(bare(marks, '#'), 0, "{line}");
        }
        // The share of bytes and the sum of all payload are bold in our tables.
        for special in ['`', '[', ']', '!', '~', '_', '$'] {
            assert_eq!(bare(line, special), 0, "{special} in {line}");
        }
        let live = line
            .replace("\\:", "")
            .replace("\\.", "")
            .to_ascii_lowercase();
        assert!(!line.contains('<') && !live.contains("://"), "{line}");
        assert!(!line.contains('>'), "{line}");
        assert!(!live.contains("www."), "{line}");
        for after in line.split('&').skip(1) {
            assert!(
                ["amp;", "lt;", "gt;"]
                    .iter()
                    .any(|one| after.starts_with(one)),
                "{line}"
            );
        }
        blocks.push(block);
    }
    blocks
}

/// How often a character stands in a line without a backslash that takes its meaning away.
fn bare(line: &str, special: char) -> usize {
    let mut count = 0;
    let mut escaped = false;
    for character in line.chars() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == special {
            count += 1;
        }
    }
    count
}

/// Names of all fields: a text cannot add one.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let shapes = fields
                .iter()
                .map(|(name, value)| (name.clone(), shape(value)));
            Value::Object(shapes.collect::<Map<_, _>>())
        }
        Value::Array(list) => Value::Array(list.iter().map(shape).collect()),
        Value::String(_) => json!("text"),
        other => other.clone(),
    }
}

fn json_structure(text: &str) -> Vec<String> {
    let unseen = text.chars().find(|c| *c != '\n' && is_unseen(*c));
    assert_eq!(unseen, None);
    assert!(!text.contains(['<', '>', '&']), "it may stand in a page");
    vec![shape(&serde_json::from_str(text).unwrap()).to_string()]
}

/// As [`json_structure`], but for the order of lists: assets stand in the order of their names.
fn cbom_structure(text: &str) -> Vec<String> {
    fn sorted(shape: Value) -> Value {
        match shape {
            Value::Array(list) => {
                let mut list: Vec<Value> = list.into_iter().map(sorted).collect();
                list.sort_by_cached_key(Value::to_string);
                Value::Array(list)
            }
            Value::Object(fields) => {
                let fields = fields
                    .into_iter()
                    .map(|(name, value)| (name, sorted(value)));
                Value::Object(fields.collect())
            }
            other => other,
        }
    }
    json_structure(text);
    vec![sorted(shape(&serde_json::from_str(text).unwrap())).to_string()]
}

/// Cells of every line, read by the rules of RFC 4180; none of them is a formula to a spreadsheet.
fn csv_structure(text: &str) -> Vec<String> {
    let mut cells = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (mut cell, mut after) = (String::new(), rest.strip_prefix('"').unwrap());
        loop {
            let (part, behind) = after.split_once('"').unwrap();
            cell.push_str(part);
            after = behind;
            let Some(behind) = after.strip_prefix('"') else {
                break;
            };
            cell.push('"');
            after = behind;
        }
        assert_eq!(cell.chars().find(|c| is_unseen(*c)), None, "in {cell:?}");
        let begins = cell.trim_start().chars().next();
        assert!(!begins.is_some_and(|c| "=+-@".contains(c)), "{cell:?}");
        let end = if let Some(behind) = after.strip_prefix("\r\n") {
            rest = behind;
            "line"
        } else {
            rest = after.strip_prefix(',').unwrap();
            "cell"
        };
        cells.push(end.to_owned());
    }
    cells
}

fn ledger_structure(text: &str) -> Vec<String> {
    assert!(text.ends_with('\n'));
    let lines = text.split_terminator('\n');
    // U+2028 and U+2029 are letters to JSON and to NDJSON; only line feeds end a line.
    lines
        .map(|line| {
            assert!(!line.chars().any(|c| (c as u32) < 0x20), "{line:?}");
            shape(&serde_json::from_str(line).unwrap()).to_string()
        })
        .collect()
}

#[test]
fn the_sample_has_every_kind_and_every_field() {
    let ledger = ledger();
    let records = records_of(&ledger).unwrap();
    for (value, record) in ledger.iter().zip(&records) {
        let again = serde_json::to_value(record).unwrap();
        assert_eq!(&again, value, "a record is what its JSON says");
    }
    assert!(
        text_fields(&ledger).len() > 100,
        "{}",
        text_fields(&ledger).len()
    );
}

#[test]
fn no_attack_in_any_text_field_changes_the_structure_of_any_format() {
    let ledger = ledger();
    let fields = text_fields(&ledger);
    for (at, place) in &fields {
        // The record, and what it needs to be shown: its capture, its conversation, its call.
        let with = |text: &str| {
            let mut changed = ledger.clone();
            *changed[*at].pointer_mut(place).unwrap() = json!(text);
            let mut index = 0..;
            changed.retain(|record| {
                index.next() == Some(*at)
                    || record["kind"] == "capture"
                    || record["kind"] == "call"
                    || record["id"] == 1
            });
            records_of(&changed).unwrap()
        };
        let harmless = with(HARMLESS);
        let expected: Vec<Vec<String>> = formats()
            .iter()
            .map(|format| (format.structure)(&(format.write)(&harmless)))
            .collect();
        for attack in ATTACKS {
            let records = with(attack);
            for (format, expected) in formats().iter().zip(&expected) {
                let page = (format.write)(&records);
                let structure = (format.structure)(&page);
                assert!(
                    structure == *expected,
                    "{attack:?} as {place} of a {} in {}",
                    ledger[*at]["kind"],
                    format.name
                );
            }
        }
    }
}

#[test]
fn the_ledger_gives_back_every_attack_unchanged() {
    let ledger = ledger();
    for (at, place) in text_fields(&ledger) {
        for attack in ATTACKS {
            let mut value = ledger[at].clone();
            *value.pointer_mut(&place).unwrap() = json!(attack);
            let record: Record = serde_json::from_value(value).unwrap();
            let line = serde_json::to_string(&record).unwrap();
            let again: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(again.pointer(&place).unwrap(), attack);
        }
    }
}

#[test]
fn all_attacks_at_once_in_all_fields_are_as_inert() {
    let mut ledger = ledger();
    let fields = text_fields(&ledger);
    for round in 0..ATTACKS.len() {
        for (number, (at, place)) in fields.iter().enumerate() {
            let attack = ATTACKS[(number * 7 + round) % ATTACKS.len()];
            *ledger[*at].pointer_mut(place).unwrap() = json!(attack);
        }
        let records = records_of(&ledger).unwrap();
        for format in formats() {
            (format.structure)(&(format.write)(&records));
        }
    }
}
