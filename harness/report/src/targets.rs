//! What was aimed at, and whether it was met.

mod faults;

use std::fmt;

use tsoracle_latency::{Comparison, FloorKind, LatencyResults, NetworkResults, SyncVerdict};
use tsoracle_testbed::Reads;

use crate::units::{digits, duration};
use crate::{DriverResults, Results};

const GRANT_OF_ONE_NS: f64 = 20.0;
const GRANT_OF_MANY_NS: f64 = 40.0;
const LOAD_OF_ONE_NODE_NS: f64 = 1_000.0;
const LOAD_UNDER_A_LEASE_NS: f64 = 5_000.0;
const LOAD_BY_A_ROUND: f64 = 1.3;
const LOAD_THROUGH_THE_LOG: f64 = 1.1;
const CALL: f64 = 1.3;
/// 200,000 a second.
const MESSAGE_NS: f64 = 5_000.0;
const PERSIST_OF_ONE_NODE: f64 = 1.25;
const PERSIST_OF_A_CLUSTER: f64 = 1.5;
const PERSIST_OF_A_CLUSTER_NS: f64 = 540_000.0;
/// That time is for a disk like this one, or faster; on one that is slower by more than the share it
/// says nothing.
const ITS_SYNC_NS: f64 = 115_000.0;
const ITS_SYNC_SHARE: f64 = 1.25;
const SYNCS_OF_A_ROUND: f64 = 3.0;

/// A figure held against its aim.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What is measured.
    pub figure: String,
    /// Of which driver; `None` for the allocator.
    pub driver: Option<String>,
    /// The most that it should be.
    pub aim: Quantity,
    /// What it is.
    pub measured: Quantity,
    /// The least that it could be, where there is such a thing.
    pub floor: Option<Quantity>,
    /// Whether the aim was met.
    pub outcome: Outcome,
}

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// A duration in nanoseconds.
    Nanoseconds(f64),
    /// Times the floor.
    Times(f64),
    /// Syncs.
    Syncs(f64),
    /// Times the driver's own election timeout.
    Timeouts(f64),
    /// Hundredths.
    Percent(f64),
    /// So many.
    Count(f64),
}

/// Whether an aim was met.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The figure is at most the aim.
    Met,
    /// The figure is above the aim.
    Missed,
    /// The figure means nothing, for this reason; that is no better than missed.
    Invalid(String),
}

impl Quantity {
    fn value(self) -> f64 {
        match self {
            Self::Nanoseconds(value)
            | Self::Times(value)
            | Self::Syncs(value)
            | Self::Timeouts(value)
            | Self::Percent(value)
            | Self::Count(value) => value,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match *self {
            Self::Nanoseconds(0.0) | Self::Count(0.0) => "none".to_owned(),
            Self::Nanoseconds(ns) => duration(ns),
            Self::Timeouts(times) => format!("{} T", digits(times)),
            Self::Percent(0.0) => "none".to_owned(),
            Self::Percent(percent) => format!("{}%", digits(percent)),
            Self::Count(count) => count.to_string(),
            Self::Times(times) => format!("{} x", digits(times)),
            Self::Syncs(1.0) => "1 sync".to_owned(),
            Self::Syncs(whole) if whole.fract() == 0.0 => format!("{whole} syncs"),
            Self::Syncs(syncs) => format!("{} syncs", digits(syncs)),
        })
    }
}

impl Target {
    /// The outcome in words, with by how much.
    #[must_use]
    pub fn verdict(&self) -> String {
        let share = (self.measured.value() / self.aim.value() - 1.0) * 100.0;
        match &self.outcome {
            Outcome::Met if self.aim.value() == 0.0 => "met".to_owned(),
            // A stall can be shorter than the time that a recovery may take.
            Outcome::Missed if self.aim.value() == 0.0 || share <= 0.0 => "**missed**".to_owned(),
            Outcome::Met if share > -0.05 => "met, just".to_owned(),
            Outcome::Met => format!("met, {}% below", digits(-share)),
            Outcome::Missed if share < 0.05 => "**missed**, just".to_owned(),
            Outcome::Missed => format!("**missed** by {}%", digits(share)),
            Outcome::Invalid(reason) => format!("**invalid**: {reason}"),
        }
    }

    fn judged(mut self, invalid: Option<String>) -> Self {
        self.outcome = match invalid {
            Some(reason) => Outcome::Invalid(reason),
            None if self.measured.value() <= self.aim.value() => Outcome::Met,
            None => Outcome::Missed,
        };
        self
    }
}

