use overheard_testkit::age::open;

use super::*;

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
