//! What became of service under every fault: a row per scenario, a column per driver.

use tsoracle_latency::failover::Estimate;
use tsoracle_scenarios::{ALL, ScenarioResult, ScenarioSummary, Verdict, named};

use crate::markdown::{Table, heading, subheading};
use crate::units::{count, digits};
use crate::{DriverResults, Results};

/// All runs of one scenario on one driver at one size.
pub(crate) struct Cell<'a> {
    pub(crate) driver: &'a DriverResults,
    pub(crate) runs: Vec<&'a ScenarioResult>,
    pub(crate) summary: ScenarioSummary,
}

impl Cell<'_> {
    /// A size and a scenario make a row.
    fn row(&self) -> (&str, usize) {
        (&self.summary.scenario, self.summary.nodes)
    }

    pub(crate) fn is_offered(&self) -> bool {
        let first = self.runs.first();
        first.is_some_and(|run| run.verdict != Verdict::NotOffered)
    }
}

/// Every cell, driver by driver.
pub(crate) fn cells(results: &Results) -> Vec<Cell<'_>> {
    results.drivers.iter().flat_map(cells_of).collect()
}

fn cells_of(driver: &DriverResults) -> Vec<Cell<'_>> {
    let cell = |summary: ScenarioSummary| {
        let runs = driver.scenarios.iter();
        let own = (summary.scenario.as_str(), summary.nodes);
        let runs = runs.filter(|run| (run.scenario.as_str(), run.nodes) == own);
        Cell {
            driver,
            runs: runs.collect(),
            summary,
        }
    };
    let summaries = ScenarioSummary::all(&driver.scenarios).into_iter();
    summaries.map(cell).collect()
}

