//! Writes captures of any size to standard output, in constant memory: what a flood does to the program.
//!
//! ```sh
//! cargo run --release -p overheard-testkit --example generate -- half-open 10000000 | overheard report -
//! ```
//!
//! Every packet has right checksums. Time goes on by a microsecond a packet, so that all conversations are
//! simultaneous and no timeout rescues whoever listens. The same arguments give the same bytes.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: generate KIND N [ROUNDS]

half-open N              N times SYN, each from an address and port of its own
holes N                  N streams with a hole of 100 bytes, then 1,000 bytes of data
fragments N              N first fragments of datagrams that are never completed
stream BYTES             one stream of so many bytes (also 64K, 16M, 64G) in frames of 64 KB
mails N                  N mails of 200 KB at the same time, block by block
dns N                    N queries for different names, and their answers
conversations N [ROUNDS] N streams at the same time, ROUNDS requests and responses each (default 2)
calls N [SECONDS]        N calls at the same time (SIP, G.711), SECONDS long (default 10); here time is that of the calls";

/// 2026-01-01T09:00:00Z, in microseconds.
const BEGINNING: u64 = 1_767_258_000_000_000;

const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Ethernet and IPv4 header.
const HEADERS: usize = 14 + 20;

/// An IPv4 address and a port.
#[derive(Clone, Copy)]
struct End {
    ip: u32,
    port: u16,
}

/// The client number `n`: an address of 10.0.0.0/8 of its own, as far as they last.
fn client(n: u64) -> End {
    End {
        ip: 0x0a00_0000 | (n & 0xff_ffff) as u32,
        port: 1024 + ((n ^ n >> 24).wrapping_mul(7919) % 60_000) as u16,
    }
}

/// One of 200 servers.
fn server(n: u64, port: u16) -> End {
    End {
        ip: 0xc000_0200 + (n % 200) as u32 + 1,
        port,
    }
}

/// Bytes of a payload and their checksum, which is reckoned once where they are sent often.
struct Payload {
    bytes: Vec<u8>,
    sum: u64,
}

impl Payload {
    fn new(bytes: impl Into<Vec<u8>>) -> Payload {
        let bytes = bytes.into();
        let sum = sum(&bytes);
        Payload { bytes, sum }
    }

    fn none() -> Payload {
        Payload::new([])
    }
}

/// The sum of big-endian 16-bit words (RFC 1071).
fn sum(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|pair| u64::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u64::from))
        .sum()
}

