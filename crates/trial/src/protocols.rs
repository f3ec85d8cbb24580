//! Every protocol of the registry: conversations that an input describes are built packet by packet and
//! heard through the real following.

use std::collections::HashSet;
use std::io::Cursor;
use std::sync::OnceLock;

use overheard::listen::{listen_to, rules};
use overheard_follow::{DEFAULT_MEMORY, MIN_MEMORY, Options};
use overheard_ledger::{HintBody, Reveal};
use overheard_protocols::PROTOCOLS;
use overheard_source::Captures;
use overheard_tap::{Over, Probe, Protocol};
use overheard_testkit::{Scene, Talk, follow_registry};

use crate::bounds::Bounds;
use crate::captures::written;
use crate::given::Given;

/// What a conversation may cost, by the bytes of its capture.
const BOUNDS: Bounds = Bounds {
    memory: (8 << 20, 128),
    allocated: (16 << 20, 1024),
    time: (250_000_000, 20_000),
};

/// Records that any capture may make, and the bytes of capture that it takes for one more.
const RECORDS: (usize, usize) = (64, 4);

/// Packets of one scenario, about: the cutting is coarser where there would be more.
const PACKETS: usize = 512;

/// Bytes of one datagram.
const DATAGRAM: usize = 8192;

/// Times that somebody speaks in one scenario.
const TURNS: usize = 64;

/// What happens in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The client says something.
    Client(Vec<u8>),
    /// The server says something.
    Server(Vec<u8>),
    /// So many bytes of a side (the client's: `true`) are not in the capture.
    Lost(bool, u16),
    /// Time passes, in seconds.
    Silence(u8),
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// A protocol of the registry, by its index (modulo their number).
    pub protocol: u8,
    /// Whether that protocol hears in any case. Else whoever recognises the conversation.
    pub forced: bool,
    /// Stream or datagrams.
    pub over: Over,
    /// Whether its opening is not in the capture.
    pub midstream: bool,
    /// Whether it is closed in the end.
    pub closed: bool,
    /// Port of the server: one of the protocol's, by its index; a port of nobody where it has none there.
    pub port: u8,
    /// Bytes of a segment; 0 for the usual.
    pub segment: u8,
    /// Whether it has to be heard with the least memory.
    pub tight: bool,
    /// What is said.
    pub said: Vec<Said>,
}

const FORCED: u8 = 1;
const DATAGRAMS: u8 = 2;
const MIDSTREAM: u8 = 4;
const CLOSED: u8 = 8;
const TIGHT: u8 = 16;

impl Scenario {
    /// Reads a scenario: protocol, flags, port and segment size, a byte each; then turn by turn a byte that
    /// says what and by whom, the length, and the bytes.
    pub fn read(input: &[u8]) -> Scenario {
        let mut given = Given::new(input);
        let protocol = given.byte();
        let flags = given.byte();
        let (port, segment) = (given.byte(), given.byte());
        let mut said = Vec::new();
        while !given.is_empty() && said.len() < TURNS {
            let kind = given.byte();
            said.push(match kind % 8 {
                6 => Said::Lost(kind & 8 == 0, given.short()),
                7 => Said::Silence(given.byte()),
                from => {
                    let length = usize::from(given.short());
                    let bytes = given.bytes(length).to_vec();
                    if from % 2 == 0 {
                        Said::Client(bytes)
                    } else {
                        Said::Server(bytes)
                    }
                }
            });
        }
        Scenario {
            protocol,
            forced: flags & FORCED != 0,
            over: if flags & DATAGRAMS == 0 {
                Over::Stream
            } else {
                Over::Datagram
            },
            midstream: flags & MIDSTREAM != 0,
            closed: flags & CLOSED != 0,
            port,
            segment,
            tight: flags & TIGHT != 0,
            said,
        }
    }

    /// Writes it as [`Scenario::read`] reads it.
    pub fn write(&self) -> Vec<u8> {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(self.forced, FORCED)
            | flag(self.over == Over::Datagram, DATAGRAMS)
            | flag(self.midstream, MIDSTREAM)
            | flag(self.closed, CLOSED)
            | flag(self.tight, TIGHT);
        let mut bytes = vec![self.protocol, flags, self.port, self.segment];
        for said in &self.said {
            let (kind, what) = match said {
                Said::Client(what) => (0, what),
                Said::Server(what) => (1, what),
                Said::Lost(client, count) => {
                    bytes.push(if *client { 6 } else { 14 });
                    bytes.extend(count.to_be_bytes());
                    continue;
                }
                Said::Silence(seconds) => {
                    bytes.extend([7, *seconds]);
                    continue;
                }
            };
            let what = &what[..what.len().min(usize::from(u16::MAX))];
            bytes.push(kind);
            bytes.extend((what.len() as u16).to_be_bytes());
            bytes.extend(what);
        }
        bytes
    }

    /// The protocol that the scenario is meant for.
    fn meant(&self) -> usize {
        usize::from(self.protocol) % PROTOCOLS.len()
    }

    /// Memory that may be used.
    fn memory(&self) -> usize {
        if self.tight {
            MIN_MEMORY
        } else {
            DEFAULT_MEMORY
        }
    }

    /// Port of the server.
    pub fn server_port(&self) -> u16 {
        let ports = PROTOCOLS[self.meant()].ports;
        ports.get(usize::from(self.port)).copied().unwrap_or(40_001)
    }

