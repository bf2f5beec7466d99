use std::iter::FusedIterator;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use crate::Timestamp;

/// Consecutive timestamps, at least one: the result of a grant.
///
/// Consecutive in their packed values, so a range may run through the end of a millisecond into
/// the next. Whoever holds a range owns all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimestampRange {
    first: Timestamp,
    last: Timestamp,
}

impl TimestampRange {
    /// The `count` timestamps from `first` on, or `None` if [`Timestamp::MAX`] comes too early.
    #[must_use]
    pub const fn new(first: Timestamp, count: NonZeroU32) -> Option<Self> {
        match first.as_u64().checked_add(count.get() as u64 - 1) {
            Some(last) => Some(Self {
                first,
                last: Timestamp::from_u64(last),
            }),
            None => None,
        }
    }

    /// The least timestamp.
    #[must_use]
    pub const fn first(&self) -> Timestamp {
        self.first
    }

    /// The greatest timestamp, part of the range.
    #[must_use]
    pub const fn last(&self) -> Timestamp {
        self.last
    }

    /// How many timestamps there are; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
    #[expect(clippy::cast_possible_truncation, reason = "made from a u32 count")]
    pub const fn len(&self) -> u32 {
        (self.last.as_u64() - self.first.as_u64()) as u32 + 1
    }

    /// The timestamps in ascending order.
    #[must_use]
    pub const fn iter(&self) -> Timestamps {
        Timestamps(self.first.as_u64()..=self.last.as_u64())
    }
}

impl IntoIterator for TimestampRange {
    type Item = Timestamp;
    type IntoIter = Timestamps;

    fn into_iter(self) -> Timestamps {
        self.iter()
    }
}

impl IntoIterator for &TimestampRange {
    type Item = Timestamp;
    type IntoIter = Timestamps;

    fn into_iter(self) -> Timestamps {
        self.iter()
    }
}

/// The timestamps of a [`TimestampRange`], one by one.
#[derive(Clone, Debug)]
pub struct Timestamps(RangeInclusive<u64>);

impl Iterator for Timestamps {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        self.0.next().map(Timestamp::from_u64)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<Timestamp> {
        self.0.nth(n).map(Timestamp::from_u64)
    }
}

impl DoubleEndedIterator for Timestamps {
    fn next_back(&mut self) -> Option<Timestamp> {
        self.0.next_back().map(Timestamp::from_u64)
    }
}

impl ExactSizeIterator for Timestamps {}

impl FusedIterator for Timestamps {}
