//! What criterion estimated, benchmark by benchmark.

use serde::{Deserialize, Serialize};

use crate::markdown::{Table, heading};
use crate::units::{count, duration};
use crate::{Commit, Results};

/// The benchmarks of one or several runs of `cargo bench`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Benches {
    /// The source whose checkout they were read in; `None` outside of one.
    pub commit: Option<Commit>,
    /// One entry per benchmark, in the order of their names.
    pub benchmarks: Vec<Benchmark>,
}

/// One benchmark. An iteration is whatever its bench says: a call, a round of calls, a failover.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Benchmark {
    /// The group: `openraft/persist`.
    pub group: String,
    /// Its name in the group: `one`. A floor's begins with `floor_`.
    pub name: String,
    /// How many things of a kind one iteration does, where the bench says so.
    #[serde(default)]
    pub elements: Option<u64>,
    /// The mean time of an iteration.
    pub mean: TimeEstimate,
    /// The median time of an iteration.
    pub median: TimeEstimate,
}

/// A time with its bootstrap interval, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeEstimate {
    /// The estimate itself.
    pub ns: f64,
    /// The lower end of the interval.
    pub low_ns: f64,
    /// Its upper end.
    pub high_ns: f64,
    /// How sure the interval is: 0.95.
    pub confidence: f64,
}

