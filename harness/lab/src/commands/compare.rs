//! `lab compare`: latency and conformance of every chosen driver, and the report of both.

use std::sync::Arc;

use tsoracle_testbed::{Backend, Network};

use super::{Ending, conformance, latency, report};
use crate::cli::{Format, Run, Size, Suite};
use crate::console::{print, say};
use crate::error::LabError;
use crate::results::Gathering;
use crate::selection;

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
    let backends = selection::backends(known, &run.drivers, false)?;
    let checks = selection::checks(&suite.checks)?;
    let command = format!(
        "lab compare --seed {} --profile {}{}",
        run.seed,
        tsoracle_latency::Profile::from(run.profile),
        size.argument()
    );
    let mut gathering = Gathering::begin(run, *size, &backends, &command)?;
    // Before the checks: a process that has already run hundreds of clusters hides what the next one
    // takes.
    let measured = latency::gather(&mut gathering, &backends, network, run, *size);
    let ending = conformance::gather(&mut gathering, &backends, &checks, run, suite, *size)?;
    report::write(&gathering.results, &run.out)?;
    print(&report::shown(&gathering.results, format)?)?;
    let page = run.out.join("choosing-a-driver.md");
    say(&format!("the report is {}", page.display()));
    measured.map(|()| ending)
}
