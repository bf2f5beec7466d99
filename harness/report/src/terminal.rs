//! The results on a terminal.

use comfy_table::presets;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::{Results, costs, faults, summary, targets};

/// The drivers at a glance, the aims and the costs, as tables for a terminal: plain text, no
/// colours, the same for the same results.
#[must_use]
pub fn terminal_table(results: &Results) -> String {
    let mut drivers = table(&summary::titles(results));
    for driver in summary::compared(results) {
        drivers.add_row(summary::row(results, driver, ""));
    }
    let mut aims = table(&["figure", "driver", ">aim", ">measured", ">floor", "outcome"]);
    for target in targets(results) {
        aims.add_row([
            target.figure.clone(),
            target.driver.clone().unwrap_or_default(),
            target.aim.to_string(),
            target.measured.to_string(),
            target
                .floor
                .map(|floor| floor.to_string())
                .unwrap_or_default(),
            target.verdict().replace("**", ""),
        ]);
    }
    let mut tables = format!("{drivers}\n{aims}\n");
    if let Some(faults) = faults(results) {
        tables.push_str(&format!("{faults}\n"));
    }
    let (titles, rows) = (costs::titles(results), costs::rows(results));
    if rows.is_empty() {
        return tables;
    }
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut costs = table(&titles);
    for row in rows {
        costs.add_row(row);
    }
    format!("{tables}{costs}\n")
}

/// A row for each scenario and driver; `None` if none was run.
fn faults(results: &Results) -> Option<Table> {
    let mut all = faults::cells(results);
    all.retain(faults::Cell::is_offered);
    let mut faults = table(&[
        "scenario",
        "driver",
        ">nodes",
        ">runs",
        "verdict",
        ">outage, ms",
    ]);
    for (scenario, nodes) in faults::rows(&all) {
        let of_row = |cell: &&faults::Cell<'_>| {
            (&cell.summary.scenario, cell.summary.nodes) == (&scenario, nodes)
        };
        for cell in all.iter().filter(of_row) {
            let outage = cell.summary.outage_ms.as_ref();
            faults.add_row([
                scenario.clone(),
                cell.driver.name.clone(),
                nodes.to_string(),
                cell.runs.len().to_string(),
                faults::verdicts(cell).replace("**", ""),
                outage.map(faults::estimate).unwrap_or_default(),
            ]);
        }
    }
    (!all.is_empty()).then_some(faults)
}

fn table(titles: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(titles.iter().map(|title| title.trim_start_matches('>')));
    for (column, title) in table.column_iter_mut().zip(titles) {
        if title.starts_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
