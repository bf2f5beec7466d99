#[cfg(feature = "bt")]
use std::backtrace::Backtrace;

use thiserror::Error;

use crate::PHYSICAL_MS_MAX;

/// Fewer timestamps are left than were asked for, whatever the clock reads; retrying is in vain.
///
/// With feature `bt` it carries the backtrace of where it arose.
#[derive(Debug, Error)]
#[error("timestamps are exhausted: {left} left up to the last millisecond, {PHYSICAL_MS_MAX}")]
pub struct Exhausted {
    left: u64,
    // Boxed, so that the result of every grant stays small.
    #[cfg(feature = "bt")]
    trace: Box<Backtrace>,
}

impl Exhausted {
    #[cold]
    pub(crate) fn new(left: u64) -> Self {
        Self {
            left,
            #[cfg(feature = "bt")]
            trace: Box::new(Backtrace::capture()),
        }
    }

    /// How many timestamps are still left, for requests that ask for fewer.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Where the error arose; captured under the conditions of [`Backtrace::capture`].
    #[cfg(feature = "bt")]
    pub fn backtrace(&self) -> &Backtrace {
        &self.trace
    }
}

/// At this clock reading the request does not fit below the last representable timestamp.
///
/// Timestamps are left, but all or too many of them lie before the reading. The clock is wrong, by
/// some two millennia; once it is right, requests succeed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a clock at {now_ms} ms leaves no room below the last millisecond, {PHYSICAL_MS_MAX}")]
pub struct ClockOutOfRange {
    /// The reading, in milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// Why [`WindowAllocator::grant`](crate::WindowAllocator::grant) granted nothing.
#[derive(Debug, Error)]
pub enum GrantError {
    /// The batch would end above the durable bound: extend the window, then ask again.
    #[error("the batch ends above the durable bound")]
    NeedsExtension,
    /// Too few timestamps are left for the batch.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The clock is wrong.
    #[error(transparent)]
    ClockOutOfRange(#[from] ClockOutOfRange),
}

/// Why [`WindowAllocator::prepare`](crate::WindowAllocator::prepare) has no extension to offer.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// Too few timestamps are left for the batch.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The clock is wrong.
    #[error(transparent)]
    ClockOutOfRange(#[from] ClockOutOfRange),
}

impl From<PrepareError> for GrantError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Exhausted(error) => Self::Exhausted(error),
            PrepareError::ClockOutOfRange(error) => Self::ClockOutOfRange(error),
        }
    }
}

/// Why [`WindowAllocator::commit`](crate::WindowAllocator::commit) left the bound where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CommitError {
    /// Another allocator prepared the extension, one of an earlier leadership perhaps: drop it.
    #[error("the extension was prepared by another allocator")]
    Foreign,
    /// The value that was made durable is not one that persisting the extension can return.
    #[error("{durable_ms} ms cannot be what persisting at least {at_least_ms} ms returned")]
    NotDurable {
        /// What the extension asked for, in milliseconds since the Unix epoch.
        at_least_ms: u64,
        /// What was offered as durable, in milliseconds since the Unix epoch.
        durable_ms: u64,
    },
}
