//! What did not hold: the clause, the reason, and how to see it again.

use tsoracle_conformance::{CheckResult, Verdict};
use tsoracle_consensus::contract;

use crate::markdown::{code_block, heading};
use crate::units::nodes;
use crate::{DriverResults, Results};

/// Empty when everything held.
pub(crate) fn section(results: &Results) -> String {
    let bad = |result: &&CheckResult| !result.verdict.is_good();
    let of_drivers = results.drivers.iter().flat_map(|driver| {
        let bad = driver.conformance.iter().filter(bad);
        bad.map(move |result| one(driver, result))
    });
    let all: String = of_drivers.collect();
    if all.is_empty() {
        return all;
    }
    heading("What did not hold") + all.trim_start_matches('\n')
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
        driver.command,
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
