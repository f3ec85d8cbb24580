//! Letters: SMTP, MIME, IMAP, POP3.

use overheard_ledger::Body;
use overheard_protocols::PROTOCOLS;
use overheard_testkit::{Scene, hear};

use crate::{Attack, client, count, fill, server, stays_flat, stream, times};

fn letter(text: &str) -> Scene {
    let dialogue = [
        server("220 mail.example ESMTP\r\n"),
        client("EHLO a\r\n"),
        server("250 mail.example\r\n"),
        client("MAIL FROM:<a@b.example>\r\n"),
        server("250 ok\r\n"),
        client("RCPT TO:<c@d.example>\r\n"),
        server("250 ok\r\n"),
        client("DATA\r\n"),
        server("354 go\r\n"),
        client(format!("{text}\r\n.\r\n")),
        server("250 ok\r\n"),
    ];
    stream(25, &dialogue, 1460)
}

fn mail_headers(size: usize) -> Scene {
    letter(&(fill(size, |number| format!("X-{number}: =?utf-8?q?a?=\r\n")) + "\r\ntext"))
}

fn mail_folded_header(size: usize) -> Scene {
    letter(&format!(
        "Subject: a\r\n{}\r\ntext",
        fill(size, |_| " =?utf-8?q?=?\r\n".into())
    ))
}

fn nested_part(number: usize) -> String {
    format!("Content-Type: multipart/mixed; boundary=b{number}\r\n\r\n--b{number}\r\n")
}

fn mime_nesting(size: usize) -> Scene {
    letter(&fill(size, nested_part))
}

fn mime_boundaries(size: usize) -> Scene {
    let text = fill(size, |_| {
        "--b\r\nContent-Type: message/rfc822\r\n\r\n".into()
    });
    letter(&format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{text}"
    ))
}

fn smtp(text: String, segment: usize) -> Scene {
    let begin = [
        server("220 a ESMTP\r\n"),
        client("EHLO a\r\n"),
        server("250 a\r\n"),
        client(text),
    ];
    stream(25, &begin, segment)
}

fn smtp_commands_without_answers(size: usize) -> Scene {
    smtp(
        fill(size, |number| format!("RCPT TO:<a{number}@b.example>\r\n")),
        1460,
    )
}

fn smtp_line_without_end_in_bytes(size: usize) -> Scene {
    smtp("x".repeat(size), 1)
}

fn imap(text: String) -> Scene {
    let begin = [
        server("* OK IMAP4rev1\r\n"),
        client("a1 NOOP\r\n"),
        server("a1 OK\r\n"),
        client(text),
    ];
    stream(143, &begin, 1460)
}

fn imap_literals(size: usize) -> Scene {
    imap(" ".repeat(8000) + &fill(size, |_| "{0}\r\n".into()))
}

fn imap_parentheses(size: usize) -> Scene {
    imap(format!("a2 FETCH 1 {}\r\n", "(".repeat(size)))
}

fn imap_fetched_headers(size: usize) -> Scene {
    let text = fill(size, |number| {
        format!("* {number} FETCH (BODY[HEADER] {{9}}\r\nFrom: a\r\n)\r\n")
    });
    stream(
        143,
        &[
            server("* OK IMAP4rev1\r\n"),
            client("a1 NOOP\r\n"),
            server(text),
        ],
        1460,
    )
}

fn pop3_list(size: usize) -> Scene {
    let list = fill(size, |number| format!("{number} 1\r\n"));
    let dialogue = [
        server("+OK POP3\r\n"),
        client("LIST\r\n"),
        server("+OK\r\n"),
        server(list),
    ];
    stream(110, &dialogue, 1460)
}

const ATTACKS: &[(&str, Attack)] = &[
    ("smtp: header lines", mail_headers),
    ("smtp: one folded header", mail_folded_header),
    ("smtp: nested parts", mime_nesting),
    ("smtp: boundaries", mime_boundaries),
    (
        "smtp: commands without answers",
        smtp_commands_without_answers,
    ),
    (
        "smtp: a line without end, in bytes",
        smtp_line_without_end_in_bytes,
    ),
    ("imap: literals", imap_literals),
    ("imap: parentheses", imap_parentheses),
    ("imap: fetched headers", imap_fetched_headers),
    ("pop3: a list", pop3_list),
];

#[test]
fn the_time_a_byte_of_mail_stays_flat() {
    stays_flat(ATTACKS);
}

#[test]
fn parts_nested_10_000_deep_are_one_letter() {
    let heard = hear(PROTOCOLS, &letter(&times(10_000, nested_part)).pcap());
    assert_eq!(count(&heard, |body| matches!(body, Body::Message(_))), 1);
}
