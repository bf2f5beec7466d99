//! The allocator where numbers end: milliseconds, counts, and time itself.
#![expect(clippy::expect_used, reason = "in the set-up of tests")]

use std::num::NonZeroU32;

use tsoracle_core::{
    CommitError, GrantError, LOGICAL_MAX, PHYSICAL_MS_MAX, PrepareError, Timestamp, WindowAllocator,
};

const ONE: NonZeroU32 = NonZeroU32::MIN;
const PER_MS: u32 = LOGICAL_MAX + 1;

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("a count of at least 1")
}

/// Seeded at `high_water_ms`, with everything up to the end of `bound_ms` durable.
fn allocator(high_water_ms: u64, bound_ms: u64) -> WindowAllocator {
    let mut allocator = WindowAllocator::seed(high_water_ms).expect("room above the seed");
    let extension = allocator
        .prepare(bound_ms, 0, ONE)
        .expect("a representable bound");
    allocator
        .commit(extension, bound_ms)
        .expect("a durable bound");
    assert_eq!(allocator.bound_ms(), bound_ms);
    allocator
}

#[test]
fn a_seed_alone_grants_nothing() {
    let mut allocator = WindowAllocator::seed(500).unwrap();
    for now_ms in [0, 499, 500, 501] {
        let refused = allocator.grant(now_ms, ONE);
        assert!(matches!(refused, Err(GrantError::NeedsExtension)));
    }
    assert_eq!(allocator.bound_ms(), 500);
}

#[test]
fn the_first_grant_lies_above_the_seed_although_the_clock_lies_below() {
    let first = allocator(500, 600).grant(3, ONE).unwrap().first();
    assert_eq!(first, Timestamp::new(501, 0).unwrap());
}

#[test]
fn a_counter_that_runs_out_carries_into_the_next_millisecond() {
    let mut allocator = allocator(0, 102);
    let filled = allocator.grant(100, count(PER_MS - 1)).unwrap();
    assert_eq!(filled.last(), Timestamp::new(100, LOGICAL_MAX - 1).unwrap());

    let carried = allocator.grant(100, count(3)).unwrap();
    assert_eq!(carried.first(), Timestamp::new(100, LOGICAL_MAX).unwrap());
    assert_eq!(carried.last(), Timestamp::new(101, 1).unwrap());
    let after = allocator.grant(100, ONE).unwrap();
    assert_eq!(after.first(), Timestamp::new(101, 2).unwrap());
}

#[test]
fn a_batch_that_would_straddle_the_bound_takes_nothing() {
    let mut allocator = allocator(0, 100);
    allocator.grant(100, count(PER_MS - 2)).unwrap();
    let refused = allocator.grant(100, count(3));
    assert!(matches!(refused, Err(GrantError::NeedsExtension)));

    let rest = allocator.grant(100, count(2)).unwrap();
    assert_eq!(rest.last(), Timestamp::new(100, LOGICAL_MAX).unwrap());
    let refused = allocator.grant(100, ONE);
    assert!(matches!(refused, Err(GrantError::NeedsExtension)));
}

#[test]
fn the_greatest_count_gets_an_extension_that_holds_it() {
    let mut allocator = WindowAllocator::seed(0).unwrap();
    let extension = allocator.prepare(1_000, 10, NonZeroU32::MAX).unwrap();
    let at_least_ms = extension.at_least_ms();
    assert_eq!(at_least_ms, 1_000 + u64::from(u32::MAX / PER_MS) + 10);
    allocator.commit(extension, at_least_ms).unwrap();

    let range = allocator.grant(1_010, NonZeroU32::MAX).unwrap();
    assert_eq!(range.len(), u32::MAX);
    assert_eq!(range.last().physical_ms(), at_least_ms);
    let next = range.last().as_u64() + 1;
    assert_eq!(allocator.grant(0, ONE).unwrap().first().as_u64(), next);
}

#[test]
fn a_window_without_end_stops_at_the_last_millisecond() {
    let allocator = WindowAllocator::seed(0).unwrap();
    let extension = allocator.prepare(1, u64::MAX, NonZeroU32::MAX).unwrap();
    assert_eq!(extension.at_least_ms(), PHYSICAL_MS_MAX);
}

