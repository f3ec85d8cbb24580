use overheard_testkit::HeardScene;

use crate::shared::scenes::{Said, announced, call, heard_in, steps, voice};

use super::*;

const CALLER: &str = "192.0.2.10:32803";
const CALLED: &str = "192.0.2.60:1720";

/// Writes fields by the packed encoding rules, aligned variant (X.691).
#[derive(Default)]
struct Packed {
    bytes: Vec<u8>,
    bits: usize,
}

impl Packed {
    fn bits(mut self, value: u32, count: usize) -> Packed {
        for bit in (0..count).rev() {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let set = u8::try_from(value >> bit & 1).unwrap();
            *self.bytes.last_mut().unwrap() |= set << (7 - self.bits % 8);
            self.bits += 1;
        }
        self
    }

    fn octets(mut self, octets: &[u8]) -> Packed {
        self.bytes.extend(octets);
        self.bits = self.bytes.len() * 8;
        self
    }

    /// With its length before it.
    fn open(self, octets: &[u8]) -> Packed {
        self.octets(&[u8::try_from(octets.len()).unwrap()])
            .octets(octets)
    }
}

const VERSION: [u8; 6] = [0, 8, 0x91, 0x4a, 0, 4];
const CALL: [u8; 16] = [
    0xc0, 0xfe, 0xf9, 0x3e, 0xcd, 0x9e, 0xd6, 0x11, 0x9a, 0xb2, 0, 4, 0x76, 0x22, 0x20, 0x17,
];

/// EndpointType: a terminal of a vendor.
fn endpoint(packed: Packed) -> Packed {
    packed
        .bits(0b0_010001, 7)
        // VendorIdentifier with the name of a product.
        .bits(0b0_10, 3)
        .bits(0, 1)
        .octets(&[9, 0, 0, 61])
        .octets(&[3])
        .octets(b"test")
        // TerminalInfo, and the two roles.
        .bits(0b00, 2)
        .bits(0b00, 2)
}

fn address(packed: Packed, ip: [u8; 4], port: u16) -> Packed {
    packed.bits(0, 4).octets(&ip).octets(&port.to_be_bytes())
}

/// OpenLogicalChannel: G.711 A-law, to be received at this port by who sends this.
fn channel(number: u16, port: u16) -> Vec<u8> {
    let parameters = media_parameters(port);
    Packed::default()
        // With reverse parameters; forward: nothing.
        .bits(0b01, 2)
        .octets(&number.to_be_bytes())
        .bits(0b00, 2)
        .bits(0b0_001, 4)
        .bits(0b1000_0000, 8)
        .open(&Packed::default().bits(0, 11).octets(&[1]).bytes)
        .bits(0b01, 2)
        .bits(0b0_011, 4)
        .bits(0b0_0001, 5)
        .octets(&[19])
        .bits(0b1000_0000, 8)
        .open(&parameters)
        .bytes
}

/// H2250LogicalChannelParameters with a media channel.
fn media_parameters(port: u16) -> Vec<u8> {
    Packed::default()
        .bits(0, 1)
        .bits(0b0010000000, 10)
        .octets(&[1])
        .bits(0b0_0, 2)
        .bits(0b0_000, 4)
        .bits(0, 1)
        .octets(&[192, 0, 2, 10])
        .octets(&port.to_be_bytes())
        .bytes
}

fn additions(packed: Packed, list: &[Option<Vec<u8>>]) -> Packed {
    let mut packed = packed.bits(u32::try_from(list.len() - 1).unwrap(), 7);
    for there in list {
        packed = packed.bits(u32::from(there.is_some()), 1);
    }
    list.iter()
        .flatten()
        .fold(packed, |packed, bytes| packed.open(bytes))
}

fn guid() -> Vec<u8> {
    Packed::default().bits(0, 1).octets(&CALL).bytes
}

/// Setup-UUIE with names, addresses, identifiers and one channel.
fn setup_information() -> Vec<u8> {
    let list = Packed::default().octets(&[1]).open(&channel(1, 5004)).bytes;
    let mut packed = Packed::default()
        .bits(0b00, 2)
        .bits(0b00, 2)
        .bits(0b0_000, 4)
        .bits(1, 1)
        .bits(0b0111000, 7)
        .open(&VERSION)
        // One name, `Ada`.
        .octets(&[1])
        .bits(0b0_1, 2)
        .octets(&[2, 0, b'A', 0, b'd', 0, b'a']);
    packed = endpoint(packed)
        // Digits: 12#, of an alphabet of 13.
        .octets(&[1])
        .bits(0b0_0, 2)
        .bits(2, 7)
        .octets(&[0x45])
        .bits(0, 4);
    packed = address(packed, [192, 0, 2, 60], 1720)
        .bits(0, 1)
        .octets(&[7; 16])
        .bits(0b0_00, 3)
        .bits(0b0_00, 3);
    additions(
        packed,
        &[None, None, Some(guid()), None, None, None, Some(list)],
    )
    .bytes
}

