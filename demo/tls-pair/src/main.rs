//! One TLS 1.3 conversation whose key exchange is X25519MLKEM768, for the demo recording.
//!
//! ```text
//! tls-pair server ADDRESS CERTIFICATE.pem KEY.pem BYTES
//! tls-pair client ADDRESS NAME CERTIFICATE.pem REQUEST-FILE
//! ```
//!
//! Debian 12's OpenSSL knows no hybrid key exchange, so both ends are rustls. The server answers one
//! client and leaves; the client trusts exactly the one certificate that it is given.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::crypto::{aws_lc_rs, CryptoProvider};
use rustls::pki_types::{pem::PemObject, CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream,
};

type Outcome = Result<(), Box<dyn Error>>;

const USAGE: &str =
    "tls-pair server ADDRESS CERT KEY BYTES | client ADDRESS NAME CERT REQUEST-FILE";

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["server", address, cert, key, bytes] => serve(address, cert, key, bytes.parse()?),
        ["client", address, name, cert, request] => fetch(address, name, cert, request),
        _ => Err(USAGE.into()),
    }
}

/// The server takes the hybrid group and nothing else, so the recording cannot fall back unnoticed.
/// The client also names X25519, as browsers do: what it offers and what was chosen then differ.
fn provider(classical_too: bool) -> Arc<CryptoProvider> {
    let mut kx_groups = vec![aws_lc_rs::kx_group::X25519MLKEM768];
    if classical_too {
        kx_groups.push(aws_lc_rs::kx_group::X25519);
    }
    Arc::new(CryptoProvider {
        kx_groups,
        ..aws_lc_rs::default_provider()
    })
}

fn serve(address: &str, cert: &str, key: &str, bytes: usize) -> Outcome {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<Vec<_>, _>>()?;
    let config = ServerConfig::builder_with_provider(provider(false))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;

    let (mut socket, _) = TcpListener::bind(address)?.accept()?;
    let mut session = ServerConnection::new(Arc::new(config))?;
    let mut sealed = Stream::new(&mut session, &mut socket);

    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match sealed.read(&mut part)? {
            0 => return Err("the client left before the end of its request".into()),
            n => request.extend_from_slice(&part[..n]),
        }
    }
    write!(
        sealed,
        "HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n"
    )?;
    let page: Vec<u8> = b"The minutes of the partners' meeting. "
        .iter()
        .copied()
        .cycle()
        .take(bytes)
        .collect();
    sealed.write_all(&page)?;
    session.send_close_notify();
    session.complete_io(&mut socket)?;
    socket.shutdown(Shutdown::Write)?;
    // Wait for the client's end, so that the connection closes with FIN rather than with a reset.
    while socket.read(&mut part)? > 0 {}
    Ok(())
}

fn fetch(address: &str, name: &str, cert: &str, request: &str) -> Outcome {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cert)?)?;
    let config = ClientConfig::builder_with_provider(provider(true))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();

    let mut socket = TcpStream::connect(address)?;
    let mut session =
        ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned())?)?;
    let mut sealed = Stream::new(&mut session, &mut socket);
    sealed.write_all(&std::fs::read(request)?)?;

    let mut page = Vec::new();
    sealed.read_to_end(&mut page)?;
    session.send_close_notify();
    session.complete_io(&mut socket)?;
    println!(
        "{} bytes, {:?}",
        page.len(),
        session
            .negotiated_key_exchange_group()
            .map(|group| group.name())
    );
    Ok(())
}
