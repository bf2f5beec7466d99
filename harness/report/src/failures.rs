//! What did not hold: the clause or the fault, the reason, and how to see it again.

use tsoracle_conformance::{CheckResult, Verdict};
use tsoracle_consensus::contract;
use tsoracle_scenarios::{ScenarioResult, named};

use crate::markdown::{code_block, heading};
use crate::units::nodes;
use crate::{DriverResults, Results, faults};

/// Empty when everything held.
pub(crate) fn section(results: &Results) -> String {
    let bad = |result: &&CheckResult| !result.verdict.is_good();
    let of_drivers = results.drivers.iter().flat_map(|driver| {
        let bad = driver.conformance.iter().filter(bad);
        bad.map(move |result| one(driver, result))
    });
    let mut all: String = of_drivers.collect();
    for driver in &results.drivers {
        let bad = driver.scenarios.iter().filter(|run| !run.verdict.is_good());
        all.extend(bad.map(|run| fault(results, driver, run)));
    }
    if all.is_empty() {
        return all;
    }
    heading("What did not hold") + all.trim_start_matches('\n')
}

/// The command that runs the check again. A size below three is the driver's smallest.
fn again(driver: &DriverResults, result: &CheckResult) -> String {
    let (check, seed) = (&result.check, result.seed);
    let size = match result.nodes {
        0..3 => String::new(),
        nodes => format!(" --nodes {nodes}"),
    };
    let name = &driver.name;
    format!("lab conformance --driver {name} --check {check} --seed {seed}{size}")
}

fn fault(results: &Results, driver: &DriverResults, run: &ScenarioResult) -> String {
    let about = named(&run.scenario).map_or("", |scenario| scenario.about);
    let mut text = format!(
        "\n### {}: `{}` {}\n\n> {about}\n\nOn {}, with seed {}. Again: `{}`\n\n",
        driver.name,
        run.scenario,
        run.verdict,
        nodes(run.nodes),
        run.seed,
        faults::command(results, &[run], &driver.name),
    );
    text.push_str(&code_block(
        run.reason.as_deref().unwrap_or("no reason given"),
    ));
    text
}

fn one(driver: &DriverResults, result: &CheckResult) -> String {
    let verdict = match result.verdict {
        Verdict::Invalid => "invalid",
        _ => "failed",
    };
    let clause = contract::clause(&result.clause).unwrap_or_else(|| result.clause.clone());
    let mut text = format!(
        "\n### {}: `{}` {verdict}\n\n> {clause}\n\nOn {}, with seed {}. Again: `{}`\n\n",
        driver.name,
        result.check,
        nodes(result.nodes),
        result.seed,
        again(driver, result),
    );
    text.push_str(&code_block(
        result.reason.as_deref().unwrap_or("no reason given"),
    ));
    if !result.history.is_empty() {
        text.push_str("\nThe last calls before it:\n\n");
        text.push_str(&code_block(&result.history.join("\n")));
    }
    text
}
