//! How long calls take, one after the other: tables by percentile.

use tsoracle_latency::{Comparison, Distribution};

use crate::markdown::{Table, heading, subheading};
use crate::plots::PERSIST_SVG;
use crate::units::{count, digits, duration};
use crate::{Results, summary};

const TITLES: [&str; 10] = [
    "", ">p50", ">p90", ">p99", ">p99.9", ">max", ">samples", ">ratio", ">blocks", ">dropped",
];

pub(crate) fn section(results: &Results) -> String {
    let mut text = heading("Service time");
    text.push_str(
        "One client, the next call when the last one has ended. A driver and its floor take turns \
         in blocks; *ratio* is the median over pairs of neighbouring blocks of (p50 of the block / \
         p50 of its floor's block). Pairs whose floor was above twice the median floor are \
         dropped.\n",
    );
    let measured: Vec<_> = results
        .drivers
        .iter()
        .filter(|driver| driver.latency.is_some())
        .collect();
    if !measured.is_empty() {
        text.push_str(&format!("\n![persist, by percentile]({PERSIST_SVG})\n"));
    }
    for driver in summary::compared(results) {
        text.push_str(&subheading(&driver.name));
        let Some(latency) = &driver.latency else {
            let reason = driver
                .latency_missing
                .as_deref()
                .unwrap_or("it was not asked for");
            text.push_str(&format!("Not measured: {reason}.\n"));
            continue;
        };
        let mut table = Table::new(TITLES);
        rows(&mut table, "persist", &latency.persist);
        if let Some(floor) = &latency.sync_floor {
            table.row(cells("one sync, for comparison", floor));
        }
        let many = latency.concurrent.persists_per_round;
        rows(
            &mut table,
            &format!("{many} persists at once"),
            &latency.concurrent.rounds,
        );
        rows(&mut table, "load", &latency.load);
        text.push_str(&table.text());
        text.push_str(&per_sample(&latency.load, "load"));
    }
    text
}

/// The table of the network that drivers share.
pub(crate) fn network(results: &Results) -> String {
    let Some(network) = &results.network else {
        return String::new();
    };
    let mut table = Table::new(TITLES);
    rows(&mut table, "call", &network.call);
    let note = format!(
        "\nA call carries {} bytes each way. Messages of {} bytes, one way and as fast as they are \
         taken, in blocks of {}: {} each, or {} a second.\n",
        network.call_bytes,
        network.message_bytes,
        count(network.messages_per_block.into()),
        duration(network.message.p50_ns),
        count(per_second(network.message.p50_ns)),
    );
    heading(&format!("The network: {}", network.name)) + &table.text() + &note
}

fn per_second(each_ns: f64) -> u64 {
    // A saturating cast: a message that takes no time has no rate.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rate = (1e9 / each_ns) as u64;
    rate
}

/// The allocator's own table.
pub(crate) fn allocator(results: &Results) -> String {
    let Some(allocator) = &results.allocator else {
        return String::new();
    };
    let mut table = Table::new(["", ">p50", ">p90", ">p99", ">max", ">samples", ">floor p50"]);
    for grant in &allocator.grants {
        let Comparison {
            measured, floor, ..
        } = &grant.comparison;
        table.row([
            format!("grant of {}", count(grant.timestamps.into())),
            duration(measured.p50_ns),
            duration(measured.p90_ns),
            p99(measured),
            duration(measured.max_ns),
            count(measured.samples),
            duration(floor.p50_ns),
        ]);
    }
    let first = allocator.grants.first();
    let note = first
        .map(|grant| per_sample(&grant.comparison, "grant"))
        .unwrap_or_default();
    heading("The window allocator") + &table.text() + &note
}

/// A row for the thing and one for its floor.
fn rows(table: &mut Table, name: &str, comparison: &Comparison) {
    let ratio = &comparison.ratio;
    let mut measured = cells(name, &comparison.measured);
    measured.extend([
        digits(ratio.median),
        ratio.blocks.to_string(),
        ratio.dropped_blocks.to_string(),
    ]);
    table.row(measured);
    table.row(cells(
        &format!("floor: {}", comparison.floor_kind),
        &comparison.floor,
    ));
}

fn cells(name: &str, of: &Distribution) -> Vec<String> {
    vec![
        name.to_owned(),
        duration(of.p50_ns),
        duration(of.p90_ns),
        p99(of),
        p999(of),
        duration(of.max_ns),
        count(of.samples),
    ]
}

/// A percentile that only a hundred samples or more have.
pub(crate) fn p99(of: &Distribution) -> String {
    if of.samples < 100 {
        "-".to_owned()
    } else {
        duration(of.p99_ns)
    }
}

/// A percentile that only a thousand samples or more have.
pub(crate) fn p999(of: &Distribution) -> String {
    if of.samples < 1_000 {
        "-".to_owned()
    } else {
        duration(of.p999_ns)
    }
}

/// That a sample is a mean, where it is one.
fn per_sample(comparison: &Comparison, what: &str) -> String {
    match comparison.calls_per_sample {
        0 | 1 => String::new(),
        many => format!(
            "\nA {what} is about as short as a reading of the clock, so that a sample is the mean \
             of {} calls in a row.\n",
            count(many.into())
        ),
    }
}
