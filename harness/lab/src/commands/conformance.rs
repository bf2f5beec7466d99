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
    let ending = gather(&mut gathering, &backends, &checks, run, suite)?;
    print(&shown(&gathering, format)?)?;
    Ok(ending)
}

/// Runs what is not yet among the results; each result is saved before the next check begins.
pub(super) fn gather(
    gathering: &mut Gathering,
    backends: &[Arc<dyn Backend>],
    checks: &[&'static Check],
    run: &Run,
    suite: &Suite,
) -> Result<Ending, LabError> {
    let seeds = (0..suite.repeat).map(|round| run.seed.wrapping_add(round));
    let rounds: Vec<Round<'_>> = backends
        .iter()
        .flat_map(|backend| seeds.clone().map(move |seed| (backend, seed)))
        .flat_map(|(backend, seed)| Round::all(backend, checks, suite.nodes, seed))
        .collect();
    let progress = Progress::new(rounds.len() as u64);
    let mut ending = Ending::Good;
    for round in rounds {
        progress.doing(&format!("{}::{}", round.backend.name(), round.check.name));
        let result = match round.earlier(gathering) {
            Some(result) => result,
            None => {
                let result = round.run(gathering)?;
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
    Ok(ending)
}

/// One check, on one driver, on so many nodes, with one seed.
struct Round<'a> {
    backend: &'a Arc<dyn Backend>,
    check: &'static Check,
    nodes: usize,
    seed: u64,
}

impl<'a> Round<'a> {
    fn all(
        backend: &'a Arc<dyn Backend>,
        checks: &[&'static Check],
        nodes: Option<usize>,
        seed: u64,
    ) -> Vec<Self> {
        let capabilities = backend.capabilities();
        let mut rounds = Vec::new();
        for check in checks.iter().copied() {
            for nodes in check.level.sizes(&capabilities, nodes) {
                rounds.push(Self {
                    backend,
                    check,
                    nodes,
                    seed,
                });
            }
        }
        rounds
    }

    /// A good result of an earlier run; what was not good is tried again.
    fn earlier(&self, gathering: &mut Gathering) -> Option<CheckResult> {
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
    fn run(&self, gathering: &Gathering) -> Result<CheckResult, LabError> {
        gathering.data().probe()?;
        let dir = gathering.data().path().to_owned();
        let options = RunOptions::new(self.seed, self.nodes, dir);
        let result = run_check(self.backend, self.check, &options);
        if !result.verdict.is_good() {
            gathering.data().probe()?;
        }
        Ok(result)
    }
}

fn keep(gathering: &mut Gathering, result: &CheckResult) -> Result<(), LabError> {
    if let Some(driver) = gathering.driver(&result.backend) {
        let key = |r: &CheckResult| (r.check.clone(), r.nodes, r.seed);
        let again = |r: &CheckResult| key(r) == key(result);
        driver.conformance.retain(|r| !again(r));
        driver.conformance.push(result.clone());
    }
    gathering.save()
}

fn line(result: &CheckResult) -> String {
    let CheckResult {
        backend,
        check,
        nodes,
        verdict,
        duration_ms,
        seed,
        ..
    } = result;
    let why = match verdict {
        Verdict::NotOffered => format!(": {}", result.reason.as_deref().unwrap_or_default()),
        _ => String::new(),
    };
    let nodes = match nodes {
        1 => String::new(),
        nodes => format!(", {nodes} nodes"),
    };
    format!("{backend}::{check} {verdict}{why} ({duration_ms} ms, seed {seed}{nodes})")
}

/// The command that runs the check again, by the name that this program was called by.
fn replay(result: &CheckResult, run: &Run) -> String {
    let CheckResult {
        backend,
        check,
        nodes,
        seed,
        ..
    } = result;
    let program = std::env::args().next().unwrap_or_else(|| "lab".into());
    let nodes = match nodes {
        0..3 => String::new(),
        nodes => format!(" --nodes {nodes}"),
    };
    let dir = run
        .dir
        .as_ref()
        .map_or_else(String::new, |dir| format!(" --dir {}", dir.display()));
    format!("{program} conformance --driver {backend} --check {check} --seed {seed}{nodes}{dir}")
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
    table.set_header([
        "driver", "clause", "check", "nodes", "verdict", "ms", "seed", "why",
    ]);
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
            result.nodes.to_string(),
            result.verdict.to_string(),
            result.duration_ms.to_string(),
            result.seed.to_string(),
            result.reason.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}
