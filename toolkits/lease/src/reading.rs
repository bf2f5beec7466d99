//! Readings of a clock that somebody else owns.

use std::time::Duration;

/// A reading of this node's clock, in nanoseconds since a moment of its own.
///
/// The clock must never stop or step back while the process lives, and must run while the machine
/// is suspended (`CLOCK_BOOTTIME` where there is one). Readings of two nodes, or of two boots, mean
/// nothing to each other: none of them crosses a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reading(u64);

impl Reading {
    /// The first reading of every clock.
    pub const ZERO: Self = Self(0);

    /// The reading with this many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's own start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This reading moved forward, stopping at the last one there is (after 584 years).
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// How long after `earlier` this reading lies; zero if it does not.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
