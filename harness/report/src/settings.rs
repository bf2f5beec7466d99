//! What the drivers ran with: T, the other times, and the hash that stands in every result.

use std::time::Duration;

use crate::markdown::{Table, code_block, heading};
use crate::units::duration;
use crate::{DriverResults, Results};

pub(crate) fn section(results: &Results) -> String {
    if results.drivers.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["driver", ">T", ">lease", ">call deadline", "settings", "is"]);
    for driver in &results.drivers {
        let timing = &driver.timing;
        table.row([
            driver.name.clone(),
            if timing.election_timeout.is_zero() {
                "never elects".to_owned()
            } else {
                time(timing.election_timeout)
            },
            lease(driver),
            time(timing.deadline),
            match driver.settings_hash.as_str() {
                "" => "-".to_owned(),
                hash => format!("`{hash}`"),
            },
            kind(driver),
        ]);
    }
    heading("Settings")
        + "*T* is the election timeout: openraft's `election_timeout_max`, and for OmniPaxos the rounds \
           of heartbeats that a leader may miss times the length of a round. A figure in T is divided \
           by its own driver's. *settings* is a hash of everything that a driver is configured with.\n\n"
        + &table.text()
        + &in_full(results)
}

fn kind(driver: &DriverResults) -> String {
    match &driver.variant_of {
        Some(other) if driver.is_experiment => {
            format!("an experiment on {other}: for no service, fault scenarios alone")
        }
        Some(other) => format!("{other}, set up in another way"),
        None => "a driver".to_owned(),
    }
}

fn lease(driver: &DriverResults) -> String {
    match driver.timing.lease {
        _ if !driver.capabilities.leases => "none".to_owned(),
        None => "until its leader ends".to_owned(),
        Some(lease) => time(lease),
    }
}

fn time(of: Duration) -> String {
    duration(of.as_secs_f64() * 1e9)
}

fn in_full(results: &Results) -> String {
    let mut text = String::new();
    for driver in &results.drivers {
        let lines = driver.settings.iter();
        let lines: Vec<_> = lines
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        if !lines.is_empty() {
            text.push_str(&format!("\n{}:\n\n", driver.name));
            text.push_str(&code_block(&lines.join("\n")));
        }
    }
    if text.is_empty() {
        return text;
    }
    format!("\n<details>\n<summary>Every setting</summary>\n{text}\n</details>\n")
}
