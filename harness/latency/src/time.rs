//! The measuring thread's clock and executor.
//!
//! Calls are made from one thread of their own that polls, parks, and wakes up at exact times. An
//! async runtime's timers tick in milliseconds, too coarse for an open loop; and floors can block
//! this thread without holding up the tasks of the driver.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// A clock that the measuring thread can wait on.
pub(crate) trait Time {
    /// Nanoseconds since the clock's own start.
    fn now_ns(&self) -> u64;

    /// Returns once the waker was called after the last such wait, or at `until_ns`.
    fn wait_until(&self, until_ns: u64);

    /// Ends a wait.
    fn waker(&self) -> &Waker;
}

/// Polls a future on this thread until it is ready; `None` if it is not within `limit_ns`.
pub(crate) fn drive<T>(
    time: &dyn Time,
    limit_ns: u64,
    mut future: Pin<&mut (dyn Future<Output = T> + '_)>,
) -> Option<T> {
    let mut context = Context::from_waker(time.waker());
    if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
        return Some(value);
    }
    let give_up_ns = time.now_ns().saturating_add(limit_ns);
    while time.now_ns() < give_up_ns {
        time.wait_until(give_up_ns);
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
    }
    None
}

/// The clock of this machine, and the thread that made it.
#[derive(Debug)]
pub(crate) struct RealTime {
    origin: Instant,
    parked: Arc<Parked>,
    waker: Waker,
}

#[derive(Debug)]
struct Parked {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl RealTime {
    /// A clock for the current thread, the only one that may wait on it.
    pub(crate) fn of_this_thread() -> Self {
        sharpen_timers();
        let parked = Arc::new(Parked {
            thread: std::thread::current(),
            woken: AtomicBool::new(false),
        });
        Self {
            origin: Instant::now(),
            waker: Arc::clone(&parked).into(),
            parked,
        }
    }
}

impl Time for RealTime {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn wait_until(&self, until_ns: u64) {
        // The flag, not the thread's token, is what counts: library code may use that up.
        while !self.parked.woken.swap(false, Ordering::Acquire) {
            let left_ns = until_ns.saturating_sub(self.now_ns());
            if left_ns == 0 {
                return;
            }
            std::thread::park_timeout(Duration::from_nanos(left_ns));
        }
    }

    fn waker(&self) -> &Waker {
        &self.waker
    }
}

/// Lets this thread wake up when it asked to, not up to 50 us later.
#[cfg(target_os = "linux")]
fn sharpen_timers() {
    // Without it, sends are late by so much and are counted as they are.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

#[cfg(not(target_os = "linux"))]
fn sharpen_timers() {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::VirtualTime;

    #[test]
    fn a_future_is_driven_to_its_end_or_to_the_limit() {
        let time = VirtualTime::default();
        let mut short = Box::pin(time.sleep(700));
        assert_eq!(drive(&time, 1_000, short.as_mut()), Some(()));
        assert_eq!(time.now_ns(), 700);
        let mut long = Box::pin(time.sleep(5_000));
        assert_eq!(drive(&time, 1_000, long.as_mut()), None);
        assert_eq!(time.now_ns(), 1_700);
    }

    #[test]
    fn another_thread_ends_a_wait() {
        let time = RealTime::of_this_thread();
        let waker = time.waker().clone();
        std::thread::scope(|scope| {
            scope.spawn(move || waker.wake());
            time.wait_until(u64::MAX);
        });
        time.wait_until(0);
    }
}
