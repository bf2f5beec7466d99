//! Persists and loads of a driver, each beside its floors.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use tokio::runtime::Runtime;
use tsoracle_latency::{LatencyError, TimedFloor};
use tsoracle_testbed::{Backend, Network};

use crate::BenchError;
use crate::error::figure;
use crate::serving::{Serving, folder};

const CONCURRENT: u64 = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASUREMENT: Duration = Duration::from_secs(4);

/// The groups `DRIVER/persist` and `DRIVER/load`. Nothing starts unless a benchmark is asked for.
pub(crate) fn bench(
    criterion: &mut Criterion,
    backend: &Arc<dyn Backend>,
    dir: &Path,
    runtime: &Runtime,
) {
    let started = OnceCell::new();
    let serving = || started.get_or_init(|| figure(Serving::start(backend, dir, runtime)));
    let mut group = group(criterion, &format!("{}/persist", backend.name()));
    // A disk that turns slow then makes fewer iterations, not a longer run.
    group.sampling_mode(SamplingMode::Flat);
    sync_floor(&mut group, dir);
    let several_nodes = *backend.capabilities().cluster_sizes.end() > 1;
    if let Some(network) = tsoracle_backends::network().filter(|_| several_nodes) {
        network_floors(&mut group, &network, dir, runtime);
    }
    group.bench_function("one", |bencher| {
        let serving = serving();
        bencher.iter_custom(|rounds| figure(serving.persist(rounds, 1)));
    });
    group.throughput(Throughput::Elements(CONCURRENT));
    group.bench_function("64_at_once", |bencher| {
        let serving = serving();
        bencher.iter_custom(|rounds| figure(serving.persist(rounds, CONCURRENT)));
    });
    group.finish();
    let mut group = self::group(criterion, &format!("{}/load", backend.name()));
    floor(&mut group, "floor_boxed_call", || {
        Ok(TimedFloor::boxed_call())
    });
    group.bench_function("one", |bencher| {
        let serving = serving();
        bencher.iter_custom(|times| figure(serving.load(times)));
    });
    group.finish();
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(WARM_UP).measurement_time(MEASUREMENT);
    group
}

/// One disk alone.
fn sync_floor(group: &mut BenchmarkGroup<'_, WallTime>, dir: &Path) {
    let kept = OnceCell::new();
    floor(group, "floor_sync", || {
        TimedFloor::sync(kept.get_or_init(|| figure(folder(dir))).path())
    });
}

/// What a quorum costs without an engine.
fn network_floors(
    group: &mut BenchmarkGroup<'_, WallTime>,
    network: &Arc<dyn Network>,
    dir: &Path,
    runtime: &Runtime,
) {
    let kept = OnceCell::new();
    floor(group, "floor_quorum_sync_and_round_trip", || {
        let dir = kept.get_or_init(|| figure(folder(dir))).path();
        TimedFloor::quorum_sync_and_round_trip(dir, network, runtime)
    });
    floor(group, "floor_round_trip", || {
        TimedFloor::round_trip(network, runtime)
    });
}

/// One floor, prepared when it is asked for.
fn floor(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    prepare: impl Fn() -> Result<TimedFloor, LatencyError>,
) {
    let prepared = OnceCell::new();
    group.bench_function(name, |bencher| {
        let floor = prepared.get_or_init(|| figure(prepare().map_err(BenchError::from)));
        bencher.iter_custom(|times| figure(floor.take(times).map_err(BenchError::from)));
    });
}
