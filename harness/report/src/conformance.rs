//! Who keeps which clause: a row per check, a column per driver.

use tsoracle_conformance::{CheckResult, Verdict};
use tsoracle_consensus::contract;
use tsoracle_testbed::Damage;

use crate::markdown::{Table, heading, subheading};
use crate::units::{count, nodes};
use crate::{DriverResults, Results, summary};

const LABEL_LENGTH_MAX: usize = 40;

pub(crate) fn section(results: &Results) -> String {
    let mut text = heading("Conformance");
    let checks = checks(results);
    if checks.is_empty() {
        text.push_str("No check was run.\n");
        return text;
    }
    text.push_str(
        "One row per check, named after what it asserts, under the clause of the contract that it \
         comes from. *invalid* means that the fault or the load of a check did not happen, so that \
         nothing was shown; it counts as a failure.\n\n",
    );
    text.push_str(&matrix(results, &checks));
    text.push_str(&untouched(&checks));
    text.push_str(&not_offered(results));
    text.push_str(&unnoticed_damage(results));
    text.push_str(&evidence(results));
    text
}

/// (clause, check), in the order of the contract and, within a clause, of the run.
fn checks(results: &Results) -> Vec<(String, String)> {
    let mut checks: Vec<(String, String)> = Vec::new();
    for result in results
        .drivers
        .iter()
        .flat_map(|driver| &driver.conformance)
    {
        let check = (result.clause.clone(), result.check.clone());
        if !checks.contains(&check) {
            checks.push(check);
        }
    }
    let order: Vec<_> = contract::clauses().map(|(id, _)| id).collect();
    let place = |clause: &str| {
        order
            .iter()
            .position(|id| *id == clause)
            .unwrap_or(order.len())
    };
    checks.sort_by_key(|(clause, _)| place(clause));
    checks
}

fn matrix(results: &Results, checks: &[(String, String)]) -> String {
    let titles = ["clause", "check"].into_iter();
    let drivers = summary::compared(results).map(|driver| driver.name.as_str());
    let mut table = Table::new(titles.chain(drivers));
    let mut last = "";
    for (clause, check) in checks {
        let shown = if clause == last {
            String::new()
        } else {
            label(clause)
        };
        last = clause;
        let cells = summary::compared(results).map(|driver| verdicts(driver, clause, check));
        table.row([shown, format!("`{check}`")].into_iter().chain(cells));
    }
    table.text()
}

/// The clauses that nothing was said about, so that nobody takes them for held.
fn untouched(checks: &[(String, String)]) -> String {
    let is_touched = |id: &str| checks.iter().any(|(clause, _)| clause == id);
    let untouched: Vec<_> = contract::clauses()
        .filter(|(id, _)| !is_touched(id))
        .map(|(id, _)| label(id))
        .collect();
    if untouched.is_empty() {
        return String::new();
    }
    let list = untouched.join("; ");
    format!("\nNo check of this run is about these clauses: {list}.\n")
}

/// `P3 durable`: the clause with its name, where it has a short one.
pub(crate) fn label(clause: &str) -> String {
    let text = contract::clause(clause).unwrap_or_default();
    match text.split_once('.') {
        Some((label, _)) if label.len() <= LABEL_LENGTH_MAX => label.to_owned(),
        _ => clause.to_owned(),
    }
}

/// What a driver's runs of a check said; runs on several sizes of cluster are told apart when they
/// differ.
fn verdicts(driver: &DriverResults, clause: &str, check: &str) -> String {
    let ours = |result: &&CheckResult| result.clause == clause && result.check == check;
    let runs: Vec<_> = driver.conformance.iter().filter(ours).collect();
    let word = |verdict: Verdict| match verdict {
        Verdict::Failed => "**FAILED**".to_owned(),
        Verdict::Invalid => "**invalid**".to_owned(),
        good => good.to_string(),
    };
    match runs.as_slice() {
        [] => "not run".to_owned(),
        [first, rest @ ..] if rest.iter().all(|run| run.verdict == first.verdict) => {
            word(first.verdict)
        }
        runs => {
            let by_size = runs
                .iter()
                .map(|run| format!("{} on {}", word(run.verdict), nodes(run.nodes)));
            by_size.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Grouped by driver and reason: a driver of one node has the same reason many times.
fn not_offered(results: &Results) -> String {
    let mut table = Table::new(["driver", "why they do not apply", "checks"]);
    for driver in &results.drivers {
        let mut by_reason: Vec<(&str, Vec<String>)> = Vec::new();
        for result in &driver.conformance {
            if result.verdict != Verdict::NotOffered {
                continue;
            }
            let reason = result.reason.as_deref().unwrap_or("no reason given");
            match by_reason.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, checks)) => checks.push(name(result)),
                None => by_reason.push((reason, vec![name(result)])),
            }
        }
        for (reason, checks) in by_reason {
            table.row([&driver.name, reason, &checks.join(", ")]);
        }
    }
    let mut text = subheading("Not offered");
    text.push_str(&if table.is_empty() {
        "Every check applied to every driver.\n".to_owned()
    } else {
        table.text()
    });
    text
}

/// As one types it.
fn name(result: &CheckResult) -> String {
    format!("`{}`", result.check)
}

fn unnoticed_damage(results: &Results) -> String {
    let mut table = Table::new(["driver", "file", "damage", "why one copy cannot tell"]);
    for driver in &results.drivers {
        for declared in &driver.capabilities.unnoticed_damage {
            let damage = match declared.damage {
                Damage::Flip => "one byte changed",
                Damage::Truncate => "end cut off",
                Damage::Zero => "all zero bytes",
                Damage::Remove => "removed",
            };
            table.row([&driver.name, &declared.file, damage, &declared.cause]);
        }
    }
    let mut text = subheading("Damage that goes unnoticed");
    text.push_str(&if table.is_empty() {
        "No driver declares any: each damaged byte and each missing file is to be noticed (S2).\n"
            .to_owned()
    } else {
        "Declared by the drivers themselves; the check of S2 allows these and nothing else.\n\n"
            .to_owned()
            + &table.text()
    });
    text
}

/// What the checks counted, folded away.
fn evidence(results: &Results) -> String {
    let mut table = Table::new(["driver", "check", "counted", ">took"]);
    for driver in &results.drivers {
        for result in &driver.conformance {
            let counts = result.evidence.iter();
            let counts: Vec<_> = counts
                .map(|evidence| format!("{}: {}", evidence.what, count(evidence.count)))
                .collect();
            if !counts.is_empty() {
                let took = crate::units::duration(result.duration_ms as f64 * 1e6);
                table.row([&driver.name, &name(result), &counts.join("; "), &took]);
            }
        }
    }
    if table.is_empty() {
        return String::new();
    }
    let text = table.text();
    format!(
        "\n<details>\n<summary>What each check counted while it ran</summary>\n\n{text}\n</details>\n"
    )
}
