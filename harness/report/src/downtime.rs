//! What the time without service went into, phase by phase, where faults are run for a figure.

use std::collections::BTreeMap;

use tsoracle_latency::failover::{Estimate, PhaseKind};
use tsoracle_scenarios::{Repeats, ScenarioResult, named};

use crate::bars::{Bar, Bars, Part};
use crate::faults::{Cell, cells, estimate, rows};
use crate::markdown::{Table, heading, subheading};
use crate::{RenderError, Results};

const KINDS: [PhaseKind; 7] = [
    PhaseKind::Detect,
    PhaseKind::Elect,
    PhaseKind::LeaseWait,
    PhaseKind::Announce,
    PhaseKind::Load,
    PhaseKind::Persist,
    PhaseKind::Redirect,
];

fn word(kind: PhaseKind) -> &'static str {
    match kind {
        PhaseKind::Detect => "detect",
        PhaseKind::Elect => "elect",
        PhaseKind::LeaseWait => "lease wait",
        PhaseKind::Announce => "announce",
        PhaseKind::Load => "load",
        PhaseKind::Persist => "persist",
        PhaseKind::Redirect => "redirect",
    }
}

/// A scenario at one size, and every driver's downtime in it.
struct Failover<'a> {
    scenario: String,
    nodes: usize,
    cells: Vec<&'a Cell<'a>>,
}

impl Failover<'_> {
    fn file(&self) -> String {
        format!("downtime-{}-{}.svg", self.scenario, self.nodes)
    }

    /// The estimates that are ranked among each other: of drivers that recovered in every run.
    fn estimates(&self) -> Vec<Estimate> {
        let all = self
            .cells
            .iter()
            .filter(|cell| cell.summary.outages_are_all());
        all.filter_map(|cell| cell.summary.outage_ms).collect()
    }
}

