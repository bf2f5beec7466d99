//! The lease of one node, read from outside.

use std::fmt;
use std::sync::Arc;

use futures_util::StreamExt;
use tsoracle_consensus::{BootInstant, ConsensusDriver, LeaderState};

use crate::TestbedError;
use crate::process::RemoteLease;

/// Reads the lease of a node, wherever that runs, for as long as it does. It borrows nothing of the
/// cluster, so that leases are read while faults are made.
#[derive(Clone)]
pub struct LeaseReader(Source);

#[derive(Clone)]
enum Source {
    Here(Arc<dyn ConsensusDriver>),
    Elsewhere(RemoteLease),
}

impl fmt::Debug for LeaseReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Here(_) => "lease of a node in this process",
            Source::Elsewhere(_) => "lease of a node in another process",
        })
    }
}

impl LeaseReader {
    pub(super) fn here(driver: Arc<dyn ConsensusDriver>) -> Self {
        Self(Source::Here(driver))
    }

    pub(crate) fn elsewhere(lease: RemoteLease) -> Self {
        Self(Source::Elsewhere(lease))
    }

    /// Until when the node's lease is valid, if it leads and has one. A process that stands still
    /// does not answer; dropping the future gives the question up.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`] when its process has ended.
    pub async fn deadline(&self) -> Result<Option<BootInstant>, TestbedError> {
        match &self.0 {
            Source::Here(driver) => Ok(match driver.leadership_events().next().await {
                Some(LeaderState::Leader { lease, .. }) => lease.deadline(),
                _ => None,
            }),
            Source::Elsewhere(lease) => lease.deadline().await,
        }
    }
}
