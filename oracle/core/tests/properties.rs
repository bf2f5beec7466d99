//! The allocator's promises under random grants, extensions, takeovers and clocks.

mod model;

use std::num::NonZeroU32;

use model::{Cluster, Step};
use proptest::collection::vec;
use proptest::prelude::*;
use tsoracle_core::{
    GrantError, LOGICAL_BITS, LOGICAL_MAX, PHYSICAL_MS_MAX, PrepareError, Timestamp,
    TimestampRange, WindowAllocator,
};

/// Counts from one timestamp to the greatest, often around the size of a millisecond.
fn counts() -> impl Strategy<Value = NonZeroU32> {
    prop_oneof![
        4 => 1..100_u32,
        2 => LOGICAL_MAX - 2..=LOGICAL_MAX + 4,
        1 => 1..=u32::MAX,
        1 => Just(u32::MAX),
    ]
    .prop_map(|count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN))
}

/// Where a run starts: at zero, around today, and where time ends.
fn starts() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        1_700_000_000_000..1_900_000_000_000_u64,
        PHYSICAL_MS_MAX - 40_000..PHYSICAL_MS_MAX,
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => counts().prop_map(Step::Grant),
        3 => (-500..500_i64).prop_map(Step::MoveClock),
        1 => (-30_000..30_000_i64).prop_map(Step::MoveClock),
        1 => (PHYSICAL_MS_MAX - 2..).prop_map(Step::MisreadClock),
        4 => (0..300_u64, counts()).prop_map(|(window_ms, count)| Step::Prepare(window_ms, count)),
        3 => any::<prop::sample::Index>().prop_map(Step::Persist),
        4 => any::<prop::sample::Index>().prop_map(Step::Commit),
        1 => Just(Step::TakeOver),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_cluster_of_leaders_agrees_with_the_model(start_ms in starts(), steps in vec(steps(), 1..120)) {
        let mut cluster = Cluster::new(start_ms);
        for step in steps {
            cluster.take(step)?;
        }
    }

    #[test]
    fn a_new_leader_starts_above_all_that_the_old_one_can_still_grant(
        start_ms in starts(),
        window_ms in 0..50_u64,
        old_grants in vec((0..100_u64, counts()), 1..20),
        new_now_ms in any::<u64>(),
    ) {
        let mut old = WindowAllocator::seed(start_ms).unwrap();
        let Ok(extension) = old.prepare(start_ms, window_ms, NonZeroU32::MIN) else {
            return Ok(());
        };
        let durable_ms = extension.at_least_ms();
        old.commit(extension, durable_ms).unwrap();

        let Ok(mut new) = WindowAllocator::seed(durable_ms) else {
            prop_assert_eq!(durable_ms, PHYSICAL_MS_MAX);
            return Ok(());
        };
        let new_now_ms = new_now_ms.min(durable_ms + 1);
        let extension = new.prepare(new_now_ms, 0, NonZeroU32::MIN).unwrap();
        new.commit(extension, extension.at_least_ms()).unwrap();
        let first = new.grant(new_now_ms, NonZeroU32::MIN).unwrap().first();
        prop_assert_eq!(first.physical_ms(), durable_ms + 1);

        for (offset_ms, count) in old_grants {
            if let Ok(range) = old.grant(start_ms + offset_ms, count) {
                prop_assert!(range.last() < first);
            }
        }
    }

    #[test]
    fn refusals_between_grants_lose_nothing(
        start_ms in 1..1_000_u64,
        refusals in vec((any::<u64>(), counts()), 0..20),
    ) {
        let mut allocator = WindowAllocator::seed(start_ms).unwrap();
        let extension = allocator.prepare(start_ms, 1, NonZeroU32::MIN).unwrap();
        allocator.commit(extension, extension.at_least_ms()).unwrap();
        let before = allocator.grant(start_ms, NonZeroU32::MIN).unwrap();
        for (now_ms, count) in refusals {
            let now_ms = now_ms.max(allocator.bound_ms() + 1);
            prop_assert!(allocator.grant(now_ms, count).is_err());
        }
        let after = allocator.grant(start_ms, NonZeroU32::MIN).unwrap();
        prop_assert_eq!(after.first().as_u64(), before.last().as_u64() + 1);
    }

    #[test]
    fn an_extension_serves_its_batch_throughout_its_window(
        start_ms in starts(),
        now_ms in 0..200_000_u64,
        (window_ms, delay_ms) in (0..5_000_u64).prop_flat_map(|w| (Just(w), 0..=w)),
        count in counts(),
    ) {
        let mut allocator = WindowAllocator::seed(start_ms).unwrap();
        let now_ms = (start_ms + now_ms).saturating_sub(100_000);
        let extension = match allocator.prepare(now_ms, window_ms, count) {
            Ok(extension) => extension,
            Err(PrepareError::Exhausted(error)) => {
                prop_assert!(error.left() < u64::from(count.get()));
                return Ok(());
            }
            Err(PrepareError::ClockOutOfRange(_)) => return Ok(()),
        };
        allocator.commit(extension, extension.at_least_ms()).unwrap();
        match allocator.grant(now_ms + delay_ms, count) {
            Ok(range) => prop_assert_eq!(range.len(), count.get()),
            Err(GrantError::ClockOutOfRange(_)) => {
                prop_assert_eq!(extension.at_least_ms(), PHYSICAL_MS_MAX);
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }

    #[test]
    fn time_is_granted_to_its_last_timestamp(
        milliseconds in 1..6_u64,
        grants in vec((0..8_u64, counts()), 0..30),
    ) {
        let high_water_ms = PHYSICAL_MS_MAX - milliseconds;
        let mut allocator = WindowAllocator::seed(high_water_ms).unwrap();
        let extension = allocator.prepare(0, u64::MAX, NonZeroU32::MIN).unwrap();
        allocator.commit(extension, PHYSICAL_MS_MAX).unwrap();
        let mut spent = (high_water_ms << LOGICAL_BITS) | u64::from(LOGICAL_MAX);
        for (before_end_ms, count) in grants {
            let now_ms = PHYSICAL_MS_MAX - before_end_ms;
            let left = u64::MAX - spent;
            match allocator.grant(now_ms, count) {
                Ok(range) => {
                    prop_assert!(range.first().as_u64() > spent);
                    spent = range.last().as_u64();
                }
                Err(GrantError::Exhausted(error)) => {
                    prop_assert_eq!(error.left(), left);
                    prop_assert!(left < u64::from(count.get()));
                }
                Err(GrantError::ClockOutOfRange(_)) => {
                    prop_assert!(left >= u64::from(count.get()));
                    prop_assert!(u64::MAX - (now_ms << LOGICAL_BITS) < u64::from(count.get()) - 1);
                }
                Err(GrantError::NeedsExtension) => prop_assert!(false, "all of time is durable"),
            }
        }
        let left = u32::try_from(u64::MAX - spent).unwrap();
        if let Some(rest) = NonZeroU32::new(left) {
            prop_assert_eq!(allocator.grant(0, rest).unwrap().last(), Timestamp::MAX);
        }
        let refused = allocator.grant(0, NonZeroU32::MIN);
        prop_assert!(matches!(refused, Err(GrantError::Exhausted(error)) if error.left() == 0));
    }

    #[test]
    fn a_jump_forward_moves_timestamps_by_no_more_than_the_jump(
        now_ms in 0..10_000_u64,
        jump_ms in 0..10_000_u64,
        spent in counts(),
        count in counts(),
    ) {
        let grant_at = |now_ms| -> TimestampRange {
            let mut allocator = WindowAllocator::seed(0).unwrap();
            let extension = allocator.prepare(20_000, 40_000, NonZeroU32::MIN).unwrap();
            allocator.commit(extension, extension.at_least_ms()).unwrap();
            allocator.grant(0, spent).unwrap();
            allocator.grant(now_ms, count).unwrap()
        };
        let (calm, jumped) = (grant_at(now_ms), grant_at(now_ms + jump_ms));
        prop_assert!(calm.first() <= jumped.first());
        prop_assert!(jumped.first().physical_ms() <= calm.first().physical_ms() + jump_ms);
    }
}
