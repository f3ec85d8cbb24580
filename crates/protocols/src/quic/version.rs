//! The versions of QUIC: their names, and how each derives the keys of Initial packets.

/// How a version derives the keys of its Initial packets from a connection id (RFC 9001 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Derivation {
    /// Salt of HKDF-Extract.
    pub(super) salt: [u8; 20],
    /// What the labels of the keys begin with.
    pub(super) prefix: &'static str,
}

const QUIC: &str = "quic";

const DRAFT_22: Derivation = Derivation {
    salt: [
        0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51, 0x9e,
        0xbd, 0x7a, 0x02, 0x64, 0x4a,
    ],
    prefix: QUIC,
};

/// Drafts 23 to 28.
const DRAFT_23: Derivation = Derivation {
    salt: [
        0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63,
        0x65, 0xbe, 0xf9, 0xf5, 0x02,
    ],
    prefix: QUIC,
};

/// Drafts 29 to 32.
const DRAFT_29: Derivation = Derivation {
    salt: [
        0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11,
        0xe0, 0x43, 0x90, 0xa8, 0x99,
    ],
    prefix: QUIC,
};

/// Version 1, and the drafts 33 and 34.
const V1: Derivation = Derivation {
    salt: [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c,
        0xad, 0xcc, 0xbb, 0x7f, 0x0a,
    ],
    prefix: QUIC,
};

/// Version 2 (RFC 9369 section 3.3).
const V2: Derivation = Derivation {
    salt: [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d,
        0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
    ],
    prefix: "quicv2",
};

/// Version 2 in its drafts.
const DRAFT_V2: Derivation = Derivation {
    salt: [
        0xa7, 0x07, 0xc2, 0x03, 0xa5, 0x9b, 0x47, 0x18, 0x4a, 0x1d, 0x62, 0xca, 0x57, 0x04, 0x06,
        0xea, 0x7a, 0xe3, 0xe5, 0xd3,
    ],
    prefix: "quicv2",
};

/// Google's Q050.
const Q050: Derivation = Derivation {
    salt: [
        0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94, 0x5c, 0xfc, 0xdb, 0xd3, 0xa7,
        0xf0, 0xd3, 0xb5, 0x6b, 0x45,
    ],
    prefix: QUIC,
};

/// Google's T050.
const T050: Derivation = Derivation {
    salt: [
        0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80, 0x30, 0x4c, 0x43, 0xa2, 0x36,
        0x7c, 0x60, 0x48, 0x83, 0x10,
    ],
    prefix: QUIC,
};

/// Google's T051.
const T051: Derivation = Derivation {
    salt: [
        0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50, 0x6c, 0x19, 0x12, 0x4f, 0xc8,
        0xcc, 0xda, 0x6e, 0x03, 0x3d,
    ],
    prefix: QUIC,
};

/// What a version of nobody's may derive its keys with, the likeliest first: those who force version
/// negotiation or try something out take the salt of the version that they know.
const ANY: [Derivation; 4] = [V1, DRAFT_29, DRAFT_23, DRAFT_22];

const VERSION_2: u32 = 0x6b33_43cf;
const VERSION_2_DRAFT: u32 = 0x709a_50c4;
const Q050_NUMBER: u32 = u32::from_be_bytes(*b"Q050");
const T050_NUMBER: u32 = u32::from_be_bytes(*b"T050");
const T051_NUMBER: u32 = u32::from_be_bytes(*b"T051");

/// The ways to derive keys that a version may use, the likeliest first.
pub(super) fn derivations(version: u32) -> &'static [Derivation] {
    match version {
        1 | 0xff00_0021..=0xff00_0022 => &[V1],
        0xff00_001d..=0xff00_0020 => &[DRAFT_29],
        // mvfst, Facebook's.
        0xff00_0017..=0xff00_001c | 0xface_b002 | 0xface_b00e => &[DRAFT_23],
        0xff00_0016 | 0xface_b001 => &[DRAFT_22],
        VERSION_2 => &[V2],
        VERSION_2_DRAFT => &[DRAFT_V2],
        Q050_NUMBER => &[Q050],
        T050_NUMBER => &[T050],
        T051_NUMBER => &[T051],
        _ => &ANY,
    }
}

/// Whether a version is one that somebody speaks.
pub(super) fn is_known(version: u32) -> bool {
    matches!(
        version,
        1 | 0xff00_0016..=0xff00_0022
            | 0xface_b000..=0xface_b0ff
            | VERSION_2
            | VERSION_2_DRAFT
            | Q050_NUMBER
            | T050_NUMBER
            | T051_NUMBER
    )
}

/// Whether a version is reserved to force version negotiation (RFC 9000 section 15): `0x?a?a?a?a`.
pub(super) fn is_reserved(version: u32) -> bool {
    version & 0x0f0f_0f0f == 0x0a0a_0a0a
}

/// Whether the types of long headers are numbered as version 2 does (RFC 9369 section 3.2).
pub(super) fn is_version_2(version: u32) -> bool {
    matches!(version, VERSION_2 | VERSION_2_DRAFT)
}

/// Whether the frames are numbered as Google does.
pub(super) fn has_google_frames(version: u32) -> bool {
    matches!(version, Q050_NUMBER | T050_NUMBER | T051_NUMBER)
}

/// Whether the hellos are Google's own, not those of TLS.
pub(super) fn has_google_hello(version: u32) -> bool {
    version == Q050_NUMBER
}

/// A version for people: `QUIC v1`, `QUIC draft-29`, `QUIC T051`; `QUIC 0x1234abcd` where it has no name.
pub(super) fn name(version: u32) -> String {
    match version {
        1 => "QUIC v1".to_owned(),
        VERSION_2 => "QUIC v2".to_owned(),
        VERSION_2_DRAFT => "QUIC v2 draft".to_owned(),
        Q050_NUMBER => "QUIC Q050".to_owned(),
        T050_NUMBER => "QUIC T050".to_owned(),
        T051_NUMBER => "QUIC T051".to_owned(),
        0xff00_0000..=0xff00_00ff => format!("QUIC draft-{:02}", version & 0xff),
        0xface_b000..=0xface_b0ff => format!("QUIC mvfst 0x{version:08x}"),
        _ => format!("QUIC 0x{version:08x}"),
    }
}
