//! What tests of signalling share: two sides that speak in turns, and what was told of them.

use overheard_ledger::{Body, Call, Description, Exposure, HintBody};
use overheard_tap::{Over, Protocol};
use overheard_testkit::{HeardScene, Scene, hear};

/// What is said: whether the client says it, and the bytes.
pub(crate) type Said = (bool, Vec<u8>);

/// What `protocol` hears where client and server say this, in segments of so many bytes.
pub(crate) fn heard_in(
    protocol: &'static Protocol,
    over: Over,
    [client, server]: [&str; 2],
    said: &[Said],
    segment: usize,
) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(segment);
    scene.step(10_000_000);
    let talk = match over {
        Over::Stream => scene.tcp(client, server),
        Over::Datagram => scene.udp(client, server),
    };
    for (from_client, bytes) in said {
        match from_client {
            true => scene.client(talk, bytes),
            false => scene.server(talk, bytes),
        }
    }
    if over == Over::Stream {
        scene.close(talk);
    }
    hear(&[protocol], &scene.pcap())
}

/// The calls, in order.
pub(crate) fn calls(heard: &HeardScene) -> Vec<&Call> {
    heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Call(call) => Some(&**call),
            _ => None,
        })
        .collect()
}

/// The only call.
pub(crate) fn call(heard: &HeardScene) -> &Call {
    let calls = calls(heard);
    let [call] = calls[..] else {
        panic!("{calls:#?}")
    };
    call
}

/// What was said to set the call up and end it.
pub(crate) fn steps(call: &Call) -> Vec<&str> {
    call.steps.iter().map(|step| step.what.as_str()).collect()
}

/// An endpoint that was announced: where, for which call, and what was said of it.
pub(crate) type Announced = (String, Option<String>, Vec<(String, String)>);

/// The endpoints of RTP that were announced, in order.
pub(crate) fn voice(heard: &HeardScene) -> Vec<Announced> {
    announced(heard, "rtp")
}

/// The endpoints of a protocol that were announced, in order.
pub(crate) fn announced(heard: &HeardScene, wanted: &str) -> Vec<Announced> {
    heard
        .hints
        .iter()
        .filter_map(|hint| match &hint.body {
            HintBody::Expect {
                endpoint,
                protocol,
                label,
                details,
            } if *protocol == wanted => {
                Some((endpoint.to_string(), label.clone(), details.clone()))
            }
            _ => None,
        })
        .collect()
}

/// What parties of calls said of their media, in order.
pub(crate) fn described(heard: &HeardScene) -> Vec<&Description> {
    heard
        .hints
        .iter()
        .filter_map(|hint| match &hint.body {
            HintBody::Described(described) => Some(&**described),
            _ => None,
        })
        .collect()
}

/// What was observed, by rule.
pub(crate) fn learned(heard: &HeardScene, wanted: &str) -> Option<String> {
    heard.hints.iter().find_map(|hint| match &hint.body {
        HintBody::Observed { rule, learns } if *rule == wanted => Some(learns.clone()),
        _ => None,
    })
}

/// The exposure of the conversation.
pub(crate) fn exposure(heard: &HeardScene) -> Option<Exposure> {
    heard.records.iter().find_map(|record| match &record.body {
        Body::Conversation(conversation) => Some(conversation.exposure),
        _ => None,
    })
}
