//! Aims for what faults cost, engine by engine.

use tsoracle_latency::failover::Estimate;
use tsoracle_scenarios::{ScenarioResult, Verdict};

use super::{Outcome, Quantity, Target};
use crate::{DriverResults, Results};

const NS_PER_MS: f64 = 1e6;
const HANDOFF_MS: f64 = 20.0;
const RECOVERED_WITHIN_T: f64 = 4.0;
const PERSIST_OF_PAXOS: f64 = 1.1;
const LEADER_CHANGES: f64 = 1.0;

/// What is aimed at for the drivers of one engine.
struct Engine {
    name: &'static str,
    crash_ms: f64,
    /// The partial partitions that it is to recover from.
    recovers: &'static [&'static str],
}

const ENGINES: [Engine; 2] = [
    Engine {
        name: "openraft",
        crash_ms: 450.0,
        recovers: &["quorum_loss", "bridge", "one_way_in"],
    },
    Engine {
        name: "paxos",
        crash_ms: 250.0,
        recovers: &["quorum_loss", "constrained_election", "chained"],
    },
];

/// Every aim that the driver's runs have a figure for. An experiment has none.
pub(super) fn of_driver(driver: &DriverResults) -> Vec<Target> {
    let mut targets = Vec::new();
    if driver.is_experiment {
        return targets;
    }
    let own = driver.variant_of.as_deref().unwrap_or(&driver.name);
    if let Some(engine) = ENGINES.iter().find(|engine| engine.name == own) {
        targets.extend(crash(driver, engine));
        targets.extend(handoff(driver));
        let recovered = engine.recovers.iter();
        targets.extend(recovered.filter_map(|scenario| recovered_from(driver, scenario)));
        targets.extend(leader_changes(driver, "chained"));
    }
    targets.extend(overlap(driver));
    targets
}

/// The persist of OmniPaxos beside that of openraft, on as many nodes in the same run.
pub(super) fn engines(results: &Results) -> Option<Target> {
    let latency = |name: &str| {
        let mut drivers = results.drivers.iter();
        let driver = drivers.find(|driver| driver.name == name)?;
        driver.latency.as_ref()
    };
    let (paxos, openraft) = (latency("paxos")?, latency("openraft")?);
    if paxos.nodes != openraft.nodes {
        return None;
    }
    let (own, other) = (&paxos.persist, &openraft.persist);
    let target = Target {
        figure: "persist, p50 over openraft's of the same run".to_owned(),
        driver: Some("paxos".to_owned()),
        aim: Quantity::Times(PERSIST_OF_PAXOS),
        measured: Quantity::Times(own.measured.p50_ns / other.measured.p50_ns),
        floor: Some(Quantity::Nanoseconds(other.measured.p50_ns)),
        outcome: Outcome::Met,
    };
    let nothing = super::nothing_measured(own).or_else(|| super::nothing_measured(other));
    Some(target.judged(nothing))
}

/// The runs of a scenario, on whatever size; `None` if it was not run or does not apply.
fn runs<'a>(driver: &'a DriverResults, scenario: &str) -> Option<Vec<&'a ScenarioResult>> {
    let of_it = driver
        .scenarios
        .iter()
        .filter(|run| run.scenario == scenario);
    let offered: Vec<_> = of_it
        .filter(|run| run.verdict != Verdict::NotOffered)
        .collect();
    (!offered.is_empty()).then_some(offered)
}

/// Why runs say nothing, if they do not.
fn no_result(runs: &[&ScenarioResult]) -> Option<String> {
    let bad = runs.iter().find(|run| !run.verdict.is_good())?;
    Some(format!("seed {} was {}", bad.seed, bad.verdict))
}

