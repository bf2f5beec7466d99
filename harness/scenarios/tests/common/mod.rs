//! What the tests on simulated clusters share.

use std::path::Path;
use std::sync::Arc;

use tsoracle_conformance::reference::{Rules, SimulatedCluster};
use tsoracle_scenarios::{Effort, Options, Scenario, ScenarioResult, named, run_scenario};
use tsoracle_testbed::Backend;

/// In memory where there is such a place: disks are simulated above it.
pub(crate) fn place() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        Path::new(env!("CARGO_TARGET_TMPDIR"))
    }
}

pub(crate) fn reference() -> Arc<dyn Backend> {
    Arc::new(SimulatedCluster::default())
}

/// The reference without one of its rules.
#[allow(dead_code, reason = "not every test program breaks rules")]
pub(crate) fn broken(name: &str, breaks: fn(&mut Rules)) -> Arc<dyn Backend> {
    let mut rules = Rules::default();
    breaks(&mut rules);
    Arc::new(SimulatedCluster::with_rules(name, rules))
}

/// On the smallest cluster that the scenario is written for.
pub(crate) fn run(backend: &Arc<dyn Backend>, scenario: &Scenario, seed: u64) -> ScenarioResult {
    let dir = tempfile::tempdir_in(place()).expect("a directory");
    let options = Options {
        effort: Effort::Full,
        ..Options::new(seed, scenario.sizes[0], dir.path())
    };
    run_scenario(backend, scenario, &options)
}

pub(crate) fn run_named(backend: &Arc<dyn Backend>, name: &str, seed: u64) -> ScenarioResult {
    run(backend, named(name).expect("a scenario"), seed)
}
