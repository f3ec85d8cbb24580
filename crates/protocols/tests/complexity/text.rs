//! Commands: Telnet, FTP, what comes before SSH.

use overheard_testkit::Scene;

use crate::{Attack, client, fill, repeat, server, stays_flat, stream};

fn telnet_options(size: usize) -> Scene {
    let options = repeat(size, &[255, 251, 1, 255, 250, 24, 0, 255, 240]);
    stream(23, &[server([255, 253, 24]), client(options)], 1460)
}

fn telnet_screen_after_a_password(size: usize) -> Scene {
    let screen = repeat(size, b"last login password last logi ");
    let login = [
        server("\r\nlogin: "),
        client("ada\r\n"),
        server("\r\nPassword: "),
        client("secret\r\n"),
        server(screen),
    ];
    stream(23, &login, 1460)
}

fn ftp_replies_in_bytes(size: usize) -> Scene {
    stream(
        21,
        &[server(format!(
            "220-ftp\r\n{}",
            fill(size, |_| "220-\r\n".into())
        ))],
        1,
    )
}

fn ssh_lines_before_the_banner(size: usize) -> Scene {
    stream(
        22,
        &[server(fill(size, |_| "a\r\n".into()) + "SSH-2.0-x\r\n")],
        1,
    )
}

const ATTACKS: &[(&str, Attack)] = &[
    ("telnet: options", telnet_options),
    (
        "telnet: a screen after a password",
        telnet_screen_after_a_password,
    ),
    ("ftp: replies, in bytes", ftp_replies_in_bytes),
    (
        "ssh: lines before the banner, in bytes",
        ssh_lines_before_the_banner,
    ),
];

#[test]
fn the_time_a_byte_of_text_stays_flat() {
    stays_flat(ATTACKS);
}
