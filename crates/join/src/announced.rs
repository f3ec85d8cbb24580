//! Conversations that another one announced: RTP streams by SDP, data connections by FTP.

use foldhash::{HashMap, HashMapExt, HashSet};
use overheard_ledger::{
    Body, Conversation, Endpoint, Exposure, Hint, HintBody, Media, Object, Record, Time,
};

use crate::described::Descriptions;
use crate::{Places, conversation_at};

/// What was announced for an endpoint.
pub(crate) struct Announcement<'a> {
    conversation: u64,
    frame: u64,
    protocol: &'static str,
    label: Option<&'a str>,
    details: &'a [(String, String)],
}

impl Announcement<'_> {
    fn detail(&self, key: &str) -> Option<&str> {
        self.details
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }
}

pub(crate) type Announcements<'a> = HashMap<Endpoint, Vec<Announcement<'a>>>;

/// Gathers what was announced, by the endpoint that it was announced for.
pub(crate) fn gather<'a>(records: &[Record], hints: &'a [Hint]) -> Announcements<'a> {
    let mut announced: Announcements<'_> = HashMap::new();
    for hint in hints {
        if let HintBody::Expect {
            endpoint,
            protocol,
            label,
            details,
        } = &hint.body
        {
            announced.entry(*endpoint).or_default().push(Announcement {
                conversation: hint.conversation,
                frame: hint.frames.first().copied().unwrap_or(hint.conversation),
                protocol,
                label: label.as_deref(),
                details,
            });
        }
    }
    let calls = calls_by_control(records, &announced);
    for announcement in announced.values_mut().flatten() {
        announcement.label = announcement
            .label
            .or_else(|| calls.get(&announcement.conversation).copied());
    }
    announced
}

/// The calls that conversations of H.245 are about: they name none, but a call announced where they take place.
fn calls_by_control<'a>(
    records: &[Record],
    announced: &Announcements<'a>,
) -> HashMap<u64, &'a str> {
    let is_control = |announcement: &Announcement<'_>| announcement.protocol == "h245";
    if !announced.values().flatten().any(is_control) {
        return HashMap::new();
    }
    records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Conversation(conversation) => {
                let (place, id) = (conversation.server, conversation.id);
                Some((id, fitting(announced, place, "h245", id)?.label?))
            }
            _ => None,
        })
        .collect()
}

/// The announcement that fits best: of this protocol, and the last one made before the frame, else
/// the first one after it (media may arrive before the answer that announces it).
fn fitting<'a, 'b>(
    announced: &'b Announcements<'a>,
    endpoint: Endpoint,
    protocol: &str,
    frame: u64,
) -> Option<&'b Announcement<'a>> {
    let all = announced.get(&endpoint)?;
    let mut fitting = all
        .iter()
        .filter(|announcement| announcement.protocol == protocol);
    let first = fitting.clone().next();
    fitting
        .rfind(|announcement| announcement.frame <= frame)
        .or(first)
}

