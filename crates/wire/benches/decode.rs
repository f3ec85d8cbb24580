//! Reading the headers of a frame.

// What the macros define is for nobody else.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use overheard_wire::{LinkType, decode};

/// An Ethernet frame with IPv4 and TCP or UDP, and `payload` bytes behind it. Checksums are not looked at.
fn frame(protocol: u8, tags: &[u8], payload: usize) -> Vec<u8> {
    let transport = if protocol == 6 { 20 } else { 8 };
    let length = u16::try_from(20 + transport + payload).unwrap_or(u16::MAX);
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    bytes.extend(tags);
    bytes.extend([0x08, 0x00, 0x45, 0]);
    bytes.extend(length.to_be_bytes());
    bytes.extend([
        0, 0, 0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
    ]);
    bytes.extend([0x9c, 0x40, 0x00, 0x50]);
    if protocol == 6 {
        bytes.extend([0, 0, 3, 232, 0, 0, 35, 40, 0x50, 0x18, 255, 255, 0, 0, 0, 0]);
    } else {
        bytes.extend((length - 20).to_be_bytes());
        bytes.extend([0, 0]);
    }
    bytes.resize(bytes.len() + payload, b'x');
    bytes
}

fn headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (name, bytes) in [
        ("tcp", frame(6, &[], 1460)),
        ("udp", frame(17, &[], 200)),
        ("vlan-tcp", frame(6, &[0x81, 0, 0, 7], 1460)),
    ] {
        let on_wire = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        group.bench_function(name, |bencher| {
            bencher.iter(|| decode(LinkType::EN10MB, black_box(&bytes), on_wire));
        });
    }
    group.finish();
}

criterion_group!(benches, headers);
criterion_main!(benches);
