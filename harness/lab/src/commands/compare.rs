//! `lab compare`: latency, conformance, failover and fault scenarios of every chosen driver, and the
//! report of all of them.

use std::sync::Arc;

use tsoracle_testbed::{Backend, Network};

use super::{Ending, conformance, faults, latency, report};
use crate::cli::{Format, Profile, Run, Size, Suite};
use crate::console::{print, say};
use crate::error::LabError;
use crate::results::Gathering;
use crate::selection::{self, Scope};

/// What is to be compared, and how.
pub(super) struct Plan {
    pub(super) run: Run,
    pub(super) suite: Suite,
    pub(super) size: Size,
}

pub(super) fn run(
    known: &[Arc<dyn Backend>],
    network: Option<&Arc<dyn Network>>,
    plan: &Plan,
    format: Format,
) -> Result<Ending, LabError> {
    let Plan { run, suite, size } = plan;
    let scope = match run.profile {
        Profile::Quick => Scope::Plain,
        Profile::Full => Scope::All,
    };
    let backends = selection::backends(known, &run.drivers, scope)?;
    let mut for_services = backends.clone();
    for_services.retain(|backend| !backend.is_experiment());
    let checks = selection::checks(&suite.checks)?;
    let mut gathering = Gathering::begin(run, *size, &backends, &command(run, *size))?;
    // Before the checks: a process that has already run hundreds of clusters hides what the next one
    // takes.
    say("1 of 3: latency");
    let measured = latency::gather(&mut gathering, &for_services, network, run, *size);
    say("2 of 3: conformance");
    let held = conformance::gather(&mut gathering, &for_services, &checks, run, suite, *size)?;
    say("3 of 3: failover and faults");
    let attempts = faults::compared(&backends, run, *size);
    let survived = faults::gather(&mut gathering, &attempts, suite.jobs.count(), run, None)?;
    let proved = report::write(&gathering.results, &run.out);
    print(&report::shown(&gathering.results, format)?)?;
    let page = run.out.join("choosing-a-driver.md");
    say(&format!("the report is {}", page.display()));
    proved?;
    measured.map(|()| held.and(survived))
}

fn command(run: &Run, size: Size) -> String {
    let drivers: String = run
        .drivers
        .iter()
        .map(|name| format!(" --driver '{name}'"))
        .collect();
    format!(
        "lab compare{drivers} --seed {} --profile {}{}",
        run.seed,
        tsoracle_latency::Profile::from(run.profile),
        size.argument()
    )
}
