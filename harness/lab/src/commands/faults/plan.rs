//! Which scenarios run, on which drivers, with which seeds, on how many nodes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tsoracle_scenarios::{ALL, Effort, Options, Repeats, Scenario, ScenarioResult, run_scenario};
use tsoracle_testbed::Backend;

use crate::cli::{Profile, Run, Size};
use crate::data::DataDir;
use crate::error::LabError;
use crate::results::{self, Gathering};

/// The size of a cluster where nothing else is said and the scenario is written for it.
const USUAL: usize = 3;

/// One run of one scenario.
pub(in crate::commands) struct Attempt {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) scenario: &'static Scenario,
    nodes: usize,
    seed: u64,
}

/// Every chosen scenario on every chosen driver that forms clusters, with consecutive seeds.
pub(super) fn planned(
    backends: &[Arc<dyn Backend>],
    scenarios: &[&'static Scenario],
    run: &Run,
    repeat: Option<u64>,
    size: Size,
) -> Vec<Attempt> {
    let attempts = scenarios.iter().flat_map(|scenario| {
        let nodes = size.nodes.unwrap_or_else(|| own_size(scenario));
        let runs = repeat.unwrap_or(match run.profile {
            Profile::Full => scenario.repeats.in_full(),
            Profile::Quick => 1,
        });
        repeated(backends, scenario, nodes, runs, run.seed)
    });
    attempts.collect()
}

/// What a quick comparison runs, and how often: two failovers for a figure, the partial partitions
/// for a verdict.
const QUICK: [(&str, u64); 5] = [
    ("leader_crash", 5),
    ("handoff", 5),
    ("quorum_loss", 1),
    ("constrained_election", 1),
    ("chained", 1),
];

/// The scenarios of a comparison: those of [`QUICK`], or all of them as often as a full report takes.
/// A size that was asked for holds for those that are written for it.
pub(in crate::commands) fn compared(
    backends: &[Arc<dyn Backend>],
    run: &Run,
    size: Size,
) -> Vec<Attempt> {
    let runs_of = |scenario: &Scenario| match run.profile {
        Profile::Full => Some(scenario.repeats.in_full()),
        Profile::Quick => {
            let quick = QUICK.iter().find(|(name, _)| *name == scenario.name);
            quick.map(|(_, runs)| *runs)
        }
    };
    let attempts = ALL.iter().filter_map(|scenario| {
        let asked = size.nodes.filter(|nodes| scenario.sizes.contains(nodes));
        let nodes = asked.unwrap_or_else(|| own_size(scenario));
        let runs = runs_of(scenario)?;
        Some(repeated(backends, scenario, nodes, runs, run.seed))
    });
    attempts.flatten().collect()
}

fn own_size(scenario: &Scenario) -> usize {
    let usual = scenario.sizes.iter().find(|nodes| **nodes == USUAL);
    usual.or(scenario.sizes.first()).copied().unwrap_or(USUAL)
}

/// One scenario on every driver, so many times with consecutive seeds; that it is not offered is said
/// once.
fn repeated(
    backends: &[Arc<dyn Backend>],
    scenario: &'static Scenario,
    nodes: usize,
    runs: u64,
    seed: u64,
) -> Vec<Attempt> {
    let of_driver = |backend: &Arc<dyn Backend>| {
        let offered = scenario.lacking(backend.as_ref(), nodes).is_none();
        let runs = if offered { runs } else { 1 };
        let attempt = |number: u64| Attempt {
            backend: Arc::clone(backend),
            scenario,
            nodes,
            seed: seed.wrapping_add(number),
        };
        (0..runs).map(attempt).collect::<Vec<_>>()
    };
    backends.iter().flat_map(of_driver).collect()
}

/// The runs of a file of results, as far as their drivers and scenarios were chosen.
pub(super) fn replayed(
    path: &Path,
    backends: &[Arc<dyn Backend>],
    scenarios: &[&'static Scenario],
) -> Result<Vec<Attempt>, LabError> {
    let found = results::read(path)?;
    let runs = found.drivers.iter().flat_map(|driver| &driver.scenarios);
    let attempt = |run: &ScenarioResult| {
        let backend = backends
            .iter()
            .find(|backend| backend.name() == run.driver)?;
        let scenario = scenarios
            .iter()
            .find(|scenario| scenario.name == run.scenario)?;
        Some(Attempt {
            backend: Arc::clone(backend),
            scenario,
            nodes: run.nodes,
            seed: run.seed,
        })
    };
    let attempts: Vec<_> = runs.filter_map(attempt).collect();
    if attempts.is_empty() {
        let path = path.display();
        let why = format!("{path} has no run of these drivers and scenarios to replay");
        return Err(LabError::Usage(why));
    }
    Ok(attempts)
}

impl Attempt {
    pub(super) fn name(&self) -> String {
        let (driver, scenario) = (self.backend.name(), self.scenario.name);
        format!("{driver}::{scenario}, seed {}", self.seed)
    }

    /// A good result of an earlier run; what was not good is tried again.
    pub(super) fn earlier(&self, gathering: &mut Gathering) -> Option<ScenarioResult> {
        let driver = gathering.driver(self.backend.name())?;
        let asked = (self.scenario.name, self.nodes, self.seed);
        let good = driver.scenarios.iter().filter(|run| run.verdict.is_good());
        good.into_iter()
            .find(|run| (run.scenario.as_str(), run.nodes, run.seed) == asked)
            .cloned()
    }

    /// Whether its times count, so that nothing else may run beside it.
    pub(super) fn is_measured(&self) -> bool {
        self.scenario.repeats != Repeats::Verdict
    }

    /// A verdict counts only if the disk could take data before.
    pub(super) fn run(
        &self,
        options: &Options,
        data: &DataDir,
    ) -> Result<ScenarioResult, LabError> {
        data.probe()?;
        Ok(run_scenario(&self.backend, self.scenario, options))
    }

    pub(super) fn options(&self, data: &DataDir, run: &Run, minutes: Option<u64>) -> Options {
        let options = Options::new(self.seed, self.nodes, data.path());
        Options {
            effort: match run.profile {
                Profile::Quick => Effort::Quick,
                Profile::Full => Effort::Full,
            },
            soak: minutes.map_or(options.soak, |minutes| Duration::from_secs(60 * minutes)),
            ..options
        }
    }

    /// Why a run is no result, and how to run it again.
    pub(super) fn explain(&self, result: &ScenarioResult) -> String {
        let reason = result.reason.as_deref().unwrap_or("no reason was given");
        format!(
            "{} was {}: {reason}\n  the scenario: {}\n  again: lab faults --driver {} --scenario {} \
             --nodes {} --seed {} --repeat 1",
            self.name(),
            result.verdict,
            self.scenario.about,
            self.backend.name(),
            self.scenario.name,
            self.nodes,
            self.seed
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use tsoracle_conformance::reference::{InMemory, SimulatedCluster};

    use super::*;

    fn run(profile: Profile) -> Run {
        Run {
            drivers: Vec::new(),
            seed: 7,
            profile,
            dir: None,
            out: PathBuf::new(),
            resume: false,
        }
    }

    /// (runs, nodes) of each scenario on one driver, whose seeds follow each other.
    fn plan(
        profile: Profile,
        nodes: Option<usize>,
        driver: &str,
    ) -> BTreeMap<String, (u64, usize)> {
        let backends: Vec<Arc<dyn Backend>> = vec![
            Arc::new(InMemory::default()),
            Arc::new(SimulatedCluster::default()),
        ];
        let mut plan = BTreeMap::new();
        for attempt in compared(&backends, &run(profile), Size { nodes }) {
            if attempt.backend.name() == driver {
                let name = attempt.scenario.name.to_owned();
                let (runs, nodes) = plan.entry(name).or_insert((0, attempt.nodes));
                assert_eq!((attempt.seed, attempt.nodes), (7 + *runs, *nodes));
                *runs += 1;
            }
        }
        plan
    }

    fn named(backend: &dyn Backend) -> String {
        backend.name().to_owned()
    }

    #[test]
    fn a_quick_comparison_has_two_failovers_and_the_partial_partitions() {
        let cluster = named(&SimulatedCluster::default());
        let expected = [
            ("chained", (1, 3)),
            ("constrained_election", (1, 5)),
            ("handoff", (5, 3)),
            ("leader_crash", (5, 3)),
            ("quorum_loss", (1, 5)),
        ];
        let expected = expected.map(|(name, how)| (name.to_owned(), how));
        assert_eq!(plan(Profile::Quick, None, &cluster), expected.into());
        let larger = plan(Profile::Quick, Some(5), &cluster);
        assert_eq!(
            (larger["leader_crash"], larger["chained"]),
            ((5, 5), (1, 3))
        );
    }

    #[test]
    fn a_full_comparison_has_every_scenario_as_often_as_its_figure_needs() {
        let plan = plan(Profile::Full, None, &named(&SimulatedCluster::default()));
        let figures = [
            "leader_crash",
            "handoff",
            "chained",
            "quorum_loss",
            "constrained_election",
        ];
        for scenario in ALL {
            let (runs, nodes) = plan[scenario.name];
            let lacks = scenario
                .lacking(&SimulatedCluster::default(), nodes)
                .is_some();
            let expected = match scenario.name {
                _ if lacks => 1,
                "round_trip_sweep" => 1,
                name if figures.contains(&name) => 30,
                _ => 3,
            };
            assert_eq!(runs, expected, "{}", scenario.name);
        }
        assert_eq!(plan.len(), ALL.len());
    }

    #[test]
    fn what_is_not_offered_is_said_once() {
        let plan = plan(Profile::Full, None, &named(&InMemory::default()));
        assert!(plan.values().all(|(runs, _)| *runs == 1), "{plan:?}");
    }
}
