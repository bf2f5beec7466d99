//! What readings come from, for whoever drives a node.

use std::fmt::Debug;

use crate::Reading;

/// A clock that never steps back, and runs while the machine is suspended.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The clock now.
    fn now(&self) -> Reading;
}

/// The machine's clock since boot, suspend included: `CLOCK_BOOTTIME`.
#[cfg(feature = "boot-clock")]
#[derive(Clone, Copy, Debug, Default)]
pub struct BootClock;

#[cfg(feature = "boot-clock")]
impl Clock for BootClock {
    fn now(&self) -> Reading {
        use rustix::time::{ClockId, clock_gettime};

        let since_boot = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(since_boot.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(since_boot.tv_nsec).unwrap_or(0);
        Reading::ZERO.saturating_add(std::time::Duration::new(seconds, nanos))
    }
}
