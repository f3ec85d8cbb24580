//! Builds handshake messages for tests.

pub fn vector8(body: &[u8]) -> Vec<u8> {
    [&[u8::try_from(body.len()).unwrap()], body].concat()
}

pub fn vector16(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

pub fn vector24(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat()
}

pub fn list(numbers: &[u16]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
}

pub fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector16(body)].concat()
}

/// The extension that names the server.
pub fn host(name: &[u8]) -> Vec<u8> {
    extension(0, &vector16(&[&[0], &vector16(name)[..]].concat()))
}

pub fn groups(numbers: &[u16]) -> Vec<u8> {
    extension(10, &vector16(&list(numbers)))
}

pub fn share(group: u16) -> Vec<u8> {
    [&group.to_be_bytes()[..], &vector16(&[1, 2, 3])].concat()
}

/// The body of a ClientHello: GREASE, TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.
pub fn client_hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend(vector8(&[9; 4]));
    body.extend(vector16(&list(&[0x2a2a, 0x1301, 0xc02f])));
    body.extend(vector8(&[0]));
    body.extend(vector16(&extensions.concat()));
    body
}

/// The body of a ServerHello that chooses TLS_AES_128_GCM_SHA256.
pub fn server_hello(version: u16, random: [u8; 32], extensions: &[Vec<u8>]) -> Vec<u8> {
    server_hello_with(version, random, &[9; 4], 0x1301, extensions)
}

/// The body of a ServerHello.
pub fn server_hello_with(
    version: u16,
    random: [u8; 32],
    session_id: &[u8],
    suite: u16,
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend(random);
    body.extend(vector8(session_id));
    body.extend(suite.to_be_bytes());
    body.push(0);
    body.extend(vector16(&extensions.concat()));
    body
}

/// The body of a Certificate message of TLS 1.2 with one certificate.
pub fn certificate_message() -> Vec<u8> {
    vector24(&vector24(include_bytes!("certificate/mail.der")))
}

/// A handshake message of TLS.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &vector24(body)[..]].concat()
}

/// A record of TLS 1.2.
pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], &vector16(body)[..]].concat()
}
