//! An input that fails in the middle: what was heard before is kept, and the failure is said.

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::io::{self, Read};

use overheard_follow::{Options, follow};
use overheard_source::Captures;
use overheard_testkit::Scene;

/// Gives its bytes, then fails as a broken disk does.
struct Broken(io::Cursor<Vec<u8>>);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk is broken")),
            count => Ok(count),
        }
    }
}

#[test]
fn what_was_heard_before_a_failure_is_kept() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.1:1000", "192.0.2.2:2000");
    for _ in 0..2000 {
        scene.client(talk, &[0; 1000]);
    }
    for threads in [1, 2] {
        let reader = Box::new(Broken(io::Cursor::new(scene.pcap())));
        let mut captures = Captures::from_reader("broken.pcap", reader).unwrap();
        let options = Options {
            threads,
            ..Options::default()
        };
        let heard =
            follow(&mut captures, &[], options, &mut |_| {}).expect("a notice, not an error");
        assert!(heard.packets > 1000, "{} packets", heard.packets);
        assert_eq!(heard.records.len(), 1);
        assert!(
            heard
                .notices
                .iter()
                .any(|notice| notice.contains("the disk is broken")),
            "{:?}",
            heard.notices
        );
    }
}
