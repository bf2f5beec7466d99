//! `lab faults` and `lab soak`: what becomes of service under faults, scenario by scenario.

mod plan;
mod table;

use std::sync::Arc;

use tsoracle_scenarios::{ScenarioResult, run_scenario};
use tsoracle_testbed::Backend;

use super::{Ending, report};
use crate::cli::{Faults, Format, Run, Size, Soak};
use crate::console::print;
use crate::error::LabError;
use crate::progress::Progress;
use crate::results::Gathering;
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
    let ending = gather(&mut gathering, &attempts, run, None)?;
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
    let ending = gather(&mut gathering, &attempts, run, Some(soak.minutes))?;
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

/// Runs what is not yet among the results; each result is saved before the next run begins. One that
/// is not good is explained at once, and the others go on.
pub(super) fn gather(
    gathering: &mut Gathering,
    attempts: &[Attempt],
    run: &Run,
    minutes: Option<u64>,
) -> Result<Ending, LabError> {
    let progress = Progress::new(attempts.len() as u64);
    let mut ending = Ending::Good;
    for attempt in attempts {
        progress.doing(&attempt.name());
        let result = match attempt.earlier(gathering) {
            Some(result) => result,
            None => {
                gathering.data().probe()?;
                let options = attempt.options(gathering, run, minutes);
                let result = run_scenario(&attempt.backend, attempt.scenario, &options);
                keep(gathering, &result)?;
                result
            }
        };
        progress.done(&table::line(&result));
        if !result.verdict.is_good() {
            progress.say(&attempt.explain(&result));
            ending = Ending::Bad;
        }
    }
    Ok(ending)
}

fn keep(gathering: &mut Gathering, result: &ScenarioResult) -> Result<(), LabError> {
    if let Some(driver) = gathering.driver(&result.driver) {
        let key = |r: &ScenarioResult| (r.scenario.clone(), r.nodes, r.seed);
        driver.scenarios.retain(|r| key(r) != key(result));
        driver.scenarios.push(result.clone());
    }
    gathering.save()
}