/// A part of a benchmark's folder that is not what criterion writes.
#[derive(Debug, thiserror::Error)]
pub enum BenchmarkError {
    /// `benchmark.json`, which says what was measured.
    #[error("no description of a benchmark: {0}")]
    Description(#[source] serde_json::Error),
    /// `estimates.json`, which says what came out.
    #[error("no estimates of a benchmark: {0}")]
    Estimates(#[source] serde_json::Error),
}

/// `benchmark.json`, as far as it is used.
#[derive(Deserialize)]
struct Description {
    group_id: String,
    function_id: Option<String>,
    value_str: Option<String>,
    throughput: Option<Throughput>,
}

/// What one iteration goes through. Only elements have a place in the results.
#[derive(Deserialize)]
struct Throughput {
    #[serde(rename = "Elements")]
    elements: Option<u64>,
}

/// `estimates.json`, as far as it is used.
#[derive(Deserialize)]
struct Estimates {
    mean: CriterionEstimate,
    median: CriterionEstimate,
}

#[derive(Deserialize)]
struct CriterionEstimate {
    confidence_interval: Interval,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct Interval {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}

impl From<CriterionEstimate> for TimeEstimate {
    fn from(estimate: CriterionEstimate) -> Self {
        let interval = estimate.confidence_interval;
        Self {
            ns: estimate.point_estimate,
            low_ns: interval.lower_bound,
            high_ns: interval.upper_bound,
            confidence: interval.confidence_level,
        }
    }
}

impl Benchmark {
    /// From the two files in the folder that criterion keeps of a benchmark.
    ///
    /// # Errors
    /// [`BenchmarkError`] with the file that is damaged.
    pub fn from_criterion(description: &str, estimates: &str) -> Result<Self, BenchmarkError> {
        let description: Description =
            serde_json::from_str(description).map_err(BenchmarkError::Description)?;
        let estimates: Estimates =
            serde_json::from_str(estimates).map_err(BenchmarkError::Estimates)?;
        let parts = [description.function_id, description.value_str];
        let name: Vec<_> = parts.into_iter().flatten().collect();
        Ok(Self {
            group: description.group_id,
            name: name.join("/"),
            elements: description.throughput.and_then(|of| of.elements),
            mean: estimates.mean.into(),
            median: estimates.median.into(),
        })
    }

    /// Whether it is a floor of the others in its group.
    #[must_use]
    pub fn is_floor(&self) -> bool {
        self.name.starts_with("floor_")
    }
}

impl Benches {
    /// With the benchmarks in order: by group, the floors of each first, then by name.
    #[must_use]
    pub fn new(commit: Option<Commit>, mut benchmarks: Vec<Benchmark>) -> Self {
        let key = |b: &Benchmark| (b.group.clone(), !b.is_floor(), b.name.clone());
        benchmarks.sort_by_key(key);
        Self { commit, benchmarks }
    }
}

/// The page's section, if there is anything to show.
pub(crate) fn section(results: &Results) -> String {
    results.benches.as_ref().map_or_else(String::new, |benches| {
        heading("Benchmarks")
            + "What criterion estimates (`cargo bench`): floors and figures ran one after the other, \
               so a ratio of the sections above is the one to quote.\n\n"
            + &benches_table(benches)
    })
}

/// A Markdown table of all benchmarks: one row each, floors above what they are floors of.
#[must_use]
pub fn benches_table(benches: &Benches) -> String {
    let titles = [
        "group",
        "benchmark",
        ">median",
        ">95% interval",
        ">mean",
        ">each",
    ];
    let mut table = Table::new(titles);
    for benchmark in &benches.benchmarks {
        let interval = [benchmark.median.low_ns, benchmark.median.high_ns].map(duration);
        let each = benchmark.elements.filter(|elements| *elements > 0);
        table.row([
            benchmark.group.clone(),
            benchmark.name.clone(),
            duration(benchmark.median.ns),
            interval.join(" to "),
            duration(benchmark.mean.ns),
            each.map_or_else(String::new, |elements| {
                let one = duration(benchmark.median.ns / elements as f64);
                format!("{one} of {}", count(elements))
            }),
        ]);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIPTION: &str = r#"{"group_id":"openraft/persist","function_id":"64_at_once",
        "value_str":null,"throughput":{"Elements":64},"full_id":"openraft/persist/64_at_once",
        "directory_name":"openraft_persist/64_at_once","title":"openraft/persist/64_at_once"}"#;

    fn estimates(median_ns: f64) -> String {
        let estimate = |ns: f64| {
            serde_json::json!({
                "confidence_interval": {
                    "confidence_level": 0.95,
                    "lower_bound": ns - 1_000.0,
                    "upper_bound": ns + 1_000.0,
                },
                "point_estimate": ns,
                "standard_error": 500.0,
            })
        };
        let mean = estimate(median_ns * 2.0);
        serde_json::json!({"mean": mean, "median": estimate(median_ns), "slope": null}).to_string()
    }

    fn named(group: &str, name: &str) -> Benchmark {
        let benchmark = Benchmark::from_criterion(DESCRIPTION, &estimates(640_000.0)).unwrap();
        let (group, name) = (group.to_owned(), name.to_owned());
        Benchmark {
            group,
            name,
            ..benchmark
        }
    }

    #[test]
    fn what_criterion_writes_is_read() {
        let benchmark = Benchmark::from_criterion(DESCRIPTION, &estimates(640_000.0)).unwrap();
        assert_eq!(
            (benchmark.group.as_str(), benchmark.name.as_str()),
            ("openraft/persist", "64_at_once")
        );
        let median = benchmark.median;
        assert_eq!(
            (median.low_ns, median.ns, median.high_ns, median.confidence),
            (639_000.0, 640_000.0, 641_000.0, 0.95)
        );
        assert_eq!(benchmark.mean.ns, 1_280_000.0);
        assert_eq!(benchmark.elements, Some(64));
    }

    #[test]
    fn half_a_file_is_told_from_the_other() {
        let whole = estimates(1.0);
        let half = &whole[..whole.len() / 2];
        let error = Benchmark::from_criterion(DESCRIPTION, half).unwrap_err();
        assert!(matches!(error, BenchmarkError::Estimates(_)), "{error}");
        let error = Benchmark::from_criterion("{", &whole).unwrap_err();
        assert!(matches!(error, BenchmarkError::Description(_)), "{error}");
    }

    #[test]
    fn floors_stand_above_their_figures() {
        let all = [("b", "one"), ("a", "one"), ("a", "floor_sync"), ("a", "64")];
        let all = all.map(|(group, name)| named(group, name)).into();
        let benches = Benches::new(None, all);
        let table = benches_table(&benches);
        let cells = |line: &str| -> Vec<String> {
            let cells = line.split('|').map(|cell| cell.trim().to_owned());
            cells.collect()
        };
        let rows: Vec<_> = table.lines().skip(2).map(cells).collect();
        let names: Vec<_> = rows.iter().map(|row| (&*row[1], &*row[2])).collect();
        assert_eq!(
            names,
            [("a", "floor_sync"), ("a", "64"), ("a", "one"), ("b", "one")]
        );
        assert_eq!(
            rows[0][3..7],
            ["640 us", "639 us to 641 us", "1.28 ms", "10.0 us of 64"]
        );
    }

    #[test]
    fn they_survive_a_file() {
        let benches = Benches::new(None, vec![named("a", "one")]);
        let text = serde_json::to_string(&benches).unwrap();
        assert_eq!(serde_json::from_str::<Benches>(&text).unwrap(), benches);
    }
}
