use std::fmt;

use thiserror::Error;

/// How many low bits of a packed timestamp hold the logical counter.
pub const LOGICAL_BITS: u32 = 18;

/// The greatest logical counter within one millisecond.
pub const LOGICAL_MAX: u32 = (1 << LOGICAL_BITS) - 1;

/// The last representable millisecond since the Unix epoch, some 2,230 years after it.
pub const PHYSICAL_MS_MAX: u64 = (1 << 46) - 1;

/// 46 bits of milliseconds since the Unix epoch above 18 bits of logical counter, in one `u64`.
///
/// The order of timestamps is the order of their packed values, and every `u64` is a timestamp.
/// Displayed as `physical_ms.logical`. With feature `serde` it travels as the packed `u64`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timestamp(u64);

impl Timestamp {
    /// The first timestamp, `0.0`.
    pub const MIN: Self = Self(0);

    /// The last timestamp: every counter of [`PHYSICAL_MS_MAX`] is spent with it.
    pub const MAX: Self = Self(u64::MAX);

    /// The timestamp of `physical_ms` milliseconds since the Unix epoch and the counter `logical`.
    ///
    /// # Errors
    /// [`TimestampOutOfRange`] if `physical_ms` is above [`PHYSICAL_MS_MAX`] or `logical` above
    /// [`LOGICAL_MAX`].
    pub const fn new(physical_ms: u64, logical: u32) -> Result<Self, TimestampOutOfRange> {
        if physical_ms > PHYSICAL_MS_MAX || logical > LOGICAL_MAX {
            return Err(TimestampOutOfRange {
                physical_ms,
                logical,
            });
        }
        Ok(Self((physical_ms << LOGICAL_BITS) | logical as u64))
    }

    /// The timestamp packed in `packed`; total, since the two parts fill all 64 bits.
    #[must_use]
    pub const fn from_u64(packed: u64) -> Self {
        Self(packed)
    }

    /// The packed value.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The physical part, in milliseconds since the Unix epoch; at most [`PHYSICAL_MS_MAX`].
    #[must_use]
    pub const fn physical_ms(self) -> u64 {
        self.0 >> LOGICAL_BITS
    }

    /// The logical part, the counter within the millisecond; at most [`LOGICAL_MAX`].
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "masked to 18 bits")]
    pub const fn logical(self) -> u32 {
        self.0 as u32 & LOGICAL_MAX
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.physical_ms(), self.logical())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

/// The parts given to [`Timestamp::new`] do not fit 46 and 18 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "no timestamp has {physical_ms} ms and counter {logical}: \
     the limits are {PHYSICAL_MS_MAX} and {LOGICAL_MAX}"
)]
pub struct TimestampOutOfRange {
    /// The physical part that was offered, in milliseconds since the Unix epoch.
    pub physical_ms: u64,
    /// The logical part that was offered.
    pub logical: u32,
}