/// The scenarios with their sizes, in the order of the scenarios.
pub(crate) fn rows(cells: &[Cell<'_>]) -> Vec<(String, usize)> {
    let mut rows: Vec<(String, usize)> = Vec::new();
    for cell in cells {
        let (scenario, nodes) = cell.row();
        let row = (scenario.to_owned(), nodes);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let place = |scenario: &str| {
        let place = ALL.iter().position(|known| known.name == scenario);
        place.unwrap_or(ALL.len())
    };
    rows.sort_by_key(|(scenario, nodes)| (place(scenario), *nodes));
    rows
}

/// Empty if no scenario was run.
pub(crate) fn section(results: &Results) -> String {
    let cells = cells(results);
    if cells.is_empty() {
        return String::new();
    }
    let mut text = heading("Faults");
    text.push_str(
        "A row per fault, a column per driver: what became of service, and the longest time \
         without it that began while the fault lasted, in the driver's own T: its median, and the most \
         of any run. It lasts from one acknowledgement to the next, of an open loop that sends whatever \
         became of the calls before; two breaks with less than 1 T of service between them are one, \
         and what a leader that fell acknowledges late ends none. A handoff lasts from the last \
         acknowledgement of one leader to the first of the next. *recovered*: service was there when \
         the fault was removed, too. *unavailable by design*: no quorum was left; its time counts from \
         the return of one. A stall or a livelock is a result; *unsafe*, *invalid* and *failed* are \
         not. The last column is how long two leases were valid at once, in the worst run of all \
         drivers that have leases.\n\n",
    );
    let (taking_part, left_out): (Vec<_>, Vec<_>) = results
        .drivers
        .iter()
        .filter(|driver| !driver.scenarios.is_empty())
        .partition(|driver| {
            let mut own = cells.iter().filter(|cell| cell.driver.name == driver.name);
            own.any(Cell::is_offered)
        });
    text.push_str(&matrix(&cells, &taking_part));
    for driver in left_out {
        text.push_str(&format!("\n{}\n", not_at_all(driver)));
    }
    text.push_str(&again(results, &cells));
    text.push_str(&figures(&cells, &taking_part));
    text.push_str(&details(&cells));
    text
}

fn matrix(cells: &[Cell<'_>], drivers: &[&DriverResults]) -> String {
    let names = drivers.iter().map(|driver| driver.name.as_str());
    let titles = ["scenario", ">nodes", ">runs"].into_iter().chain(names);
    let mut table = Table::new(titles.chain([">two leases at once"]));
    for (scenario, nodes) in rows(cells) {
        let in_row = || {
            let in_row = |cell: &&Cell<'_>| cell.row() == (scenario.as_str(), nodes);
            cells.iter().filter(in_row)
        };
        let runs = in_row().filter(|cell| cell.is_offered());
        let most_runs = runs.map(|cell| cell.runs.len()).max().unwrap_or(0);
        let mut row = vec![
            format!("`{scenario}`"),
            nodes.to_string(),
            most_runs.to_string(),
        ];
        for driver in drivers {
            let cell = in_row().find(|cell| cell.driver.name == driver.name);
            row.push(cell.map_or_else(|| "not run".to_owned(), verdicts));
        }
        row.push(overlap(in_row().flat_map(|cell| cell.runs.iter().copied())));
        table.row(row);
    }
    table.text()
}

/// `recovered, 1.8 T (at most 2.4 T)`, for each verdict that there was.
pub(crate) fn verdicts(cell: &Cell<'_>) -> String {
    let all = &cell.summary.verdicts;
    let parts = all.iter().map(|(verdict, runs)| {
        let mut text = if verdict.is_good() {
            verdict.to_string()
        } else {
            format!("**{verdict}**")
        };
        if all.len() > 1 {
            text.push_str(&format!(" in {runs} of {}", cell.runs.len()));
        }
        let with_it = || cell.runs.iter().filter(|run| run.verdict == *verdict);
        if *verdict == Verdict::NotOffered {
            let reason = with_it().find_map(|run| run.reason.as_deref());
            return format!("{text}: {}", reason.unwrap_or("no reason given"));
        }
        let times: Vec<f64> = with_it().filter_map(|run| run.outage_t).collect();
        let most = times.iter().copied().max_by(f64::total_cmp);
        match (Estimate::of(&times), most) {
            (Some(only), _) if only.runs == 1 => format!("{text}, {} T", digits(only.median)),
            (Some(median), Some(most)) => {
                let (median, most) = (digits(median.median), digits(most));
                format!("{text}, {median} T (at most {most} T)")
            }
            _ => text,
        }
    });
    parts.collect::<Vec<_>>().join("; ")
}

/// How long two leases were valid at once in the worst of these runs.
fn overlap<'a>(runs: impl Iterator<Item = &'a ScenarioResult>) -> String {
    match runs.filter_map(|run| run.overlap_ms).max_by(f64::total_cmp) {
        None => "-".to_owned(),
        Some(none) if none <= 0.0 => "never".to_owned(),
        Some(some) => format!("**{} ms**", digits(some)),
    }
}

/// A driver to which no scenario applies, with every reason once.
fn not_at_all(driver: &DriverResults) -> String {
    let mut reasons: Vec<(&str, u64)> = Vec::new();
    for run in &driver.scenarios {
        let reason = run.reason.as_deref().unwrap_or("no reason given");
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, scenarios)) => *scenarios += 1,
            None => reasons.push((reason, 1)),
        }
    }
    let reasons: Vec<_> = reasons
        .iter()
        .map(|(reason, scenarios)| format!("{reason} ({} scenarios)", count(*scenarios)))
        .collect();
    format!("Not offered to {}: {}.", driver.name, reasons.join("; "))
}

