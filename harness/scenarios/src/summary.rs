//! What repetitions of one scenario say together.

use serde::{Deserialize, Serialize};
use tsoracle_latency::failover::Estimate;

use crate::{ScenarioResult, Verdict};

/// All runs of one scenario on one driver at one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioSummary {
    /// The scenario's name.
    pub scenario: String,
    /// The backend's name.
    pub driver: String,
    /// How many nodes.
    pub nodes: usize,
    /// The verdicts, the most frequent first, each with the number of its runs.
    pub verdicts: Vec<(Verdict, u64)>,
    /// How many runs were made.
    pub runs: u64,
    /// The outages of the runs that recovered, or had no quorum by design, in milliseconds.
    pub outage_ms: Option<Estimate>,
    /// The same in T.
    pub outage_t: Option<Estimate>,
    /// The most leader changes of a run.
    pub most_leader_changes: u64,
    /// The least availability of a run.
    pub least_availability: Option<f64>,
    /// Why the first run that is not good is not, or why the scenario is not offered.
    pub reason: Option<String>,
}

impl ScenarioSummary {
    /// Whether the outages are those of all runs. Where some stalled or broke a promise, those of
    /// the others flatter the driver.
    #[must_use]
    pub fn outages_are_all(&self) -> bool {
        self.outage_ms.is_some_and(|ms| ms.runs as u64 == self.runs)
    }

    /// One summary for each scenario, driver and size, in the order of their first runs.
    #[must_use]
    pub fn all(runs: &[ScenarioResult]) -> Vec<Self> {
        let mut groups: Vec<Vec<&ScenarioResult>> = Vec::new();
        let key = |run: &ScenarioResult| (run.scenario.clone(), run.driver.clone(), run.nodes);
        for run in runs {
            match groups
                .iter_mut()
                .find(|group| group.first().map(|r| key(r)) == Some(key(run)))
            {
                Some(group) => group.push(run),
                None => groups.push(vec![run]),
            }
        }
        groups.iter().filter_map(|group| Self::of(group)).collect()
    }

    fn of(runs: &[&ScenarioResult]) -> Option<Self> {
        let first = runs.first()?;
        let recovered = || {
            let by_itself = [Verdict::Recovered, Verdict::UnavailableByDesign];
            runs.iter()
                .filter(move |run| by_itself.contains(&run.verdict))
        };
        let outages_ms: Vec<f64> = recovered().filter_map(|run| run.outage_ms).collect();
        let outages_t: Vec<f64> = recovered().filter_map(|run| run.outage_t).collect();
        let availability = runs.iter().filter_map(|run| run.availability);
        let bad = runs.iter().find(|run| !run.verdict.is_good());
        Some(Self {
            scenario: first.scenario.clone(),
            driver: first.driver.clone(),
            nodes: first.nodes,
            verdicts: verdicts(runs),
            runs: runs.len() as u64,
            outage_ms: Estimate::of(&outages_ms),
            outage_t: Estimate::of(&outages_t),
            most_leader_changes: runs.iter().map(|run| run.leader_changes).max().unwrap_or(0),
            least_availability: availability.min_by(f64::total_cmp),
            reason: bad.unwrap_or(first).reason.clone(),
        })
    }
}

fn verdicts(runs: &[&ScenarioResult]) -> Vec<(Verdict, u64)> {
    let mut verdicts: Vec<(Verdict, u64)> = Vec::new();
    for run in runs {
        match verdicts
            .iter_mut()
            .find(|(verdict, _)| *verdict == run.verdict)
        {
            Some((_, count)) => *count += 1,
            None => verdicts.push((run.verdict, 1)),
        }
    }
    verdicts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, verdict: Verdict, outage_ms: f64) -> ScenarioResult {
        ScenarioResult {
            scenario: "chained".to_owned(),
            driver: "mine".to_owned(),
            nodes: 3,
            seed,
            settings_hash: String::new(),
            election_timeout_ms: 100.0,
            verdict,
            reason: (!verdict.is_good()).then(|| format!("seed {seed}")),
            outage_ms: Some(outage_ms),
            outage_t: Some(outage_ms / 100.0),
            phases: Vec::new(),
            leader_changes: seed,
            availability: Some(0.9),
            overlap_ms: None,
            errors: Vec::new(),
            evidence: Vec::new(),
            figures: Vec::new(),
            duration_ms: 1,
        }
    }

    #[test]
    fn a_stall_is_counted_and_is_no_part_of_the_median() {
        let mut runs: Vec<_> = (1..=5)
            .map(|seed| run(seed, Verdict::Recovered, 200.0))
            .collect();
        runs.push(run(6, Verdict::StalledUntilHeal, 6_000.0));
        runs.push(run(7, Verdict::Unsafe, 9_000.0));
        let [summary] = &ScenarioSummary::all(&runs)[..] else {
            panic!("one group");
        };
        let median = summary.outage_t.map(|times| (times.runs, times.median));
        assert_eq!(median, Some((5, 2.0)));
        assert_eq!(summary.verdicts[0], (Verdict::Recovered, 5));
        assert_eq!((summary.runs, summary.outages_are_all()), (7, false));
        assert_eq!(summary.reason.as_deref(), Some("seed 7"));
        assert_eq!(summary.most_leader_changes, 7);
    }
}