#[test]
fn the_last_millisecond_is_granted_whole_and_then_time_is_over() {
    let mut allocator = allocator(PHYSICAL_MS_MAX - 1, PHYSICAL_MS_MAX);
    let range = allocator.grant(0, count(PER_MS - 1)).unwrap();
    assert_eq!(range.first().physical_ms(), PHYSICAL_MS_MAX);

    match allocator.grant(0, count(2)) {
        Err(GrantError::Exhausted(error)) => assert_eq!(error.left(), 1),
        other => panic!("{other:?}"),
    }
    let last = allocator.grant(PHYSICAL_MS_MAX, ONE).unwrap();
    assert_eq!(last.first(), Timestamp::MAX);

    for now_ms in [0, PHYSICAL_MS_MAX, u64::MAX] {
        match allocator.grant(now_ms, ONE) {
            Err(GrantError::Exhausted(error)) => assert_eq!(error.left(), 0),
            other => panic!("{other:?}"),
        }
        let refused = allocator.prepare(now_ms, 1, ONE);
        assert!(matches!(refused, Err(PrepareError::Exhausted(_))));
    }
}

#[test]
fn no_seed_at_or_above_the_last_millisecond() {
    for high_water_ms in [PHYSICAL_MS_MAX, PHYSICAL_MS_MAX + 1, u64::MAX] {
        assert_eq!(WindowAllocator::seed(high_water_ms).unwrap_err().left(), 0);
    }
}

#[test]
fn a_clock_beyond_46_bits_is_refused_and_forgotten() {
    let mut allocator = allocator(0, 100);
    for now_ms in [PHYSICAL_MS_MAX + 1, u64::MAX] {
        match allocator.grant(now_ms, ONE) {
            Err(GrantError::ClockOutOfRange(error)) => assert_eq!(error.now_ms, now_ms),
            other => panic!("{other:?}"),
        }
        let refused = allocator.prepare(now_ms, 1, ONE);
        assert!(matches!(refused, Err(PrepareError::ClockOutOfRange(_))));
    }
    let first = allocator.grant(50, ONE).unwrap().first();
    assert_eq!(first, Timestamp::new(50, 0).unwrap());
}

#[test]
fn a_batch_with_room_before_the_reading_only_blames_the_clock() {
    let mut allocator = allocator(0, 100);
    let refused = allocator.grant(PHYSICAL_MS_MAX, count(PER_MS + 1));
    assert!(matches!(refused, Err(GrantError::ClockOutOfRange(_))));
    assert!(allocator.grant(50, count(PER_MS + 1)).is_ok());
}

#[test]
fn a_commit_needs_the_durable_value_to_cover_it() {
    let mut allocator = WindowAllocator::seed(0).unwrap();
    let extension = allocator.prepare(100, 10, ONE).unwrap();
    for durable_ms in [0, 109, PHYSICAL_MS_MAX + 1, u64::MAX] {
        let expected = CommitError::NotDurable {
            at_least_ms: 110,
            durable_ms,
        };
        assert_eq!(allocator.commit(extension, durable_ms), Err(expected));
        assert_eq!(allocator.bound_ms(), 0);
    }
    assert_eq!(allocator.commit(extension, 110), Ok(()));
}

#[test]
fn a_durable_value_that_someone_else_raised_opens_no_more_than_was_asked() {
    let mut allocator = WindowAllocator::seed(0).unwrap();
    let extension = allocator.prepare(100, 10, ONE).unwrap();
    allocator.commit(extension, 5_000).unwrap();
    assert_eq!(allocator.bound_ms(), 110);
}

#[test]
fn commits_out_of_order_and_twice_never_lower_the_bound() {
    let mut allocator = WindowAllocator::seed(0).unwrap();
    let early = allocator.prepare(100, 10, ONE).unwrap();
    let late = allocator.prepare(200, 10, ONE).unwrap();
    for extension in [late, early, late, early] {
        allocator.commit(extension, 210).unwrap();
        assert_eq!(allocator.bound_ms(), 210);
    }
    // A clock that jumped back asks for no less than what is durable already.
    let back = allocator.prepare(50, 10, ONE).unwrap();
    assert_eq!(back.at_least_ms(), 210);
}

#[test]
fn an_extension_of_another_allocator_is_refused() {
    let old = WindowAllocator::seed(0).unwrap();
    let mut new = WindowAllocator::seed(0).unwrap();
    let extension = old.prepare(100, 10, ONE).unwrap();
    assert_eq!(new.commit(extension, 110), Err(CommitError::Foreign));
    assert_eq!(new.bound_ms(), 0);
}
