//! Frames encoded and decoded: many small ones, and data in chunks as a socket gives them. In the pure layer alone: no
//! hash, no socket.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use towline::wire::{Body, Cv, Data, Decoder, Frame, OperationId, Rope};

/// How much a read from a socket gives at most.
const CHUNK: usize = 256 * 1024;

/// About 4 MiB of frames of each sort.
fn sorts() -> Vec<(&'static str, Vec<Frame>)> {
    let pings = (0..100_000).map(|number| Frame::connection(Body::Ping(number))).collect();
    let data = |payload: usize| {
        let bytes = Bytes::from(vec![7; payload]);
        (0..4 * 1024 * 1024 / payload as u64)
            .map(|block| {
                let payload = Rope::from(bytes.clone());
                let offset = block * payload.len() as u64;
                Frame::of(OperationId(1), Body::Data(Data { offset, cv: Some(Cv([9; 32])), payload }))
            })
            .collect()
    };
    vec![("ping", pings), ("data-64k", data(64 * 1024)), ("data-256k", data(256 * 1024))]
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, frames) in sorts() {
        let stream: Vec<u8> = frames.iter().flat_map(Frame::to_bytes).collect();
        let stream = Bytes::from(stream);
        let run = || {
            let mut decoder = Decoder::after_preamble();
            let mut count = 0;
            for start in (0..stream.len()).step_by(CHUNK) {
                decoder.push(stream.slice(start..stream.len().min(start + CHUNK)));
                while let Some(frame) = decoder.next().expect("valid frames") {
                    black_box(frame);
                    count += 1;
                }
            }
            assert_eq!(count, frames.len());
        };
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function(BenchmarkId::new(name, "frames"), |bencher| bencher.iter(run));
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(BenchmarkId::new(name, "bytes"), |bencher| bencher.iter(run));
    }
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for (name, frames) in sorts() {
        let mut out = Vec::with_capacity(8 * 1024 * 1024);
        let mut run = || {
            out.clear();
            frames
                .iter()
                .filter_map(|frame| frame.encode(&mut out))
                .for_each(|payload| drop(black_box(payload)));
            black_box(out.len());
        };
        let total: usize = frames.iter().map(|frame| frame.to_bytes().len()).sum();
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function(BenchmarkId::new(name, "frames"), |bencher| bencher.iter(&mut run));
        group.throughput(Throughput::Bytes(total as u64));
        group.bench_function(BenchmarkId::new(name, "bytes"), |bencher| bencher.iter(&mut run));
    }
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
