//! A thing and its floor taking turns, and what comes of the pairs.

use crate::distribution::rounded;
use crate::options::Budget;
use crate::progress::Task;
use crate::time::Time;
use crate::{Comparison, Distribution, FloorKind, LatencyError, Ratio};

/// Samples of one block, in picoseconds.
pub(crate) type Block = Vec<u64>;

/// One block of the thing and one of its floor, measured next to each other.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) measured: Block,
    pub(crate) floor: Block,
}

/// Lets both take turns until the budget is used up, at least once each. Every other pair begins
/// with the thing, so that a slow drift of the machine favours neither.
pub(crate) fn alternate(
    time: &dyn Time,
    budget: Budget,
    task: &Task<'_>,
    mut measured: impl FnMut() -> Result<Block, LatencyError>,
    mut floor: impl FnMut() -> Result<Block, LatencyError>,
) -> Result<Vec<Pair>, LatencyError> {
    let began_ns = time.now_ns();
    let mut pairs: Vec<Pair> = Vec::new();
    for turn in 0..budget.pairs {
        let spent_ns = time.now_ns().saturating_sub(began_ns);
        if turn > 0 && spent_ns >= budget.limit_ns {
            break;
        }
        task.done(spent_ns, u64::from(turn));
        let pair = if turn % 2 == 0 {
            let floor = floor()?;
            Pair {
                measured: measured()?,
                floor,
            }
        } else {
            let measured = measured()?;
            Pair {
                measured,
                floor: floor()?,
            }
        };
        pairs.push(pair);
    }
    task.finished();
    Ok(pairs)
}

/// Distributions and ratio of the pairs whose floor was at most twice the median floor.
pub(crate) fn compare(pairs: &[Pair], floor_kind: FloorKind, calls_per_sample: u32) -> Comparison {
    let floors: Vec<u64> = pairs.iter().map(|pair| median(&pair.floor)).collect();
    let limit_ps = median(&floors).saturating_mul(2);
    let kept = || {
        let of_pairs = pairs.iter().zip(&floors);
        of_pairs.filter(move |(_, floor_ps)| **floor_ps <= limit_ps)
    };
    let mut ratios: Vec<f64> = kept()
        .filter(|(_, floor_ps)| **floor_ps > 0)
        .map(|(pair, floor_ps)| median(&pair.measured) as f64 / *floor_ps as f64)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let blocks = kept().count();
    let samples = |of: fn(&Pair) -> &Block| kept().flat_map(move |(pair, _)| of(pair)).copied();
    Comparison {
        measured: Distribution::of(samples(|pair| &pair.measured)),
        floor: Distribution::of(samples(|pair| &pair.floor)),
        floor_kind,
        ratio: Ratio {
            median: rounded(middle(&ratios), 4),
            blocks: count(blocks),
            dropped_blocks: count(pairs.len() - blocks),
            samples_per_block: count(pairs.first().map_or(0, |pair| pair.measured.len())),
        },
        calls_per_sample,
    }
}

/// The lower median; 0 of nothing.
pub(crate) fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let at = sorted.len().saturating_sub(1) / 2;
    sorted.get(at).copied().unwrap_or(0)
}

/// The median of sorted values, between the middle two of an even number; 0 of nothing.
fn middle(sorted: &[f64]) -> f64 {
    let upper = sorted.len() / 2;
    let lower = sorted.len().saturating_sub(1) / 2;
    match (sorted.get(lower), sorted.get(upper)) {
        (Some(a), Some(b)) => f64::midpoint(*a, *b),
        _ => 0.0,
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Progress;
    use crate::testing::VirtualTime;

    fn pair(measured: u64, floor: u64) -> Pair {
        Pair {
            measured: vec![measured; 3],
            floor: vec![floor; 3],
        }
    }

    #[test]
    fn the_ratio_is_the_median_of_block_ratios() {
        let pairs = [pair(120, 100), pair(150, 100), pair(4_400, 4_000)];
        let comparison = compare(&pairs[..2], FloorKind::Sync, 1);
        assert_eq!(comparison.ratio.median, 1.35);
        let comparison = compare(&pairs, FloorKind::Sync, 1);
        assert_eq!(
            (comparison.ratio.blocks, comparison.ratio.dropped_blocks),
            (2, 1)
        );
        assert_eq!(comparison.ratio.median, 1.35);
        assert_eq!(
            comparison.measured.samples, 6,
            "dropped blocks are in no distribution"
        );
    }

    #[test]
    fn a_floor_of_exactly_twice_the_median_is_kept() {
        let pairs = [pair(1, 100), pair(1, 100), pair(1, 200)];
        assert_eq!(compare(&pairs, FloorKind::Sync, 1).ratio.dropped_blocks, 0);
    }

    #[test]
    fn no_pairs_make_no_figure() {
        let comparison = compare(&[], FloorKind::Sync, 1);
        assert_eq!(comparison.ratio.median, 0.0);
        assert_eq!(comparison.measured, Distribution::default());
    }

    #[test]
    fn turns_end_with_the_count_or_with_the_time() {
        let time = VirtualTime::default();
        let run = |pairs, limit_ns| {
            let budget = Budget { pairs, limit_ns };
            let progress = Progress::silent();
            let block = || {
                time.block(10);
                Ok(vec![1])
            };
            let task = progress.task("turns", budget);
            alternate(&time, budget, &task, block, block).unwrap().len()
        };
        assert_eq!(run(4, 1_000), 4);
        assert_eq!(run(4, 35), 2);
        assert_eq!(run(4, 0), 1);
    }
}