    /// Plays it in a scene, between these endpoints.
    pub fn play(&self, scene: &mut Scene, client: &str, server: &str) {
        let stream = self.over == Over::Stream;
        let talk = match (stream, self.midstream) {
            (true, false) => scene.tcp(client, server),
            (true, true) => scene.tcp_midstream(client, server),
            (false, _) => scene.udp(client, server),
        };
        let bytes: usize = self.said.iter().map(Said::length).sum();
        let size = match self.segment {
            0 => 1460,
            size => usize::from(size),
        };
        scene.segment_size(size.max(bytes / PACKETS + 1));
        for said in &self.said {
            said.play(scene, talk, stream);
        }
        if stream && self.closed {
            scene.close(talk);
        }
    }

    /// The capture of it alone.
    pub fn pcap(&self) -> Vec<u8> {
        let mut scene = Scene::new();
        let server = format!("192.0.2.25:{}", self.server_port());
        self.play(&mut scene, "192.0.2.10:50001", &server);
        scene.pcap()
    }
}

impl Said {
    fn length(&self) -> usize {
        match self {
            Said::Client(bytes) | Said::Server(bytes) => bytes.len(),
            Said::Lost(..) | Said::Silence(_) => 0,
        }
    }

    fn play(&self, scene: &mut Scene, talk: Talk, stream: bool) {
        let most = |bytes: &[u8]| {
            if stream {
                bytes.len()
            } else {
                bytes.len().min(DATAGRAM)
            }
        };
        match self {
            Said::Client(bytes) => scene.client(talk, &bytes[..most(bytes)]),
            Said::Server(bytes) => scene.server(talk, &bytes[..most(bytes)]),
            Said::Lost(client, bytes) if stream => scene.lose(talk, *client, u32::from(*bytes)),
            Said::Lost(..) => {}
            Said::Silence(seconds) => scene.wait(u64::from(*seconds) * 1_000_000_000),
        }
    }
}

pub(crate) fn run(input: &[u8]) {
    let scenario = Scenario::read(input);
    let pcap = scenario.pcap();
    BOUNDS.hold(pcap.len(), || {
        if scenario.forced {
            forced(&scenario, &pcap);
        } else {
            recognised(&scenario, &pcap);
        }
    });
}

/// Whoever recognises it hears it; what they say is joined and judged.
fn recognised(scenario: &Scenario, pcap: &[u8]) {
    let reader = Box::new(Cursor::new(pcap.to_vec()));
    let mut captures = Captures::from_reader("scene.pcap", reader).expect("a scene is a capture");
    let options = Options {
        threads: 1,
        reveal: Reveal::No,
        memory: scenario.memory(),
    };
    let ledger = listen_to(&mut captures, options, &mut |_| {}).expect("a scene can be read");
    bounded(ledger.records.len(), pcap);
    written(&ledger);
}

/// One protocol hears it in any case, and those that it becomes.
fn forced(scenario: &Scenario, pcap: &[u8]) {
    let options = Options {
        threads: 1,
        reveal: Reveal::Yes,
        memory: scenario.memory(),
    };
    let heard = follow_registry(registry_led_by(scenario.meant()), pcap, options);
    bounded(heard.records.len() + heard.hints.len(), pcap);
    for hint in &heard.hints {
        if let HintBody::Observed { rule, .. } = &hint.body {
            assert!(rule_names().contains(rule), "{rule} is no rule");
        }
    }
}

fn bounded(records: usize, pcap: &[u8]) {
    let (base, each) = RECORDS;
    let most = base + pcap.len() / each;
    assert!(
        records <= most,
        "{} bytes make {records} records",
        pcap.len()
    );
}

fn rule_names() -> &'static HashSet<&'static str> {
    static NAMES: OnceLock<HashSet<&'static str>> = OnceLock::new();
    NAMES.get_or_init(|| rules().iter().map(|rule| rule.id).collect())
}

/// The registry, led by one of its protocols that takes every conversation for its own.
fn registry_led_by(index: usize) -> &'static [&'static Protocol] {
    static LED: OnceLock<Vec<Vec<&'static Protocol>>> = OnceLock::new();
    let led = LED.get_or_init(|| (0..PROTOCOLS.len()).map(led_by).collect());
    &led[index]
}

fn led_by(index: usize) -> Vec<&'static Protocol> {
    let mut registry = PROTOCOLS.to_vec();
    let chosen = registry.remove(index);
    // Made once for each protocol: it stays as long as the program.
    registry.insert(
        0,
        Box::leak(Box::new(Protocol {
            probe: |sample| {
                if sample.first().is_empty() {
                    Probe::More
                } else {
                    Probe::Sure
                }
            },
            name: chosen.name,
            title: chosen.title,
            over: chosen.over,
            ports: chosen.ports,
            standard: chosen.standard,
            exposure: chosen.exposure,
            begin: chosen.begin,
            rules: chosen.rules,
        })),
    );
    registry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_read_as_it_was_written() {
        let scenario = Scenario {
            protocol: 3,
            forced: true,
            over: Over::Stream,
            midstream: false,
            closed: true,
            port: 1,
            segment: 7,
            tight: true,
            said: vec![
                Said::Client(b"EHLO".to_vec()),
                Said::Lost(false, 300),
                Said::Server(vec![7; 300]),
                Said::Silence(9),
                Said::Lost(true, 1),
            ],
        };
        assert_eq!(Scenario::read(&scenario.write()), scenario);
    }

    #[test]
    fn every_protocol_can_be_reached() {
        for (index, protocol) in PROTOCOLS.iter().enumerate() {
            let led = registry_led_by(index);
            assert_eq!(led.len(), PROTOCOLS.len());
            assert_eq!(led[0].name, protocol.name);
        }
        assert!(PROTOCOLS.len() <= 256, "a byte chooses the protocol");
    }
}
