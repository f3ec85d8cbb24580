//! The names of what IKE agrees on: IKEv2 parameters and IKEv1 attributes, as registered with IANA
//! (RFC 7296 section 3.3.2, RFC 9370, draft-ietf-ipsecme-ikev2-mlkem; RFC 2409 appendix A).

/// Types of transform (RFC 7296 section 3.3.2).
pub(super) mod kind {
    pub const ENCRYPTION: u8 = 1;
    pub const PRF: u8 = 2;
    pub const INTEGRITY: u8 = 3;
    pub const KEY_EXCHANGE: u8 = 4;
    /// The first and the last additional key exchange (RFC 9370).
    pub const FIRST_ADDITIONAL: u8 = 6;
    pub const LAST_ADDITIONAL: u8 = 12;
}

fn of(name: Option<&str>, prefix: &str, number: u16) -> String {
    name.map_or_else(|| format!("{prefix}{number}"), str::to_owned)
}

/// An encryption algorithm of IKEv2.
pub(super) fn encryption(number: u16) -> String {
    let name = match number {
        1 => "ENCR_DES_IV64",
        2 => "ENCR_DES",
        3 => "ENCR_3DES",
        4 => "ENCR_RC5",
        5 => "ENCR_IDEA",
        6 => "ENCR_CAST",
        7 => "ENCR_BLOWFISH",
        8 => "ENCR_3IDEA",
        9 => "ENCR_DES_IV32",
        11 => "ENCR_NULL",
        12 => "ENCR_AES_CBC",
        13 => "ENCR_AES_CTR",
        14 => "ENCR_AES_CCM_8",
        15 => "ENCR_AES_CCM_12",
        16 => "ENCR_AES_CCM_16",
        18 => "ENCR_AES_GCM_8",
        19 => "ENCR_AES_GCM_12",
        20 => "ENCR_AES_GCM_16",
        21 => "ENCR_NULL_AUTH_AES_GMAC",
        23 => "ENCR_CAMELLIA_CBC",
        24 => "ENCR_CAMELLIA_CTR",
        25 => "ENCR_CAMELLIA_CCM_8_ICV",
        26 => "ENCR_CAMELLIA_CCM_12_ICV",
        27 => "ENCR_CAMELLIA_CCM_16_ICV",
        28 => "ENCR_CHACHA20_POLY1305",
        29 => "ENCR_AES_CCM_8_IIV",
        30 => "ENCR_AES_GCM_16_IIV",
        31 => "ENCR_CHACHA20_POLY1305_IIV",
        32 => "ENCR_KUZNYECHIK_MGM_KTREE",
        33 => "ENCR_MAGMA_MGM_KTREE",
        34 => "ENCR_KUZNYECHIK_MGM_MAC_KTREE",
        35 => "ENCR_MAGMA_MGM_MAC_KTREE",
        _ => "",
    };
    of(Some(name).filter(|name| !name.is_empty()), "ENCR_", number)
}

/// A pseudorandom function of IKEv2.
pub(super) fn prf(number: u16) -> String {
    let name = match number {
        1 => "PRF_HMAC_MD5",
        2 => "PRF_HMAC_SHA1",
        3 => "PRF_HMAC_TIGER",
        4 => "PRF_AES128_XCBC",
        5 => "PRF_HMAC_SHA2_256",
        6 => "PRF_HMAC_SHA2_384",
        7 => "PRF_HMAC_SHA2_512",
        8 => "PRF_AES128_CMAC",
        9 => "PRF_HMAC_STREEBOG_512",
        _ => "",
    };
    of(Some(name).filter(|name| !name.is_empty()), "PRF_", number)
}

