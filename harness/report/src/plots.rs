//! The report's plots.

use std::collections::BTreeMap;

use tsoracle_latency::{Distribution, LatencyResults};

use crate::plot::{Axis, Line, Plot, log_axis};
use crate::units::{count, duration};
use crate::{RenderError, Results};

pub(crate) const PERSIST_SVG: &str = "persist.svg";
pub(crate) const RESPONSE_SVG: &str = "response.svg";

/// Points per factor of ten in the share of samples left above.
const POINTS_PER_NINE: u32 = 20;
/// Up to 99.99%.
const NINES_MAX: u32 = 4;

/// The plots that these results have data for, by file.
pub(crate) fn draw(results: &Results) -> Result<BTreeMap<String, String>, RenderError> {
    let mut files = BTreeMap::new();
    let plots = [
        (PERSIST_SVG, persist(results)),
        (RESPONSE_SVG, response(results)),
    ];
    for (name, plot) in plots {
        if let Some(plot) = plot {
            let svg = plot.svg().map_err(|what| RenderError::Plot {
                name: name.to_owned(),
                what,
            })?;
            files.insert(name.to_owned(), svg);
        }
    }
    Ok(files)
}

/// The measured drivers, each with its place among all of them, which is its colour.
fn measured(results: &Results) -> impl Iterator<Item = (usize, &str, &LatencyResults)> {
    let drivers = results.drivers.iter().enumerate();
    drivers.filter_map(|(i, driver)| Some((i, driver.name.as_str(), driver.latency.as_ref()?)))
}

/// A persist and its floor, by percentile.
fn persist(results: &Results) -> Option<Plot> {
    let mut lines = Vec::new();
    for (subject, name, latency) in measured(results) {
        let persist = &latency.persist;
        lines.push(by_percentile(
            name.to_owned(),
            subject,
            false,
            &persist.measured,
        ));
        let floor = format!("{name}: {} floor", persist.floor_kind);
        lines.push(by_percentile(floor, subject, true, &persist.floor));
    }
    let y = y_axis(&lines)?;
    let right = lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x);
    let labels = ["0%", "90%", "99%", "99.9%", "99.99%"];
    let mut ticks: Vec<(f64, String)> = (0..)
        .zip(labels)
        .map(|(at, text)| (f64::from(at), text.to_owned()))
        .collect();
    ticks.insert(1, (2_f64.log10(), "50%".to_owned()));
    let x = Axis {
        range: 0.0..right.fold(1.0, f64::max),
        ticks,
    };
    Some(Plot {
        title: "A persist and its floor, by percentile".to_owned(),
        x_title: "share of calls that took at most this long",
        y_title: "service time",
        x,
        y,
        lines,
    })
}

/// Against the number of nines, so that the tail gets room.
fn by_percentile(label: String, subject: usize, floor: bool, of: &Distribution) -> Line {
    let nines_max = (of.samples.max(1) as f64).log10().min(f64::from(NINES_MAX));
    let nines =
        (0..=NINES_MAX * POINTS_PER_NINE).map(|i| f64::from(i) / f64::from(POINTS_PER_NINE));
    let points = nines
        .filter(|nines| *nines <= nines_max)
        .map(|nines| (nines, of.quantile_ns(1.0 - 10_f64.powf(-nines))))
        .filter(|(_, ns)| *ns > 0.0)
        .map(|(nines, ns)| (nines, ns.log10()));
    Line {
        label,
        subject,
        dashed: floor,
        pale: floor,
        marked: false,
        points: points.collect(),
    }
}

/// Response times at the rates that were offered.
fn response(results: &Results) -> Option<Plot> {
    let mut lines = Vec::new();
    let mut rates: Vec<u32> = Vec::new();
    for (subject, name, latency) in measured(results) {
        let loops = &latency.persist_at_rate;
        rates.extend(loops.iter().map(|open| open.rate_per_s));
        let mut line = |label: String, floor: bool, p99: bool| {
            let at = |of: &Distribution| if p99 { of.p99_ns } else { of.p50_ns };
            let points = loops.iter().filter_map(|open| {
                let comparison = &open.comparison;
                let ns = at(if floor {
                    &comparison.floor
                } else {
                    &comparison.measured
                });
                (ns > 0.0).then(|| (f64::from(open.rate_per_s).log10(), ns.log10()))
            });
            lines.push(Line {
                label,
                subject,
                dashed: p99,
                pale: floor,
                marked: true,
                points: points.collect(),
            });
        };
        line(format!("{name} p50"), false, false);
        line(format!("{name} p99"), false, true);
        line(format!("{name}: floor p50"), true, false);
        line(format!("{name}: floor p99"), true, true);
    }
    rates.sort_unstable();
    rates.dedup();
    let (first, last) = (rates.first()?, rates.last()?);
    let y = y_axis(&lines)?;
    let x = Axis {
        range: f64::from(*first).log10() - 0.05..f64::from(*last).log10() + 0.05,
        ticks: rates
            .iter()
            .map(|rate| {
                (
                    f64::from(*rate).log10(),
                    format!("{}/s", count((*rate).into())),
                )
            })
            .collect(),
    };
    Some(Plot {
        title: "Response time of a persist, from its intended send".to_owned(),
        x_title: "persists per second",
        y_title: "response time",
        x,
        y,
        lines,
    })
}

/// Over every point of every line; `None` without points.
fn y_axis(lines: &[Line]) -> Option<Axis> {
    let all = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|(_, y)| 10_f64.powf(*y))
    };
    let least = all().min_by(f64::total_cmp)?;
    let most = all().max_by(f64::total_cmp)?;
    Some(log_axis(least, most, tick))
}

/// `200 us`, not `200.00 us`.
fn tick(ns: f64) -> String {
    let text = duration(ns);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            let short = number.trim_end_matches('0').trim_end_matches('.');
            format!("{short} {unit}")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_short() {
        assert_eq!(tick(200_000.0), "200 us");
        assert_eq!(tick(1_500_000.0), "1.5 ms");
        assert_eq!(tick(10_000.0), "10 us");
        assert_eq!(tick(2_000_000.0), "2 ms");
    }
}
