//! Gathers seeds from captures: what each side said first, by protocol, without addresses and times.
//!
//!     cargo run --release -p overheard-trial --example gather -- FROM TO
//!
//! Looks into the captures below FROM and writes a file a seed into a folder in TO for each fuzz target.
//! `fuzz/gather` does so and keeps what covers something.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use overheard::listen::listen_to;
use overheard_follow::Options;
use overheard_ledger::{Body, Reveal};
use overheard_protocols::PROTOCOLS;
use overheard_source::{Batch, Captures};
use overheard_tap::Over;
use overheard_testkit::Scene;
use overheard_trial::{Dice, Said, Scenario};
use overheard_wire::{Packet, Transport, decode};

/// Larger captures are passed over.
const LARGEST: u64 = 512 << 10;
/// Seeds of one protocol.
const EACH: usize = 24;
/// Bytes of one thing said, and of all that one conversation says.
const SAID: usize = 1200;
const ALL: usize = 3000;
/// Turns of one conversation.
const TURNS: usize = 10;
/// Bytes of a frame whose headers are of interest.
const HEADERS: usize = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [from, to] => gather(from.as_ref(), to.as_ref()),
        _ => Err("say where captures are, and where seeds shall be".into()),
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

/// The endpoints of a conversation, the lesser first, and whether it is a stream.
type Ends = (SocketAddr, SocketAddr, bool);

/// A way in which headers can be nested.
type Shape = (u16, String);

#[derive(Default)]
struct Gathered {
    protocols: BTreeMap<String, Vec<Scenario>>,
    headers: BTreeMap<Shape, Vec<u8>>,
}

fn gather(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    let mut found = Vec::new();
    files(from, &mut found)?;
    let mut gathered = Gathered::default();
    for path in found {
        if fs::metadata(&path)?.len() <= LARGEST {
            gathered.look_into(&path);
        }
    }
    let folder = |target: &str| -> std::io::Result<PathBuf> {
        let folder = to.join(target);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    let (protocols, captures) = (folder("protocols")?, folder("captures")?);
    let (headers, reassembly) = (folder("headers")?, folder("reassembly")?);
    for (name, scenarios) in &gathered.protocols {
        for (index, scenario) in scenarios.iter().enumerate() {
            fs::write(
                protocols.join(format!("{name}-{index:02}")),
                scenario.write(),
            )?;
        }
        let mut scene = Scene::new();
        for (index, scenario) in scenarios.iter().take(2).enumerate() {
            let server = format!("192.0.2.25:{}", scenario.server_port());
            scenario.play(
                &mut scene,
                &format!("192.0.2.10:{}", 50_001 + index),
                &server,
            );
        }
        fs::write(captures.join(name), scene.pcap())?;
        fs::write(
            captures.join(format!("{name}.pcapng")),
            pcapng(scene.frames()),
        )?;
    }
    let mut dice = Dice::new(1);
    for index in 0..64 {
        let length = 8 + dice.below(200);
        let seed: Vec<u8> = (0..length).map(|_| dice.below(256) as u8).collect();
        fs::write(reassembly.join(format!("{index:02}")), seed)?;
    }
    for (index, frame) in gathered.headers.values().enumerate() {
        fs::write(headers.join(format!("{index:04}")), frame)?;
    }
    Ok(())
}

/// A pcapng file (Ethernet, nanoseconds) of frames.
fn pcapng(frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut block = |kind: u32, mut body: Vec<u8>| {
        body.resize(body.len().next_multiple_of(4), 0);
        let length = u32::try_from(body.len() + 12)
            .unwrap_or(u32::MAX)
            .to_le_bytes();
        file.extend(kind.to_le_bytes());
        file.extend(length);
        file.extend(body);
        file.extend(length);
    };
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    block(0x0a0d_0d0a, words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]));
    // Link type 1, no snap length, if_tsresol 9.
    block(1, words(&[1, 0, 0x0001_0009, 9, 0]));
    for (time, frame) in frames {
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let mut body = words(&[0, (time >> 32) as u32, *time as u32, length, length]);
        body.extend(frame);
        block(6, body);
    }
    file
}

