//! What drivers declare of themselves, each claim beside the check that proves it.

use tsoracle_conformance::{CheckResult, Verdict};
use tsoracle_testbed::{Capabilities, Durability, HookKind, Links, Reads};

use crate::markdown::{Table, heading};
use crate::{DriverResults, Results};

/// Claims of drivers that no held check proves: results with any are not to be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}; a claim needs a held check: run all checks of these drivers, and see which did not hold", .claims.join("; "))]
pub struct Unproved {
    /// Driver, capability and checks, each in a sentence.
    pub claims: Vec<String>,
}

/// Whether every capability that a driver declares has held checks. Drivers on which the suite was
/// not run claim nothing here: the report leaves them out.
///
/// # Errors
/// [`Unproved`] with every claim that none or not all of its checks prove.
pub fn prove(results: &Results) -> Result<(), Unproved> {
    let mut claims = Vec::new();
    for driver in claiming(results) {
        for claim in CLAIMS {
            let Some(declared) = (claim.declared)(&driver.capabilities) else {
                continue;
            };
            let missing: Vec<_> = checks(claim, &driver.capabilities)
                .filter_map(|check| Some(format!("`{check}` {}", proof(driver, check).err()?)))
                .collect();
            if !missing.is_empty() {
                let (name, what, missing) = (&driver.name, claim.capability, missing.join(", "));
                claims.push(format!(
                    "{name} declares {what} ({declared}), but {missing}"
                ));
            }
        }
    }
    if claims.is_empty() {
        Ok(())
    } else {
        Err(Unproved { claims })
    }
}

/// The drivers that were tried.
fn claiming(results: &Results) -> impl Iterator<Item = &DriverResults> {
    let drivers = results.drivers.iter();
    drivers.filter(|driver| !driver.conformance.is_empty())
}

/// One capability, and the checks without which it is a mere word.
struct Claim {
    capability: &'static str,
    /// What is declared, if it is.
    declared: fn(&Capabilities) -> Option<String>,
    checks: &'static [&'static str],
}

const CLAIMS: &[Claim] = &[
    Claim {
        capability: "one node",
        declared: |of| of.cluster_sizes.contains(&1).then(yes),
        checks: &["persist_returns_maximum"],
    },
    Claim {
        capability: "clusters",
        declared: |of| {
            let (least, most) = (*of.cluster_sizes.start(), *of.cluster_sizes.end());
            (most > 1).then(|| format!("{} to {most} nodes", least.max(2)))
        },
        checks: &["elects_within_bound"],
    },
    Claim {
        capability: "store",
        declared: |of| {
            let disk = of.durability == Durability::Disk;
            disk.then(|| "survives kills, and loss of what was not synced".to_owned())
        },
        checks: &[
            "acknowledged_survives_kill_of_all",
            "acknowledged_survives_power_loss",
        ],
    },
    Claim {
        capability: "damage",
        declared: |of| {
            let disk = of.durability == Durability::Disk;
            disk.then(|| "noticed, but for what is listed".to_owned())
        },
        checks: &["every_damaged_byte_is_noticed"],
    },
    Claim {
        capability: "leases",
        declared: |of| of.leases.then(yes),
        checks: &["leases_never_overlap"],
    },
    Claim {
        capability: "loads",
        declared: |of| {
            let by = match of.reads {
                Reads::Memory => "from memory, under the lease",
                Reads::Quorum => "by a round of the quorum",
                Reads::Log => "through the log",
            };
            Some(by.to_owned())
        },
        checks: &["concurrent_history_is_linearizable"],
    },
    Claim {
        capability: "handoff",
        declared: |of| of.handoff.then(yes),
        checks: &["handoff_loses_nothing", "failed_handoff_recovers"],
    },
    Claim {
        capability: "membership",
        declared: |of| of.membership.then(yes),
        checks: &["members_change_under_load", "losing_the_quorum_is_refused"],
    },
    Claim {
        capability: "link faults",
        declared: |of| match of.links {
            Links::None => None,
            Links::Node => Some("at the nodes".to_owned()),
            Links::Proxy => Some("by proxies".to_owned()),
        },
        checks: &["minority_never_ok"],
    },
    Claim {
        capability: "hook: hold what is committed",
        declared: |of| of.hooks.contains(&HookKind::HoldApply).then(yes),
        checks: &["load_waits_for_apply"],
    },
    Claim {
        capability: "hook: put a command into the log",
        declared: |of| of.hooks.contains(&HookKind::Inject).then(yes),
        checks: &["late_commit_of_old_epoch_has_no_effect"],
    },
    Claim {
        capability: "hook: snapshot now",
        declared: |of| of.hooks.contains(&HookKind::SnapshotNow).then(yes),
        checks: &["snapshot_keeps_value_and_fence"],
    },
    Claim {
        capability: "hook: purge now",
        declared: |of| of.hooks.contains(&HookKind::PurgeNow).then(yes),
        checks: &["purge_then_restart"],
    },
];

