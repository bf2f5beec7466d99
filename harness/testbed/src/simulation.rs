//! Virtual time, and machines that exist in it only.
//!
//! A simulated cluster runs on one thread. Its clock stands still while any task can run and leaps
//! to the next timer when none can, so that a second of elections costs a millisecond, and the same
//! seed gives the same run.

mod disk;
mod machine;
mod network;

use std::cell::Cell;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::Instant;
use tsoracle_consensus::BootInstant;
use tsoracle_faultfs::Loss;

pub use disk::SimDisk;
pub use machine::{Life, SimMachine};
pub use network::SimNetwork;

use crate::{DiskFaults, TestbedError};

/// What lies below one simulated node: the same faults that a node process has.
pub trait Machine: Send + Sync + 'static {
    /// Ends the node at once, as SIGKILL does: what it wrote stays, what it held is let go of.
    fn kill(&self);

    /// Whether the node was ended, by [`kill`](Self::kill) or by a crash rule.
    fn is_dead(&self) -> bool;

    /// Stops the node where it is, as SIGSTOP does; time goes on.
    fn freeze(&self);

    /// Lets a frozen node go on.
    fn thaw(&self);

    /// Faults below the node's file calls.
    fn disk(&self) -> Arc<dyn DiskFaults>;

    /// After a kill: undoes every write that was not synced.
    ///
    /// # Errors
    /// [`TestbedError::System`] when the files cannot be written.
    fn lose_unsynced(&self) -> Result<Loss, TestbedError>;
}

/// Virtual time begins here, so that every run reads the same instants.
const BEGIN: Duration = Duration::from_secs(3_600);

thread_local! {
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Runs a future to its end on this thread, in virtual time: tokio's timers and
/// [`BootInstant::now`] follow a clock that leaps from timer to timer.
///
/// # Errors
/// [`TestbedError::System`] when there is no runtime to be had.
pub fn run_in_virtual_time<T>(future: impl Future<Output = T>) -> Result<T, TestbedError> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(|source| TestbedError::system("no runtime", source))?;
    Ok(runtime.block_on(async {
        let _simulated = Simulated::begin();
        future.await
    }))
}

/// Whether this thread runs in virtual time.
pub(crate) fn is_virtual() -> bool {
    BEGAN.get().is_some()
}

struct Simulated;

impl Simulated {
    fn begin() -> Self {
        BEGAN.set(Some(Instant::now()));
        BootInstant::simulate(Some(virtual_now));
        Self
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        BootInstant::simulate(None);
        BEGAN.set(None);
    }
}

fn virtual_now() -> BootInstant {
    BootInstant::from_nanos(0).saturating_add(BEGIN + since_begin())
}

/// The virtual time that has passed on this thread.
fn since_begin() -> Duration {
    BEGAN.get().map_or(Duration::ZERO, |began| began.elapsed())
}

/// What the locks of a simulation guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_passes_in_no_time() {
        let real = std::time::Instant::now();
        let passed = run_in_virtual_time(async {
            let before = BootInstant::now();
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            BootInstant::now().saturating_since(before)
        });
        assert_eq!(passed.unwrap(), Duration::from_secs(3_600));
        assert!(real.elapsed() < Duration::from_secs(60));
        assert!(!is_virtual());
    }
}