impl Gathered {
    fn look_into(&mut self, path: &Path) {
        let Ok(names) = recognised(path) else { return };
        let Ok(mut captures) = Captures::open(&[path.to_owned()]) else {
            return;
        };
        let mut batch = Batch::default();
        let mut talks: BTreeMap<Ends, Vec<(SocketAddr, Vec<u8>)>> = BTreeMap::new();
        while captures.fill(&mut batch).unwrap_or(false) {
            for frame in &batch.frames {
                let bytes = batch.bytes_of(frame);
                let packet = decode(frame.link, bytes, frame.on_wire);
                self.shape(frame.link.0, &packet, bytes);
                let Some((from, to, stream)) = ends(&packet) else {
                    continue;
                };
                let payload = packet.payload.of(bytes);
                let talk = talks
                    .entry((from.min(to), from.max(to), stream))
                    .or_default();
                if !payload.is_empty() && talk.len() < TURNS {
                    talk.push((from, payload[..payload.len().min(SAID)].to_vec()));
                }
            }
        }
        for ((one, other, stream), said) in talks {
            let Some((server, name)) = names.get(&(one, other, stream)) else {
                continue;
            };
            self.add(name, *server, stream, &said);
        }
    }

    /// Keeps a frame of every nesting of headers.
    fn shape(&mut self, link: u16, packet: &Packet, bytes: &[u8]) {
        let transport = match packet.transport {
            Transport::Tcp(_) => "tcp".to_owned(),
            Transport::Udp(_) => "udp".to_owned(),
            Transport::Fragment(fragment) => format!("fragment {}", fragment.offset == 0),
            Transport::Icmp { v6, kind, .. } => format!("icmp {v6} {kind}"),
            other => format!("{other:?}").chars().take(9).collect(),
        };
        let six = packet.addresses.map(|addresses| addresses.source.is_ipv6());
        let trouble = packet
            .trouble
            .map(|trouble| (trouble.kind, trouble.cut.layer));
        let shape = format!(
            "{:?} {six:?} {transport} {trouble:?}",
            packet.tunnels.as_slice()
        );
        self.headers.entry((link, shape)).or_insert_with(|| {
            let mut seed = link.to_be_bytes().to_vec();
            let kept = &bytes[..bytes.len().min(HEADERS)];
            seed.extend(
                u16::try_from(bytes.len() - kept.len())
                    .unwrap_or(0)
                    .to_be_bytes(),
            );
            seed.extend(kept);
            seed
        });
    }

    fn add(
        &mut self,
        name: &str,
        server: SocketAddr,
        stream: bool,
        said: &[(SocketAddr, Vec<u8>)],
    ) {
        let kept = self.protocols.entry(name.replace('+', "-")).or_default();
        let first = name.split('+').next().unwrap_or_default();
        let Some(index) = PROTOCOLS.iter().position(|protocol| protocol.name == first) else {
            return;
        };
        let port = PROTOCOLS[index]
            .ports
            .iter()
            .position(|port| *port == server.port());
        let mut left = ALL;
        let mut turns = Vec::new();
        for (from, bytes) in said {
            let bytes = bytes[..bytes.len().min(left)].to_vec();
            left -= bytes.len();
            turns.push(if *from == server {
                Said::Server(bytes)
            } else {
                Said::Client(bytes)
            });
        }
        let scenario = Scenario {
            protocol: u8::try_from(index).unwrap_or(0),
            forced: false,
            over: if stream { Over::Stream } else { Over::Datagram },
            midstream: false,
            closed: stream,
            port: port.map_or(255, |port| u8::try_from(port).unwrap_or(255)),
            segment: 0,
            tight: false,
            said: turns,
        };
        if kept.len() < EACH && !kept.contains(&scenario) {
            kept.push(scenario);
        }
    }
}

fn ends(packet: &Packet) -> Option<(SocketAddr, SocketAddr, bool)> {
    let addresses = packet.addresses?;
    let (ports, stream) = match packet.transport {
        Transport::Tcp(tcp) => (tcp.ports, true),
        Transport::Udp(ports) => (ports, false),
        _ => return None,
    };
    let end = |address: IpAddr, port: u16| SocketAddr::new(address, port);
    Some((
        end(addresses.source, ports.source),
        end(addresses.destination, ports.destination),
        stream,
    ))
}

/// Server and protocol of every conversation of a capture that is recognised.
fn recognised(path: &Path) -> Result<HashMap<Ends, (SocketAddr, String)>, Box<dyn Error>> {
    let mut captures = Captures::open(&[path.to_owned()])?;
    let options = Options {
        threads: 1,
        reveal: Reveal::No,
        ..Options::default()
    };
    let ledger = listen_to(&mut captures, options, &mut |_| {})?;
    let mut names = HashMap::new();
    for record in &ledger.records {
        if let Body::Conversation(conversation) = &record.body
            && let Some(name) = &conversation.protocol
        {
            let end =
                |endpoint: overheard_ledger::Endpoint| SocketAddr::new(endpoint.ip, endpoint.port);
            let (client, server) = (end(conversation.client), end(conversation.server));
            let stream = conversation.transport == "tcp";
            names.insert(
                (client.min(server), client.max(server), stream),
                (server, name.clone()),
            );
        }
    }
    Ok(names)
}
