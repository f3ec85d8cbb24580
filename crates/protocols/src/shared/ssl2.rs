//! SSL 2.0 (its specification by Netscape of 1995; forbidden by RFC 6176), and the ClientHello in its
//! form that asks for TLS (RFC 5246 appendix E.2).

use overheard_ledger::{Certificate, Handshake};
use overheard_tap::{Cursor, Cut};

use super::certificate;
use super::hello::{ClientHello, is_grease};

/// The version on the wire.
pub const VERSION: u16 = 0x0002;

const CLIENT_HELLO: u8 = 1;
const CLIENT_MASTER_KEY: u8 = 2;
const SERVER_HELLO: u8 = 4;

/// A message of SSL 2.0.
#[derive(Debug, PartialEq)]
pub enum Message {
    /// A ClientHello; its version says what the client hopes for.
    ClientHello(Box<ClientHello>),
    /// A ServerHello of SSL 2.0, with the server's certificate.
    ServerHello(Option<Box<Certificate>>),
    /// The client's choice of a cipher, by name, with the key under the server's public key.
    MasterKey(String),
}

/// Reads the message at the beginning of `bytes` and its length with the record header, in bytes.
///
/// # Errors
/// [`Cut`] with `needed` above 0 where bytes are missing, with 0 where it is no such message.
pub fn read(bytes: &[u8]) -> Result<(Message, usize), Cut> {
    let (body, length) = record(bytes)?;
    let mut cursor = Cursor::new("ssl 2.0 message", body);
    let message = match cursor.u8()? {
        CLIENT_HELLO => Message::ClientHello(Box::new(client_hello(&mut cursor)?)),
        SERVER_HELLO => server_hello(&mut cursor)?,
        CLIENT_MASTER_KEY => Message::MasterKey(cipher_name(cursor.u24()?)),
        _ => return Err(cursor.wrong()),
    };
    Ok((message, length))
}

/// The first record: a header of two bytes, or of three with padding, and the body.
fn record(bytes: &[u8]) -> Result<(&[u8], usize), Cut> {
    let mut cursor = Cursor::new("ssl 2.0 record", bytes);
    let first = cursor.u16()?;
    let (length, padding) = match first & 0x8000 {
        0 => (usize::from(first & 0x3fff), usize::from(cursor.u8()?)),
        _ => (usize::from(first & 0x7fff), 0),
    };
    let kind = *cursor.peek().first().ok_or(Cut {
        layer: "ssl 2.0 record",
        needed: 1,
        had: 0,
        offset: 2,
    })?;
    // What is wrong is said before the rest has arrived.
    if !matches!(kind, CLIENT_HELLO | CLIENT_MASTER_KEY | SERVER_HELLO)
        || length < 9
        || padding >= length
    {
        return Err(cursor.wrong());
    }
    let body = cursor.take(length)?;
    let length = cursor.position();
    Ok((body.get(..body.len() - padding).unwrap_or_default(), length))
}

fn client_hello(cursor: &mut Cursor<'_>) -> Result<ClientHello, Cut> {
    let version = cursor.u16()?;
    let (ciphers, session, challenge) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
    let whole = usize::from(ciphers) + usize::from(session) + usize::from(challenge);
    let known = version == VERSION || matches!(version, 0x0300..=0x0304);
    if !known || ciphers == 0 || ciphers % 3 != 0 || whole != cursor.remaining() {
        return Err(cursor.wrong());
    }
    let mut list = cursor.sub("cipher specs", usize::from(ciphers))?;
    let mut cipher_suites = Vec::new();
    while let Ok(cipher) = list.u24() {
        // Suites of TLS begin with a zero; the others are of SSL 2.0 alone.
        if let Ok(suite) = u16::try_from(cipher)
            && !is_grease(suite)
        {
            cipher_suites.push(suite);
        }
    }
    let session_id = cursor.take(usize::from(session))?.to_vec();
    Ok(ClientHello {
        version,
        session_id,
        cipher_suites,
        is_ssl2: true,
        ..ClientHello::default()
    })
}

fn server_hello(cursor: &mut Cursor<'_>) -> Result<Message, Cut> {
    let (_hit, _kind, version) = (cursor.u8()?, cursor.u8()?, cursor.u16()?);
    let (certificate, ciphers, connection) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
    let whole = usize::from(certificate) + usize::from(ciphers) + usize::from(connection);
    if version != VERSION || whole != cursor.remaining() {
        return Err(cursor.wrong());
    }
    let certificate = certificate::read(cursor.take(usize::from(certificate))?);
    Ok(Message::ServerHello(certificate.map(Box::new)))
}

fn cipher_name(number: u32) -> String {
    const NAMES: &[(u32, &str)] = &[
        (0x01_0080, "SSL_CK_RC4_128_WITH_MD5"),
        (0x02_0080, "SSL_CK_RC4_128_EXPORT40_WITH_MD5"),
        (0x03_0080, "SSL_CK_RC2_128_CBC_WITH_MD5"),
        (0x04_0080, "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5"),
        (0x05_0080, "SSL_CK_IDEA_128_CBC_WITH_MD5"),
        (0x06_0040, "SSL_CK_DES_64_CBC_WITH_MD5"),
        (0x07_00c0, "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"),
    ];
    let named = NAMES.iter().find(|(known, _)| *known == number);
    named.map_or_else(|| format!("0x{number:06x}"), |(_, name)| (*name).to_owned())
}

/// The record of a conversation in SSL 2.0 before its cipher is known.
pub fn agreed(certificate: Option<Certificate>) -> Handshake {
    Handshake {
        protocol: "tls".to_owned(),
        version: Some("SSL 2.0".to_owned()),
        key_exchange: Some("RSA".to_owned()),
        forward_secret: Some(false),
        quantum_safe: Some(false),
        certificate,
        ..Handshake::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = &[
        0x80, 0x1f, 1, 3, 1, 0, 6, 0, 0, 0, 16, 0, 0, 0x2f, 1, 0, 0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9,
        10, 11, 12, 13, 14, 15, 16,
    ];

    #[test]
    fn a_hello_may_ask_for_tls() {
        let (message, length) = read(HELLO).unwrap();
        let Message::ClientHello(hello) = message else {
            panic!("{message:?}")
        };
        assert_eq!(
            (hello.version, hello.cipher_suites, hello.is_ssl2),
            (0x0301, vec![0x2f], true)
        );
        assert_eq!(length, HELLO.len());
    }

    #[test]
    fn a_cut_is_told_from_a_contradiction() {
        for end in 0..HELLO.len() {
            assert_ne!(read(&HELLO[..end]).unwrap_err().needed, 0, "{end}");
        }
        let mut other = HELLO.to_vec();
        other[6] = 7;
        assert_eq!(read(&other).unwrap_err().needed, 0);
        assert_eq!(read(b"\x80\x1fGET").unwrap_err().needed, 0);
    }

    #[test]
    fn the_client_chooses_the_cipher() {
        let bytes = [0x80, 10, 2, 2, 0, 0x80, 0, 5, 0, 11, 0, 0];
        assert_eq!(
            read(&bytes),
            Ok((
                Message::MasterKey("SSL_CK_RC4_128_EXPORT40_WITH_MD5".to_owned()),
                12
            ))
        );
    }
}
