//! The drivers at a glance, one row each.

use tsoracle_conformance::{CheckResult, Verdict};
use tsoracle_latency::{LatencyResults, SyncVerdict, Syncs};
use tsoracle_scenarios::ScenarioSummary;

use crate::markdown::Table;
use crate::units::{digits, duration};
use crate::{DriverResults, Quantity, Results, faults};

/// A short Markdown table for a README: one row per driver, and a line on where it was measured.
#[must_use]
pub fn summary_table(results: &Results) -> String {
    let environment = &results.environment;
    let mut text = table(results).text();
    text.push_str(&format!(
        "\nMeasured on {} cores, {} on {}{}, {} profile; each figure stands beside the floor of \
         the same minutes.{}\n",
        environment.cores,
        environment.os,
        environment.filesystem,
        if environment.tmpfs {
            " (in memory)"
        } else {
            ""
        },
        environment.profile,
        if has_outage(results, "leader_crash") || has_outage(results, "handoff") {
            " Times without service are medians, with a 95% interval from five runs on."
        } else {
            ""
        },
    ));
    text
}

/// The same rows for the report.
pub(crate) fn table(results: &Results) -> Table {
    let mut table = Table::new(titles(results));
    for driver in compared(results) {
        table.row(row(results, driver, "**"));
    }
    table
}

/// Every driver of which more was asked than its part in fault scenarios.
pub(crate) fn compared(results: &Results) -> impl Iterator<Item = &DriverResults> {
    results
        .drivers
        .iter()
        .filter(|driver| !driver.is_experiment)
}

/// The sync of one disk has a column of its own once a floor is more than that.
fn has_sync_floor(results: &Results) -> bool {
    let latencies = results
        .drivers
        .iter()
        .filter_map(|driver| driver.latency.as_ref());
    latencies
        .into_iter()
        .any(|latency| latency.sync_floor.is_some())
}

pub(crate) fn titles(results: &Results) -> Vec<&'static str> {
    let mut titles = vec![
        "driver",
        ">nodes",
        "conformance",
        ">persist p50",
        ">its floor",
        ">ratio",
        ">syncs per persist",
        ">load p50",
        ">64 persists at once",
    ];
    if has_sync_floor(results) {
        titles.insert(AFTER_THE_FLOOR, ">one sync");
    }
    let failovers = FAILOVERS.iter();
    titles.extend(
        failovers
            .filter(|of| has_outage(results, of.0))
            .map(|of| of.1),
    );
    titles
}

const AFTER_THE_FLOOR: usize = 5;

/// Scenarios whose outage has a column, if they were run.
const FAILOVERS: [(&str, &str); 2] = [
    ("leader_crash", ">no service after a leader crash, ms"),
    ("handoff", ">after a handoff, ms"),
];

fn has_outage(results: &Results, scenario: &str) -> bool {
    let mut drivers = results.drivers.iter();
    drivers.any(|driver| failover(driver, scenario).is_some())
}

/// The runs on the size that the driver was run on first.
fn failover(driver: &DriverResults, scenario: &str) -> Option<ScenarioSummary> {
    let summaries = ScenarioSummary::all(&driver.scenarios);
    let mut own = summaries.into_iter();
    own.find(|of| of.scenario == scenario && of.outage_ms.is_some())
}

/// The median with its interval; of those that recovered, if not all did.
fn outage(of: &ScenarioSummary, strong: &str) -> String {
    let median = of.outage_ms.as_ref().map(faults::estimate);
    let median = median.unwrap_or_default();
    if of.outages_are_all() {
        return median;
    }
    let recovered = of.outage_ms.map_or(0, |ms| ms.runs);
    format!(
        "{median}, {strong}{recovered} of {} recovered{strong}",
        of.runs
    )
}

/// One driver's cells; what is bad stands between `strong` marks.
pub(crate) fn row(results: &Results, driver: &DriverResults, strong: &str) -> Vec<String> {
    let latency = driver.latency.as_ref();
    let dash = || "-".to_owned();
    let of = |figure: fn(&LatencyResults) -> String| latency.map_or_else(dash, figure);
    let invalid = latency.is_some_and(|latency| latency.syncs.verdict == SyncVerdict::TooFew);
    let ratio = of(|latency| digits(latency.persist.ratio.median));
    let mut row = vec![
        driver.name.clone(),
        latency
            .map_or(driver.nodes, |latency| latency.nodes)
            .to_string(),
        verdicts(&driver.conformance, strong),
        of(|latency| duration(latency.persist.measured.p50_ns)),
        of(|latency| duration(latency.persist.floor.p50_ns)),
        if invalid {
            format!("{strong}invalid{strong}")
        } else {
            ratio
        },
        of(|latency| syncs(&latency.syncs)),
        of(|latency| duration(latency.load.measured.p50_ns)),
        of(|latency| {
            let concurrent = &latency.concurrent;
            let took = duration(concurrent.rounds.measured.p50_ns);
            match concurrent.syncs.per_operation_of_busiest_node() {
                Some(syncs) => format!("{took}, {}", Quantity::Syncs(syncs)),
                None => took,
            }
        }),
    ];
    if has_sync_floor(results) {
        let sync_ns = latency.and_then(LatencyResults::sync_floor_p50_ns);
        row.insert(AFTER_THE_FLOOR, sync_ns.map_or_else(dash, duration));
    }
    for (scenario, _) in FAILOVERS {
        if has_outage(results, scenario) {
            let of = failover(driver, scenario);
            row.push(of.map_or_else(dash, |of| outage(&of, strong)));
        }
    }
    row
}

/// Syncs per operation, per node where there are several, or why there is no count.
pub(crate) fn syncs(syncs: &Syncs) -> String {
    let per_operation = syncs.per_operation();
    match (syncs.verdict, per_operation) {
        (SyncVerdict::NotDurable, _) => "not durable".to_owned(),
        (SyncVerdict::NotCounted, _) | (_, None) => "not counted".to_owned(),
        (_, Some(all)) if syncs.per_node.len() > 1 => {
            let nodes = syncs.per_node.len() as f64;
            format!("{} ({} per node)", digits(all), digits(all / nodes))
        }
        (_, Some(all)) => digits(all),
    }
}

/// `31 held, 2 failed, 5 not offered`, without what there is none of.
fn verdicts(results: &[CheckResult], strong: &str) -> String {
    let with = |verdict| {
        results
            .iter()
            .filter(|result| result.verdict == verdict)
            .count()
    };
    let all = [
        Verdict::Held,
        Verdict::Failed,
        Verdict::Invalid,
        Verdict::NotOffered,
    ];
    let some = all.into_iter().filter_map(|verdict| {
        let count = with(verdict);
        let mark = if verdict.is_good() { "" } else { strong };
        (count > 0).then(|| format!("{mark}{count} {verdict}{mark}"))
    });
    let text = some.collect::<Vec<_>>().join(", ");
    if text.is_empty() {
        "not run".to_owned()
    } else {
        text
    }
}
