//! Rounds of the suite: which checks run, with which seeds, on how many nodes.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use tsoracle_conformance::{Check, CheckResult, RunOptions, Verdict, run_check};
use tsoracle_testbed::Backend;

use crate::cli::Size;
use crate::data::DataDir;
use crate::error::LabError;
use crate::results::Gathering;

/// Every chosen check on one driver, with one seed.
pub(crate) struct Round<'a> {
    backend: &'a Arc<dyn Backend>,
    /// From 1.
    number: u64,
    seed: u64,
    pub(crate) attempts: Vec<Attempt<'a>>,
}

impl<'a> Round<'a> {
    /// So many rounds of each driver, with consecutive seeds.
    pub(crate) fn all(
        backends: &'a [Arc<dyn Backend>],
        checks: &[&'static Check],
        seed: u64,
        repeat: u64,
        size: Size,
    ) -> Vec<Self> {
        let of_driver = |backend| {
            (1..=repeat).map(move |number| {
                let seed = seed.wrapping_add(number - 1);
                Self {
                    backend,
                    number,
                    seed,
                    attempts: Attempt::all(backend, checks, size.nodes, seed),
                }
            })
        };
        backends.iter().flat_map(of_driver).collect()
    }

    pub(crate) fn name(&self) -> &str {
        self.backend.name()
    }

    /// How it ended, in a line.
    pub(crate) fn line(&self, repeat: u64, verdicts: &Verdicts) -> String {
        let (name, number, seed) = (self.name(), self.number, self.seed);
        let took_s = verdicts.duration_ms as f64 / 1e3;
        format!("{name}: round {number} of {repeat}, seed {seed}: {verdicts} ({took_s:.1} s)")
    }
}

/// How the checks of a round ended.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    held: u32,
    failed: u32,
    invalid: u32,
    not_offered: u32,
    duration_ms: u64,
}

impl Verdicts {
    pub(crate) fn add(&mut self, result: &CheckResult) {
        self.duration_ms += result.duration_ms;
        *match result.verdict {
            Verdict::Held => &mut self.held,
            Verdict::Failed => &mut self.failed,
            Verdict::Invalid => &mut self.invalid,
            Verdict::NotOffered => &mut self.not_offered,
        } += 1;
    }
}

impl fmt::Display for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            held,
            failed,
            invalid,
            not_offered,
            ..
        } = self;
        write!(
            f,
            "{held} held, {failed} failed, {invalid} invalid, {not_offered} not offered"
        )
    }
}

/// One check, on one driver, on so many nodes, with one seed.
pub(crate) struct Attempt<'a> {
    backend: &'a Arc<dyn Backend>,
    pub(crate) check: &'static Check,
    nodes: usize,
    seed: u64,
}

impl<'a> Attempt<'a> {
    fn all(
        backend: &'a Arc<dyn Backend>,
        checks: &[&'static Check],
        nodes: Option<usize>,
        seed: u64,
    ) -> Vec<Self> {
        let capabilities = backend.capabilities();
        let mut attempts = Vec::new();
        for check in checks.iter().copied() {
            for nodes in check.level.sizes(&capabilities, nodes) {
                attempts.push(Self {
                    backend,
                    check,
                    nodes,
                    seed,
                });
            }
        }
        attempts
    }

    /// A good result of an earlier run; what was not good is tried again.
    pub(crate) fn earlier(&self, gathering: &mut Gathering) -> Option<CheckResult> {
        let driver = gathering.driver(self.backend.name())?;
        let results = driver.conformance.iter();
        results
            .filter(|result| result.verdict.is_good())
            .find(|result| {
                let asked = (self.check.name, self.nodes, self.seed);
                (result.check.as_str(), result.nodes, result.seed) == asked
            })
            .cloned()
    }

    /// A verdict counts only if the disk could take data before and, unless it is good, after.
    pub(crate) fn run(&self, data: &DataDir) -> Result<CheckResult, LabError> {
        data.probe()?;
        let options = RunOptions::new(self.seed, self.nodes, data.path().to_owned());
        let result = run_check(self.backend, self.check, &options);
        if !result.verdict.is_good() {
            data.probe()?;
        }
        Ok(result)
    }
}

/// Runs attempts, so many at a time and in about their order. Results come as they are ready, and
/// end with the first that could not be had.
pub(crate) fn run_all<A: Sync, R: Send>(
    attempts: &[A],
    jobs: usize,
    run: impl Fn(&A) -> Result<R, LabError> + Sync,
    mut each: impl FnMut(R) -> Result<(), LabError>,
) -> Result<(), LabError> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        let (done, results) = mpsc::channel();
        for _ in 0..jobs.min(attempts.len()) {
            let (next, run, done) = (&next, &run, done.clone());
            threads.spawn(move || {
                while let Some(attempt) = attempts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if done.send(run(attempt)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        results
            .into_iter()
            .try_for_each(|result| result.and_then(&mut each))
    })
}
