//! The leases of a whole cluster, looked at again and again while something happens.

use std::time::Duration;

use futures_util::pin_mut;
use tokio::time::timeout;
use tsoracle_consensus::{BootInstant, Epoch, Lease};
use tsoracle_testbed::Cluster;

use crate::Stop;
use crate::verdict::ensure;

const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Every lease that was ever shown; of two, never both are valid at one instant.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    shown: Vec<(Epoch, Lease)>,
    samples: u64,
}

impl Leases {
    /// Looks at the leases of all leaders, present and earlier.
    pub(crate) fn sample(&mut self, cluster: &Cluster) -> Result<(), Stop> {
        for leader in cluster.leaders() {
            let is_new = self.shown.iter().all(|(epoch, _)| *epoch != leader.epoch);
            if is_new && !leader.lease.is_absent() {
                self.shown.push((leader.epoch, leader.lease));
            }
        }
        self.samples += 1;
        let at = BootInstant::now();
        let valid = |lease: &Lease| lease.is_valid_at(at);
        let held: Vec<_> = self
            .shown
            .iter()
            .filter(|(_, lease)| valid(lease))
            .collect();
        // Only a lease that is still valid after the others were read overlaps with them.
        let overlaps = held.len() > 1 && held.iter().all(|(_, lease)| valid(lease));
        let epochs: Vec<_> = held.iter().map(|(epoch, _)| epoch.to_string()).collect();
        ensure!(
            !overlaps,
            "the leases of the epochs {} were valid at one instant",
            epochs.join(" and ")
        );
        Ok(())
    }

    /// Looks all the while that something takes.
    pub(crate) async fn sample_during<T>(
        &mut self,
        cluster: &Cluster,
        doing: impl Future<Output = Result<T, Stop>>,
    ) -> Result<T, Stop> {
        pin_mut!(doing);
        loop {
            let done = timeout(LOOK_EVERY, &mut doing).await;
            self.sample(cluster)?;
            if let Ok(done) = done {
                return done;
            }
        }
    }

    /// How often all were looked at.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }
}
