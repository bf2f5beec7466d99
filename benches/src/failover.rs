//! The time without service when a leader falls, beside what no driver can do without.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};
use tokio::runtime::Runtime;
use tsoracle_testbed::{Backend, ProcessNode};

use crate::BenchError;
use crate::error::figure;
use crate::processes::Processes;
use crate::serving::folder;

/// Samples of one failover each.
const SAMPLES: usize = 10;
/// Short, so that a sample is one failover and no more, and so is the warm-up.
const MEASUREMENT: Duration = Duration::from_millis(10);

/// The group `DRIVER/failover`: an iteration is one fall of a leader.
pub(crate) fn bench(
    criterion: &mut Criterion,
    backend: &Arc<dyn Backend>,
    dir: &Path,
    runtime: &Runtime,
) {
    let started = RefCell::new(None);
    let with_nodes = |times: u64, measure: Measure| {
        let mut started = started.borrow_mut();
        let nodes = match started.take() {
            Some(nodes) => nodes,
            None => figure(runtime.block_on(Processes::start(backend, dir))),
        };
        let nodes = started.insert(nodes);
        (0..times).map(|_| measure(runtime, nodes)).sum()
    };
    let mut group = criterion.benchmark_group(format!("{}/failover", backend.name()));
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(SAMPLES)
        .warm_up_time(MEASUREMENT)
        .measurement_time(MEASUREMENT);
    let leases = backend.capabilities().leases && backend.timing().lease.is_some();
    if leases {
        group.bench_function("floor_rest_of_lease", |bencher| {
            bencher.iter_custom(|times| with_nodes(times, rest_of_lease));
        });
    } else {
        process_floor(&mut group, backend, dir, runtime);
    }
    group.bench_function("leader_killed", |bencher| {
        bencher.iter_custom(|times| with_nodes(times, fail_over));
    });
    group.finish();
}

type Measure = fn(&Runtime, &mut Processes) -> Duration;

fn fail_over(runtime: &Runtime, nodes: &mut Processes) -> Duration {
    figure(runtime.block_on(nodes.fail_over()))
}

fn rest_of_lease(runtime: &Runtime, nodes: &mut Processes) -> Duration {
    figure(runtime.block_on(nodes.rest_of_lease())).unwrap_or_default()
}

/// A process is killed, and another one answers: a failover of a node that is alone has that in it.
fn process_floor(
    group: &mut BenchmarkGroup<'_, WallTime>,
    backend: &Arc<dyn Backend>,
    dir: &Path,
    runtime: &Runtime,
) {
    group.bench_function("floor_process", |bencher| {
        bencher.iter_custom(|times| {
            let dir = figure(folder(dir));
            let replace = || runtime.block_on(replace_process(backend.name(), dir.path()));
            (0..times).map(|_| figure(replace())).sum()
        });
    });
}

async fn replace_process(backend: &str, dir: &Path) -> Result<Duration, BenchError> {
    let mut process = ProcessNode::spawn(backend, 1, dir)?;
    // It is up once it answers.
    process.shutdown().await?;
    let began = Instant::now();
    process.kill()?;
    process = ProcessNode::spawn(backend, 1, dir)?;
    process.shutdown().await?;
    Ok(began.elapsed())
}