fn checksum(mut sum: u64) -> [u8; 2] {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// A pcap file in the making.
struct Capture<W> {
    out: W,
    now: u64,
    identification: u16,
}

impl<W: Write> Capture<W> {
    fn new(mut out: W) -> io::Result<Capture<W>> {
        for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, 1] {
            out.write_all(&word.to_le_bytes())?;
        }
        Ok(Capture {
            out,
            now: BEGINNING,
            identification: 0,
        })
    }

    /// A frame with an IPv4 packet; `flags` are those of fragmentation.
    fn ip(
        &mut self,
        from: End,
        to: End,
        protocol: u8,
        flags: u16,
        header: &[u8],
        payload: &[u8],
    ) -> io::Result<()> {
        self.identification = self.identification.wrapping_add(1);
        let mut start = [0u8; 16 + HEADERS];
        let length = HEADERS + header.len() + payload.len();
        let words = [
            self.now / 1_000_000,
            self.now % 1_000_000,
            length as u64,
            length as u64,
        ];
        for (place, word) in start.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&(word as u32).to_le_bytes());
        }
        start[16..30].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        let ip = &mut start[30..];
        ip[0] = 0x45;
        ip[2..4].copy_from_slice(&((length - 14) as u16).to_be_bytes());
        ip[4..6].copy_from_slice(&self.identification.to_be_bytes());
        ip[6..8].copy_from_slice(&flags.to_be_bytes());
        ip[8] = 64;
        ip[9] = protocol;
        ip[12..16].copy_from_slice(&from.ip.to_be_bytes());
        ip[16..20].copy_from_slice(&to.ip.to_be_bytes());
        let check = checksum(sum(ip));
        ip[10..12].copy_from_slice(&check);
        self.now += 1;
        self.out.write_all(&start)?;
        self.out.write_all(header)?;
        self.out.write_all(payload)
    }

    fn tcp(
        &mut self,
        from: End,
        to: End,
        numbers: (u32, u32),
        flags: u8,
        payload: &Payload,
    ) -> io::Result<()> {
        let mut header = [0u8; 20];
        header[0..2].copy_from_slice(&from.port.to_be_bytes());
        header[2..4].copy_from_slice(&to.port.to_be_bytes());
        header[4..8].copy_from_slice(&numbers.0.to_be_bytes());
        header[8..12].copy_from_slice(&numbers.1.to_be_bytes());
        header[12..16].copy_from_slice(&[0x50, flags, 0xff, 0xff]);
        let check = transport_check(from, to, TCP, &header, payload);
        header[16..18].copy_from_slice(&check);
        self.ip(from, to, TCP, 0x4000, &header, &payload.bytes)
    }

    fn udp(&mut self, from: End, to: End, payload: &[u8]) -> io::Result<()> {
        let mut header = [0u8; 8];
        header[0..2].copy_from_slice(&from.port.to_be_bytes());
        header[2..4].copy_from_slice(&to.port.to_be_bytes());
        header[4..6].copy_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
        let payload = Payload::new(payload);
        let check = transport_check(from, to, UDP, &header, &payload);
        header[6..8].copy_from_slice(&check);
        self.ip(from, to, UDP, 0x4000, &header, &payload.bytes)
    }
}

fn transport_check(from: End, to: End, protocol: u8, header: &[u8], payload: &Payload) -> [u8; 2] {
    let length = (header.len() + payload.bytes.len()) as u64;
    let addresses = sum(&from.ip.to_be_bytes()) + sum(&to.ip.to_be_bytes());
    checksum(addresses + u64::from(protocol) + length + sum(header) + payload.sum)
}

/// Where the two sides of every stream begin: sequence numbers of client and server after the SYN.
const CLIENT_START: u32 = 1001;
const SERVER_START: u32 = 9001;

/// SYN and SYN-ACK of all streams.
fn open<W: Write>(capture: &mut Capture<W>, count: u64, port: u16) -> io::Result<()> {
    let none = Payload::none();
    for n in 0..count {
        capture.tcp(
            client(n),
            server(n, port),
            (CLIENT_START - 1, 0),
            SYN,
            &none,
        )?;
    }
    for n in 0..count {
        let numbers = (SERVER_START - 1, CLIENT_START);
        capture.tcp(server(n, port), client(n), numbers, SYN | ACK, &none)?;
    }
    Ok(())
}

fn half_open<W: Write>(capture: &mut Capture<W>, count: u64) -> io::Result<()> {
    let none = Payload::none();
    for n in 0..count {
        capture.tcp(client(n), server(n, 443), (n as u32, 0), SYN, &none)?;
    }
    Ok(())
}

fn holes<W: Write>(capture: &mut Capture<W>, count: u64) -> io::Result<()> {
    open(capture, count, 8080)?;
    let data = Payload::new([b'x'; 1000]);
    for n in 0..count {
        let numbers = (CLIENT_START + 100, SERVER_START);
        capture.tcp(client(n), server(n, 8080), numbers, PSH | ACK, &data)?;
    }
    Ok(())
}

fn fragments<W: Write>(capture: &mut Capture<W>, count: u64) -> io::Result<()> {
    // UDP header of a datagram of 3,000 bytes, and the first 992 of its payload.
    let mut part = vec![0u8; 1000];
    part[2..4].copy_from_slice(&5004u16.to_be_bytes());
    part[4..6].copy_from_slice(&3000u16.to_be_bytes());
    for n in 0..count {
        let from = client(n);
        part[0..2].copy_from_slice(&from.port.to_be_bytes());
        capture.ip(from, server(n, 5004), UDP, 0x2000, &[], &part)?;
    }
    Ok(())
}