fn yes() -> String {
    "yes".to_owned()
}

/// Checks whose links to other nodes a driver does not let anybody reach cannot be asked for.
fn checks(claim: &Claim, of: &Capabilities) -> impl Iterator<Item = &'static str> {
    let unreachable = of.links == Links::None;
    let needs_links =
        |check: &str| check == "failed_handoff_recovers" || check == "load_waits_for_apply";
    let checks = claim.checks.iter().copied();
    checks.filter(move |check| !(unreachable && needs_links(check)))
}

/// Held wherever it applied, and applied somewhere; or what is wrong.
fn proof(driver: &DriverResults, check: &str) -> Result<(), String> {
    let runs = || driver.conformance.iter().filter(|run| run.check == check);
    let bad = runs().find(|run: &&CheckResult| !run.verdict.is_good());
    match (bad, runs().next()) {
        (Some(bad), _) if bad.verdict == Verdict::Failed => Err("failed".to_owned()),
        (Some(bad), _) => Err(format!("was {}", bad.verdict)),
        (None, None) => Err("was not run".to_owned()),
        (None, Some(_)) if runs().any(|run| run.verdict == Verdict::Held) => Ok(()),
        (None, Some(first)) => {
            let reason = first.reason.as_deref().unwrap_or("no reason given");
            Err(format!("was not offered ({reason})"))
        }
    }
}

pub(crate) fn section(results: &Results) -> String {
    let drivers: Vec<_> = claiming(results).collect();
    let mut text = heading("Capabilities");
    if drivers.is_empty() {
        text.push_str("The suite was run on no driver: nothing that is declared is proved.\n");
        return text;
    }
    text.push_str(
        "What each driver declares of itself, and under it the checks that prove it: those that are not \
         in bold held in this run, wherever they apply. `-` is not declared. *Leases*, *loads* and the rest stand for clauses of the \
         contract; hooks are ways in for the suite.\n\n",
    );
    let names = drivers.iter().map(|driver| driver.name.as_str());
    let mut table = Table::new(std::iter::once("capability").chain(names));
    for claim in CLAIMS {
        let cells: Vec<_> = drivers.iter().map(|driver| cell(driver, claim)).collect();
        if cells.iter().any(|cell| cell != "-") {
            table.row(std::iter::once(claim.capability.to_owned()).chain(cells));
        }
    }
    text.push_str(&table.text());
    if let Err(unproved) = prove(results) {
        text.push_str("\n**Not proved**, so that this report is not to be published:\n\n");
        for claim in unproved.claims {
            text.push_str(&format!("- {claim}\n"));
        }
    }
    text
}

fn cell(driver: &DriverResults, claim: &Claim) -> String {
    let Some(declared) = (claim.declared)(&driver.capabilities) else {
        return "-".to_owned();
    };
    let checks = checks(claim, &driver.capabilities).map(|check| match proof(driver, check) {
        Ok(()) => format!("`{check}`"),
        Err(why) => format!("**`{check}` {why}**"),
    });
    format!("{declared}: {}", checks.collect::<Vec<_>>().join(", "))
}
