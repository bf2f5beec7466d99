use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of wall-clock readings, free to jump either way.
///
/// The allocator takes readings as arguments and calls no clock, so a reading can be recorded,
/// replayed or made up.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch; not bounded by
    /// [`PHYSICAL_MS_MAX`](crate::PHYSICAL_MS_MAX).
    fn now_ms(&self) -> u64;
}

/// The host's wall clock. A host that believes to be before 1970 reads 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            })
    }
}

/// A clock that moves only when told to. Clones share one reading, which starts at 0 ms.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    now_ms: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that reads `now_ms` milliseconds since the Unix epoch.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self {
            now_ms: Arc::new(AtomicU64::new(now_ms)),
        }
    }

    /// Makes the clock read `now_ms` milliseconds since the Unix epoch.
    pub fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }

    /// Moves the clock forward by `by_ms` milliseconds, at most to the greatest reading.
    pub fn advance(&self, by_ms: u64) {
        self.now_ms
            .update(Ordering::SeqCst, Ordering::SeqCst, |now_ms| {
                now_ms.saturating_add(by_ms)
            });
    }

    /// Moves the clock back by `by_ms` milliseconds, at most to the Unix epoch.
    pub fn rewind(&self, by_ms: u64) {
        self.now_ms
            .update(Ordering::SeqCst, Ordering::SeqCst, |now_ms| {
                now_ms.saturating_sub(by_ms)
            });
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }
}