/// Every aim that these results have a figure for: the allocator's first, then driver by driver.
#[must_use]
pub fn targets(results: &Results) -> Vec<Target> {
    let grants = results
        .allocator
        .iter()
        .flat_map(|allocator| &allocator.grants);
    let mut targets: Vec<_> = grants
        .map(|grant| {
            let aim_ns = if grant.timestamps == 1 {
                GRANT_OF_ONE_NS
            } else {
                GRANT_OF_MANY_NS
            };
            let figure = match grant.timestamps {
                1 => "grant of one timestamp".to_owned(),
                many => format!("grant of {} timestamps", crate::units::count(many.into())),
            };
            time(figure, None, aim_ns, &grant.comparison)
        })
        .collect();
    targets.extend(results.network.iter().flat_map(of_network));
    for driver in &results.drivers {
        if let Some(latency) = &driver.latency {
            targets.extend(of_driver(driver, latency, results.environment.tmpfs));
        }
        targets.extend(faults::of_driver(driver));
    }
    targets.extend(faults::engines(results));
    targets
}

fn of_driver(driver: &DriverResults, latency: &LatencyResults, tmpfs: bool) -> Vec<Target> {
    let name = Some(driver.name.clone());
    let mut targets = Vec::new();
    if latency.syncs.verdict != SyncVerdict::NotDurable {
        targets.push(persist(name.clone(), latency, tmpfs));
        targets.extend(persist_time(name.clone(), latency, tmpfs));
        targets.extend(concurrent(name.clone(), latency));
    }
    targets.extend(load(driver, latency));
    targets
}

/// A load that asks a quorum is held against a call, where there is one to hold it against.
fn load(driver: &DriverResults, latency: &LatencyResults) -> Option<Target> {
    let (name, load) = (Some(driver.name.clone()), &latency.load);
    match (latency.nodes, driver.capabilities.reads) {
        (1, _) => Some(time(
            "load, p50".to_owned(),
            name,
            LOAD_OF_ONE_NODE_NS,
            load,
        )),
        (_, Reads::Memory) => {
            let figure = "load under a lease, p50".to_owned();
            Some(time(figure, name, LOAD_UNDER_A_LEASE_NS, load))
        }
        (_, Reads::Quorum) => {
            let target = Target {
                figure: format!(
                    "load by a round of the quorum, p50 over a {}",
                    load.floor_kind
                ),
                driver: name,
                aim: Quantity::Times(LOAD_BY_A_ROUND),
                measured: Quantity::Times(load.ratio.median),
                floor: Some(Quantity::Nanoseconds(load.floor.p50_ns)),
                outcome: Outcome::Met,
            };
            let held = load.floor_kind == FloorKind::Call;
            held.then(|| target.judged(nothing_measured(load)))
        }
        (_, Reads::Log) => {
            let persist = &latency.persist;
            let target = Target {
                figure: "load through the log, p50 over a persist of the same run".to_owned(),
                driver: name,
                aim: Quantity::Times(LOAD_THROUGH_THE_LOG),
                measured: Quantity::Times(load.measured.p50_ns / persist.measured.p50_ns),
                floor: Some(Quantity::Nanoseconds(persist.measured.p50_ns)),
                outcome: Outcome::Met,
            };
            let invalid = nothing_measured(load).or_else(|| nothing_measured(persist));
            Some(target.judged(invalid))
        }
    }
}

fn of_network(network: &NetworkResults) -> [Target; 2] {
    let call = Target {
        figure: format!("call over {}, p50 over a bare round trip", network.name),
        driver: None,
        aim: Quantity::Times(CALL),
        measured: Quantity::Times(network.call.ratio.median),
        floor: Some(Quantity::Nanoseconds(network.call.floor.p50_ns)),
        outcome: Outcome::Met,
    };
    let message = Target {
        figure: format!("message over {}, one way and pipelined", network.name),
        driver: None,
        aim: Quantity::Nanoseconds(MESSAGE_NS),
        measured: Quantity::Nanoseconds(network.message.p50_ns),
        floor: None,
        outcome: Outcome::Met,
    };
    [
        call.judged(nothing_measured(&network.call)),
        message.judged(None),
    ]
}

