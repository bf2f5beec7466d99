//! Runs one check, alone: with its own directory, runtime, thread, seed and time limit.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tsoracle_testbed::{
    Backend, Capabilities, Durability, Links, Patience, Time, faultfs, run_in_virtual_time,
};

use crate::case::Case;
use crate::verdict::Evidence;
use crate::{Check, CheckResult, Need, Recording, Stop, Verdict};

/// How many of the last calls a failure shows.
const HISTORY_SHOWN: usize = 16;

/// How to run a check.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Decides every random choice of the check.
    pub seed: u64,
    /// How many nodes; see [`Level::sizes`](crate::Level::sizes).
    pub nodes: usize,
    /// Where the check's directory is made, on the file system that is to be tried.
    pub dir: PathBuf,
    /// The bound on the whole check.
    pub bound: Duration,
    /// What every limit adds to four times its bound. Limits catch hangs and measure nothing; they
    /// are extended by stalls of the machine.
    pub slack: Duration,
}

impl RunOptions {
    /// Runs with `seed` on `nodes` nodes in `dir`, within the usual limits.
    #[must_use]
    pub fn new(seed: u64, nodes: usize, dir: PathBuf) -> Self {
        Self {
            seed,
            nodes,
            dir,
            bound: Duration::from_secs(30),
            slack: Duration::from_secs(2),
        }
    }

    /// The limit that belongs to a bound.
    pub(crate) fn limit(&self, bound: Duration) -> Duration {
        bound * 4 + self.slack
    }
}

/// Runs one check on a backend and says how it ended. A panic of the driver is a failure, and so
/// is a check that does not come to an end; its thread is left behind then.
#[must_use]
pub fn run_check(backend: &Arc<dyn Backend>, check: &Check, options: &RunOptions) -> CheckResult {
    let began = Instant::now();
    let recording = Recording::default();
    let report = match missing(backend.as_ref(), check, options.nodes) {
        Some(reason) => Report::of(Err(Stop::NotOffered(reason))),
        None => run_on_a_thread(backend, *check, options, &recording),
    };
    let (verdict, reason) = match report.end {
        Ok(()) => (Verdict::Held, None),
        Err(Stop::Failed(why)) => (Verdict::Failed, Some(why)),
        Err(Stop::Invalid(why)) => (Verdict::Invalid, Some(why)),
        Err(Stop::NotOffered(why)) => (Verdict::NotOffered, Some(why)),
    };
    CheckResult {
        check: check.name.to_owned(),
        clause: check.clause.to_owned(),
        backend: backend.name().to_owned(),
        nodes: options.nodes,
        verdict,
        reason,
        seed: options.seed,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        evidence: report.evidence,
        history: if verdict.is_good() {
            Vec::new()
        } else {
            last_calls(&recording)
        },
    }
}

/// Why the check is not offered, if it is not.
fn missing(backend: &dyn Backend, check: &Check, nodes: usize) -> Option<String> {
    let capabilities = backend.capabilities();
    if !capabilities.cluster_sizes.contains(&nodes) {
        return Some(format!("it forms no cluster of {nodes} nodes"));
    }
    check
        .needs
        .iter()
        .find_map(|need| lacks(backend, &capabilities, *need))
}

fn lacks(backend: &dyn Backend, capabilities: &Capabilities, need: Need) -> Option<String> {
    let has_processes = capabilities.durability == Durability::Disk;
    let is_real = backend.time() == Time::Real;
    match need {
        Need::Disk | Need::DiskFaults | Need::Processes if !has_processes => {
            Some("its store ends with its process".to_owned())
        }
        Need::DiskFaults if is_real && !faultfs::supported() => {
            Some("file calls cannot be interposed on this system".to_owned())
        }
        Need::Leases if !capabilities.leases => Some("it has no leases".to_owned()),
        Need::Links if capabilities.links == Links::None => {
            Some("its links cannot be reached".to_owned())
        }
        Need::Handoff if !capabilities.handoff => Some("it has no Handoff".to_owned()),
        Need::Membership if !capabilities.membership => Some("it has no Membership".to_owned()),
        Need::Hook(kind) if !capabilities.hooks.contains(&kind) => {
            Some(format!("it has no hook {kind:?}"))
        }
        _ => None,
    }
}

struct Report {
    end: Result<(), Stop>,
    evidence: Vec<Evidence>,
}

impl Report {
    fn of(end: Result<(), Stop>) -> Self {
        Self {
            end,
            evidence: Vec::new(),
        }
    }
}

fn run_on_a_thread(
    backend: &Arc<dyn Backend>,
    check: Check,
    options: &RunOptions,
    recording: &Recording,
) -> Report {
    let (backend, recording) = (Arc::clone(backend), recording.clone());
    let run_options = options.clone();
    let (done, finished) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(check.name.to_owned())
        .spawn(move || {
            let report = run_here(backend, check, &run_options, recording);
            // Nobody listens any more once the limit has passed.
            let _ = done.send(report);
        });
    let thread = match thread {
        Ok(thread) => thread,
        Err(error) => return Report::of(Err(Stop::Invalid(format!("no thread: {error}")))),
    };
    let patience = Patience::new(options.limit(options.bound));
    loop {
        match finished.recv_timeout(patience.left()) {
            Ok(report) => {
                let _ = thread.join();
                return report;
            }
            Err(RecvTimeoutError::Disconnected) => {
                let why = thread
                    .join()
                    .err()
                    .map_or_else(String::new, |panic| panic_text(&*panic));
                return Report::of(Err(Stop::Failed(format!("a panic: {why}"))));
            }
            Err(RecvTimeoutError::Timeout) if patience.left().is_zero() => {
                let limit = options.limit(options.bound);
                return Report::of(Err(Stop::Failed(format!("no end within {limit:?}"))));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn run_here(
    backend: Arc<dyn Backend>,
    check: Check,
    options: &RunOptions,
    recording: Recording,
) -> Report {
    let dir = tempfile::Builder::new()
        .prefix(check.name)
        .tempdir_in(&options.dir);
    let dir = match dir {
        Ok(dir) => dir,
        Err(error) => {
            let place = options.dir.display();
            return Report::of(Err(Stop::Invalid(format!(
                "no directory in {place}: {error}"
            ))));
        }
    };
    let time = backend.time();
    let mut case = Case::new(backend, dir.path(), options, recording);
    let end = match time {
        Time::Real => run_in_real_time((check.run)(&mut case)),
        Time::Virtual => run_in_virtual_time((check.run)(&mut case)).map_err(Stop::from),
    };
    Report {
        end: end.and_then(|end| end),
        evidence: case.take_evidence(),
    }
}

fn run_in_real_time<T>(check: impl Future<Output = T>) -> Result<T, Stop> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Stop::Invalid(format!("no runtime: {error}")))?;
    let end = runtime.block_on(check);
    runtime.shutdown_background();
    Ok(end)
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "without a message".to_owned())
}

fn last_calls(recording: &Recording) -> Vec<String> {
    let calls = recording.calls();
    let from = calls.len().saturating_sub(HISTORY_SHOWN);
    calls[from..].iter().map(ToString::to_string).collect()
}
