//! The clock of the lease.

use std::fmt::Debug;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tsoracle_lease::Reading;

/// A clock that never steps back, and runs while the machine is suspended.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The clock now.
    fn now(&self) -> Reading;
}

/// The machine's clock since boot, suspend included: `CLOCK_BOOTTIME`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootClock;

impl Clock for BootClock {
    fn now(&self) -> Reading {
        let since_boot = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(since_boot.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(since_boot.tv_nsec).unwrap_or(0);
        Reading::ZERO.saturating_add(Duration::new(seconds, nanos))
    }
}
