//! Epochs: to what a driver's engine elects leaders by, to text, to bytes, and back.
//!
//! The floor beside them is an iteration with nothing in it.

#![allow(clippy::expect_used, reason = "a bench that cannot run has no figure")]

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use tsoracle_codec::{decode, encode_into};
use tsoracle_core::Epoch;

const VERSION: u8 = 1;
const EPOCH: Epoch = Epoch::new((1 << 96) | (7 << 64) | 3);

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    contract(&mut criterion);
    #[cfg(feature = "openraft")]
    openraft(&mut criterion);
    #[cfg(feature = "paxos")]
    paxos(&mut criterion);
    criterion.final_summary();
}

fn floor(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.bench_function("floor_empty", |bencher| bencher.iter(|| black_box(())));
}

fn contract(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epoch/contract");
    floor(&mut group);
    group.bench_function("to_text", |bencher| {
        bencher.iter(|| black_box(&EPOCH).to_string());
    });
    let text = EPOCH.to_string();
    group.bench_function("from_text", |bencher| {
        let parse = |text: &str| text.parse::<Epoch>().expect("its own text");
        bencher.iter(|| parse(black_box(&text)));
    });
    let mut bytes = Vec::new();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            bytes.clear();
            encode_into(VERSION, black_box(&EPOCH), &mut bytes).expect("an epoch has a form");
            black_box(&bytes).len()
        });
    });
    bytes.clear();
    encode_into(VERSION, &EPOCH, &mut bytes).expect("an epoch has a form");
    group.bench_function("decode", |bencher| {
        bencher.iter(|| decode::<Epoch>(VERSION, black_box(&bytes)).expect("its own bytes"));
    });
    group.finish();
}

/// A term and a node.
#[cfg(feature = "openraft")]
fn openraft(criterion: &mut Criterion) {
    use tsoracle_driver_openraft::{decode_epoch, encode_epoch};
    let mut group = criterion.benchmark_group("epoch/openraft");
    floor(&mut group);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| encode_epoch(black_box(7), black_box(3)));
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| decode_epoch(*black_box(&EPOCH)));
    });
    group.finish();
}

/// A ballot.
#[cfg(feature = "paxos")]
fn paxos(criterion: &mut Criterion) {
    use tsoracle_driver_paxos::{decode_epoch, encode_epoch};
    let mut group = criterion.benchmark_group("epoch/paxos");
    let parts = decode_epoch(EPOCH);
    floor(&mut group);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| encode_epoch(*black_box(&parts)));
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| decode_epoch(*black_box(&EPOCH)));
    });
    group.finish();
}
