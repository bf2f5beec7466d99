//! What several runs of one fault say together.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

const RESAMPLES: usize = 2_000;
/// Fewer runs than this have a median, and no interval worth the name.
const LEAST_RUNS: usize = 5;

/// The median of some runs, with a bootstrap interval of 95%.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// How many runs.
    pub runs: usize,
    /// Their median, in the unit of the samples.
    pub median: f64,
    /// The interval from 2.5% to 97.5% of the resampled medians; `None` with fewer than five runs.
    pub interval: Option<(f64, f64)>,
}

impl Estimate {
    /// Of these samples; `None` without any. The same samples give the same estimate.
    #[must_use]
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = median(&sorted)?;
        let interval = (sorted.len() >= LEAST_RUNS).then(|| interval(&sorted));
        Some(Self {
            runs: sorted.len(),
            median,
            interval,
        })
    }

    /// Whether this one is below another: their intervals do not overlap. Estimates of which
    /// neither is below the other are not ranked.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        match (self.interval, other.interval) {
            (Some((_, high)), Some((low, _))) => high < low,
            _ => false,
        }
    }
}

fn interval(sorted: &[f64]) -> (f64, f64) {
    // What is drawn must not depend on anything but the samples.
    let mut rng = ChaCha8Rng::seed_from_u64(sorted.len() as u64);
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let mut drawn: Vec<f64> = (0..sorted.len())
            .filter_map(|_| sorted.get(rng.random_range(0..sorted.len())).copied())
            .collect();
        drawn.sort_by(f64::total_cmp);
        medians.extend(median(&drawn));
    }
    medians.sort_by(f64::total_cmp);
    let at = |share: usize| medians.get(RESAMPLES * share / 1_000).copied();
    (at(25).unwrap_or_default(), at(975).unwrap_or_default())
}

fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_lies_around_the_median_and_repeats() {
        let samples: Vec<f64> = (0..30).map(|n| f64::from(n) + 300.0).collect();
        let estimate = Estimate::of(&samples).unwrap();
        let (low, high) = estimate.interval.unwrap();
        assert_eq!((estimate.runs, estimate.median), (30, 314.5));
        assert!(
            (305.0..314.0).contains(&low) && (315.0..325.0).contains(&high),
            "{estimate:?}"
        );
        assert_eq!(Estimate::of(&samples), Some(estimate));
    }

    /// The interval of the median holds the true median in about 95 of 100 draws.
    #[test]
    fn intervals_cover_the_true_median_as_often_as_they_say() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut covered = 0;
        for _ in 0..200 {
            let samples: Vec<f64> = (0..30).map(|_| rng.random_range(0.0..1.0)).collect();
            let (low, high) = Estimate::of(&samples).unwrap().interval.unwrap();
            covered += u32::from((low..=high).contains(&0.5));
        }
        assert!((176..=199).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn overlapping_intervals_are_not_ranked() {
        let runs = |from: f64| -> Estimate {
            let samples: Vec<f64> = (0..10).map(|n| from + f64::from(n)).collect();
            Estimate::of(&samples).unwrap()
        };
        assert!(runs(0.0).is_below(&runs(100.0)));
        assert!(!runs(100.0).is_below(&runs(0.0)));
        assert!(!runs(0.0).is_below(&runs(3.0)) && !runs(3.0).is_below(&runs(0.0)));
        assert_eq!(Estimate::of(&[]), None);
        assert_eq!(Estimate::of(&[4.0]).unwrap().interval, None);
    }
}
