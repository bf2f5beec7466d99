//! Response time at given rates.

use tsoracle_latency::FloorKind;

use crate::Results;
use crate::markdown::{Table, heading};
use crate::percentiles::{p99, p999};
use crate::plots::RESPONSE_SVG;
use crate::units::{count, digits, duration};

pub(crate) fn section(results: &Results) -> String {
    let mut table = Table::new([
        "driver",
        ">rate",
        ">p50",
        ">p99",
        ">p99.9",
        ">max",
        ">floor p50",
        ">floor p99",
        ">ratio",
        ">sent",
        ">late",
        ">unsent",
        ">in flight",
    ]);
    for driver in &results.drivers {
        let loops = driver
            .latency
            .iter()
            .flat_map(|latency| &latency.persist_at_rate);
        for open in loops {
            let (measured, floor) = (&open.comparison.measured, &open.comparison.floor);
            table.row([
                driver.name.clone(),
                format!("{}/s", count(open.rate_per_s.into())),
                duration(measured.p50_ns),
                p99(measured),
                p999(measured),
                duration(measured.max_ns),
                duration(floor.p50_ns),
                p99(floor),
                digits(open.comparison.ratio.median),
                count(open.sends.sent),
                count(open.sends.late),
                count(open.sends.unsent),
                count(open.sends.peak_in_flight.into()),
            ]);
        }
    }
    if table.is_empty() {
        return String::new();
    }
    let mut text = heading("Response time");
    text.push_str(
        "Persists are sent at evenly spaced times, whether or not the earlier ones have ended, and \
         each is timed from the moment when it *should* have been sent: a stall counts against \
         every call that it held up. ",
    );
    text.push_str(if of_one_disk(results) {
        "The floor is a single disk under the same arrivals, without batching; "
    } else {
        "The floor is the one of the service time under the same arrivals, one after the other and \
         without batching; "
    });
    text.push_str(
        "a driver that makes several waiting persists durable with one sync can be below it.\n\n",
    );
    text.push_str(&format!("![response time by rate]({RESPONSE_SVG})\n\n"));
    text.push_str(&table.text());
    text
}

fn of_one_disk(results: &Results) -> bool {
    let latencies = results
        .drivers
        .iter()
        .filter_map(|driver| driver.latency.as_ref());
    let mut loops = latencies.flat_map(|latency| &latency.persist_at_rate);
    loops.all(|open| open.comparison.floor_kind == FloorKind::Sync)
}