fn time(figure: String, driver: Option<String>, aim_ns: f64, comparison: &Comparison) -> Target {
    let target = Target {
        figure,
        driver,
        aim: Quantity::Nanoseconds(aim_ns),
        measured: Quantity::Nanoseconds(comparison.measured.p50_ns),
        floor: Some(Quantity::Nanoseconds(comparison.floor.p50_ns)),
        outcome: Outcome::Met,
    };
    target.judged(nothing_measured(comparison))
}

fn persist(driver: Option<String>, latency: &LatencyResults, tmpfs: bool) -> Target {
    let aim = if latency.nodes == 1 {
        PERSIST_OF_ONE_NODE
    } else {
        PERSIST_OF_A_CLUSTER
    };
    let target = Target {
        figure: format!("persist, p50 over the {} floor", latency.persist.floor_kind),
        driver,
        aim: Quantity::Times(aim),
        measured: Quantity::Times(latency.persist.ratio.median),
        floor: Some(Quantity::Nanoseconds(latency.persist.floor.p50_ns)),
        outcome: Outcome::Met,
    };
    target.judged(not_a_persist(latency, tmpfs))
}

/// The time of a persist on several nodes, with the sync of one disk beside it.
fn persist_time(driver: Option<String>, latency: &LatencyResults, tmpfs: bool) -> Option<Target> {
    let sync_ns = latency.sync_floor_p50_ns().filter(|_| latency.nodes > 1)?;
    let near = duration(ITS_SYNC_NS);
    let target = Target {
        figure: format!("persist, p50 where one sync takes about {near} or less"),
        driver,
        aim: Quantity::Nanoseconds(PERSIST_OF_A_CLUSTER_NS),
        measured: Quantity::Nanoseconds(latency.persist.measured.p50_ns),
        floor: Some(Quantity::Nanoseconds(sync_ns)),
        outcome: Outcome::Met,
    };
    let slow = sync_ns > ITS_SYNC_NS * ITS_SYNC_SHARE;
    let invalid = not_a_persist(latency, tmpfs)
        .or_else(|| slow.then(|| format!("one sync took {}", duration(sync_ns))));
    Some(target.judged(invalid))
}

/// Why the figure of a persist means nothing, if so.
fn not_a_persist(latency: &LatencyResults, tmpfs: bool) -> Option<String> {
    nothing_measured(&latency.persist)
        .or_else(|| too_few(&latency.syncs))
        .or_else(|| tmpfs.then(|| "in memory a sync costs nothing".to_owned()))
}

fn concurrent(driver: Option<String>, latency: &LatencyResults) -> Option<Target> {
    let concurrent = &latency.concurrent;
    let syncs = concurrent.syncs.per_operation_of_busiest_node()?;
    let target = Target {
        figure: format!("{} concurrent persists", concurrent.persists_per_round),
        driver,
        aim: Quantity::Syncs(SYNCS_OF_A_ROUND),
        measured: Quantity::Syncs(syncs),
        floor: Some(Quantity::Syncs(1.0)),
        outcome: Outcome::Met,
    };
    Some(target.judged(too_few(&concurrent.syncs)))
}

fn nothing_measured(comparison: &Comparison) -> Option<String> {
    (comparison.ratio.blocks == 0).then(|| "nothing was measured".to_owned())
}

fn too_few(syncs: &tsoracle_latency::Syncs) -> Option<String> {
    let reason = || {
        syncs
            .reason
            .clone()
            .unwrap_or_else(|| "too few syncs".to_owned())
    };
    (syncs.verdict == SyncVerdict::TooFew).then(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(aim: f64, measured: f64) -> String {
        let target = Target {
            figure: "persist".into(),
            driver: None,
            aim: Quantity::Times(aim),
            measured: Quantity::Times(measured),
            floor: None,
            outcome: Outcome::Met,
        };
        target.judged(None).verdict()
    }

    #[test]
    fn an_outcome_says_by_how_much() {
        assert_eq!(target(1.25, 1.0), "met, 20.0% below");
        assert_eq!(target(1.25, 1.25), "met, just");
        assert_eq!(target(1.25, 1.250_1), "**missed**, just");
        assert_eq!(target(1.25, 2.5), "**missed** by 100%");
    }

    #[test]
    fn quantities_have_units() {
        assert_eq!(Quantity::Nanoseconds(4.2).to_string(), "4.20 ns");
        assert_eq!(Quantity::Times(1.134).to_string(), "1.13 x");
        assert_eq!(Quantity::Syncs(3.0).to_string(), "3 syncs");
        assert_eq!(Quantity::Syncs(2.05).to_string(), "2.05 syncs");
    }
}
