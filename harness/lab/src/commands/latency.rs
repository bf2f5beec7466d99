//! `lab latency`: what a persist, a load and a grant cost beside their floors, and what a cluster
//! takes beside time.

use std::sync::Arc;

use tsoracle_latency::{Options, measure, measure_grants, measure_network};
use tsoracle_testbed::{Backend, Network, Time};

use super::{Ending, report};
use crate::cli::{Format, Run, Size};
use crate::console::print;
use crate::error::LabError;
use crate::progress::Progress;
use crate::results::Gathering;
use crate::selection::{self, Scope};

pub(super) fn run(
    known: &[Arc<dyn Backend>],
    network: Option<&Arc<dyn Network>>,
    run: &Run,
    size: Size,
    format: Format,
) -> Result<Ending, LabError> {
    if format == Format::Junit {
        let refusal = "latencies are no test cases; use table or json";
        return Err(LabError::Usage(refusal.into()));
    }
    let backends = selection::backends(known, &run.drivers, Scope::Services)?;
    let mut gathering = Gathering::begin(run, size, &backends, "lab latency")?;
    gather(&mut gathering, &backends, network, run, size)?;
    print(&match format {
        Format::Json => report::json(&gathering.results)?,
        Format::Table | Format::Junit => tsoracle_report::terminal_table(&gathering.results),
    })?;
    Ok(Ending::Good)
}

/// Measures what is not yet among the results. A driver that cannot be measured is named in them;
/// the others are measured all the same, and the run ends with the first such failure.
pub(super) fn gather(
    gathering: &mut Gathering,
    backends: &[Arc<dyn Backend>],
    network: Option<&Arc<dyn Network>>,
    run: &Run,
    size: Size,
) -> Result<(), LabError> {
    let progress = Progress::new(backends.len() as u64 + 2);
    let show =
        |what: &str, done: u64, total: u64| progress.doing(&format!("{what} {done}/{total}"));
    if gathering.results.allocator.is_none() {
        let grants = measure_grants(run.profile.into(), &show);
        let grants = grants.map_err(|error| LabError::Environment(error.to_string()))?;
        gathering.results.allocator = Some(grants);
        gathering.save()?;
    }
    progress.done("the allocator is measured");
    if let Some(network) = network.filter(|_| gathering.results.network.is_none()) {
        let measured = measure_network(network, run.profile.into(), &show);
        let measured = measured.map_err(|error| LabError::Environment(error.to_string()))?;
        gathering.results.network = Some(measured);
        gathering.save()?;
    }
    progress.done("the network is measured");
    let options = Options {
        seed: run.seed,
        nodes: size.nodes.unwrap_or(Options::NODES),
        network: network.cloned(),
        ..Options::new(run.profile.into(), gathering.data().path())
    };
    gather_drivers(gathering, backends, &options, &progress)
}

fn gather_drivers(
    gathering: &mut Gathering,
    backends: &[Arc<dyn Backend>],
    options: &Options,
    progress: &Progress,
) -> Result<(), LabError> {
    let show =
        |what: &str, done: u64, total: u64| progress.doing(&format!("{what} {done}/{total}"));
    let mut failure = None;
    for backend in backends {
        let name = backend.name();
        if gathering
            .driver(name)
            .is_none_or(|driver| driver.latency.is_some())
        {
            progress.done(&format!("{name} was measured before"));
            continue;
        }
        if backend.time() == Time::Virtual {
            if let Some(driver) = gathering.driver(name) {
                driver.latency_missing = Some("it runs in virtual time".to_owned());
            }
            gathering.save()?;
            progress.done(&format!("{name} runs in virtual time and has no latency"));
            continue;
        }
        let measured = measure(backend, options, &show);
        if let Some(driver) = gathering.driver(name) {
            driver.latency_missing = measured.as_ref().err().map(ToString::to_string);
            driver.latency = measured.as_ref().ok().cloned();
        }
        gathering.save()?;
        progress.done(&match &measured {
            Ok(_) => format!("{name} is measured, {:?} so far", progress.elapsed()),
            Err(error) => format!("{name} could not be measured: {error}"),
        });
        let failed = measured
            .err()
            .map(|error| LabError::Environment(error.to_string()));
        failure = failure.or(failed);
    }
    failure.map_or(Ok(()), Err)
}
