//! What the drivers say of themselves.

use std::time::Duration;

use tsoracle_testbed::Durability;

use crate::markdown::{Table, heading};
use crate::units::duration;
use crate::{DriverResults, Results};

pub(crate) fn section(results: &Results) -> String {
    let mut table = Table::new([
        "driver",
        "cluster",
        "store",
        "lease",
        ">election timeout",
        ">call deadline",
        "also",
    ]);
    for driver in &results.drivers {
        let timing = &driver.timing;
        let election = timing.election_timeout;
        table.row([
            driver.name.clone(),
            cluster(driver),
            store(driver.capabilities.durability).to_owned(),
            lease(driver),
            if election.is_zero() {
                "never elects".to_owned()
            } else {
                time(election)
            },
            time(timing.deadline),
            also(driver),
        ]);
    }
    if table.is_empty() {
        return String::new();
    }
    heading("What each driver declares") + &table.text()
}

fn cluster(driver: &DriverResults) -> String {
    let sizes = &driver.capabilities.cluster_sizes;
    match (*sizes.start(), *sizes.end()) {
        (1, 1) => "one node".to_owned(),
        (least, most) if least == most => format!("{least} nodes"),
        (least, most) => format!("{least} to {most} nodes"),
    }
}

fn store(durability: Durability) -> &'static str {
    match durability {
        Durability::Process => "ends with its process",
        Durability::Disk => "survives the loss of what was not synced",
    }
}

fn also(driver: &DriverResults) -> String {
    let also = driver.capabilities.extras();
    if also.is_empty() {
        return "-".to_owned();
    }
    also.join(", ")
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
