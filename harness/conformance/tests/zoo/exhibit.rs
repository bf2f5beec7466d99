//! One broken driver, what is expected of the suite, and whether that is what happens.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use libtest_mimic::{Arguments, Conclusion, Trial};
use tsoracle_conformance::{ALL, CheckResult, RunOptions, run_check};
use tsoracle_testbed::{Backend, Durability, Time, run_node_process_if_asked};

/// Exhibits that run at once in virtual time, where nothing waits.
const AT_ONCE: usize = 4;
/// Exhibits with a real disk that run at once: some of what they do is wait.
const AT_ONCE_ON_DISK: usize = 8;
/// Added to every limit of a driver that does neither I/O nor processes, instead of the usual.
const SHORT_SLACK: Duration = Duration::from_millis(400);

/// A driver with one defect, or none, and the exact set of checks that fail on it.
pub(crate) struct Exhibit {
    /// The driver; its name says the defect.
    pub(crate) backend: Arc<dyn Backend>,
    /// The checks that fail, and no others.
    pub(crate) fails: &'static [&'static str],
}

impl Exhibit {
    fn is_on_disk(&self) -> bool {
        let is_real = self.backend.time() == Time::Real;
        is_real && self.backend.capabilities().durability == Durability::Disk
    }
}

/// Runs every check on every exhibit and compares the sets.
pub(crate) fn run(exhibits: Vec<Exhibit>) -> ExitCode {
    let backends: Vec<_> = exhibits
        .iter()
        .map(|exhibit| Arc::clone(&exhibit.backend))
        .collect();
    if let Some(code) = run_node_process_if_asked(&backends) {
        return code;
    }
    let declared = declared(&exhibits);
    let (broken, caught) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut trials = vec![Trial::test("every_check_can_fail", move || {
        Ok(every_check_can_fail(&declared)?)
    })];
    let mut trials_on_disk = Vec::new();
    for exhibit in exhibits {
        let (broken, caught) = (Arc::clone(&broken), Arc::clone(&caught));
        let name = exhibit.backend.name().to_owned();
        let is_on_disk = exhibit.is_on_disk();
        let trial = Trial::test(name, move || {
            let is_broken = usize::from(!exhibit.fails.is_empty());
            broken.fetch_add(is_broken, Ordering::Relaxed);
            compare(&exhibit)?;
            caught.fetch_add(is_broken, Ordering::Relaxed);
            Ok(())
        });
        if is_on_disk {
            &mut trials_on_disk
        } else {
            &mut trials
        }
        .push(trial);
    }
    let in_memory = run_at_once(trials, AT_ONCE);
    let on_disk = run_at_once(trials_on_disk, AT_ONCE_ON_DISK);
    println!(
        "zoo: caught {} of {}",
        caught.load(Ordering::Relaxed),
        broken.load(Ordering::Relaxed)
    );
    if in_memory.has_failed() {
        in_memory
    } else {
        on_disk
    }
    .exit_code()
}

fn run_at_once(trials: Vec<Trial>, threads: usize) -> Conclusion {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(threads);
    libtest_mimic::run(&arguments, trials)
}

fn declared(exhibits: &[Exhibit]) -> BTreeSet<&'static str> {
    let fails = exhibits.iter().flat_map(|exhibit| exhibit.fails);
    fails.copied().collect()
}

/// A check that no exhibit fails has not been seen to fail at all.
fn every_check_can_fail(declared: &BTreeSet<&'static str>) -> Result<(), String> {
    let all: BTreeSet<_> = ALL.iter().map(|check| check.name).collect();
    let unseen: Vec<_> = all.difference(declared).collect();
    let unknown: Vec<_> = declared.difference(&all).collect();
    if unseen.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "failed by no exhibit: {unseen:?}; not a check: {unknown:?}"
    ))
}

fn compare(exhibit: &Exhibit) -> Result<(), String> {
    let dir = tempfile::tempdir_in(place()).map_err(|e| e.to_string())?;
    let capabilities = exhibit.backend.capabilities();
    let mut results = Vec::new();
    for check in ALL {
        for nodes in check.level.sizes(&capabilities, None) {
            let mut options = RunOptions::new(1, nodes, dir.path().to_owned());
            if !exhibit.is_on_disk() {
                options.slack = SHORT_SLACK;
            }
            results.push(run_check(&exhibit.backend, check, &options));
        }
    }
    let failed: BTreeSet<&str> = results
        .iter()
        .filter(|result| !result.verdict.is_good())
        .map(|result| result.check.as_str())
        .collect();
    let expected: BTreeSet<&str> = exhibit.fails.iter().copied().collect();
    if failed == expected {
        return Ok(());
    }
    let missed: Vec<_> = expected.difference(&failed).collect();
    let surplus: Vec<_> = failed.difference(&expected).collect();
    Err(format!(
        "not noticed by {missed:?}; also failed {surplus:?}\n{}",
        reasons(&results)
    ))
}

/// Faults are injected above the file system, so one in memory shows as much as a disk, and sooner.
fn place() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        Path::new(env!("CARGO_TARGET_TMPDIR"))
    }
}

fn reasons(results: &[CheckResult]) -> String {
    let mut text = String::new();
    for result in results.iter().filter(|result| !result.verdict.is_good()) {
        let reason = result.reason.as_deref().unwrap_or_default();
        let took_ms = result.duration_ms;
        let (check, verdict) = (&result.check, result.verdict);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{check} {verdict} after {took_ms} ms: {reason}");
    }
    text
}
