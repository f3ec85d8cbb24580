//! What H.225.0 adds to the messages of Q.931: who calls whom by name, the call's identifier, and where voice is to go
//! (ITU-T H.225.0 annex H, H.245 annex A; packed encoding rules).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use overheard_ledger::Endpoint;

use crate::shared::call_book::shortened;
use crate::shared::hex::hex;
use crate::shared::per::Bits;

/// What a message says. What could not be read to the end leaves the rest empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The names of the caller.
    pub(super) from: Vec<String>,
    /// The names of the called.
    pub(super) to: Vec<String>,
    /// Where the called listens for signalling.
    pub(super) to_address: Option<Endpoint>,
    /// Where the speaker listens for a conversation of H.245 about this call.
    pub(super) control: Option<Endpoint>,
    /// Identifier of the call, 32 hexadecimal digits.
    pub(super) call: Option<String>,
    /// Where media will be received, and in which codec.
    pub(super) media: Vec<(Endpoint, Codec)>,
    /// Channels that the speaker opens, by number.
    pub(super) opened: Vec<(u16, Codec)>,
    /// The channel of the other side that the speaker agrees to.
    pub(super) agreed: Option<u16>,
}

/// The payload type and name of a codec, where it has fixed ones.
pub(super) type Codec = Option<(u8, &'static str)>;

/// Reads the information that user-user carries, behind its protocol discriminator.
pub(super) fn read(bytes: &[u8]) -> Told {
    let mut told = Told::default();
    let _ = user_information(bytes, &mut told);
    told
}

fn user_information(bytes: &[u8], told: &mut Told) -> Option<()> {
    let mut bits = Bits::new(bytes);
    let _user = (bits.bit()?, bits.bit()?);
    let more = bits.bit()?;
    let non_standard = bits.bit()?;
    match bits.bit()? {
        true => {
            bits.later_choice()?;
        }
        false => match bits.bits(3)? {
            0 => setup(&mut bits, told)?,
            1 | 3 => answer(&mut bits, false, told)?,
            2 => answer(&mut bits, true, told)?,
            6 => facility(&mut bits, told)?,
            _ => return None,
        },
    }
    if non_standard {
        self::non_standard(&mut bits)?;
    }
    if more {
        let additions = bits.additions()?;
        // Messages of H.245 that pass inside.
        if let Some(tunnelled) = additions.get(2).copied().flatten() {
            for message in Bits::new(tunnelled).list(Bits::open)? {
                let _ = control(message, told);
            }
        }
    }
    Some(())
}

/// Setup-UUIE.
fn setup(bits: &mut Bits<'_>, told: &mut Told) -> Option<()> {
    let more = bits.bit()?;
    let there: [bool; 7] = optional(bits)?;
    let [
        control,
        source,
        destination,
        signal,
        extra,
        references,
        services,
    ] = there;
    bits.open()?;
    if control {
        told.control = transport_address(bits)?;
    }
    if source {
        told.from = bits.list(alias)?.into_iter().flatten().collect();
    }
    endpoint_type(bits)?;
    if destination {
        told.to = bits.list(alias)?.into_iter().flatten().collect();
    }
    if signal {
        told.to_address = transport_address(bits)?;
    }
    if extra {
        bits.list(alias)?;
    }
    if references {
        bits.list(Bits::pair)?;
    }
    let _active = bits.bit()?;
    told.call = identifier(bits.octets(16)?);
    bits.choice(2)?;
    if services {
        // QseriesOptions, of nine booleans, two of them in a sequence of their own.
        let (later, _, inner) = (bits.bit()?, bits.bits(7)?, bits.bit()?);
        bits.bits(2)?;
        for later in [inner, later] {
            if later {
                bits.additions()?;
            }
        }
    }
    bits.choice(2)?;
    if more {
        let additions = bits.additions()?;
        call_identifier(&additions, 2, told);
        fast_start(&additions, 6, told);
    }
    Some(())
}

/// CallProceeding-UUIE and Alerting-UUIE, or Connect-UUIE.
fn answer(bits: &mut Bits<'_>, connect: bool, told: &mut Told) -> Option<()> {
    let more = bits.bit()?;
    let control = bits.bit()?;
    bits.open()?;
    if connect && control {
        told.control = transport_address(bits)?;
    }
    endpoint_type(bits)?;
    if connect {
        told.call = identifier(bits.octets(16)?);
    } else if control {
        told.control = transport_address(bits)?;
    }
    if more {
        let additions = bits.additions()?;
        call_identifier(&additions, 0, told);
        fast_start(&additions, 4, told);
    }
    Some(())
}

/// Facility-UUIE.
fn facility(bits: &mut Bits<'_>, told: &mut Told) -> Option<()> {
    let more = bits.bit()?;
    let [address, aliases, conference] = optional(bits)?;
    bits.open()?;
    if address {
        transport_address(bits)?;
    }
    if aliases {
        bits.list(alias)?;
    }
    if conference {
        bits.octets(16)?;
    }
    bits.choice(2)?;
    if more {
        let additions = bits.additions()?;
        call_identifier(&additions, 0, told);
        if let Some(bytes) = additions.get(6).copied().flatten() {
            told.control = transport_address(&mut Bits::new(bytes)).flatten();
        }
        fast_start(&additions, 7, told);
    }
    Some(())
}

fn optional<const N: usize>(bits: &mut Bits<'_>) -> Option<[bool; N]> {
    let mut there = [false; N];
    for field in &mut there {
        *field = bits.bit()?;
    }
    Some(there)
}

fn identifier(bytes: &[u8]) -> Option<String> {
    bytes.iter().any(|&byte| byte != 0).then(|| hex(bytes))
}

fn call_identifier(additions: &[Option<&[u8]>], place: usize, told: &mut Told) {
    if let Some(bytes) = additions.get(place).copied().flatten() {
        let mut bits = Bits::new(bytes);
        let guid = bits.bit().and_then(|_| bits.octets(16));
        told.call = guid.and_then(identifier).or(told.call.take());
    }
}

fn fast_start(additions: &[Option<&[u8]>], place: usize, told: &mut Told) {
    let Some(bytes) = additions.get(place).copied().flatten() else {
        return;
    };
    for channel in Bits::new(bytes).list(Bits::open).unwrap_or_default() {
        let _ = open_logical_channel(&mut Bits::new(channel), told);
    }
}

fn non_standard(bits: &mut Bits<'_>) -> Option<()> {
    match bits.bit()? {
        true => bits.later_choice().map(drop)?,
        false => match bits.bit()? {
            true => manufacturer(bits)?,
            false => bits.open().map(drop)?,
        },
    }
    bits.open().map(drop)
}

/// H221NonStandard.
fn manufacturer(bits: &mut Bits<'_>) -> Option<()> {
    let more = bits.bit()?;
    bits.octets(4)?;
    rest(bits, more)
}

/// Passes over the additions of later versions.
fn rest(bits: &mut Bits<'_>, more: bool) -> Option<()> {
    if more {
        bits.additions()?;
    }
    Some(())
}

fn endpoint_type(bits: &mut Bits<'_>) -> Option<()> {
    let more = bits.bit()?;
    let there: [bool; 6] = optional(bits)?;
    let [own, vendor, gatekeeper, gateway, unit, terminal] = there;
    if own {
        non_standard(bits)?;
    }
    if vendor {
        let later = bits.bit()?;
        let (product, version) = (bits.bit()?, bits.bit()?);
        manufacturer(bits)?;
        for named in [product, version] {
            if named {
                bits.up_to_256()?;
            }
        }
        rest(bits, later)?;
    }
    if gatekeeper {
        simple(bits)?;
    }
    if gateway {
        let later = bits.bit()?;
        let (protocols, own) = (bits.bit()?, bits.bit()?);
        if protocols {
            bits.list(supported_protocol)?;
        }
        if own {
            non_standard(bits)?;
        }
        rest(bits, later)?;
    }
    for there in [unit, terminal] {
        if there {
            simple(bits)?;
        }
    }
    let _roles = (bits.bit()?, bits.bit()?);
    rest(bits, more)
}

/// A sequence with nothing but a non-standard part.
fn simple(bits: &mut Bits<'_>) -> Option<()> {
    let later = bits.bit()?;
    if bits.bit()? {
        non_standard(bits)?;
    }
    rest(bits, later)
}

fn supported_protocol(bits: &mut Bits<'_>) -> Option<()> {
    match bits.choice(4)? {
        None => Some(()),
        Some(0) => non_standard(bits),
        Some(_) => {
            let later = bits.bit()?;
            let (own, rates) = (bits.bit()?, bits.bit()?);
            if own {
                non_standard(bits)?;
            }
            // Rates are rare, and not read.
            (!rates).then_some(())?;
            rest(bits, later)
        }
    }
}

/// AliasAddress: digits, a name, a URL or an address of mail.
fn alias(bits: &mut Bits<'_>) -> Option<Option<String>> {
    if bits.bit()? {
        let (place, bytes) = bits.later_choice()?;
        let text = |bytes| {
            let mut bits = Bits::new(bytes);
            let length = usize::from(bits.pair()?) + 1;
            Some(shortened(&String::from_utf8_lossy(bits.octets(length)?)))
        };
        return Some(match place {
            0 | 2 => text(bytes),
            _ => None,
        });
    }
    if bits.bit()? {
        // BMPString: two bytes a character.
        let length = usize::from(bits.byte()?) + 1;
        let units: Vec<u16> = bits
            .octets(2 * length)?
            .chunks_exact(2)
            .map(|pair| {
                pair.iter()
                    .fold(0, |unit, &byte| unit << 8 | u16::from(byte))
            })
            .collect();
        return Some(Some(shortened(&String::from_utf16_lossy(&units))));
    }
    let length = bits.bits(7)? + 1;
    bits.octets(0)?;
    let digit = |_| {
        let place = usize::try_from(bits.bits(4)?).ok()?;
        b"#*,0123456789".get(place).map(|&byte| char::from(byte))
    };
    (0..length).map(digit).collect::<Option<String>>().map(Some)
}

fn address(bits: &mut Bits<'_>, long: bool) -> Option<Endpoint> {
    let ip: IpAddr = if long {
        let bytes: [u8; 16] = bits.octets(16)?.try_into().ok()?;
        Ipv6Addr::from(bytes).into()
    } else {
        let bytes: [u8; 4] = bits.octets(4)?.try_into().ok()?;
        Ipv4Addr::from(bytes).into()
    };
    Some(Endpoint::new(ip, bits.pair()?))
}

/// TransportAddress of H.225.0; `Some(None)` for what is not of the Internet and can be passed over.
fn transport_address(bits: &mut Bits<'_>) -> Option<Option<Endpoint>> {
    match bits.choice(3)? {
        None => Some(None),
        Some(0) => address(bits, false).map(Some),
        Some(3) => {
            let later = bits.bit()?;
            let found = address(bits, true)?;
            rest(bits, later)?;
            Some(Some(found))
        }
        Some(_) => None,
    }
}

/// TransportAddress of H.245.
fn media_address(bits: &mut Bits<'_>) -> Option<Option<Endpoint>> {
    // Unicast, else a group, which is nobody's.
    match bits.choice(1)? {
        None => return Some(None),
        Some(0) => {}
        Some(_) => return None,
    }
    match bits.choice(3)? {
        None => Some(None),
        Some(kind @ (0 | 2)) => {
            let later = bits.bit()?;
            let found = address(bits, kind == 2)?;
            rest(bits, later)?;
            Some(Some(found))
        }
        Some(_) => None,
    }
}

/// DataType: the codec of voice; `None` where it is video, or something that cannot be passed over.
fn data_type(bits: &mut Bits<'_>) -> Option<Codec> {
    match bits.choice(3)? {
        None | Some(1) => return Some(None),
        Some(3) => {}
        Some(_) => return None,
    }
    let Some(kind) = bits.choice(4)? else {
        return Some(None);
    };
    let codec = match kind {
        1 | 2 => (8, "PCMA"),
        3 | 4 => (0, "PCMU"),
        5..=7 => (9, "G722"),
        8 => (4, "G723"),
        9 => (15, "G728"),
        10 | 11 => (18, "G729"),
        _ => return None,
    };
    bits.byte()?;
    if kind == 8 {
        bits.bit()?;
    }
    Some(Some(codec))
}

/// The parameters of a channel of RTP, the first that were added to the choice: where media will be received.
fn multiplex(bits: &mut Bits<'_>) -> Option<Option<Endpoint>> {
    if !bits.bit()? {
        return None;
    }
    let (place, bytes) = bits.later_choice()?;
    if place != 0 {
        return Some(None);
    }
    let mut bits = Bits::new(bytes);
    let _later = bits.bit()?;
    let [own, session, media, ..]: [bool; 10] = optional(&mut bits)?;
    (!own).then_some(())?;
    bits.byte()?;
    if session {
        bits.bits(8)?;
    }
    match media {
        true => media_address(&mut bits),
        false => Some(None),
    }
}

/// OpenLogicalChannel.
fn open_logical_channel(bits: &mut Bits<'_>, told: &mut Told) -> Option<()> {
    let _later = bits.bit()?;
    let reverse = bits.bit()?;
    let number = bits.pair()?;
    let later = bits.bit()?;
    if bits.bit()? {
        bits.pair()?;
    }
    let codec = data_type(bits)?;
    told.opened.push((number, codec));
    let endpoint = multiplex(bits)?;
    told.media
        .extend(endpoint.map(|endpoint| (endpoint, codec)));
    rest(bits, later)?;
    if reverse {
        let _later = bits.bit()?;
        let there = bits.bit()?;
        let codec = data_type(bits)?;
        if there {
            let endpoint = multiplex(bits)?;
            told.media
                .extend(endpoint.map(|endpoint| (endpoint, codec)));
        }
    }
    Some(())
}

/// Whether a message of H.245 is the first that its conversations hold: TerminalCapabilitySet, with the identifier of
/// the protocol, 0.0.8.245.0 and its version.
pub(super) fn is_control(bytes: &[u8]) -> bool {
    let identified = bytes.get(3..9);
    bytes.first() == Some(&2) && identified == Some(&[6, 0, 8, 0x81, 0x75, 0])
}

/// A message of H.245: a channel that is opened, or that the other side has agreed to open.
pub(super) fn control(bytes: &[u8], told: &mut Told) -> Option<()> {
    let mut bits = Bits::new(bytes);
    match bits.choice(2)?? {
        0 if bits.choice(4)?? == 3 => open_logical_channel(&mut bits, told),
        1 if bits.choice(5)?? == 5 => {
            let later = bits.bit()?;
            let reverse = bits.bit()?;
            told.agreed = bits.pair();
            (later && !reverse).then_some(())?;
            let additions = bits.additions()?;
            let mut bits = Bits::new(additions.get(1).copied().flatten()?);
            (bits.choice(0)? == Some(0)).then_some(())?;
            let _later = bits.bit()?;
            let [own, session, media, ..]: [bool; 5] = optional(&mut bits)?;
            (!own).then_some(())?;
            if session {
                bits.byte()?;
            }
            if media {
                let endpoint = media_address(&mut bits)?;
                told.media.extend(endpoint.map(|endpoint| (endpoint, None)));
            }
            Some(())
        }
        _ => None,
    }
}
