//! Runs one scenario, alone: with its own directory, runtime, thread, seed and time limit.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tsoracle_testbed::{Backend, Patience, Recording, Time, run_in_virtual_time};

use crate::judge::judge;
use crate::settings::settings_hash;
use crate::site::ClusterSite;
use crate::{Options, Run, Scenario, ScenarioResult, Site, Stop, Verdict};

/// Besides the soak that was asked for. It catches hangs and measures nothing.
const LIMIT: Duration = Duration::from_secs(420);

/// Runs one scenario on a driver and says how it ended. A panic of the driver is a failure, and so
/// is a run that does not come to an end; its thread is left behind then.
#[must_use]
pub fn run_scenario(
    backend: &Arc<dyn Backend>,
    scenario: &Scenario,
    options: &Options,
) -> ScenarioResult {
    let began = Instant::now();
    let mut blank = blank(backend.as_ref(), scenario, options);
    let mut result = match scenario.lacking(backend.as_ref(), options.nodes) {
        Some(reason) => {
            blank.reason = Some(reason);
            blank
        }
        None => on_a_thread(backend, *scenario, options, &blank),
    };
    result.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    result
}

fn blank(backend: &dyn Backend, scenario: &Scenario, options: &Options) -> ScenarioResult {
    ScenarioResult {
        scenario: scenario.name.to_owned(),
        driver: backend.name().to_owned(),
        nodes: options.nodes,
        seed: options.seed,
        settings_hash: settings_hash(backend),
        election_timeout_ms: backend.timing().election_timeout.as_secs_f64() * 1e3,
        verdict: Verdict::NotOffered,
        reason: None,
        outage_ms: None,
        outage_t: None,
        phases: Vec::new(),
        leader_changes: 0,
        availability: None,
        overlap_ms: None,
        errors: Vec::new(),
        evidence: Vec::new(),
        figures: Vec::new(),
        duration_ms: 0,
    }
}

fn on_a_thread(
    backend: &Arc<dyn Backend>,
    scenario: Scenario,
    options: &Options,
    blank: &ScenarioResult,
) -> ScenarioResult {
    let (thread_backend, thread_options) = (Arc::clone(backend), options.clone());
    let thread_blank = blank.clone();
    let ended_as = |verdict, why: String| ScenarioResult {
        verdict,
        reason: Some(why),
        ..blank.clone()
    };
    let (done, finished) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(scenario.name.to_owned())
        .spawn(move || {
            let result = run_here(&thread_backend, scenario, &thread_options, thread_blank);
            // Nobody listens any more once the limit has passed.
            let _ = done.send(result);
        });
    let thread = match thread {
        Ok(thread) => thread,
        Err(error) => return ended_as(Verdict::Invalid, format!("no thread: {error}")),
    };
    let limit = LIMIT + options.soak * 2;
    let patience = Patience::new(limit);
    loop {
        match finished.recv_timeout(patience.left()) {
            Ok(Ok(result)) => {
                let _ = thread.join();
                return result;
            }
            Ok(Err(why)) => return ended_as(Verdict::Invalid, why),
            Err(RecvTimeoutError::Disconnected) => {
                let panic = thread.join().err();
                let why = panic.map_or_else(String::new, |panic| panic_text(&*panic));
                return ended_as(Verdict::Failed, format!("a panic: {why}"));
            }
            Err(RecvTimeoutError::Timeout) if patience.left().is_zero() => {
                return ended_as(Verdict::Failed, format!("no end within {limit:?}"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Inside, or why there was nothing to run on.
fn run_here(
    backend: &Arc<dyn Backend>,
    scenario: Scenario,
    options: &Options,
    blank: ScenarioResult,
) -> Result<ScenarioResult, String> {
    let place = options.dir.display();
    let dir = tempfile::Builder::new()
        .prefix(scenario.name)
        .tempdir_in(&options.dir)
        .map_err(|error| format!("no directory in {place}: {error}"))?;
    let run = run_on(backend, scenario, options, dir.path(), blank);
    match backend.time() {
        Time::Virtual => run_in_virtual_time(run).map_err(|error| error.to_string())?,
        Time::Real => {
            let runtime = Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .map_err(|error| format!("no runtime: {error}"))?;
            let result = runtime.block_on(run);
            runtime.shutdown_background();
            result
        }
    }
}

async fn run_on(
    backend: &Arc<dyn Backend>,
    scenario: Scenario,
    options: &Options,
    dir: &Path,
    mut result: ScenarioResult,
) -> Result<ScenarioResult, String> {
    let recording = Recording::default();
    let site = ClusterSite::prepare(backend, options.nodes, dir, options.seed, &recording);
    let site: Box<dyn Site> = Box::new(site.map_err(|error| error.to_string())?);
    let (capabilities, timing, time) = (backend.capabilities(), backend.timing(), backend.time());
    let mut run = Run::new(site, capabilities, timing, time, options, recording);
    let ended = begin_and_run(&mut run, scenario).await;
    let probes = run.prober.probes();
    judge(&run, &probes, ended, &mut result);
    Ok(result)
}

async fn begin_and_run(run: &mut Run, scenario: Scenario) -> Result<(), Stop> {
    if scenario.needs_journal {
        run.site.record_unsynced().await?;
    }
    run.start_all().await?;
    run.serve_again("service before the fault").await?;
    (scenario.run)(run).await
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "without a message".to_owned())
}
