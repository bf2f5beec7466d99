//! What the drivers take beside time: a row for each cost, a column for each driver.

use tsoracle_latency::{Costs, LatencyResults, Memory, TrafficRate};

use crate::markdown::{Table, heading};
use crate::units::{bytes, digits, duration};
use crate::{DriverResults, Results};

const NS_PER_MS: f64 = 1e6;

pub(crate) fn section(results: &Results) -> String {
    let rows = rows(results);
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new(titles(results));
    for row in rows {
        table.row(row);
    }
    heading("Costs") + &table.text() + &notes(results)
}

/// The drivers whose costs are known.
fn known(results: &Results) -> impl Iterator<Item = Known<'_>> {
    results.drivers.iter().filter_map(|driver| {
        let latency = driver.latency.as_ref()?;
        let costs = latency.costs.as_ref()?;
        Some(Known {
            driver,
            latency,
            costs,
        })
    })
}

#[derive(Clone, Copy)]
struct Known<'a> {
    driver: &'a DriverResults,
    latency: &'a LatencyResults,
    costs: &'a Costs,
}

pub(crate) fn titles(results: &Results) -> Vec<String> {
    let drivers = known(results).map(|known| {
        let nodes = crate::units::nodes(known.latency.nodes);
        format!(">{}, {nodes}", known.driver.name)
    });
    std::iter::once(String::new()).chain(drivers).collect()
}

type Figure = fn(Known<'_>) -> Option<String>;

/// One row per cost; none if no driver's are known.
pub(crate) fn rows(results: &Results) -> Vec<Vec<String>> {
    let figures: [(&str, Figure); 11] = [
        ("idle CPU per node, of one core", |known| {
            let percent = known.costs.idle.cpu_percent_per_node?;
            Some(format!("{}%", digits(percent)))
        }),
        ("idle frames sent per node and second", |known| {
            sent(known).map(|sent| digits(sent.frames_per_s))
        }),
        ("idle bytes sent per node and second", |known| {
            sent(known).map(|sent| bytes(sent.bytes_per_s))
        }),
        ("memory per node, idle", |known| {
            memory(known).map(|memory| bytes(memory.idle_bytes_per_node as f64))
        }),
        ("memory per node, after all measurements", |known| {
            memory(known).map(|memory| bytes(memory.busy_bytes_per_node as f64))
        }),
        ("bytes written per persist and node", |known| {
            let syncs = &known.latency.syncs;
            syncs.bytes_per_operation_and_node().map(bytes)
        }),
        ("syncs per persist and node", |known| {
            known.latency.syncs.per_operation_and_node().map(digits)
        }),
        ("cold start to the first persist", |known| {
            range(&known.costs.starts.cold_ms)
        }),
        ("the same in election timeouts", |known| {
            in_timeouts(known, &known.costs.starts.cold_ms)
        }),
        ("start on existing stores to the first persist", |known| {
            range(&known.costs.starts.warm_ms)
        }),
        ("the same in election timeouts", |known| {
            in_timeouts(known, &known.costs.starts.warm_ms)
        }),
    ];
    if known(results).next().is_none() {
        return Vec::new();
    }
    let row = |(name, figure): (&str, Figure)| {
        let cells = known(results).map(|of| figure(of).unwrap_or_else(|| "-".to_owned()));
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    figures.into_iter().map(row).collect()
}

fn sent(known: Known<'_>) -> Option<TrafficRate> {
    known.costs.idle.traffic_per_node
}

fn memory(known: Known<'_>) -> Option<Memory> {
    known.costs.memory
}

/// The median, and between what the others lie.
fn range(times_ms: &[f64]) -> Option<String> {
    let median = duration(median(times_ms)? * NS_PER_MS);
    let least = times_ms.iter().copied().min_by(f64::total_cmp)?;
    let most = times_ms.iter().copied().max_by(f64::total_cmp)?;
    let (least, most) = (duration(least * NS_PER_MS), duration(most * NS_PER_MS));
    Some(format!("{median} ({least} to {most})"))
}

fn in_timeouts(known: Known<'_>, times_ms: &[f64]) -> Option<String> {
    let timeout = known.driver.timing.election_timeout;
    let timeout_ms = timeout.as_secs_f64() * 1e3;
    (!timeout.is_zero()).then(|| median(times_ms).map(|ms| digits(ms / timeout_ms)))?
}

/// The lower median; `None` of nothing.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

fn notes(results: &Results) -> String {
    let first = known(results).next().map(|known| known.costs);
    let watched = first.map_or(0.0, |costs| costs.idle.watched_ms);
    let starts = first.map_or(0, |costs| costs.starts.cold_ms.len());
    let (watched, times) = (duration(watched * NS_PER_MS), starts);
    format!(
        "
All nodes of a driver run in one process, which they share with the harness; what is given per node \
is their sum divided by their number.

- *Idle*: nobody calls for {watched}. CPU time of the whole process, less what it took just before \
the first node was started. Traffic is what nodes sent, as their own network counts it; `-` where it \
does not.
- *Memory*: by how much the resident memory of the process has grown since just before the first \
node was started; after the measurements their samples are in it. Drivers are measured one after \
another in the same process: a later one may use again what an earlier one has freed, and then shows \
less than it would alone.
- *Bytes written*: what write calls handed to files of the store, counted together with the syncs in \
a pass of its own, one persist after another. What the file system adds is not in it.
- *Starts*: the median of {times}, and their range, from the moment when all nodes are started at the \
same time to the first acknowledged persist. Elections are in it; on existing stores, after an \
orderly shutdown, so are waits for leases granted before.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_median_first() {
        let text = range(&[410.0, 390.0, 1_200.0]).unwrap();
        assert_eq!(text, "410 ms (390 ms to 1.20 s)");
        assert_eq!(range(&[]), None);
    }
}