/// Connect-UUIE with the address of H.245.
fn connect_information() -> Vec<u8> {
    let packed = Packed::default()
        .bits(0b00, 2)
        .bits(0b00, 2)
        .bits(0b0_010, 4)
        .bits(0b11, 2)
        .open(&VERSION);
    let packed = address(packed, [192, 0, 2, 60], 1232);
    let packed = endpoint(packed).octets(&[7; 16]);
    let list = Packed::default().octets(&[1]).open(&channel(1, 6004)).bytes;
    additions(packed, &[Some(guid()), None, None, None, Some(list)]).bytes
}

fn user_user(information: &[u8]) -> Vec<u8> {
    let length = u16::try_from(information.len() + 1).unwrap();
    [&[0x7e][..], &length.to_be_bytes(), &[5], information].concat()
}

fn tpkt(inside: &[u8]) -> Vec<u8> {
    let length = u16::try_from(inside.len() + 4).unwrap();
    [&[3, 0][..], &length.to_be_bytes(), inside].concat()
}

fn q931(flag: u8, kind: u8, elements: &[&[u8]]) -> Vec<u8> {
    tpkt(&[&[8, 2, 0x77 | flag, 0xf4, kind][..], &elements.concat()].concat())
}

const CALLING: &[u8] = b"\x6c\x04\x01\x8017";
const CALLED_NUMBER: &[u8] = b"\x70\x04\x81300";

fn whole_call(with_numbers: bool) -> Vec<(bool, Vec<u8>)> {
    let numbers: &[u8] = if with_numbers {
        &[CALLING, CALLED_NUMBER].concat()
    } else {
        &[]
    };
    vec![
        (
            true,
            q931(
                0,
                kind::SETUP,
                &[
                    b"\x04\x03\x80\x90\xa5\x28\x04Ada\0",
                    numbers,
                    &user_user(&setup_information()),
                ],
            ),
        ),
        (false, q931(0x80, kind::CALL_PROCEEDING, &[])),
        (false, tpkt(&[])),
        (false, q931(0x80, kind::ALERTING, &[])),
        (
            false,
            q931(0x80, kind::CONNECT, &[&user_user(&connect_information())]),
        ),
        (true, q931(0, kind::INFORMATION, &[b"\x2c\x025#"])),
        (
            true,
            q931(0, kind::RELEASE_COMPLETE, &[b"\x08\x02\x80\x90"]),
        ),
    ]
}

fn heard_at(said: &[Said], segment: usize) -> HeardScene {
    heard_in(&PROTOCOL, Over::Stream, [CALLER, CALLED], said, segment)
}

fn heard(said: &[(bool, Vec<u8>)]) -> HeardScene {
    heard_at(said, 1460)
}

#[test]
fn a_call_is_told_by_its_numbers() {
    let heard = heard(&whole_call(true));
    let call = call(&heard);
    assert_eq!(call.call_id, "c0fef93ecd9ed6119ab2000476222017");
    assert_eq!(call.from.as_deref(), Some("tel:17"));
    assert_eq!(call.to.as_deref(), Some("tel:300"));
    assert_eq!(call.state, CallState::Ended);
    assert_eq!(call.reason, None);
    assert_eq!(call.digits.as_ref().unwrap().as_str(), "5#");
    assert!(call.start < call.ringing && call.ringing < call.answer && call.answer < call.end);
    assert_eq!(
        steps(call),
        [
            "SETUP",
            "CALL PROCEEDING",
            "ALERTING",
            "CONNECT",
            "INFORMATION",
            "RELEASE COMPLETE"
        ]
    );
}

#[test]
fn without_numbers_it_is_told_by_its_names() {
    let heard = heard(&whole_call(false));
    assert_eq!(call(&heard).from.as_deref(), Some("Ada"));
    assert_eq!(call(&heard).to.as_deref(), Some("tel:12#"));
}

#[test]
fn the_voice_of_a_fast_start_is_announced() {
    let voice = voice(&heard(&whole_call(true)));
    let places: Vec<&str> = voice
        .iter()
        .map(|(endpoint, ..)| endpoint.as_str())
        .collect();
    assert_eq!(places, ["192.0.2.10:5004", "192.0.2.10:6004"]);
    for (_, label, details) in &voice {
        assert_eq!(label.as_deref(), Some("c0fef93ecd9ed6119ab2000476222017"));
        assert!(
            details.contains(&("8".into(), "PCMA".into())),
            "{details:?}"
        );
    }
}