fn stream<W: Write>(capture: &mut Capture<W>, bytes: u64) -> io::Result<()> {
    /// Payload of a frame; a packet is at most 65,535 bytes.
    const FRAME: usize = 65_000;
    open(capture, 1, 9000)?;
    // Neither text nor zeros: nothing that a protocol would recognise.
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(FRAME)
    .collect();
    let full = Payload::new(noise.clone());
    let mut sent = 0u64;
    while sent < bytes {
        let left = usize::try_from(bytes - sent).unwrap_or(FRAME);
        let short = (left < FRAME).then(|| Payload::new(&noise[..left]));
        let payload = short.as_ref().unwrap_or(&full);
        let numbers = (CLIENT_START.wrapping_add(sent as u32), SERVER_START);
        capture.tcp(client(0), server(0, 9000), numbers, ACK, payload)?;
        sent += payload.bytes.len() as u64;
    }
    Ok(())
}

fn mails<W: Write>(capture: &mut Capture<W>, count: u64) -> io::Result<()> {
    /// Lines of a block, and blocks of a mail: 200 KB of base64.
    const LINES: usize = 18;
    const BLOCKS: u32 = 144;
    const PORT: u16 = 25;
    open(capture, count, PORT)?;
    let mut numbers = [CLIENT_START, SERVER_START];
    // What the sides say by turns; the number of the mail is of fixed width, so that all sessions are
    // equally long.
    let talk: [(usize, &str); 9] = [
        (1, "220 mail.example ESMTP\r\n"),
        (0, "EHLO client.example\r\n"),
        (1, "250 mail.example\r\n"),
        (0, "MAIL FROM:<sender-########@example.org>\r\n"),
        (1, "250 OK\r\n"),
        (0, "RCPT TO:<recipient-########@example.net>\r\n"),
        (1, "250 OK\r\n"),
        (0, "DATA\r\n"),
        (1, "354 Go ahead\r\n"),
    ];
    let header = "From: sender-########@example.org\r\nTo: recipient-########@example.net\r\n\
        Subject: Papers ########\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=edge\r\n\r\n\
        --edge\r\nContent-Type: text/plain\r\n\r\nPlease find them attached.\r\n\
        --edge\r\nContent-Type: application/pdf; name=papers.pdf\r\n\
        Content-Disposition: attachment; filename=papers.pdf\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n";
    let line = "bm90aGluZyB0byBzZWUgaGVyZSwganVzdCBhIGxpbmUgb2YgYSBsb25nIGF0dGFjaG1lbnQgISEh\r\n";
    let block = line.repeat(LINES);
    let end = "\r\n--edge--\r\n.\r\n";
    let said = talk
        .into_iter()
        .chain([(0, header)])
        .chain((0..BLOCKS).map(|_| (0, block.as_str())))
        .chain([(0, end), (1, "250 Queued\r\n")]);
    for (side, text) in said {
        let fixed = (!text.contains('#')).then(|| Payload::new(text));
        for n in 0..count {
            let own = match &fixed {
                Some(_) => None,
                None => Some(Payload::new(text.replace("########", &format!("{n:08}")))),
            };
            let Some(payload) = fixed.as_ref().or(own.as_ref()) else {
                continue;
            };
            let ends = [client(n), server(n, PORT)];
            let at = (numbers[side], numbers[1 - side]);
            capture.tcp(ends[side], ends[1 - side], at, PSH | ACK, payload)?;
        }
        numbers[side] = numbers[side].wrapping_add(text.len() as u32);
    }
    Ok(())
}

