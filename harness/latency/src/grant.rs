//! What a grant of the allocator costs.

use std::convert::Infallible;
use std::hint::black_box;
use std::num::NonZeroU32;

use tsoracle_core::{PHYSICAL_MS_MAX, WindowAllocator};

use crate::alternate::{alternate, compare};
use crate::batch::closed_loop;
use crate::measure::on_a_thread;
use crate::progress::Progress;
use crate::spinner::Spinning;
use crate::time::RealTime;
use crate::{AllocatorResults, FloorKind, Grant, LatencyError, Profile};

/// A reading of the clock within the year 2027; the grant itself reads none.
const NOW_MS: u64 = 1_800_000_000_000;
const BATCHES: [u32; 2] = [1, 1_000];
const SAMPLES: u32 = 100;
const CALLS_PER_SAMPLE: u32 = 1_000;

/// Measures a grant of 1 and of 1,000 timestamps beside an empty loop. Takes a few seconds at most;
/// `progress` is told what is being measured, how much is done, and of how much.
///
/// # Errors
/// [`LatencyError::Allocator`] if the allocator refuses a grant, [`LatencyError::System`] if this
/// machine has no thread to spare.
pub fn measure_grants(
    profile: Profile,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<AllocatorResults, LatencyError> {
    on_a_thread("the allocator", progress, |progress| {
        let spinning = Spinning::start();
        let grants = BATCHES.map(|timestamps| measure_grant(profile, timestamps, progress));
        Ok(AllocatorResults {
            grants: grants.into_iter().collect::<Result<_, _>>()?,
            spinners: spinning.record(),
        })
    })
}

fn measure_grant(
    profile: Profile,
    timestamps: u32,
    progress: &Progress,
) -> Result<Grant, LatencyError> {
    let time = RealTime::of_this_thread();
    let count = NonZeroU32::new(timestamps).unwrap_or(NonZeroU32::MIN);
    let mut allocator = endless_allocator().map_err(LatencyError::Allocator)?;
    let task = progress.task(format!("grant of {timestamps}"), profile.grant());
    let grants = || {
        closed_loop(&time, SAMPLES, CALLS_PER_SAMPLE, || {
            let granted = allocator.grant(black_box(NOW_MS), black_box(count))?;
            black_box(granted);
            Ok(())
        })
        .map_err(|error: tsoracle_core::GrantError| LatencyError::Allocator(error.into()))
    };
    let nothing = || {
        let block = closed_loop(&time, SAMPLES, CALLS_PER_SAMPLE, || {
            black_box((black_box(NOW_MS), black_box(count)));
            Ok::<_, Infallible>(())
        });
        Ok(block.unwrap_or_else(|never| match never {}))
    };
    let pairs = alternate(&time, profile.grant(), &task, grants, nothing)?;
    Ok(Grant {
        timestamps,
        comparison: compare(&pairs, FloorKind::EmptyLoop, CALLS_PER_SAMPLE),
    })
}

/// With a window to the end of time, so that no grant needs an extension.
fn endless_allocator() -> Result<WindowAllocator, Box<dyn std::error::Error + Send + Sync>> {
    let mut allocator = WindowAllocator::seed(NOW_MS - 1)?;
    let extension = allocator.prepare(NOW_MS, PHYSICAL_MS_MAX, NonZeroU32::MIN)?;
    allocator.commit(extension, extension.at_least_ms())?;
    Ok(allocator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_batches_are_measured_beside_their_floor() {
        let measured = measure_grants(Profile::Quick, &|_, _, _| {}).unwrap();
        let batches: Vec<_> = measured
            .grants
            .iter()
            .map(|grant| grant.timestamps)
            .collect();
        assert_eq!(batches, BATCHES);
        for grant in measured.grants {
            let comparison = grant.comparison;
            assert!(comparison.measured.p50_ns > 0.0 && comparison.ratio.blocks > 0);
            assert_eq!(comparison.calls_per_sample, CALLS_PER_SAMPLE);
        }
    }
}
