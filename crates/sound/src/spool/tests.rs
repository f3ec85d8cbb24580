use overheard_ledger::Endpoint;

use super::*;

fn stream(number: u32) -> SoundStream {
    SoundStream {
        conversation: u64::from(number) / 2,
        source: Endpoint::new([192, 0, 2, 1].into(), 4000),
        ssrc: number,
    }
}

fn packet(stream: u32, number: u64) -> Vec<u8> {
    let length = 20 + (number as usize * 37 + stream as usize) % 160;
    let mut packet = vec![stream as u8; length];
    packet[..8].copy_from_slice(&number.to_be_bytes());
    packet
}

fn played(spool: &Spool, of: &SoundStream) -> Vec<(u64, Vec<u8>)> {
    let mut heard = Vec::new();
    let mut playback = spool.play(*of);
    while let Some((time, packet)) = playback.next_packet().unwrap() {
        heard.push((time.0, packet.to_vec()));
    }
    heard
}

/// Records so many packets of so many streams in turn.
fn fill(spool: &Spool, streams: u32, packets: u64) {
    for number in 0..packets {
        for of in 0..streams {
            spool.record(of as usize, stream(of), Time(number), &packet(of, number));
        }
    }
}

#[test]
fn every_packet_is_played_back_in_order_from_memory_and_from_the_file() {
    for memory in [1 << 30, 64 << 10, 0] {
        let spool = Spool::new(memory);
        fill(&spool, 40, 100);
        assert_eq!(spool.streams().len(), 40);
        for of in 0..40 {
            let expected: Vec<_> = (0..100)
                .map(|number| (number, packet(of, number)))
                .collect();
            assert_eq!(
                played(&spool, &stream(of)),
                expected,
                "{memory} bytes, stream {of}"
            );
        }
        assert_eq!((spool.set_aside(), spool.problem()), (0, None));
    }
}

#[test]
fn memory_does_not_grow_with_the_length_of_a_call() {
    let spool = Spool::new(1 << 20);
    let mut most = 0;
    for round in 0..50 {
        fill(&spool, 100, 40);
        let held: usize = spool.lanes.iter().map(|lane| lock(lane).held).sum();
        most = most.max(held);
        assert!(held <= 1 << 20, "{held} bytes in round {round}");
    }
    assert!(lock(&spool.log).end > 10 << 20, "nothing was written");
}

#[test]
fn what_lies_in_the_file_cannot_be_read_without_the_key() {
    let spool = Spool::new(0);
    for number in 0..100 {
        spool.record(
            0,
            stream(1),
            Time(number),
            b"words that nobody else may read",
        );
    }
    let mut log = lock(&spool.log);
    let file = log.file.as_mut().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut all = Vec::new();
    file.read_to_end(&mut all).unwrap();
    assert!(all.len() > 3000);
    assert!(!all.windows(5).any(|window| window == b"words"));
}

#[test]
fn streams_that_hardly_began_make_room_for_others() {
    let spool = Spool::new(1 << 30);
    fill(&spool, 1, 50);
    for number in 0..2 * MAX_STREAMS as u32 {
        spool.record(0, stream(1000 + number), Time(0), b"looks like media");
    }
    assert!(spool.streams().len() <= MAX_STREAMS);
    assert_eq!(played(&spool, &stream(0)).len(), 50);
    assert!(spool.set_aside() > 0);
}
