use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

const SIGNIFICANT_DIGITS: u8 = 3;
const PS_PER_NS: f64 = 1_000.0;

/// Where the samples of a measurement lie: an `HdrHistogram` with three significant digits.
///
/// Values are nanoseconds, with decimals when they are short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many samples there are.
    pub samples: u64,
    /// Half of the samples are at most this.
    pub p50_ns: f64,
    /// Nine of ten.
    pub p90_ns: f64,
    /// 99 of 100.
    pub p99_ns: f64,
    /// 999 of 1,000.
    pub p999_ns: f64,
    /// All.
    pub max_ns: f64,
    /// The whole distribution, ascending.
    pub buckets: Vec<Bucket>,
}

/// Samples that three digits do not tell apart; in JSON a pair `[value_ns, count]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket(
    /// The value, in nanoseconds.
    pub f64,
    /// How many samples.
    pub u64,
);

impl Distribution {
    /// The distribution of samples in picoseconds.
    pub(crate) fn of(samples_ps: impl IntoIterator<Item = u64>) -> Self {
        let Ok(mut histogram) = Histogram::<u64>::new(SIGNIFICANT_DIGITS) else {
            return Self::default();
        };
        for sample_ps in samples_ps {
            // It resizes itself, so that no value is refused.
            let _ = histogram.record(sample_ps);
        }
        if histogram.is_empty() {
            return Self::default();
        }
        let quantile = |q| in_ns(histogram.median_equivalent(histogram.value_at_quantile(q)));
        Self {
            samples: histogram.len(),
            p50_ns: quantile(0.5),
            p90_ns: quantile(0.9),
            p99_ns: quantile(0.99),
            p999_ns: quantile(0.999),
            max_ns: quantile(1.0),
            buckets: buckets(&histogram),
        }
    }

    /// The value that a share `q` of the samples, from 0 to 1, does not exceed; 0 without samples.
    #[must_use]
    pub fn quantile_ns(&self, q: f64) -> f64 {
        let wanted = q.clamp(0.0, 1.0) * self.samples as f64;
        let mut seen = 0;
        for Bucket(value_ns, count) in &self.buckets {
            seen += count;
            if seen as f64 >= wanted {
                return *value_ns;
            }
        }
        self.max_ns
    }
}

/// Neighbours whose rounded values are the same become one.
fn buckets(histogram: &Histogram<u64>) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for recorded in histogram.iter_recorded() {
        let value_ns = in_ns(histogram.median_equivalent(recorded.value_iterated_to()));
        let count = recorded.count_at_value();
        match buckets.last_mut() {
            Some(Bucket(last_ns, counted)) if *last_ns == value_ns => *counted += count,
            _ => buckets.push(Bucket(value_ns, count)),
        }
    }
    buckets
}

fn in_ns(ps: u64) -> f64 {
    rounded(ps as f64 / PS_PER_NS, i32::from(SIGNIFICANT_DIGITS) + 1)
}

/// `value` with so many significant digits: short in text, and the same after a round trip.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let mut scale = 1.0;
    let mut reach = 10_f64.powi(digits - 1);
    while value != 0.0 && value.abs() * scale < reach && scale < 1e9 {
        scale *= 10.0;
    }
    if scale > 1.0 {
        return (value * scale).round() / scale;
    }
    let mut step = 1.0;
    while value.abs() >= reach * 10.0 && step < 1e15 {
        step *= 10.0;
        reach *= 10.0;
    }
    (value / step).round() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_samples() {
        let of_us = |us: u64| us * 1_000_000;
        let distribution = Distribution::of((1..=1_000).map(of_us));
        assert_eq!(distribution.samples, 1_000);
        let near = |got_ns: f64, us: f64| (got_ns / 1_000.0 / us - 1.0).abs() < 0.002;
        assert!(near(distribution.p50_ns, 500.0), "{distribution:?}");
        assert!(near(distribution.p90_ns, 900.0) && near(distribution.p99_ns, 990.0));
        assert!(near(distribution.p999_ns, 999.0) && near(distribution.max_ns, 1_000.0));
        assert!(near(distribution.quantile_ns(0.25), 250.0));
        let counted: u64 = distribution.buckets.iter().map(|bucket| bucket.1).sum();
        assert_eq!(counted, 1_000);
        assert!(distribution.buckets.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn nothing_measured_is_an_empty_distribution() {
        assert_eq!(Distribution::of([]), Distribution::default());
        assert_eq!(Distribution::default().quantile_ns(0.5), 0.0);
    }

    #[test]
    fn values_have_few_digits_and_survive_a_file() {
        assert_eq!(rounded(105_349.123, 4), 105_300.0);
        assert_eq!(rounded(4.213_49, 4), 4.213);
        assert_eq!(rounded(0.031_416, 4), 0.031_42);
        assert_eq!(rounded(0.0, 4), 0.0);
        let distribution = Distribution::of([4_213, 62_307, 105_349_123, 4_000_123_456]);
        let text = serde_json::to_string(&distribution).unwrap();
        assert_eq!(
            serde_json::from_str::<Distribution>(&text).unwrap(),
            distribution
        );
    }
}
