//! Runs one check, alone: with its own directory, runtime, thread, seed and time limit.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tsoracle_testbed::{Backend, Durability, Patience, faultfs};

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
    /// Where the check's directory is made, on the file system that is to be tried.
    pub dir: PathBuf,
    /// The bound on the whole check.
    pub bound: Duration,
    /// What every limit adds to four times its bound. Limits catch hangs and measure nothing; they
    /// are extended by stalls of the machine.
    pub slack: Duration,
}

impl RunOptions {
    /// Runs with `seed` in `dir`, within the usual limits.
    #[must_use]
    pub fn new(seed: u64, dir: PathBuf) -> Self {
        Self {
            seed,
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
    let nodes = backend.capabilities().smallest_cluster();
    let recording = Recording::default();
    let report = match missing(backend.as_ref(), check) {
        Some(reason) => Report::of(Err(Stop::NotOffered(reason))),
        None => run_on_a_thread(backend, *check, nodes, options, &recording),
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
        nodes,
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
fn missing(backend: &dyn Backend, check: &Check) -> Option<String> {
    let capabilities = backend.capabilities();
    check.needs.iter().find_map(|need| match need {
        Need::Disk | Need::DiskFaults if capabilities.durability != Durability::Disk => {
            Some("its store ends with its process".to_owned())
        }
        Need::Leases if !capabilities.leases => Some("it has no leases".to_owned()),
        Need::DiskFaults if !faultfs::supported() => {
            Some("file calls cannot be interposed on this system".to_owned())
        }
        _ => None,
    })
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
    nodes: usize,
    options: &RunOptions,
    recording: &Recording,
) -> Report {
    let (backend, recording) = (Arc::clone(backend), recording.clone());
    let run_options = options.clone();
    let (done, finished) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(check.name.to_owned())
        .spawn(move || {
            let report = run_here(backend, check, nodes, &run_options, recording);
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
    nodes: usize,
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
    let runtime = match Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Report::of(Err(Stop::Invalid(format!("no runtime: {error}")))),
    };
    let mut case = Case::new(backend, nodes, dir.path(), options, recording);
    let end = runtime.block_on((check.run)(&mut case));
    runtime.shutdown_background();
    Report {
        end,
        evidence: case.take_evidence(),
    }
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
