//! `lab conformance`: the suite, check by check, on every chosen driver.

use std::sync::Arc;

use comfy_table::{ContentArrangement, Table, presets};
use tsoracle_conformance::{Check, CheckResult, RunOptions, Verdict, run_check};
use tsoracle_testbed::Backend;

use super::Ending;
use crate::cli::{Format, Run, Suite};
use crate::console::print;
use crate::error::LabError;
use crate::progress::Progress;
use crate::results::Gathering;
use crate::selection;

pub(super) fn run(
    known: &[Arc<dyn Backend>],
    run: &Run,
    suite: &Suite,
    format: Format,
) -> Result<Ending, LabError> {
    let backends = selection::backends(known, &run.drivers)?;
    let checks = selection::checks(&suite.checks)?;
    let mut gathering = Gathering::begin(run, &backends, "lab conformance")?;
    let ending = gather(&mut gathering, &backends, &checks, run, suite.repeat)?;
    print(&shown(&gathering, format)?)?;
    Ok(ending)
}

/// Runs what is not yet among the results; each result is saved before the next check begins.
pub(super) fn gather(
    gathering: &mut Gathering,
    backends: &[Arc<dyn Backend>],
    checks: &[&'static Check],
    run: &Run,
    repeat: u64,
) -> Result<Ending, LabError> {
    let progress = Progress::new(backends.len() as u64 * checks.len() as u64 * repeat);
    let mut ending = Ending::Good;
    for backend in backends {
        for seed in (0..repeat).map(|round| run.seed.wrapping_add(round)) {
            for check in checks {
                progress.doing(&format!("{}::{}", backend.name(), check.name));
                let result = match earlier(gathering, backend.name(), check.name, seed) {
                    Some(result) => result,
                    None => {
                        let result = run_one(gathering, backend, check, seed)?;
                        keep(gathering, &result)?;
                        result
                    }
                };
                progress.done(&line(&result));
                if !result.verdict.is_good() {
                    progress.say(&result.explain(&replay(&result, run)));
                    ending = Ending::Bad;
                }
            }
        }
    }
    Ok(ending)
}

/// A verdict counts only if the disk could take data before and, unless it is good, after.
fn run_one(
    gathering: &Gathering,
    backend: &Arc<dyn Backend>,
    check: &'static Check,
    seed: u64,
) -> Result<CheckResult, LabError> {
    gathering.data().probe()?;
    let options = RunOptions::new(seed, gathering.data().path().to_owned());
    let result = run_check(backend, check, &options);
    if !result.verdict.is_good() {
        gathering.data().probe()?;
    }
    Ok(result)
}

/// A good result of an earlier run; what was not good is tried again.
fn earlier(gathering: &mut Gathering, driver: &str, check: &str, seed: u64) -> Option<CheckResult> {
    let driver = gathering.driver(driver)?;
    driver
        .conformance
        .iter()
        .find(|r| r.check == check && r.seed == seed && r.verdict.is_good())
        .cloned()
}

fn keep(gathering: &mut Gathering, result: &CheckResult) -> Result<(), LabError> {
    if let Some(driver) = gathering.driver(&result.backend) {
        let again = |r: &CheckResult| r.check == result.check && r.seed == result.seed;
        driver.conformance.retain(|r| !again(r));
        driver.conformance.push(result.clone());
    }
    gathering.save()
}

fn line(result: &CheckResult) -> String {
    let CheckResult {
        backend,
        check,
        verdict,
        duration_ms,
        seed,
        ..
    } = result;
    let why = match verdict {
        Verdict::NotOffered => format!(": {}", result.reason.as_deref().unwrap_or_default()),
        _ => String::new(),
    };
    format!("{backend}::{check} {verdict}{why} ({duration_ms} ms, seed {seed})")
}

/// The command that runs the check again, by the name that this program was called by.
fn replay(result: &CheckResult, run: &Run) -> String {
    let CheckResult {
        backend,
        check,
        seed,
        ..
    } = result;
    let program = std::env::args().next().unwrap_or_else(|| "lab".into());
    let dir = run
        .dir
        .as_ref()
        .map_or_else(String::new, |dir| format!(" --dir {}", dir.display()));
    format!("{program} conformance --driver {backend} --check {check} --seed {seed}{dir}")
}

fn shown(gathering: &Gathering, format: Format) -> Result<String, LabError> {
    match format {
        Format::Table => Ok(table(gathering)),
        Format::Json => super::report::json(&gathering.results),
        Format::Junit => super::report::junit(&gathering.results),
    }
}

fn table(gathering: &Gathering) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["driver", "clause", "check", "verdict", "ms", "seed", "why"]);
    for result in gathering
        .results
        .drivers
        .iter()
        .flat_map(|driver| &driver.conformance)
    {
        table.add_row([
            result.backend.clone(),
            result.clause.clone(),
            result.check.clone(),
            result.verdict.to_string(),
            result.duration_ms.to_string(),
            result.seed.to_string(),
            result.reason.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}
