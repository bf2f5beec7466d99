//! Where and how the results were made.

use tsoracle_latency::SpinnerPolicy;

use crate::Results;
use crate::markdown::{Table, heading};
use crate::units::digits;

pub(crate) fn section(results: &Results) -> String {
    let environment = &results.environment;
    let mut table = Table::new(["", ""]);
    let cpu = environment
        .cpu_model
        .as_deref()
        .unwrap_or("processor unknown");
    table.row([
        "machine",
        &format!(
            "{} cores ({cpu}), {} GiB of memory",
            environment.cores,
            digits(environment.memory_gib),
        ),
    ]);
    table.row(["system", &environment.os]);
    table.row(["stores on", &filesystem(results)]);
    table.row(["profile", &environment.profile.to_string()]);
    table.row(["cores kept awake by", &spinners(results)]);
    table.row(["contract", &format!("version {}", results.contract_version)]);
    table.row(["source", &commit(results)]);
    table.row(["seed", &results.seed.to_string()]);
    table.row(["settings", &format!("`{}`", results.settings_hash)]);
    let crates = results
        .crates
        .iter()
        .map(|(name, version)| format!("{name} {version}"));
    table.row(["crates", &crates.collect::<Vec<_>>().join(", ")]);
    heading("Where this was measured") + &table.text()
}

fn filesystem(results: &Results) -> String {
    let filesystem = &results.environment.filesystem;
    if results.environment.tmpfs {
        format!("{filesystem}, **in memory**: a sync costs nothing here and proves nothing")
    } else {
        filesystem.clone()
    }
}

/// Every measurement starts spinners of its own; they differ only where a thread was refused.
fn spinners(results: &Results) -> String {
    let of_drivers = results
        .drivers
        .iter()
        .filter_map(|driver| driver.latency.as_ref());
    let of_allocator = results.allocator.iter().map(|allocator| allocator.spinners);
    let all = of_drivers
        .map(|latency| latency.spinners)
        .chain(of_allocator);
    let mut texts: Vec<String> = all
        .map(|spinners| match spinners.policy {
            SpinnerPolicy::Idle => format!("{} spinners of the idle policy", spinners.threads),
            SpinnerPolicy::Nice19 => format!("{} spinners of niceness 19", spinners.threads),
            SpinnerPolicy::Absent => "nothing: spinners were refused".to_owned(),
        })
        .collect();
    texts.dedup();
    if texts.is_empty() {
        "nothing was timed".to_owned()
    } else {
        texts.join("; ")
    }
}

fn commit(results: &Results) -> String {
    match &results.commit {
        Some(commit) if commit.clean => format!("commit `{}`", commit.id),
        Some(commit) => format!("commit `{}` **with changes on top**", commit.id),
        None => "not from a checkout".to_owned(),
    }
}
