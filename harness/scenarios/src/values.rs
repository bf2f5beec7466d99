//! The values that are persisted.

use std::sync::atomic::{AtomicU64, Ordering};

use tsoracle_core::{Clock, ManualClock};

/// A wall clock that a scenario moves. No two readings are the same as long as it stands still, so
/// that no persist can be answered without a write.
#[derive(Debug, Default)]
pub(crate) struct Values {
    wall: ManualClock,
    readings: AtomicU64,
}

impl Values {
    /// Moves the wall clock to so many milliseconds.
    pub(crate) fn set_wall(&self, ms: u64) {
        self.wall.set(ms);
    }
}

impl Clock for Values {
    fn now_ms(&self) -> u64 {
        self.wall.now_ms() + self.readings.fetch_add(1, Ordering::SeqCst) + 1
    }
}
