//! The floors for whoever measures by another loop than this crate's.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tsoracle_testbed::Network;

use crate::LatencyError;
use crate::floor::{bare_sync, boxed_call, durable_floor};
use crate::time::{RealTime, Time, drive};
use crate::wire::Wire;

/// A call that reads an atomic does not wait.
const LIMIT_NS: u64 = 10_000_000_000;

type Once = Box<dyn Fn(&dyn Time) -> Result<(), LatencyError>>;

/// One floor, without the thing that is held against it.
///
/// Whoever puts its time beside a driver's should take both in the same minute: the disk and the
/// clock of the processor change. [`measure`](crate::measure) alternates them.
pub struct TimedFloor(Once);

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
        Ok(Self(Box::new(move |time| floor.once(time))))
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
        Ok(Self(Box::new(move |time| floor.once(time))))
    }

    /// A bare call of what the network is made of. It lives on the runtime, which must outlive this.
    ///
    /// # Errors
    /// [`LatencyError::Testbed`].
    pub fn round_trip(network: &Arc<dyn Network>, runtime: &Runtime) -> Result<Self, LatencyError> {
        let wire = Wire::connect(network, runtime)?;
        Ok(Self(Box::new(move |time| wire.round_trip(time))))
    }

    /// A boxed async call that reads an atomic, as a load from memory is at least.
    #[must_use]
    pub fn boxed_call() -> Self {
        let register = boxed_call();
        Self(Box::new(move |time| {
            // It is ready at its first poll.
            let _ = drive(time, LIMIT_NS, pin!(register.read()));
            Ok(())
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
        for _ in 0..times {
            (self.0)(&time)?;
        }
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
