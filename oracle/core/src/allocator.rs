use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    ClockOutOfRange, CommitError, Exhausted, GrantError, LOGICAL_BITS, LOGICAL_MAX,
    PHYSICAL_MS_MAX, PrepareError, Timestamp, TimestampRange,
};

/// Tells the allocators of this process apart.
static NEXT_SEED: AtomicU64 = AtomicU64::new(0);

/// Grants strictly increasing timestamps up to a durable bound, for one term of leadership.
///
/// The bound is a millisecond that this leadership has made durable: a leader may grant timestamps
/// whose physical part is at most a high water that it persisted under its own epoch, and the next
/// leader starts above whatever high water it finds.
///
/// - Every granted timestamp is above all granted before it, whatever the clock does.
/// - Nothing is granted above the bound; a batch that would cross it is refused whole.
/// - A call that fails takes nothing and changes nothing.
/// - A timestamp is never behind the clock reading that it was asked for with, and ahead of it only
///   as far as earlier grants, the seed or its own batch reach. A clock that jumps back therefore
///   lowers no timestamp, and one that jumps forward moves them by no more than the jump.
///
/// No call blocks, allocates, or reads a clock. Readings are milliseconds since the Unix epoch. An
/// allocator must go when its leadership ends; it cannot be cloned, since a clone would grant the
/// same timestamps again.
#[derive(Debug)]
pub struct WindowAllocator {
    seed: u64,
    /// The greatest timestamp, packed, that was granted here or may have been by an earlier leader.
    spent: u64,
    /// The greatest timestamp, packed, that may be granted.
    bound: u64,
}

/// An extension of the window on its way to being durable.
///
/// Made by [`WindowAllocator::prepare`]. Persist [`at_least_ms`](Self::at_least_ms) under the
/// epoch of the allocator's leadership, then hand both to [`WindowAllocator::commit`]. Dropping it
/// at any point is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an extension has no effect until it is persisted and committed"]
pub struct Extension {
    seed: u64,
    at_least_ms: u64,
}

impl Extension {
    /// The high water to persist, in milliseconds since the Unix epoch; at most
    /// [`PHYSICAL_MS_MAX`].
    #[must_use]
    pub const fn at_least_ms(&self) -> u64 {
        self.at_least_ms
    }
}

impl WindowAllocator {
    /// An allocator for a new leadership that has loaded `high_water_ms`.
    ///
    /// An earlier leader may have granted all of that millisecond, so the first grant lies in a
    /// later one; and it waits for the first commit, because the window of an earlier leader is
    /// not this one's to grant from.
    ///
    /// # Errors
    /// [`Exhausted`] if no millisecond above `high_water_ms` is representable.
    pub fn seed(high_water_ms: u64) -> Result<Self, Exhausted> {
        if high_water_ms >= PHYSICAL_MS_MAX {
            return Err(Exhausted::new(0));
        }
        let spent = end_of(high_water_ms);
        Ok(Self {
            seed: NEXT_SEED.fetch_add(1, Ordering::Relaxed),
            spent,
            bound: spent,
        })
    }

    /// The millisecond up to whose end timestamps may be granted: the greatest committed one, or
    /// the seed before the first commit.
    #[must_use]
    pub const fn bound_ms(&self) -> u64 {
        self.bound >> LOGICAL_BITS
    }

    /// Takes the next `count` timestamps, none of them before `now_ms`.
    ///
    /// # Errors
    /// - [`GrantError::NeedsExtension`] if the batch would end above the bound;
    /// - [`GrantError::Exhausted`] if fewer than `count` timestamps are left;
    /// - [`GrantError::ClockOutOfRange`] if they are left, but not at or after `now_ms`.
    #[inline]
    pub fn grant(&mut self, now_ms: u64, count: NonZeroU32) -> Result<TimestampRange, GrantError> {
        let batch = self.next_batch(now_ms, count)?;
        if batch.last().as_u64() > self.bound {
            return Err(GrantError::NeedsExtension);
        }
        self.spent = batch.last().as_u64();
        Ok(batch)
    }

    /// The extension that a grant of `count` timestamps needs, and `window_ms` milliseconds more.
    ///
    /// Once it is committed, and if no other grant came between, that grant succeeds at every
    /// reading up to `now_ms + window_ms`. The window should therefore be longer than a persist
    /// takes. It ends at [`PHYSICAL_MS_MAX`] at the latest, and never before the present bound.
    ///
    /// # Errors
    /// - [`PrepareError::Exhausted`] if fewer than `count` timestamps are left;
    /// - [`PrepareError::ClockOutOfRange`] if they are left, but not at or after `now_ms`.
    pub fn prepare(
        &self,
        now_ms: u64,
        window_ms: u64,
        count: NonZeroU32,
    ) -> Result<Extension, PrepareError> {
        let batch = self.next_batch(now_ms, count)?;
        let wanted_ms = batch.last().physical_ms().saturating_add(window_ms);
        Ok(Extension {
            seed: self.seed,
            at_least_ms: wanted_ms.min(PHYSICAL_MS_MAX).max(self.bound_ms()),
        })
    }

    /// Raises the bound to what `extension` asked for, now that `durable_ms` is on stable storage.
    ///
    /// Extensions may be committed in any order and more than once: the bound never comes down. A
    /// `durable_ms` above what the extension asked for raises it no further, because the surplus is
    /// another persist's, and whether that was one of this leadership is not known here.
    ///
    /// # Errors
    /// - [`CommitError::Foreign`] if another allocator prepared the extension;
    /// - [`CommitError::NotDurable`] if `durable_ms` is below what it asked for, or above
    ///   [`PHYSICAL_MS_MAX`].
    pub fn commit(&mut self, extension: Extension, durable_ms: u64) -> Result<(), CommitError> {
        let Extension { seed, at_least_ms } = extension;
        if seed != self.seed {
            return Err(CommitError::Foreign);
        }
        if !(at_least_ms..=PHYSICAL_MS_MAX).contains(&durable_ms) {
            return Err(CommitError::NotDurable {
                at_least_ms,
                durable_ms,
            });
        }
        self.bound = self.bound.max(end_of(at_least_ms));
        Ok(())
    }

    /// Where a batch of `count` lies at `now_ms`, were the bound high enough.
    #[inline]
    fn next_batch(&self, now_ms: u64, count: NonZeroU32) -> Result<TimestampRange, PrepareError> {
        let left = u64::MAX - self.spent;
        if left < u64::from(count.get()) {
            return Err(Exhausted::new(left).into());
        }
        if now_ms > PHYSICAL_MS_MAX {
            return Err(ClockOutOfRange { now_ms }.into());
        }
        // `left` is at least 1 here, so there is a timestamp after the spent ones.
        let first = (self.spent + 1).max(now_ms << LOGICAL_BITS);
        TimestampRange::new(Timestamp::from_u64(first), count)
            .ok_or(ClockOutOfRange { now_ms }.into())
    }
}

/// The last packed timestamp of a millisecond that is at most [`PHYSICAL_MS_MAX`].
const fn end_of(physical_ms: u64) -> u64 {
    (physical_ms << LOGICAL_BITS) | LOGICAL_MAX as u64
}
