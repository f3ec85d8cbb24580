//! The payload types of RTP that have a fixed meaning (RFC 3551 section 6).

/// The encoding that RFC 3551 assigns to a payload type; `None` where it is reserved, unassigned or dynamic.
pub(crate) fn static_encoding(payload_type: u8) -> Option<&'static str> {
    Some(match payload_type {
        0 => "PCMU",
        3 => "GSM",
        4 => "G723",
        5 | 6 | 16 | 17 => "DVI4",
        7 => "LPC",
        8 => "PCMA",
        9 => "G722",
        10 | 11 => "L16",
        12 => "QCELP",
        13 => "CN",
        14 => "MPA",
        15 => "G728",
        18 => "G729",
        25 => "CelB",
        26 => "JPEG",
        28 => "nv",
        31 => "H261",
        32 => "MPV",
        33 => "MP2T",
        34 => "H263",
        _ => return None,
    })
}

/// Bytes that a payload of this type comes in multiples of, where its frames have a fixed size that a
/// packet must hold whole: 10 ms of sound for the encodings that send samples.
pub(crate) fn frame_bytes(payload_type: u8) -> Option<usize> {
    match payload_type {
        0 | 8 | 9 => Some(80),
        3 => Some(33),
        18 => Some(10),
        33 => Some(188),
        _ => None,
    }
}

/// The clock of the time stamps of a payload type with a fixed meaning, in Hz.
pub(crate) fn static_clock(payload_type: u8) -> Option<f64> {
    Some(match payload_type {
        // G.722 says 8000 although it takes twice as many samples (RFC 3551 section 4.5.2).
        0..=5 | 7..=9 | 12 | 13 | 15 | 18 => 8000.0,
        6 => 16_000.0,
        10 | 11 => 44_100.0,
        14 | 25..=34 => 90_000.0,
        16 => 11_025.0,
        17 => 22_050.0,
        _ => return None,
    })
}

/// Whether a payload type with a fixed meaning is of pictures, or of pictures and sound in one.
pub(crate) fn is_static_video(payload_type: u8) -> bool {
    matches!(payload_type, 25..=34)
}