/// A command per row: whichever driver is put into it makes that cell again.
fn again(results: &Results, cells: &[Cell<'_>]) -> String {
    let mut table = Table::new([
        "scenario",
        "the fault",
        "a cell again, DRIVER being its column",
    ]);
    for (scenario, nodes) in rows(cells) {
        let in_row = cells
            .iter()
            .filter(|cell| cell.row() == (scenario.as_str(), nodes));
        let Some(longest) = in_row.max_by_key(|cell| cell.runs.len()) else {
            continue;
        };
        let about = named(&scenario).map_or("-", |known| known.about);
        let command = command(results, &longest.runs, "DRIVER");
        table.row([&format!("`{scenario}`"), about, &format!("`{command}`")]);
    }
    let text = table.text();
    format!(
        "\n<details>\n<summary>What each fault is, and how to run a cell again</summary>\n\n{text}\n</details>\n"
    )
}

/// The command that makes these runs again.
pub(crate) fn command(results: &Results, runs: &[&ScenarioResult], driver: &str) -> String {
    let Some(first) = runs.iter().min_by_key(|run| run.seed) else {
        return String::new();
    };
    format!(
        "lab faults --driver {driver} --scenario {} --nodes {} --seed {} --repeat {} --profile {}",
        first.scenario,
        first.nodes,
        first.seed,
        runs.len(),
        results.environment.profile,
    )
}

/// What some scenarios measure beside the outage.
fn figures(cells: &[Cell<'_>], drivers: &[&DriverResults]) -> String {
    let names = drivers.iter().map(|driver| format!(">{}", driver.name));
    let titles = ["scenario", "figure"].map(str::to_owned).into_iter();
    let mut table = Table::new(titles.chain(names));
    for (scenario, nodes) in rows(cells) {
        let in_row = cells
            .iter()
            .filter(|cell| cell.row() == (scenario.as_str(), nodes));
        let in_row: Vec<_> = in_row.collect();
        let mut whats: Vec<&str> = Vec::new();
        for run in in_row.iter().flat_map(|cell| &cell.runs) {
            for figure in &run.figures {
                if !whats.contains(&figure.what.as_str()) {
                    whats.push(&figure.what);
                }
            }
        }
        for what in whats {
            let medians = drivers.iter().map(|driver| {
                let own = in_row.iter().filter(|cell| cell.driver.name == driver.name);
                let figures = own.flat_map(|cell| &cell.runs).flat_map(|run| &run.figures);
                let same = figures.filter(|figure| figure.what == what);
                let values: Vec<f64> = same.map(|figure| figure.value).collect();
                Estimate::of(&values).map_or_else(|| "-".to_owned(), |of| digits(of.median))
            });
            let row = [format!("`{scenario}`"), what.to_owned()];
            table.row(row.into_iter().chain(medians));
        }
    }
    if table.is_empty() {
        return String::new();
    }
    subheading("What faults did beside outages") + "The median of the runs.\n\n" + &table.text()
}

/// Every cell in a row of its own, folded away.
fn details(cells: &[Cell<'_>]) -> String {
    let mut table = Table::new([
        "scenario",
        "driver",
        ">nodes",
        ">runs",
        ">outage, ms",
        ">in T",
        ">leader changes",
        ">answered",
        ">two leases at once",
        "refusals that clients met",
        "settings",
    ]);
    for (scenario, nodes) in rows(cells) {
        let in_row = cells
            .iter()
            .filter(|cell| cell.row() == (scenario.as_str(), nodes) && cell.is_offered());
        for cell in in_row {
            table.row(detail(cell));
        }
    }
    if table.is_empty() {
        return String::new();
    }
    let text = table.text();
    format!(
        "\n<details>\n<summary>Every cell in figures: medians with their 95% intervals, the most \
         leader changes, the smallest share of probes that were answered</summary>\n\n{text}\n</details>\n"
    )
}

fn detail(cell: &Cell<'_>) -> Vec<String> {
    let Cell {
        driver,
        runs,
        summary,
    } = cell;
    let dash = || "-".to_owned();
    let mut refusals: Vec<(&str, u64)> = Vec::new();
    for error in runs.iter().flat_map(|run| &run.errors) {
        match refusals.iter_mut().find(|(class, _)| *class == error.class) {
            Some((_, known)) => *known += error.count,
            None => refusals.push((&error.class, error.count)),
        }
    }
    let refusals = refusals
        .iter()
        .map(|(class, of)| format!("{class} {}", count(*of)));
    vec![
        format!("`{}`", summary.scenario),
        driver.name.clone(),
        summary.nodes.to_string(),
        runs.len().to_string(),
        summary.outage_ms.as_ref().map_or_else(dash, estimate),
        summary.outage_t.as_ref().map_or_else(dash, estimate),
        summary.most_leader_changes.to_string(),
        summary
            .least_availability
            .map_or_else(dash, |share| format!("{}%", digits(share * 100.0))),
        overlap(runs.iter().copied()),
        refusals.collect::<Vec<_>>().join(", "),
        runs.first()
            .map_or_else(dash, |run| format!("`{}`", run.settings_hash)),
    ]
}

/// `353 [340, 371]`; without the interval where there are too few runs.
pub(crate) fn estimate(of: &Estimate) -> String {
    let median = digits(of.median);
    match of.interval {
        Some((low, high)) => format!("{median} [{}, {}]", digits(low), digits(high)),
        None => median,
    }
}
