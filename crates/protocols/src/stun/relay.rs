//! What a relay passes on (RFC 8656): media between its client and the peers, in channels or in indications.

use overheard_ledger::Endpoint;
use overheard_tap::{Account, Notes, Over, Side};

use crate::shared::rtcp_reports::Reports;
use crate::shared::rtp_streams::{Heard, Path, RtpStreams};

/// The most channels of one conversation whose peers are kept; a client may have 4,096.
const MAX_CHANNELS: usize = 64;

/// What passes through a relay in one conversation.
pub(super) struct Relay {
    /// Who asked the relay to pass something on.
    client: Side,
    /// Channel numbers with their peers.
    channels: Vec<(u16, Endpoint)>,
    streams: RtpStreams,
    reports: Reports,
}

impl Default for Relay {
    fn default() -> Relay {
        Relay {
            client: Side::Client,
            channels: Vec::new(),
            streams: RtpStreams::default(),
            reports: Reports::default(),
        }
    }
}

impl Relay {
    /// Hears that `client` binds a channel to a peer (RFC 8656 section 12).
    pub(super) fn bind(&mut self, client: Side, channel: u16, peer: Endpoint) {
        self.client = client;
        if let Some(bound) = self.channels.iter_mut().find(|bound| bound.0 == channel) {
            bound.1 = peer;
        } else if self.channels.len() < MAX_CHANNELS {
            self.channels.push((channel, peer));
        }
    }

    /// Hears who of the two is the relay's client.
    pub(super) fn serves(&mut self, client: Side) {
        self.client = client;
    }

    /// The peer of a channel, where its binding was heard.
    pub(super) fn peer(&self, channel: u16) -> Option<Endpoint> {
        self.channels
            .iter()
            .find(|bound| bound.0 == channel)
            .map(|bound| bound.1)
    }

    /// Hears a datagram that the relay passes on for `side`: to the peer, or from it. Bytes that are not understood
    /// are booked.
    pub(super) fn hear(
        &mut self,
        side: Side,
        peer: Option<Endpoint>,
        datagram: &[u8],
        notes: &mut Notes<'_>,
    ) {
        let understood = match datagram {
            // The checks of ICE say again what the relay's own messages say.
            [0..=3, ..] => super::message(datagram, Over::Datagram).is_ok(),
            [20..=63, rest @ ..] => {
                let is_dtls = matches!(rest, [0xfe, 0xfd | 0xff, ..]);
                if is_dtls {
                    self.streams.seal("dtls-srtp");
                }
                false
            }
            [128..=191, 192..=223, ..] => self.reports.hear(datagram, notes).is_ok(),
            _ => {
                let far = peer.unwrap_or_else(|| notes.endpoint(self.client.other()));
                let near = notes.endpoint(self.client);
                let (source, destination) = match side == self.client {
                    true => (near, far),
                    false => (far, near),
                };
                let path = Path {
                    source,
                    destination,
                };
                let heard = self.streams.hear(path, datagram, notes);
                matches!(heard, Ok(Heard::Goes | Heard::Begins { proves: true }))
            }
        };
        if !understood {
            notes.account(Account::Unrecognised, datagram.len());
        }
    }

    /// Writes down what media there were.
    pub(super) fn finish(&mut self, notes: &mut Notes<'_>) {
        self.streams.finish(notes);
    }

    /// Bytes of memory that it takes.
    pub(super) fn held(&self) -> usize {
        self.streams.held()
    }
}
