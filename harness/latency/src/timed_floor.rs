//! The floors for whoever measures by another loop than this crate's.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Runtime;
use tsoracle_testbed::Network;

use crate::LatencyError;
use crate::floor::{bare_sync, boxed_call, durable_floor};
use crate::time::{RealTime, Time};
use crate::wire::Wire;

/// Does it so many times.
type Many = Box<dyn Fn(&dyn Time, u64) -> Result<(), LatencyError>>;

/// One floor, without the thing that is held against it.
///
/// Whoever puts its time beside a driver's should take both in the same minute: the disk and the
/// clock of the processor change. [`measure`](crate::measure) alternates them.
pub struct TimedFloor(Many);

impl std::fmt::Debug for TimedFloor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TimedFloor")
    }
}

impl TimedFloor {
    /// An in-place write of one sector and its sync, in `dir`.
    ///
    /// # Errors
    /// [`LatencyError::System`], [`LatencyError::DiskFull`].
    pub fn sync(dir: &Path) -> Result<Self, LatencyError> {
        let floor = bare_sync(dir)?;
        Ok(Self::of(move |time| floor.once(time)))
    }

    /// Two of three copies synced in `dir`, and after that a bare call of what the network is made
    /// of. The network lives on the runtime, which must outlive this.
    ///
    /// # Errors
    /// As [`sync`](Self::sync), and [`LatencyError::Testbed`] from the network.
    pub fn quorum_sync_and_round_trip(
        dir: &Path,
        network: &Arc<dyn Network>,
        runtime: &Runtime,
    ) -> Result<Self, LatencyError> {
        let wire = Arc::new(Wire::connect(network, runtime)?);
        let floor = durable_floor(dir, COPIES, Some(wire))?;
        Ok(Self::of(move |time| floor.once(time)))
    }

    /// A bare call of what the network is made of. It lives on the runtime, which must outlive this.
    ///
    /// # Errors
    /// [`LatencyError::Testbed`].
    pub fn round_trip(network: &Arc<dyn Network>, runtime: &Runtime) -> Result<Self, LatencyError> {
        let wire = Wire::connect(network, runtime)?;
        Ok(Self::of(move |time| wire.round_trip(time)))
    }

    /// A boxed async call that reads an atomic, as a load from memory is at least.
    #[must_use]
    pub fn boxed_call() -> Self {
        let register = boxed_call();
        Self::of(move |_| {
            // It is ready at its first poll.
            let _ = black_box(register.read().now_or_never());
            Ok(())
        })
    }

    /// The loop is inside, so that a short floor is not mostly the call of its box.
    fn of(once: impl Fn(&dyn Time) -> Result<(), LatencyError> + 'static) -> Self {
        Self(Box::new(move |time, times| {
            (0..times).try_for_each(|_| once(time))
        }))
    }

    /// Does it so many times, one after the other, on this thread or while this thread waits;
    /// returns the time that all of them took.
    ///
    /// # Errors
    /// The first refusal of the disk or the network.
    pub fn take(&self, times: u64) -> Result<Duration, LatencyError> {
        let time = RealTime::of_this_thread();
        let began_ns = time.now_ns();
        (self.0)(&time, times)?;
        Ok(Duration::from_nanos(time.now_ns() - began_ns))
    }
}

/// Nodes of the smallest cluster that bears a failure.
const COPIES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_taken_as_often_as_asked() {
        let dir = tempfile::tempdir().unwrap();
        let floor = TimedFloor::sync(dir.path()).unwrap();
        assert!(floor.take(3).unwrap() > Duration::ZERO);
        let sector = std::fs::read(dir.path().join("sector")).unwrap();
        assert!(sector[..512].iter().all(|byte| *byte == 0x5a));
        assert!(TimedFloor::boxed_call().take(100).unwrap() < Duration::from_secs(1));
    }
}
