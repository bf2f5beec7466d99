//! `lab conformance`: the suite, check by check, on every chosen driver.

use std::sync::Arc;

use comfy_table::{ContentArrangement, Table, presets};
use tsoracle_conformance::{Check, CheckResult, Verdict};
use tsoracle_testbed::Backend;

use super::Ending;
use crate::cli::{Format, Run, Size, Suite};
use crate::console::print;
use crate::error::LabError;
use crate::progress::Progress;
use crate::results::Gathering;
use crate::round::{Attempt, Round, Verdicts, run_all};
use crate::selection::{self, Scope};

pub(super) fn run(
    known: &[Arc<dyn Backend>],
    run: &Run,
    suite: &Suite,
    size: Size,
    format: Format,
) -> Result<Ending, LabError> {
    let backends = selection::backends(known, &run.drivers, Scope::Services)?;
    let checks = selection::checks(&suite.checks)?;
    let mut gathering = Gathering::begin(run, size, &backends, "lab conformance")?;
    let ending = gather(&mut gathering, &backends, &checks, run, suite, size)?;
    print(&shown(&gathering, format)?)?;
    Ok(ending)
}

/// Runs what is not yet among the results; each result is saved before the next check begins. A
/// check that does not hold is explained at once, and the others go on.
pub(super) fn gather(
    gathering: &mut Gathering,
    backends: &[Arc<dyn Backend>],
    checks: &[&'static Check],
    run: &Run,
    suite: &Suite,
    size: Size,
) -> Result<Ending, LabError> {
    let rounds = Round::all(backends, checks, run.seed, suite.repeat, size);
    let steps: usize = rounds.iter().map(|round| round.attempts.len()).sum();
    let progress = Progress::new(steps as u64);
    let jobs = suite.jobs.count();
    let mut ending = Ending::Good;
    for mut round in rounds {
        progress.doing(round.name());
        let mut verdicts = Verdicts::default();
        let mut tell = |result: &CheckResult| {
            progress.done(&line(result));
            if !result.verdict.is_good() {
                progress.say(&result.explain(&replay(result, run)));
                ending = Ending::Bad;
            }
            verdicts.add(result);
        };
        round.attempts.retain(|attempt| {
            let earlier = attempt.earlier(gathering);
            earlier.as_ref().inspect(|result| tell(result)).is_none()
        });
        let data = gathering.data();
        let run_one = |attempt: &Attempt<'_>| attempt.run(&data);
        run_all(&round.attempts, jobs, run_one, |result| {
            keep(gathering, &result, checks)?;
            tell(&result);
            Ok(())
        })?;
        if suite.repeat > 1 {
            progress.say(&round.line(suite.repeat, &verdicts));
        }
    }
    Ok(ending)
}

/// In the order of the suite, whichever is done first.
fn keep(
    gathering: &mut Gathering,
    result: &CheckResult,
    checks: &[&'static Check],
) -> Result<(), LabError> {
    if let Some(driver) = gathering.driver(&result.backend) {
        let key = |r: &CheckResult| (r.check.clone(), r.nodes, r.seed);
        let again = |r: &CheckResult| key(r) == key(result);
        driver.conformance.retain(|r| !again(r));
        driver.conformance.push(result.clone());
        let place = |r: &CheckResult| checks.iter().position(|check| check.name == r.check);
        driver
            .conformance
            .sort_by_key(|r| (r.seed, place(r), r.nodes));
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use tsoracle_consensus::ConsensusError;
    use tsoracle_testbed::{Capabilities, Node, NodeSpec, Timing};

    use super::*;
    use crate::cli::{Jobs, Profile};

    /// Never starts.
    struct Broken;

    #[async_trait]
    impl Backend for Broken {
        fn name(&self) -> &str {
            "broken"
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::single_durable_node()
        }

        fn timing(&self) -> Timing {
            Timing {
                election_timeout: Duration::ZERO,
                lease: None,
                deadline: Duration::from_secs(1),
            }
        }

        async fn start(&self, _: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
            Err(ConsensusError::permanent("it never starts"))
        }
    }

    #[test]
    fn a_failure_does_not_stop_the_rounds_and_is_not_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let run = Run {
            drivers: Vec::new(),
            seed: 5,
            profile: Profile::Quick,
            dir: None,
            out: dir.path().to_owned(),
            resume: false,
        };
        let (size, names) = (Size { nodes: None }, vec!["first_item_is_ready".to_owned()]);
        let suite = Suite {
            checks: names,
            repeat: 3,
            jobs: Jobs::of(2),
        };
        let backends: Vec<Arc<dyn Backend>> = vec![Arc::new(Broken)];
        let checks = selection::checks(&suite.checks).unwrap();
        let mut gathering = Gathering::begin(&run, size, &backends, "a test").unwrap();
        let ending = gather(&mut gathering, &backends, &checks, &run, &suite, size).unwrap();
        assert_eq!(ending, Ending::Bad);
        let results = &gathering.results.drivers[0].conformance;
        let seeds: Vec<_> = results.iter().map(|result| result.seed).collect();
        assert_eq!(seeds, [5, 6, 7]);
    }
}