fn dns<W: Write>(capture: &mut Capture<W>, count: u64) -> io::Result<()> {
    for n in 0..count {
        let mut from = client(n % 8);
        if n % 2 == 1 {
            from.port = 1024 + (n % 64_000) as u16;
        }
        let to = server(0, 53);
        let mut query = Vec::with_capacity(64);
        query.extend((n as u16).to_be_bytes());
        query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        let host = format!("h{n:010}");
        for label in [host.as_str(), "flood", "example"] {
            query.push(label.len() as u8);
            query.extend(label.as_bytes());
        }
        query.extend([0, 0, 1, 0, 1]);
        capture.udp(from, to, &query)?;
        // The answer: an address of 198.18.0.0/15 for the name at offset 12.
        query[2] = 0x81;
        query[3] = 0x80;
        query[7] = 1;
        query.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        query.extend((0xc612_0000 | n as u32 & 0x1_ffff).to_be_bytes());
        capture.udp(to, from, &query)?;
    }
    Ok(())
}

fn conversations<W: Write>(capture: &mut Capture<W>, count: u64, rounds: u64) -> io::Result<()> {
    const PORT: u16 = 80;
    open(capture, count, PORT)?;
    let body = "It is a page like any other, and says nothing of importance.\n".repeat(4);
    let request = "GET /pages/########.html HTTP/1.1\r\nHost: www.example.org\r\n\
        User-Agent: generate\r\nAccept: text/html\r\n\r\n";
    let response = Payload::new(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    let mut numbers = [CLIENT_START, SERVER_START];
    for _ in 0..rounds {
        for n in 0..count {
            let said = Payload::new(request.replace("########", &format!("{n:08}")));
            let at = (numbers[0], numbers[1]);
            capture.tcp(client(n), server(n, PORT), at, PSH | ACK, &said)?;
        }
        numbers[0] = numbers[0].wrapping_add(request.len() as u32);
        for n in 0..count {
            let at = (numbers[1], numbers[0]);
            capture.tcp(server(n, PORT), client(n), at, PSH | ACK, &response)?;
        }
        numbers[1] = numbers[1].wrapping_add(response.bytes.len() as u32);
    }
    Ok(())
}

/// Packets of 20 ms in a second, and samples in each of them.
const PACKETS: u64 = 50;
const SAMPLES: usize = 160;

/// A second of sound in G.711 mu-law, cut into payloads: a voiced tone that comes and goes like syllables.
fn syllables(pitch: f64) -> Vec<[u8; SAMPLES]> {
    let sample = |at: u64| {
        let time = at as f64 / 8000.0;
        let turn = time * std::f64::consts::TAU;
        let loud = (turn * 2.0).sin().max(0.0);
        let voice = (turn * pitch).sin() + 0.5 * (turn * pitch * 3.0).sin();
        mu_law((voice * loud * 8000.0) as i32)
    };
    (0..PACKETS)
        .map(|packet| std::array::from_fn(|at| sample(packet * SAMPLES as u64 + at as u64)))
        .collect()
}

/// ITU-T G.711, of a sample of 16 bits.
fn mu_law(sample: i32) -> u8 {
    let magnitude = (sample.abs() + 132).min(32_767);
    let exponent = (24 - magnitude.leading_zeros()).min(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

fn calls<W: Write>(capture: &mut Capture<W>, count: u64, seconds: u64) -> io::Result<()> {
    const PORT: u16 = 5060;
    const TICK: u64 = 20_000;
    let dotted = |ip: u32| std::net::Ipv4Addr::from(ip).to_string();
    let caller = |n: u64| End {
        ip: client(n).ip,
        port: 16_384 + (n % 8000) as u16 * 2,
    };
    let called = |n: u64| End {
        ip: 0xac10_0000 | (n & 0xf_ffff) as u32,
        port: 32_768 + (n % 8000) as u16 * 2,
    };
    let describe = |end: End| {
        let ip = dotted(end.ip);
        let port = end.port;
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
    };
    let message = |first: &str, n: u64, sequence: &str, body: &str| {
        let content = match body {
            "" => String::new(),
            _ => "Content-Type: application/sdp\r\n".to_owned(),
        };
        let (ip, port) = (dotted(client(n).ip), client(n).port);
        format!(
            "{first}\r\nVia: SIP/2.0/UDP {ip}:{port};branch=z9hG4bK{n:08}{sequence:.3}\r\n\
             From: <sip:caller{n}@example.org>;tag=a{n}\r\nTo: <sip:called{n}@example.org>;tag=b{n}\r\n\
             Call-ID: call{n}@example.org\r\nCSeq: {sequence}\r\n{content}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for n in 0..count {
        let (near, far) = (client(n), server(n, PORT));
        let request = |method: &str| format!("{method} sip:called{n}@example.org SIP/2.0");
        let offer = message(&request("INVITE"), n, "1 INVITE", &describe(caller(n)));
        capture.udp(near, far, offer.as_bytes())?;
        let ringing = message("SIP/2.0 180 Ringing", n, "1 INVITE", "");
        capture.udp(far, near, ringing.as_bytes())?;
        let answer = message("SIP/2.0 200 OK", n, "1 INVITE", &describe(called(n)));
        capture.udp(far, near, answer.as_bytes())?;
        let taken = message(&request("ACK"), n, "1 ACK", "");
        capture.udp(near, far, taken.as_bytes())?;
    }
    let voices = [syllables(110.0), syllables(190.0)];
    let start = capture.now;
    let mut packet = [0u8; 12 + SAMPLES];
    packet[0] = 0x80;
    for tick in 0..seconds * PACKETS {
        for n in 0..count {
            for (side, voice) in voices.iter().enumerate() {
                let place = n * 2 + side as u64;
                capture.now = start + tick * TICK + place * TICK / (count * 2);
                packet[2..4].copy_from_slice(&(tick as u16).to_be_bytes());
                let samples = tick as u32 * SAMPLES as u32;
                packet[4..8].copy_from_slice(&samples.to_be_bytes());
                packet[8..12].copy_from_slice(&(0x1000_0000 + place as u32).to_be_bytes());
                packet[12..].copy_from_slice(&voice[((tick + n) % PACKETS) as usize]);
                let ends = (caller(n), called(n));
                let (from, to) = if side == 0 { ends } else { (ends.1, ends.0) };
                capture.udp(from, to, &packet)?;
            }
        }
    }
    capture.now = start + seconds * PACKETS * TICK;
    for n in 0..count {
        let (near, far) = (client(n), server(n, PORT));
        let request = format!("BYE sip:called{n}@example.org SIP/2.0");
        let goodbye = message(&request, n, "2 BYE", "");
        capture.udp(near, far, goodbye.as_bytes())?;
        let done = message("SIP/2.0 200 OK", n, "2 BYE", "");
        capture.udp(far, near, done.as_bytes())?;
    }
    Ok(())
}

/// A number, also with K, M or G (powers of 1024).
fn number(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 10),
        b'M' => (&text[..text.len() - 1], 20),
        b'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_shl(shift)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (kind, count, rounds) = match words.as_slice() {
        ["calls", count] => ("calls", number(count), Some(10)),
        [kind, count] => (*kind, number(count), Some(2)),
        [kind @ ("conversations" | "calls"), count, rounds] => {
            (*kind, number(count), number(rounds))
        }
        _ => ("", None, None),
    };
    let (Some(count), Some(rounds)) = (count, rounds) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let written = write(kind, count, rounds);
    match written {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
        // Whoever listened has heard enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the capture; false where there is no such kind.
fn write(kind: &str, count: u64, rounds: u64) -> io::Result<bool> {
    let out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let mut capture = Capture::new(out)?;
    match kind {
        "half-open" => half_open(&mut capture, count)?,
        "holes" => holes(&mut capture, count)?,
        "fragments" => fragments(&mut capture, count)?,
        "stream" => stream(&mut capture, count)?,
        "mails" => mails(&mut capture, count)?,
        "dns" => dns(&mut capture, count)?,
        "conversations" => conversations(&mut capture, count, rounds)?,
        "calls" => calls(&mut capture, count, rounds)?,
        _ => return Ok(false),
    }
    capture.out.flush()?;
    Ok(true)
}