/// An integrity algorithm of IKEv2.
pub(super) fn integrity(number: u16) -> String {
    let name = match number {
        0 => "NONE",
        1 => "AUTH_HMAC_MD5_96",
        2 => "AUTH_HMAC_SHA1_96",
        3 => "AUTH_DES_MAC",
        4 => "AUTH_KPDK_MD5",
        5 => "AUTH_AES_XCBC_96",
        6 => "AUTH_HMAC_MD5_128",
        7 => "AUTH_HMAC_SHA1_160",
        8 => "AUTH_AES_CMAC_96",
        9 => "AUTH_AES_128_GMAC",
        10 => "AUTH_AES_192_GMAC",
        11 => "AUTH_AES_256_GMAC",
        12 => "AUTH_HMAC_SHA2_256_128",
        13 => "AUTH_HMAC_SHA2_384_192",
        14 => "AUTH_HMAC_SHA2_512_256",
        _ => "",
    };
    of(Some(name).filter(|name| !name.is_empty()), "AUTH_", number)
}

/// A key exchange method: a Diffie-Hellman group, or ML-KEM. IKEv1 shares the numbers of the groups.
pub(super) fn key_exchange(number: u16) -> String {
    let name = match number {
        0 => "NONE",
        1 => "768-bit MODP",
        2 => "1024-bit MODP",
        3 => "EC2N 155-bit",
        4 => "EC2N 185-bit",
        5 => "1536-bit MODP",
        14 => "2048-bit MODP",
        15 => "3072-bit MODP",
        16 => "4096-bit MODP",
        17 => "6144-bit MODP",
        18 => "8192-bit MODP",
        19 => "256-bit random ECP",
        20 => "384-bit random ECP",
        21 => "521-bit random ECP",
        22 => "1024-bit MODP with 160-bit POS",
        23 => "2048-bit MODP with 224-bit POS",
        24 => "2048-bit MODP with 256-bit POS",
        25 => "192-bit random ECP",
        26 => "224-bit random ECP",
        27 => "brainpoolP224r1",
        28 => "brainpoolP256r1",
        29 => "brainpoolP384r1",
        30 => "brainpoolP512r1",
        31 => "Curve25519",
        32 => "Curve448",
        33 => "GOST3410_2012_256",
        34 => "GOST3410_2012_512",
        35 => "ml-kem-512",
        36 => "ml-kem-768",
        37 => "ml-kem-1024",
        _ => "",
    };
    of(Some(name).filter(|name| !name.is_empty()), "KE ", number)
}

/// Whether a key exchange method holds against a quantum computer.
pub(super) fn is_quantum_safe(number: u16) -> bool {
    matches!(number, 35..=37)
}

/// Whether a group must or should not be used (RFC 8247 section 2.4, which leaves out the weak ones of
/// IKEv1: EC2N).
pub(super) fn is_deprecated_group(number: u16) -> bool {
    matches!(number, 1..=5 | 22)
}

/// Whether who spends much can compute discrete logarithms in a group: 1024 bits and less.
pub(super) fn is_weak_group(number: u16) -> bool {
    matches!(number, 1..=4 | 22)
}

/// An encryption algorithm of IKEv1.
pub(super) fn encryption_1(number: u16) -> String {
    let name = match number {
        1 => "DES-CBC",
        2 => "IDEA-CBC",
        3 => "Blowfish-CBC",
        4 => "RC5-R16-B64-CBC",
        5 => "3DES-CBC",
        6 => "CAST-CBC",
        7 => "AES-CBC",
        8 => "CAMELLIA-CBC",
        _ => "",
    };
    of(
        Some(name).filter(|name| !name.is_empty()),
        "cipher ",
        number,
    )
}

/// A hash algorithm of IKEv1.
pub(super) fn hash_1(number: u16) -> String {
    let name = match number {
        1 => "MD5",
        2 => "SHA",
        3 => "Tiger",
        4 => "SHA2-256",
        5 => "SHA2-384",
        6 => "SHA2-512",
        _ => "",
    };
    of(Some(name).filter(|name| !name.is_empty()), "hash ", number)
}

/// Whether an authentication method of IKEv1 rests on a pre-shared key, with or without XAUTH.
pub(super) fn is_pre_shared(method: u16) -> bool {
    matches!(method, 1 | 65001 | 65002)
}
