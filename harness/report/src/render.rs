//! The report as a whole.

use std::collections::BTreeMap;

use crate::markdown::{Table, code_block, heading};
use crate::{
    Results, benches, capabilities, conformance, costs, delayed, downtime, environment, failures,
    faults, percentiles, plots, rates, settings, summary,
};
use crate::{Target, targets};

/// The name of the report's main file.
const MAIN: &str = "choosing-a-driver.md";

/// A report: the contents of its files, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `choosing-a-driver.md`, and the plots that it shows.
    pub files: BTreeMap<String, String>,
}

/// Why a report cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A plot cannot be drawn.
    #[error("the plot {name} cannot be drawn: {what}")]
    Plot {
        /// Its file.
        name: String,
        /// What the drawing library says.
        what: String,
    },
    /// A text is not representable in JUnit XML.
    #[error("the conformance results cannot be written as JUnit XML: {0}")]
    Junit(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Renders a report. A pure function: the same results give the same bytes.
///
/// # Errors
/// [`RenderError::Plot`], which no results of this workspace cause.
pub fn render(results: &Results) -> Result<Report, RenderError> {
    let mut files = plots::draw(results)?;
    files.extend(downtime::draw(results)?);
    files.insert(MAIN.to_owned(), main(results));
    Ok(Report { files })
}

fn main(results: &Results) -> String {
    let parts = [
        INTRODUCTION.to_owned(),
        heading("At a glance") + &summary::table(results).text(),
        failures::section(results),
        aims(results),
        capabilities::section(results),
        settings::section(results),
        faults::section(results),
        downtime::section(results),
        conformance::section(results),
        percentiles::section(results),
        rates::section(results),
        delayed::section(results),
        costs::section(results),
        percentiles::network(results),
        percentiles::allocator(results),
        benches::section(results),
        environment::section(results),
        again(results),
    ];
    parts.concat()
}

const INTRODUCTION: &str = "\
# Choosing a driver

<!-- Generated from a run's results; edits are lost. -->

What each driver was found to do: whether it keeps the contract, and what it takes. Every figure
stands beside its *floor*, the least that the same work cost on the same machine in the same minutes.
This page states what was measured and gives no advice.
";

fn aims(results: &Results) -> String {
    let mut table = Table::new(["figure", "driver", ">aim", ">measured", ">floor", "outcome"]);
    let targets = targets(results);
    for target in &targets {
        table.row(aim(target));
    }
    if targets.is_empty() {
        return String::new();
    }
    heading("Aims") + &table.text()
}

fn aim(target: &Target) -> [String; 6] {
    [
        target.figure.clone(),
        target.driver.clone().unwrap_or_else(|| "-".to_owned()),
        match target.aim.to_string().as_str() {
            "none" => "none".to_owned(),
            aim => format!("at most {aim}"),
        },
        target.measured.to_string(),
        target
            .floor
            .map_or_else(|| "-".to_owned(), |floor| floor.to_string()),
        target.verdict(),
    ]
}

fn again(results: &Results) -> String {
    let mut text = heading("Run it again");
    text.push_str("Everything:\n\n");
    text.push_str(&code_block(&results.command));
    let (seed, profile) = (results.seed, results.environment.profile);
    text.push_str(&format!(
        "\nOne cell of a table, with the names of its driver and its check:\n\n```text\n\
         lab conformance --driver DRIVER --check CHECK --seed {seed}\n\
         lab latency --driver DRIVER --seed {seed} --profile {profile}\n```\n"
    ));
    if results
        .drivers
        .iter()
        .any(|driver| !driver.scenarios.is_empty())
    {
        text.push_str("\nThe commands for fault scenarios stand below their table.\n");
    }
    for driver in &results.drivers {
        text.push_str(&format!("\nOnly {}:\n\n", driver.name));
        text.push_str(&code_block(&driver.command));
    }
    text
}
