//! Calls over slow links, beside the loopback.

use tsoracle_latency::{Distribution, LatencyResults};

use crate::markdown::{Table, heading};
use crate::percentiles::p99;
use crate::units::{count, duration};
use crate::{DriverResults, Results};

const NS_PER_MS: f64 = 1e6;

/// Empty if no link was slow.
pub(crate) fn section(results: &Results) -> String {
    let mut table = Table::new([
        "driver", "call", "links", ">p50", ">p99", ">least", ">samples",
    ]);
    for driver in &results.drivers {
        let latency = driver.latency.iter();
        for latency in latency.filter(|latency| !latency.delayed.is_empty()) {
            rows(&mut table, driver, latency);
        }
    }
    if table.is_empty() {
        return String::new();
    }
    heading("Over slow links")
        + "Every directed link between the nodes takes so much longer than the loopback, and a round \
           trip twice that; a link may take up to a millisecond more than it says, since its delay \
           ends with a timer's tick. *least* is the loopback's own floor and one round trip over these links: \
           what is far above it waits for more than one. One client, the next call when the last one \
           has ended.\n\n"
        + &table.text()
}

fn rows(table: &mut Table, driver: &DriverResults, latency: &LatencyResults) {
    let (persist, load) = (&latency.persist, &latency.load);
    let name = &driver.name;
    table.row(row(
        name,
        "persist",
        "loopback",
        &persist.measured,
        persist.floor.p50_ns,
    ));
    if latency.delayed.iter().any(|slow| slow.load.is_some()) {
        table.row(row(
            name,
            "load",
            "loopback",
            &load.measured,
            load.floor.p50_ns,
        ));
    }
    for slow in &latency.delayed {
        let links = format!("+{} ms", slow.link_delay_ms);
        let way_ns = 2.0 * slow.link_delay_ms * NS_PER_MS;
        match &slow.persist {
            Some(of) => {
                let least_ns = persist.floor.p50_ns + way_ns;
                table.row(row(name, "persist", &links, of, least_ns));
            }
            None => {
                let why = slow.missing.as_deref().unwrap_or("no reason given");
                table.row([name, "persist", &links, &format!("no answer: {why}")]);
            }
        }
        if let Some(of) = &slow.load {
            table.row(row(name, "load", &links, of, load.floor.p50_ns + way_ns));
        }
    }
}

fn row(driver: &str, call: &str, links: &str, of: &Distribution, least_ns: f64) -> [String; 7] {
    [
        driver.to_owned(),
        call.to_owned(),
        links.to_owned(),
        duration(of.p50_ns),
        p99(of),
        duration(least_ns),
        count(of.samples),
    ]
}