#[test]
fn where_h245_is_to_be_spoken_is_announced() {
    let places = |heard: &HeardScene| -> Vec<String> {
        announced(heard, "h245")
            .into_iter()
            .inspect(|(_, call, _)| {
                assert_eq!(call.as_deref(), Some("c0fef93ecd9ed6119ab2000476222017"));
            })
            .map(|(place, ..)| place)
            .collect()
    };
    assert_eq!(places(&heard(&whole_call(true))), ["192.0.2.60:1232"]);
    // FACILITY, whose reason is that H.245 is to begin: a later choice, without contents.
    let packed = Packed::default()
        .bits(0b00, 2)
        .bits(0b00, 2)
        .bits(0b0_110, 4)
        .bits(0b1_000, 4)
        .open(&VERSION)
        .bits(0b1, 1)
        .bits(1, 7)
        .open(&[0]);
    let place = address(Packed::default(), [192, 0, 2, 10], 1503).bytes;
    let later = [Some(guid()), None, None, None, None, None, Some(place)];
    let facility = additions(packed, &later).bytes;
    let mut said = whole_call(true);
    said.insert(5, (true, q931(0, kind::FACILITY, &[&user_user(&facility)])));
    assert_eq!(
        places(&heard(&said)),
        ["192.0.2.60:1232", "192.0.2.10:1503"]
    );
}

#[test]
fn a_conversation_of_h245_announces_what_is_agreed_in_it() {
    // TerminalCapabilitySet with nothing optional in it.
    let first = Packed::default()
        .bits(0b0_00, 3)
        .bits(0b0_0010, 5)
        .bits(0, 4)
        .octets(&[1])
        .open(&[0, 8, 0x81, 0x75, 0, 3])
        .bytes;
    let open = Packed::default()
        .bits(0b0_00, 3)
        .bits(0b0_0011, 5)
        .bits(0b00, 2)
        .octets(&[0, 7])
        .bits(0b00, 2)
        .bits(0b0_011, 4)
        .bits(0b0_0011, 5)
        .octets(&[19])
        .bits(0b1000_0000, 8)
        .open(&Packed::default().bits(0, 11).octets(&[1]).bytes)
        .bytes;
    // The choice of the parameters, and what of them is there: session and media channel.
    let chosen = Packed::default()
        .bits(0, 1)
        .bits(0, 1)
        .bits(0b01100, 5)
        .octets(&[1])
        .bits(0b0_0, 2)
        .bits(0b0_000, 4)
        .bits(0, 1)
        .octets(&[192, 0, 2, 60])
        .octets(&7000_u16.to_be_bytes())
        .bytes;
    let agreed = Packed::default()
        .bits(0b0_01, 3)
        .bits(0b0_00101, 6)
        .bits(0b10, 2)
        .octets(&[0, 7]);
    let agreed = additions(agreed, &[None, Some(chosen)]).bytes;
    let heard = heard(&[
        (true, tpkt(&first)),
        (false, tpkt(&first)),
        (true, tpkt(&open)),
        (false, tpkt(&agreed)),
    ]);
    let voice = voice(&heard);
    assert_eq!(voice.len(), 1, "{voice:?}");
    assert_eq!(voice[0].0, "192.0.2.60:7000");
    assert!(
        voice[0].2.contains(&("0".into(), "PCMU".into())),
        "{voice:?}"
    );
}

#[test]
fn a_busy_line_says_so() {
    let mut said = whole_call(true);
    said.truncate(2);
    said.push((
        false,
        q931(0x80, kind::RELEASE_COMPLETE, &[b"\x08\x02\x80\x91"]),
    ));
    let heard = heard(&said);
    assert_eq!(call(&heard).state, CallState::Failed);
    assert_eq!(call(&heard).reason.as_deref(), Some("17 User busy"));
}

#[test]
fn the_cut_into_segments_changes_nothing() {
    let whole = heard(&whole_call(true));
    for segment in [1, 5, 64] {
        let cut = heard_at(&whole_call(true), segment);
        assert_eq!(call(&whole).steps.len(), call(&cut).steps.len());
        assert_eq!(voice(&whole), voice(&cut));
    }
}

#[test]
fn a_remote_desktop_is_none() {
    let request = b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00";
    let heard = heard(&[(true, request.to_vec())]);
    assert!(!heard.ledger().contains("\"h323\""));
}

#[test]
fn every_cut_and_every_changed_byte_survives() {
    let setup = &whole_call(true)[0].1;
    for at in 0..setup.len() {
        heard(&[(true, setup[..at].to_vec())]);
        for change in [0xff, 0x00, 0x80] {
            let mut changed = setup.clone();
            changed[at] ^= change;
            changed[at] |= change & 0x7f;
            heard(&[(true, changed)]);
        }
    }
    let information = setup_information();
    for end in 0..information.len() {
        user::read(&information[..end]);
        let connect = connect_information();
        user::read(connect.get(..end).unwrap_or_default());
    }
}
