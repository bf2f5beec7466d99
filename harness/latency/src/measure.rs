//! A run on one driver, from the start of its nodes to their shutdown.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tsoracle_testbed::Backend;

use crate::bench::{Bench, Floors};
use crate::idle::Empty;
use crate::process::{Process, ThisProcess};
use crate::progress::Progress;
use crate::starts::{measure_starts, patience};
use crate::time::RealTime;
use crate::{Costs, Idle, LatencyError, LatencyResults, Memory, Options};

const NODE_THREADS: usize = 2;
/// The process without nodes is watched for such a part of the time that idle nodes get.
const EMPTY_SHARE: u32 = 5;
const GRACE: Duration = Duration::from_secs(1);

/// Measures a cluster of [`Options::cluster_size`], its nodes in this process, beside the floors of
/// the same disk and minute. `progress` is told what is being measured, how much is done,
/// and of how much; it is called on the caller's thread.
///
/// Blocks until the end; calls are made from a thread of their own, and the nodes run on a runtime
/// of their own.
///
/// # Errors
/// The first refusal of the driver or of this machine; see [`LatencyError`]. The run's folder is
/// removed all the same.
pub fn measure(
    backend: &Arc<dyn Backend>,
    options: &Options,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<LatencyResults, LatencyError> {
    for &rate_per_s in &options.rates_per_s {
        if !(1..=1_000_000).contains(&rate_per_s) {
            return Err(LatencyError::Rate { rate_per_s });
        }
    }
    on_a_thread(backend.name(), progress, |progress| {
        run(backend, options, progress)
    })
}

/// Runs `work` on a thread of its own and passes on what it tells of its progress.
pub(crate) fn on_a_thread<T: Send>(
    name: &str,
    progress: &dyn Fn(&str, u64, u64),
    work: impl FnOnce(&Progress) -> Result<T, LatencyError> + Send,
) -> Result<T, LatencyError> {
    let (listener, steps) = mpsc::channel();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("latency".into())
            .spawn_scoped(scope, move || work(&Progress::to(listener)))
            .map_err(|source| LatencyError::system("no thread to measure on", source))?;
        for step in steps {
            progress(&step.what, step.done, step.total);
        }
        thread.join().unwrap_or_else(|panic| {
            let (driver, message) = (name.to_owned(), panic_text(&*panic));
            Err(LatencyError::Panicked { driver, message })
        })
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "without a message".to_owned())
}

fn run(
    backend: &Arc<dyn Backend>,
    options: &Options,
    progress: &Progress,
) -> Result<LatencyResults, LatencyError> {
    let dir = tempfile::Builder::new()
        .prefix("latency-")
        .tempdir_in(&options.dir)
        .map_err(|source| LatencyError::file("make a folder for the run", &options.dir, source))?;
    let place = dir.path().canonicalize();
    let place = place
        .map_err(|source| LatencyError::file("find the folder of the run", dir.path(), source))?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(NODE_THREADS)
        .enable_all()
        .build()
        .map_err(|source| LatencyError::system("no runtime for the nodes", source))?;
    let results = {
        let _entered = runtime.enter();
        run_in(backend, options, &place, &runtime, progress)
    };
    // A call that still hangs is not waited for.
    runtime.shutdown_timeout(GRACE);
    results
}

fn run_in(
    backend: &Arc<dyn Backend>,
    options: &Options,
    dir: &Path,
    runtime: &Runtime,
    progress: &Progress,
) -> Result<LatencyResults, LatencyError> {
    let time = RealTime::of_this_thread();
    let nodes = options.cluster_size(&backend.capabilities());
    let floors = Floors::prepare(options, nodes, dir, runtime)?;
    // It leaves a watchdog behind, which is not the nodes'.
    let _ = patience(backend.timing());
    progress.step("the process without nodes", 0, 1);
    let empty = Empty::watch(&time, &ThisProcess, options.profile.idle() / EMPTY_SHARE);
    progress.step("start of the nodes", 0, 1);
    let mut bench = Bench::start(backend, options, floors, dir, runtime)?;
    let measured = on_the_bench(&mut bench, empty, options, runtime, progress);
    let stopped = bench.stop(runtime);
    let (results, idle, memory) = measured?;
    stopped?;
    let starts = measure_starts(backend, options, dir, runtime, &time, progress)?;
    Ok(LatencyResults {
        costs: Some(Costs {
            idle,
            memory,
            starts,
        }),
        ..results
    })
}

/// First the nodes at rest, since figures warm up whatever keeps busy afterwards.
fn on_the_bench(
    bench: &mut Bench,
    empty: Empty,
    options: &Options,
    runtime: &Runtime,
    progress: &Progress,
) -> Result<(LatencyResults, Idle, Option<Memory>), LatencyError> {
    progress.step("idle nodes", 0, 1);
    let idle = bench.idle(options.profile, &ThisProcess, empty)?;
    let idle_bytes = ThisProcess.memory_bytes();
    bench.follow_the_leader(runtime)?;
    let results = bench.measure(options, progress)?;
    let memory = empty.memory(&ThisProcess, idle_bytes, results.nodes);
    let delayed = bench.delayed(options, runtime, progress);
    Ok((LatencyResults { delayed, ..results }, idle, memory))
}