/// What the media of conversations say of them.
pub(crate) struct Heard {
    /// What a tap gets of a conversation's media: the loudest of its streams decides. `None` where it carries none
    /// after all.
    exposures: HashMap<u64, Option<Exposure>>,
    /// Those that are sealed with a key that did not pass in clear, whatever their packets look like.
    unheard: HashSet<u64>,
    /// Those that a handshake seals.
    sealed: HashMap<u64, (&'static str, Exposure)>,
}

/// Applies announcements to media, and takes out what only looked like media and that nothing announced.
pub(crate) fn media(
    records: &mut Vec<Record>,
    hints: &[Hint],
    announced: &Announcements<'_>,
) -> Heard {
    let descriptions = Descriptions::of(records, hints);
    let sealed = sealed_media(records);
    let mut exposures: HashMap<u64, Option<Exposure>> = HashMap::new();
    let mut unheard: HashSet<u64> = HashSet::default();
    for record in records.iter_mut() {
        let (Some(id), Body::Media(media)) = (record.conversation, &mut record.body) else {
            continue;
        };
        let frame = record.frames.first().copied().unwrap_or(id);
        let from = record.time.unwrap_or_default();
        let to = Time(from.0.saturating_add(nanoseconds(media.seconds)));
        if let Some(agreed) = descriptions.agreed(media, from, to) {
            media.tentative = false;
            descriptions.describe(media, agreed);
        } else if let Some(announcement) = [media.destination, media.source]
            .into_iter()
            // Who is announced is the receiver; what comes back from there belongs to the same call.
            .find_map(|endpoint| fitting(announced, endpoint, "rtp", frame))
            .filter(|it| !it.label.is_some_and(|call| descriptions.know(call)))
        {
            media.tentative = false;
            describe(media, announcement);
        } else if [media.destination, media.source]
            .into_iter()
            .any(|endpoint| descriptions.receives_media(endpoint))
        {
            // Of a call whose beginning was not understood; the endpoint is one for media all the same.
            media.tentative = false;
        }
        if media.protection == "sdes" {
            unheard.insert(id);
        }
        if let Some((protection, _)) = sealed.get(&id) {
            media.protection = (*protection).to_owned();
        }
        let exposure = exposures.entry(id).or_default();
        if !media.tentative {
            let says = match media.protection.as_str() {
                "none" | "sdes-in-clear" => Exposure::Open,
                "dtls-srtp" | "zrtp" => sealed
                    .get(&id)
                    .map(|&(_, exposure)| exposure)
                    .unwrap_or_default(),
                _ => Exposure::Unknown,
            };
            *exposure = (*exposure).max(Some(says));
        }
    }
    records.retain(|record| !matches!(&record.body, Body::Media(media) if media.tentative));
    Heard {
        exposures,
        unheard,
        sealed,
    }
}

/// Tells conversations what their media say of them.
pub(crate) fn settle(records: &mut [Record], heard: Heard, places: &Places) {
    let Heard {
        exposures,
        unheard,
        sealed,
    } = heard;
    for (id, exposure) in exposures {
        let Some(conversation) = places
            .get(&id)
            .and_then(|place| conversation_at(records, *place))
        else {
            continue;
        };
        match exposure {
            None => unrecognise(conversation, "rtp"),
            Some(Exposure::Unknown) => {
                if unheard.contains(&id) {
                    conversation.exposure = Exposure::Unknown;
                    let accounts = &mut conversation.accounts;
                    accounts.sealed += std::mem::take(&mut accounts.read);
                }
            }
            Some(exposure) => {
                conversation.exposure = exposure;
                if sealed.contains_key(&id) {
                    let accounts = &mut conversation.accounts;
                    accounts.sealed += std::mem::take(&mut accounts.read);
                }
            }
        }
    }
}

/// Seconds as nanoseconds; those of a stream are neither negative nor more than a capture lasts.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// Recognises a conversation that carries a fax (ITU-T T.38), which has no sign of its own: one that a description says it of.
/// Where the call began as voice, the fax follows at the same ports.
pub(crate) fn fax(conversation: &mut Conversation, announced: &Announcements<'_>) {
    let accounts = &mut conversation.accounts;
    let not_understood = accounts.unrecognised + accounts.malformed;
    let voice = conversation.protocol.as_deref() == Some("rtp");
    if not_understood == 0 || !(voice || conversation.protocol.is_none()) {
        return;
    }
    let is_fax = [conversation.server, conversation.client]
        .into_iter()
        .any(|endpoint| fitting(announced, endpoint, "t38", conversation.id).is_some());
    if is_fax {
        accounts.read += std::mem::take(&mut accounts.unrecognised);
        let chain = if voice { "rtp+t38" } else { "t38" };
        conversation.protocol = Some(chain.to_owned());
        conversation.exposure = Exposure::Open;
    }
}

/// The conversations in which a handshake of DTLS (RFC 5764 section 4.1) or ZRTP (RFC 6189) seals the media, by
/// which protection, and what a tap gets of such media: what it gets of the handshake.
fn sealed_media(records: &[Record]) -> HashMap<u64, (&'static str, Exposure)> {
    let mut sealed = HashMap::new();
    for record in records {
        if let (Some(id), Body::Handshake(handshake)) = (record.conversation, &record.body)
            && let Some(protection) = match handshake.protocol.as_str() {
                "dtls" => Some("dtls-srtp"),
                "zrtp" => Some("zrtp"),
                _ => None,
            }
        {
            let exposure = match (handshake.quantum_safe, handshake.forward_secret) {
                (Some(true), _) => Exposure::Sealed,
                (_, Some(true)) => Exposure::Harvest,
                (_, Some(false)) => Exposure::StolenKey,
                _ => Exposure::Unknown,
            };
            sealed.insert(id, (protection, exposure));
        }
    }
    sealed
}

fn describe(media: &mut Media, announcement: &Announcement<'_>) {
    if let Some(codec) = announcement.detail(&media.payload_type.to_string()) {
        media.codec = Some(codec.to_owned());
    }
    if let Some(call) = announcement.label {
        media.call_id = Some(call.to_owned());
    }
    // What the packets themselves say weighs more than what was announced.
    if let Some(protection) = announcement.detail("protection")
        && (media.protection.is_empty() || media.protection == "none")
    {
        media.protection = protection.to_owned();
    }
}

/// Takes back that a conversation was of a protocol: what was read of it was not understood.
pub(crate) fn unrecognise(conversation: &mut Conversation, protocol: &str) {
    let Some(chain) = &conversation.protocol else {
        return;
    };
    let rest: Vec<&str> = chain.split('+').filter(|name| *name != protocol).collect();
    if rest.is_empty() {
        conversation.protocol = None;
        conversation.exposure = Exposure::Unknown;
        conversation.accounts.unrecognised += std::mem::take(&mut conversation.accounts.read);
    } else {
        conversation.protocol = Some(rest.join("+"));
    }
}

/// Names the files that were seen on a conversation of their own, by the request that announced them.
pub(crate) fn name_files(records: &mut [Record], announced: &Announcements<'_>, places: &Places) {
    if announced.is_empty() {
        return;
    }
    let mut named: Vec<(usize, String)> = Vec::new();
    for (place, record) in records.iter().enumerate() {
        let (Some(id), Body::Object(object)) = (record.conversation, &record.body) else {
            continue;
        };
        let conversation = places.get(&id).and_then(|place| records.get(*place));
        let (None, Some(Body::Conversation(conversation))) =
            (&object.name, conversation.map(|record| &record.body))
        else {
            continue;
        };
        let name = [conversation.server, conversation.client]
            .into_iter()
            .find_map(|endpoint| fitting(announced, endpoint, &object.protocol, id)?.label);
        if let Some(name) = name {
            named.push((place, name.to_owned()));
        }
    }
    for (place, name) in named {
        if let Some(Body::Object(object)) = records.get_mut(place).map(|record| &mut record.body) {
            object.name = Some(name);
        }
    }
}

/// Recognises a data connection of FTP, and tells the file that it carries, where it was asked for by name.
pub(crate) fn data_connection(
    conversation: &mut Conversation,
    time: Option<Time>,
    announced: &Announcements<'_>,
) -> Option<Record> {
    if conversation.protocol.is_some() && conversation.protocol.as_deref() != Some("tls") {
        return None;
    }
    let announcement = [conversation.server, conversation.client]
        .into_iter()
        .find_map(|endpoint| fitting(announced, endpoint, "ftp-data", conversation.id))?;
    if conversation.protocol.is_some() {
        conversation.protocol = Some(format!("{}+tls", announcement.protocol));
        return None;
    }
    conversation.protocol = Some(announcement.protocol.to_owned());
    conversation.exposure = Exposure::Open;
    let accounts = &mut conversation.accounts;
    let bytes = std::mem::take(&mut accounts.unrecognised);
    accounts.read += bytes;
    let name = announcement.label.filter(|_| bytes > 0)?;
    let mut frames = vec![announcement.frame, conversation.id];
    frames.sort_unstable();
    frames.dedup();
    let object = Object {
        protocol: announcement.protocol.to_owned(),
        name: Some(name.to_owned()),
        bytes,
        complete: accounts.missing == 0,
        ..Object::default()
    };
    Some(Record {
        body: object.into(),
        conversation: Some(conversation.id),
        frames: frames.into(),
        time,
    })
}