fn median_outage(
    driver: &DriverResults,
    scenario: &str,
    figure: &str,
    aim_ms: f64,
) -> Option<Target> {
    let runs = runs(driver, scenario)?;
    let outages: Vec<f64> = runs.iter().filter_map(|run| run.outage_ms).collect();
    let median = Estimate::of(&outages)?;
    let target = Target {
        figure: format!("{figure}, median of {}", median.runs),
        driver: Some(driver.name.clone()),
        aim: Quantity::Nanoseconds(aim_ms * NS_PER_MS),
        measured: Quantity::Nanoseconds(median.median * NS_PER_MS),
        floor: None,
        outcome: Outcome::Met,
    };
    Some(unless_all_recovered(target.judged(no_result(&runs)), &runs))
}

/// A figure of the runs that recovered is not met while others did not.
fn unless_all_recovered(mut target: Target, runs: &[&ScenarioResult]) -> Target {
    let recovered = runs.iter().all(|run| run.verdict == Verdict::Recovered);
    if target.outcome == Outcome::Met && !recovered {
        target.outcome = Outcome::Missed;
    }
    target
}

fn crash(driver: &DriverResults, engine: &Engine) -> Option<Target> {
    let figure = "leader crash to the first persist";
    median_outage(driver, "leader_crash", figure, engine.crash_ms)
}

/// The gap, and that no call fails meanwhile: every probe is answered before it gives up.
fn handoff(driver: &DriverResults) -> Vec<Target> {
    let gap = median_outage(driver, "handoff", "gap of a planned handoff", HANDOFF_MS);
    let unanswered = runs(driver, "handoff").and_then(|runs| {
        let answered = runs.iter().filter_map(|run| run.availability);
        let least = answered.min_by(f64::total_cmp)?;
        let target = Target {
            figure: "calls that a planned handoff fails, of the worst run".to_owned(),
            driver: Some(driver.name.clone()),
            aim: Quantity::Percent(0.0),
            measured: Quantity::Percent((1.0 - least) * 100.0),
            floor: None,
            outcome: Outcome::Met,
        };
        Some(target.judged(no_result(&runs)))
    });
    gap.into_iter().chain(unanswered).collect()
}

fn recovered_from(driver: &DriverResults, scenario: &str) -> Option<Target> {
    let runs = runs(driver, scenario)?;
    let outages = runs.iter().filter_map(|run| run.outage_t);
    let target = Target {
        figure: format!("recovery from `{scenario}`, worst of {}", runs.len()),
        driver: Some(driver.name.clone()),
        aim: Quantity::Timeouts(RECOVERED_WITHIN_T),
        measured: Quantity::Timeouts(outages.max_by(f64::total_cmp)?),
        floor: None,
        outcome: Outcome::Met,
    };
    Some(unless_all_recovered(target.judged(no_result(&runs)), &runs))
}

fn leader_changes(driver: &DriverResults, scenario: &str) -> Option<Target> {
    let runs = runs(driver, scenario)?;
    let most = runs.iter().map(|run| run.leader_changes).max()?;
    let target = Target {
        figure: format!("leader changes in `{scenario}`, most of {}", runs.len()),
        driver: Some(driver.name.clone()),
        aim: Quantity::Count(LEADER_CHANGES),
        measured: Quantity::Count(most as f64),
        floor: None,
        outcome: Outcome::Met,
    };
    Some(target.judged(no_result(&runs)))
}

/// Over every run of every scenario that shows something.
fn overlap(driver: &DriverResults) -> Option<Target> {
    let runs = driver.scenarios.iter();
    let valid = runs.filter(|run| run.verdict != Verdict::Invalid);
    let overlaps: Vec<_> = valid.filter_map(|run| run.overlap_ms).collect();
    let worst = overlaps.iter().copied().max_by(f64::total_cmp)?;
    let target = Target {
        figure: format!("two leases valid at once, in {} runs", overlaps.len()),
        driver: Some(driver.name.clone()),
        aim: Quantity::Nanoseconds(0.0),
        measured: Quantity::Nanoseconds(worst * NS_PER_MS),
        floor: None,
        outcome: Outcome::Met,
    };
    Some(target.judged(None))
}
