#![doc = include_str!("../README.md")]

mod allocator;
mod clock;
mod epoch;
mod error;
mod range;
mod timestamp;

pub use allocator::{Extension, WindowAllocator};
pub use clock::{Clock, ManualClock, SystemClock};
pub use epoch::{Epoch, ParseEpochError};
pub use error::{ClockOutOfRange, CommitError, Exhausted, GrantError, PrepareError};
pub use range::{TimestampRange, Timestamps};
pub use timestamp::{LOGICAL_BITS, LOGICAL_MAX, PHYSICAL_MS_MAX, Timestamp, TimestampOutOfRange};
