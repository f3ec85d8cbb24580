//! The memory that records and hints take: what a budget is kept by.

use crate::{
    Body, Certificate, DescribedMedia, Encoding, Hint, HintBody, Masked, MediaKey, Record, Tie,
};

/// What an allocation takes beyond its bytes.
const OVERHEAD: usize = 16;

fn text(text: &str) -> usize {
    if text.is_empty() {
        0
    } else {
        text.len() + OVERHEAD
    }
}

fn maybe(string: Option<&String>) -> usize {
    string.map_or(0, |string| text(string))
}

fn masked(secret: Option<&Masked>) -> usize {
    secret.map_or(0, |secret| text(secret.as_str()))
}

fn list(strings: &[String]) -> usize {
    strings
        .iter()
        .map(|string| size_of::<String>() + text(string))
        .sum()
}

impl Record {
    /// About how many bytes of memory it takes.
    pub fn footprint(&self) -> usize {
        size_of::<Record>() + self.frames.outside() + self.body.footprint()
    }
}

impl Body {
    /// About how many bytes it takes outside of the record.
    fn footprint(&self) -> usize {
        let (boxed, strings) = match self {
            Body::Capture(capture) => (size_of_val(&**capture), list(&capture.notices)),
            Body::Opened(opened) => (size_of_val(&**opened), list(&opened.notices)),
            Body::Conversation(conversation) => (
                size_of_val(&**conversation),
                maybe(conversation.community_id.as_ref())
                    + maybe(conversation.protocol.as_ref())
                    + list(&conversation.encapsulation)
                    + list(&conversation.server_names),
            ),
            Body::Handshake(handshake) => (
                size_of_val(&**handshake),
                text(&handshake.protocol)
                    + [
                        &handshake.version,
                        &handshake.cipher_suite,
                        &handshake.key_exchange,
                        &handshake.server_name,
                        &handshake.alpn,
                        &handshake.ja4,
                        &handshake.ja4_second,
                        &handshake.client_software,
                        &handshake.server_software,
                    ]
                    .into_iter()
                    .map(|string| maybe(string.as_ref()))
                    .sum::<usize>()
                    + list(&handshake.offered_key_exchange)
                    + handshake.certificate.as_ref().map_or(0, of_certificate),
            ),
            Body::Name(name) => (0, text(&name.source) + text(&name.name)),
            Body::Request(request) => (
                size_of_val(&**request),
                text(&request.method)
                    + maybe(request.host.as_ref())
                    + maybe(request.target.as_ref()),
            ),
            Body::Credential(credential) => (
                size_of_val(&**credential),
                text(&credential.protocol)
                    + text(&credential.mechanism)
                    + maybe(credential.user.as_ref())
                    + masked(credential.secret.as_ref()),
            ),
            Body::Call(call) => (
                size_of_val(&**call),
                text(&call.call_id)
                    + maybe(call.from.as_ref())
                    + [
                        &call.to,
                        &call.reason,
                        &call.asserted,
                        &call.diverted_from,
                        &call.transferred_to,
                        &call.leg_of,
                    ]
                    .into_iter()
                    .map(|string| maybe(string.as_ref()))
                    .sum::<usize>()
                    + masked(call.digits.as_ref())
                    + call
                        .steps
                        .iter()
                        .map(|step| size_of_val(step) + text(&step.what))
                        .sum::<usize>(),
            ),
            Body::Media(media) => (
                size_of_val(&**media),
                text(&media.ssrc)
                    + maybe(media.codec.as_ref())
                    + text(&media.protection)
                    + maybe(media.call_id.as_ref())
                    + media.loudness.len()
                    + masked(media.digits.as_ref()),
            ),
            Body::Message(message) => (
                size_of_val(&**message),
                text(&message.protocol)
                    + maybe(message.from.as_ref())
                    + list(&message.to)
                    + masked(message.subject.as_ref())
                    + maybe(message.sha256.as_ref()),
            ),
            Body::Object(object) => (
                size_of_val(&**object),
                text(&object.protocol)
                    + maybe(object.name.as_ref())
                    + maybe(object.media_type.as_ref())
                    + maybe(object.sha256.as_ref()),
            ),
            Body::Finding(finding) => (size_of_val(&**finding), text(&finding.learns)),
        };
        boxed + OVERHEAD + strings
    }
}

fn of_certificate(certificate: &Certificate) -> usize {
    text(&certificate.subject)
        + text(&certificate.issuer)
        + list(&certificate.names)
        + text(&certificate.key)
        + text(&certificate.signature)
}

fn of_media(media: &DescribedMedia) -> usize {
    let of_encoding = |encoding: &Encoding| {
        size_of::<Encoding>() + text(&encoding.name) + text(&encoding.parameters)
    };
    let of_key = |(_, key): &(u32, MediaKey)| {
        size_of::<(u32, MediaKey)>() + text(&key.suite) + key.key.len() + OVERHEAD
    };
    size_of::<DescribedMedia>()
        + size_of_val(media.endpoints.as_slice())
        + size_of_val(media.ssrcs.as_slice())
        + media.encodings.iter().map(of_encoding).sum::<usize>()
        + media.keys.iter().map(of_key).sum::<usize>()
}

impl Hint {
    /// About how many bytes of memory it takes.
    pub fn footprint(&self) -> usize {
        let body = match &self.body {
            HintBody::Resolved { name, .. } => text(name),
            HintBody::Expect { label, details, .. } => {
                maybe(label.as_ref())
                    + details
                        .iter()
                        .map(|(key, value)| 2 * size_of::<String>() + text(key) + text(value))
                        .sum::<usize>()
            }
            HintBody::Described(described) => {
                size_of_val(&**described)
                    + OVERHEAD
                    + text(&described.call)
                    + described.media.iter().map(of_media).sum::<usize>()
            }
            HintBody::Step { call, step, .. } => {
                text(call) + size_of_val(&**step) + OVERHEAD + text(&step.what)
            }
            HintBody::Tied { call, by } => {
                let (Tie::Session(other) | Tie::Call(other) | Tie::ReferredBy(other)) = by;
                text(call) + text(other)
            }
            HintBody::Part { id, .. } => id.len() + OVERHEAD,
            HintBody::HighEntropy { client, server } => client.len() + server.len() + 2 * OVERHEAD,
            HintBody::Observed { learns, .. } => text(learns),
        };
        size_of::<Hint>() + self.frames.outside() + body
    }
}
