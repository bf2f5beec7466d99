//! `lab compare`: conformance and latency of every chosen driver, and the report of both.

use std::sync::Arc;

use tsoracle_testbed::{Backend, Network};

use super::{Ending, conformance, latency, report};
use crate::cli::{Format, Run, Suite};
use crate::console::{print, say};
use crate::error::LabError;
use crate::results::Gathering;
use crate::selection;

pub(super) fn run(
    known: &[Arc<dyn Backend>],
    network: Option<&Arc<dyn Network>>,
    run: &Run,
    suite: &Suite,
    format: Format,
) -> Result<Ending, LabError> {
    let backends = selection::backends(known, &run.drivers)?;
    let checks = selection::checks(&suite.checks)?;
    let command = format!(
        "lab compare --seed {} --profile {}",
        run.seed,
        tsoracle_latency::Profile::from(run.profile)
    );
    let mut gathering = Gathering::begin(run, &backends, &command)?;
    let ending = conformance::gather(&mut gathering, &backends, &checks, run, suite)?;
    let measured = latency::gather(&mut gathering, &backends, network, run);
    report::write(&gathering.results, &run.out)?;
    print(&report::shown(&gathering.results, format)?)?;
    let page = run.out.join("choosing-a-driver.md");
    say(&format!("the report is {}", page.display()));
    measured.map(|()| ending)
}
