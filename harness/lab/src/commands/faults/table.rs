//! Outcomes of scenarios on a terminal.

use comfy_table::{ContentArrangement, Table, presets};
use tsoracle_latency::failover::Estimate;
use tsoracle_report::Results;
use tsoracle_scenarios::{Scenario, ScenarioResult, ScenarioSummary, Verdict};

/// What there is.
pub(super) fn listed(scenarios: &[&Scenario]) -> String {
    let mut table = table(&["scenario", "nodes", "the fault"]);
    for scenario in scenarios {
        let sizes: Vec<_> = scenario.sizes.iter().map(usize::to_string).collect();
        table.add_row([
            scenario.name.to_owned(),
            sizes.join(", "),
            scenario.about.to_owned(),
        ]);
    }
    table.to_string()
}

/// One run in a line.
pub(super) fn line(result: &ScenarioResult) -> String {
    let ScenarioResult {
        driver,
        scenario,
        nodes,
        seed,
        verdict,
        ..
    } = result;
    let outage = match (result.outage_ms, result.outage_t) {
        (Some(ms), Some(times)) => format!(", {ms:.0} ms ({times:.1} T)"),
        _ => String::new(),
    };
    format!("{driver}::{scenario} on {nodes}, seed {seed}: {verdict}{outage}")
}

/// All runs, one row for each scenario, driver and size.
pub(super) fn outcomes(results: &Results) -> String {
    let mut table = table(&[
        "scenario",
        "driver",
        "nodes",
        "verdict",
        "outage, ms",
        "in T",
        "leader changes",
        "available",
        "",
    ]);
    let runs: Vec<_> = results
        .drivers
        .iter()
        .flat_map(|driver| driver.scenarios.clone())
        .collect();
    let mut summaries = ScenarioSummary::all(&runs);
    let first_of = |name: &str| runs.iter().position(|run| run.scenario == name);
    summaries.sort_by_key(|summary| first_of(&summary.scenario));
    for summary in &summaries {
        table.add_row(row(summary));
    }
    table.to_string()
}

fn row(summary: &ScenarioSummary) -> Vec<String> {
    let verdict = |(verdict, count): &(Verdict, u64)| match summary.verdicts.len() {
        1 if *count == 1 => verdict.to_string(),
        _ => format!("{verdict} ({count})"),
    };
    let verdicts: Vec<_> = summary.verdicts.iter().map(verdict).collect();
    let share = |share: f64| format!("{:.1}%", share * 100.0);
    vec![
        summary.scenario.clone(),
        summary.driver.clone(),
        summary.nodes.to_string(),
        verdicts.join(", "),
        summary
            .outage_ms
            .as_ref()
            .map(|ms| estimate(ms, 0))
            .unwrap_or_default(),
        summary
            .outage_t
            .as_ref()
            .map(|times| estimate(times, 1))
            .unwrap_or_default(),
        summary.most_leader_changes.to_string(),
        summary.least_availability.map(share).unwrap_or_default(),
        summary.reason.clone().unwrap_or_default(),
    ]
}

fn estimate(of: &Estimate, decimals: usize) -> String {
    match of.interval {
        Some((low, high)) => {
            let median = of.median;
            format!("{median:.decimals$} [{low:.decimals$}, {high:.decimals$}]")
        }
        None => format!("{:.decimals$}", of.median),
    }
}

fn table(titles: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(titles.iter().copied());
    table
}
