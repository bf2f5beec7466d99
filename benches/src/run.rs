//! The `main` of a driver's bench.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use criterion::Criterion;
use tokio::runtime::{Builder, Runtime};
use tsoracle_testbed::{Backend, run_node_process_if_asked};

use crate::error::figure;
use crate::{BenchError, driver, failover};

const NODE_THREADS: usize = 2;
const GRACE: std::time::Duration = std::time::Duration::from_secs(1);

/// Runs every benchmark of a driver that the command line asks for, its stores below `dir`. To be
/// called first in `main`: failovers start this program again as node processes.
#[must_use]
pub fn run(backend: &Arc<dyn Backend>, dir: &Path) -> ExitCode {
    if let Some(code) = run_node_process_if_asked(std::slice::from_ref(backend)) {
        return code;
    }
    let mut criterion = Criterion::default().configure_from_args();
    bench_driver(&mut criterion, backend, dir);
    criterion.final_summary();
    ExitCode::SUCCESS
}

/// The groups `DRIVER/persist`, `DRIVER/load` and `DRIVER/failover`.
///
/// # Panics
/// When a benchmark cannot run: it has no figure then.
pub fn bench_driver(criterion: &mut Criterion, backend: &Arc<dyn Backend>, dir: &Path) {
    let runtime = figure(runtime());
    {
        let _entered = runtime.enter();
        driver::bench(criterion, backend, dir, &runtime);
        failover::bench(criterion, backend, dir, &runtime);
    }
    // A call that still hangs is not waited for.
    runtime.shutdown_timeout(GRACE);
}

fn runtime() -> Result<Runtime, BenchError> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(NODE_THREADS)
        .enable_all()
        .build();
    runtime.map_err(BenchError::Runtime)
}