/// The scenarios that have phases, and count for their figures.
fn failovers<'a>(cells: &'a [Cell<'a>]) -> Vec<Failover<'a>> {
    let is_figure = |name: &str| named(name).is_some_and(|known| known.repeats == Repeats::Figure);
    let with_phases = |(scenario, nodes): (String, usize)| {
        let own = cells.iter().filter(|cell| {
            let summary = &cell.summary;
            (&summary.scenario, summary.nodes) == (&scenario, nodes) && summary.outage_ms.is_some()
        });
        let own: Vec<_> = own.collect();
        (!own.is_empty()).then_some(Failover {
            scenario,
            nodes,
            cells: own,
        })
    };
    let rows = rows(cells).into_iter();
    rows.filter(|(scenario, _)| is_figure(scenario))
        .filter_map(with_phases)
        .collect()
}

/// Empty if there was none.
pub(crate) fn section(results: &Results) -> String {
    let cells = cells(results);
    let failovers = failovers(&cells);
    if failovers.is_empty() {
        return String::new();
    }
    let mut text = heading("Downtime by phase");
    text.push_str(INTRODUCTION);
    for failover in &failovers {
        text.push_str(&one(failover));
    }
    text
}

const INTRODUCTION: &str = "\
From the fall of a leader to the end of the longest time without service: medians in \
milliseconds, each with its bootstrap interval of 95% from five runs on. *Rank* is the place among \
the drivers of the table; places that overlapping intervals leave open are given as a range, and \
without intervals, or with a run that did not recover, nothing is ranked. A *detect* ends when the first survivor no longer follows the \
old leader, *elect* when somebody names the next epoch, *announce* when the next leader shows \
itself; *lease wait* is the part of both during which the old lease was still valid; *load* and \
*persist* are the first ones of the new leader, *redirect* is until the first client that had to \
find it was answered. A phase whose end a driver does not show is told together with the next one. \
Runs that stalled have no part in these figures; they stand in the table of faults.
";

fn one(failover: &Failover<'_>) -> String {
    let Failover {
        scenario, nodes, ..
    } = failover;
    let about = named(scenario).map_or("", |known| known.about);
    let mut text = subheading(&format!("`{scenario}` on {nodes} nodes"));
    text.push_str(&format!("{about}.\n\n"));
    let splits: Vec<_> = failover
        .cells
        .iter()
        .map(|cell| Split::of(&cell.runs))
        .collect();
    if splits.iter().any(|split| split.runs > 0) {
        text.push_str(&format!(
            "![downtime of {scenario}, by phase]({})\n\n",
            failover.file()
        ));
    }
    let titles = ["driver", ">runs", ">downtime, ms", ">in T", ">rank"].map(str::to_owned);
    let phases = KINDS.map(|kind| format!(">{}", word(kind)));
    let mut table = Table::new(titles.into_iter().chain(phases));
    let all = failover.estimates();
    for (cell, split) in failover.cells.iter().zip(&splits) {
        let (ms, times) = (cell.summary.outage_ms, cell.summary.outage_t);
        let mut row = vec![
            cell.driver.name.clone(),
            match (ms.map_or(0, |ms| ms.runs), cell.summary.runs) {
                (own, all) if own as u64 == all => own.to_string(),
                (own, all) => format!("{own} of {all}"),
            },
            ms.as_ref().map(estimate).unwrap_or_default(),
            times.as_ref().map(estimate).unwrap_or_default(),
            ms.filter(|_| cell.summary.outages_are_all())
                .map_or_else(|| "-".to_owned(), |ms| rank(&ms, &all)),
        ];
        row.extend(KINDS.map(|kind| split.cell(kind)));
        table.row(row);
    }
    text.push_str(&table.text());
    let notes = failover.cells.iter().zip(&splits);
    let notes: String = notes
        .map(|(cell, split)| split.note(&cell.driver.name, cell.summary.outage_ms))
        .collect();
    if !notes.is_empty() {
        text.push_str(&format!("\n{notes}"));
    }
    text
}

/// `2`, or `1 to 3` where intervals overlap; `-` without an interval.
fn rank(own: &Estimate, all: &[Estimate]) -> String {
    if own.interval.is_none() {
        return "-".to_owned();
    }
    let ranked = || all.iter().filter(|other| other.interval.is_some());
    let best = 1 + ranked().filter(|other| other.is_below(own)).count();
    let worst = ranked().count() - ranked().filter(|other| own.is_below(other)).count();
    if best == worst {
        best.to_string()
    } else {
        format!("{best} to {worst}")
    }
}

/// The phases of several runs, as far as all of them tell them apart.
struct Split {
    /// The runs that have phases.
    runs: usize,
    /// Kinds that are told together, in their order, with the times of each run.
    groups: Vec<(Vec<PhaseKind>, Vec<f64>)>,
}

impl Split {
    fn of(runs: &[&ScenarioResult]) -> Self {
        let runs: Vec<_> = runs.iter().filter(|run| !run.phases.is_empty()).collect();
        // Where one run merges two kinds, all of them do: else a median would be of other runs.
        let mut group_of: BTreeMap<PhaseKind, PhaseKind> = BTreeMap::new();
        for phase in runs.iter().flat_map(|run| &run.phases) {
            for kind in &phase.covers {
                group_of.entry(*kind).or_insert(*kind);
            }
            let roots = phase
                .covers
                .iter()
                .filter_map(|kind| group_of.get(kind).copied());
            let roots: Vec<_> = roots.collect();
            let Some(least) = roots.iter().min().copied() else {
                continue;
            };
            for root in group_of.values_mut().filter(|root| roots.contains(root)) {
                *root = least;
            }
        }
        let mut groups: BTreeMap<PhaseKind, Vec<PhaseKind>> = BTreeMap::new();
        for (kind, root) in &group_of {
            groups.entry(*root).or_default().push(*kind);
        }
        let times = |kinds: &[PhaseKind]| {
            let of_run = |run: &&&ScenarioResult| -> f64 {
                let own = run.phases.iter().filter(|phase| {
                    let first = phase.covers.first();
                    first.is_some_and(|kind| kinds.contains(kind))
                });
                own.map(|phase| phase.ms).sum()
            };
            runs.iter().map(of_run).collect()
        };
        let groups = groups.into_values().map(|kinds| {
            let times = times(&kinds);
            (kinds, times)
        });
        Self {
            runs: runs.len(),
            groups: groups.collect(),
        }
    }

    /// The figure stands where the group ends.
    fn cell(&self, kind: PhaseKind) -> String {
        let group = self.groups.iter().find(|(kinds, _)| kinds.contains(&kind));
        match group {
            None => "-".to_owned(),
            Some((kinds, times)) if kinds.last() == Some(&kind) => {
                let of = Estimate::of(times);
                of.as_ref().map(estimate).unwrap_or_default()
            }
            Some((kinds, _)) => {
                let last = kinds.last().copied().map_or("", word);
                format!("in {last}")
            }
        }
    }

    fn note(&self, driver: &str, outage: Option<Estimate>) -> String {
        let merged = self.groups.iter().filter(|(kinds, _)| kinds.len() > 1);
        let merged: Vec<_> = merged
            .map(|(kinds, _)| {
                let words: Vec<_> = kinds.iter().copied().map(word).collect();
                words.join(" + ")
            })
            .collect();
        let mut text = String::new();
        if !merged.is_empty() {
            let merged = merged.join("; ");
            text.push_str(&format!(
                "- {driver} does not show every border: {merged}\n"
            ));
        }
        let recovered = outage.map_or(0, |ms| ms.runs);
        if self.runs < recovered {
            text.push_str(&format!(
                "- {driver}: {} of {recovered} runs have phases; in the others no leader fell, the \
                 longest outage did not begin with its fall, or a client was answered before the next \
                 leader had shown itself\n",
                self.runs
            ));
        }
        text
    }
}

/// The plots of these results, by file.
pub(crate) fn draw(results: &Results) -> Result<BTreeMap<String, String>, RenderError> {
    let cells = cells(results);
    let mut files = BTreeMap::new();
    for failover in failovers(&cells) {
        let bars: Vec<_> = failover.cells.iter().filter_map(|cell| bar(cell)).collect();
        if bars.is_empty() {
            continue;
        }
        let (name, scenario, nodes) = (failover.file(), &failover.scenario, failover.nodes);
        let plot = Bars {
            title: format!("{scenario} on {nodes} nodes: downtime by phase"),
            bars,
        };
        let drawn = plot.svg().map_err(|what| RenderError::Plot {
            name: name.clone(),
            what,
        })?;
        files.insert(name, drawn);
    }
    Ok(files)
}

fn bar(cell: &Cell<'_>) -> Option<Bar> {
    let split = Split::of(&cell.runs);
    let whole = cell.summary.outage_ms?;
    let parts = split.groups.iter().filter_map(|(kinds, times)| {
        let last = *kinds.last()?;
        Some(Part {
            label: kinds
                .iter()
                .copied()
                .map(word)
                .collect::<Vec<_>>()
                .join(" + "),
            color: KINDS.iter().position(|kind| *kind == last)?,
            pale: kinds.len() > 1,
            ms: Estimate::of(times)?.median,
        })
    });
    let parts: Vec<_> = parts.collect();
    (!parts.is_empty()).then(|| Bar {
        label: cell.driver.name.clone(),
        parts,
        median_ms: whole.median,
        interval_ms: whole.interval,
    })
}
