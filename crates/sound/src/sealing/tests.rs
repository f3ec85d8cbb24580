use super::*;

fn unseal(cipher: &ChaCha20Poly1305, nonce: &Nonce, bytes: &[u8]) -> Option<Vec<u8>> {
    let (sealed, tag) = bytes.split_at_checked(bytes.len().checked_sub(16)?)?;
    let mut opened = sealed.to_vec();
    cipher
        .decrypt_in_place_detached(nonce, &[], &mut opened, tag.into())
        .ok()?;
    Some(opened)
}

/// Opens what was sealed to the secret, by the format's text.
fn open(secret: &[u8; 32], sealed: &[u8]) -> Option<Vec<u8>> {
    let secret = StaticSecret::from(*secret);
    let end = sealed.windows(5).position(|window| window == b"\n--- ")?;
    let text = std::str::from_utf8(&sealed[..end]).ok()?;
    let lines: Vec<&str> = text.split('\n').collect();
    let [version, share, wrapped] = lines[..] else {
        return None;
    };
    assert_eq!(version, "age-encryption.org/v1");
    let share: [u8; 32] = STANDARD_NO_PAD
        .decode(share.strip_prefix("-> X25519 ")?)
        .ok()?
        .try_into()
        .ok()?;
    let wrapped = STANDARD_NO_PAD.decode(wrapped).ok()?;
    let shared = secret.diffie_hellman(&PublicKey::from(share));
    let salt = [share, PublicKey::from(&secret).to_bytes()].concat();
    let wrapping = cipher(derive(&salt, shared.as_bytes(), FOR_WRAPPING).ok()?);
    let file_key = unseal(&wrapping, &Nonce::default(), &wrapped)?;
    let line_end = end + 5 + 43;
    let said = STANDARD_NO_PAD.decode(&sealed[end + 5..line_end]).ok()?;
    let key = derive(&[], &file_key, FOR_HEADER).ok()?;
    let mut tag = <Hmac<Sha256> as Mac>::new_from_slice(&key).unwrap();
    tag.update(&sealed[..end + 4]);
    tag.verify_slice(&said).ok()?;
    let (nonce, mut rest) = sealed[line_end + 1..].split_at(16);
    let payload = cipher(derive(nonce, &file_key, FOR_PAYLOAD).ok()?);
    let mut opened = Vec::new();
    let mut number = 0_u64;
    loop {
        let (chunk, after) = rest.split_at(rest.len().min(CHUNK + 16));
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = u8::from(after.is_empty());
        opened.extend(unseal(&payload, &Nonce::from(nonce), chunk)?);
        if after.is_empty() {
            return Some(opened);
        }
        rest = after;
        number += 1;
    }
}

fn sealed(secret: &[u8; 32], content: &[u8], at_once: usize) -> Vec<u8> {
    let recipient = Recipient(PublicKey::from(&StaticSecret::from(*secret)).to_bytes());
    let mut sealing = Sealing::to(&recipient, Vec::new()).unwrap();
    for part in content.chunks(at_once.max(1)) {
        sealing.write_all(part).unwrap();
    }
    sealing.finish().unwrap()
}

#[test]
fn what_is_sealed_can_be_opened_with_the_secret_alone() {
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
        let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        for at_once in [1000, length] {
            let sealed = sealed(&[7; 32], &content, at_once);
            assert_eq!(open(&[7; 32], &sealed).as_ref(), Some(&content), "{length}");
            assert_eq!(open(&[8; 32], &sealed), None);
        }
    }
}

#[test]
fn nothing_is_sealed_alike_twice_and_a_change_is_seen() {
    let content = b"words that nobody else may read".repeat(100);
    let one = sealed(&[7; 32], &content, 100);
    assert_ne!(one, sealed(&[7; 32], &content, 100));
    assert!(!one.windows(5).any(|window| window == b"words"));
    let mut changed = one.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(open(&[7; 32], &changed), None);
}

#[test]
fn a_recipient_is_read_as_age_writes_it() {
    // From the tests of the format: the identity and its recipient.
    let text = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    assert!(text.parse::<Recipient>().is_ok());
    for wrong in [
        "",
        "age1",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwk",
        "ssh-ed25519 AAAA",
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
    ] {
        assert_eq!(wrong.parse::<Recipient>(), Err(RecipientError), "{wrong}");
    }
}

#[test]
fn a_key_that_shares_nothing_is_refused() {
    assert!(Sealing::to(&Recipient([0; 32]), Vec::new()).is_err());
}
