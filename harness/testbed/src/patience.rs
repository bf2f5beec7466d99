//! Waiting with a limit that a stalled machine does not shorten.
//!
//! Bounds inside checks catch hangs, they are no measurements. A watchdog thread notices when the
//! machine did not run at all for a while, and every limit is extended by what it saw. In virtual
//! time nothing stalls.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::simulation::is_virtual;

const WATCH_EVERY: Duration = Duration::from_millis(10);
/// A thread that wakes up this late is one of many on a busy machine, and so is the driver's.
const STALL_FROM: Duration = Duration::from_millis(5);

static STALLED_NS: AtomicU64 = AtomicU64::new(0);
static WATCHDOG: OnceLock<()> = OnceLock::new();

/// The limit that belongs to a bound of the contract: four times the bound and two seconds.
#[must_use]
pub fn allowance(bound: Duration) -> Duration {
    bound * 4 + Duration::from_secs(2)
}

/// A limit on one wait, extended by the stalls of the machine since it was made.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    began: Instant,
    limit: Duration,
    stalled_before: Duration,
}

/// Something did not happen within its limit.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what} did not happen within {limit:?} (the machine itself stalled for {stalled:?})")]
pub struct TimedOut {
    /// What was waited for.
    pub what: String,
    /// For how long.
    pub limit: Duration,
    /// How much longer, because the machine stood still.
    pub stalled: Duration,
}

impl Patience {
    /// Waits for at most `limit` from now on.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        start_watchdog();
        Self {
            began: Instant::now(),
            limit,
            stalled_before: stalled_so_far(),
        }
    }

    /// How long may still be waited.
    #[must_use]
    pub fn left(&self) -> Duration {
        (self.limit + self.stalled()).saturating_sub(self.began.elapsed())
    }

    /// Awaits `future`, or gives up.
    ///
    /// # Errors
    /// [`TimedOut`], with `what` in it; the future is dropped.
    pub async fn wait_for<T>(
        self,
        what: &str,
        future: impl Future<Output = T>,
    ) -> Result<T, TimedOut> {
        tokio::pin!(future);
        loop {
            let left = self.left();
            if left.is_zero() {
                let what = what.to_owned();
                return Err(TimedOut {
                    what,
                    limit: self.limit,
                    stalled: self.stalled(),
                });
            }
            if let Ok(value) = tokio::time::timeout(left, &mut future).await {
                return Ok(value);
            }
        }
    }

    fn stalled(&self) -> Duration {
        if is_virtual() {
            return Duration::ZERO;
        }
        stalled_so_far().saturating_sub(self.stalled_before)
    }
}

fn stalled_so_far() -> Duration {
    Duration::from_nanos(STALLED_NS.load(Ordering::Relaxed))
}

fn start_watchdog() {
    WATCHDOG.get_or_init(|| {
        let watch = std::thread::Builder::new()
            .name("watchdog".into())
            .spawn(|| {
                loop {
                    let before = std::time::Instant::now();
                    std::thread::sleep(WATCH_EVERY);
                    let late = before.elapsed().saturating_sub(WATCH_EVERY);
                    if late > STALL_FROM {
                        let nanos = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
                        STALLED_NS.fetch_add(nanos, Ordering::Relaxed);
                    }
                }
            });
        // Without a watchdog the limits are merely not extended.
        drop(watch);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_happens_in_time_is_returned() {
        let got = Patience::new(Duration::from_secs(5))
            .wait_for("an answer", async { 7 })
            .await;
        assert_eq!(got.unwrap(), 7);
    }

    #[tokio::test]
    async fn what_never_happens_is_named() {
        let never = std::future::pending::<()>();
        let error = Patience::new(Duration::from_millis(20))
            .wait_for("an answer", never)
            .await;
        assert!(
            error
                .unwrap_err()
                .to_string()
                .starts_with("an answer did not happen within")
        );
    }
}
