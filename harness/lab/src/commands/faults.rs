//! `lab faults` and `lab soak`: what becomes of service under faults, scenario by scenario.

mod plan;
mod table;

use std::sync::Arc;

use tsoracle_scenarios::{ALL, SOAKS, ScenarioResult};
use tsoracle_testbed::Backend;

use super::{Ending, report};
use crate::cli::{Faults, Format, Run, Size, Soak};
use crate::console::print;
use crate::error::LabError;
use crate::progress::Progress;
use crate::results::Gathering;
use crate::round::run_all;
use crate::selection::{self, Scope};
use plan::Attempt;
pub(super) use plan::compared;

pub(super) fn run(
    known: &[Arc<dyn Backend>],
    run: &Run,
    faults: &Faults,
    size: Size,
    format: Format,
) -> Result<Ending, LabError> {
    refuse_junit(format)?;
    let scenarios = selection::scenarios(&faults.scenarios)?;
    if faults.list {
        print(&table::listed(&scenarios))?;
        return Ok(Ending::Good);
    }
    let backends = selection::backends(known, &run.drivers, Scope::All)?;
    let attempts = match &faults.replay {
        Some(path) => plan::replayed(path, &backends, &scenarios)?,
        None => plan::planned(&backends, &scenarios, run, faults.repeat, size),
    };
    let command = format!("lab faults --seed {}{}", run.seed, size.argument());
    let mut gathering = Gathering::begin(run, size, &backends, &command)?;
    let ending = gather(&mut gathering, &attempts, faults.jobs.count(), run, None)?;
    show(&gathering, format)?;
    Ok(ending)
}

pub(super) fn soak(
    known: &[Arc<dyn Backend>],
    run: &Run,
    soak: &Soak,
    size: Size,
    format: Format,
) -> Result<Ending, LabError> {
    refuse_junit(format)?;
    let backends = selection::backends(known, &run.drivers, Scope::Services)?;
    let scenarios: Vec<_> = tsoracle_scenarios::SOAKS.iter().collect();
    let attempts = plan::planned(&backends, &scenarios, run, None, size);
    let mut gathering = Gathering::begin(run, size, &backends, "lab soak")?;
    let ending = gather(&mut gathering, &attempts, 1, run, Some(soak.minutes))?;
    show(&gathering, format)?;
    Ok(ending)
}

fn refuse_junit(format: Format) -> Result<(), LabError> {
    let refusal = "outages are no test cases; use table or json";
    match format {
        Format::Junit => Err(LabError::Usage(refusal.into())),
        Format::Table | Format::Json => Ok(()),
    }
}

fn show(gathering: &Gathering, format: Format) -> Result<(), LabError> {
    match format {
        Format::Json => print(&report::json(&gathering.results)?),
        Format::Table | Format::Junit => print(&table::outcomes(&gathering.results)),
    }
}

/// Runs what is not yet among the results, so many at a time, and then alone what measures a figure;
/// each result is saved before the next run begins. One that is not good is explained at once, and
/// the others go on.
pub(super) fn gather<'a>(
    gathering: &mut Gathering,
    attempts: &'a [Attempt],
    jobs: usize,
    run: &Run,
    minutes: Option<u64>,
) -> Result<Ending, LabError> {
    let progress = Progress::new(attempts.len() as u64);
    let mut ending = Ending::Good;
    let mut tell = |attempt: &Attempt, result: &ScenarioResult| {
        progress.done(&table::line(result));
        if !result.verdict.is_good() {
            progress.say(&attempt.explain(result));
            ending = Ending::Bad;
        }
    };
    let mut left: Vec<_> = attempts.iter().collect();
    left.retain(|attempt| {
        let earlier = attempt.earlier(gathering);
        let told = earlier.as_ref().map(|result| tell(attempt, result));
        told.is_none()
    });
    let (alone, together): (Vec<_>, Vec<_>) =
        left.into_iter().partition(|attempt| attempt.is_measured());
    let data = gathering.data();
    let run_one = |attempt: &Attempt| {
        progress.doing(&attempt.name());
        attempt.run(&attempt.options(&data, run, minutes), &data)
    };
    for (attempts, jobs) in [(together, jobs), (alone, 1)] {
        let run_one = |attempt: &&'a Attempt| Ok((*attempt, run_one(attempt)?));
        run_all(&attempts, jobs, run_one, |(attempt, result)| {
            keep(gathering, &result)?;
            tell(attempt, &result);
            Ok(())
        })?;
    }
    Ok(ending)
}

/// In the order of the scenarios, whichever is done first.
fn keep(gathering: &mut Gathering, result: &ScenarioResult) -> Result<(), LabError> {
    if let Some(driver) = gathering.driver(&result.driver) {
        let key = |r: &ScenarioResult| (place(&r.scenario), r.nodes, r.seed);
        driver.scenarios.retain(|r| key(r) != key(result));
        driver.scenarios.push(result.clone());
        driver.scenarios.sort_by_key(key);
    }
    gathering.save()
}

fn place(scenario: &str) -> Option<usize> {
    let mut scenarios = ALL.iter().chain(SOAKS);
    scenarios.position(|known| known.name == scenario)
}
