//! A small timestamp oracle on a driver, for the checks of order and clocks.

use std::num::NonZeroU32;
use std::sync::Arc;

use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch, Lease};
use tsoracle_core::{
    Clock, CommitError, GrantError, PrepareError, TimestampRange, WindowAllocator,
};

/// How far a window reaches ahead of the clock, in milliseconds.
pub(crate) const WINDOW_MS: u64 = 50;

/// Hands out timestamps under one epoch of leadership. Its window belongs to that epoch and is
/// discarded with it.
pub struct Oracle {
    driver: Arc<dyn ConsensusDriver>,
    clock: Arc<dyn Clock>,
    epoch: Epoch,
    lease: Lease,
    window: WindowAllocator,
}

impl std::fmt::Debug for Oracle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oracle")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// Why no timestamp was handed out.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// The driver refused.
    #[error(transparent)]
    Driver(#[from] ConsensusError),
    /// The lease was not valid after the timestamps were taken; they are lost, not reused.
    #[error("the lease ended")]
    LeaseEnded,
    /// No timestamp is left, or the clock is out of range.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The window could not be moved.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<PrepareError> for OracleError {
    fn from(error: PrepareError) -> Self {
        Self::Grant(error.into())
    }
}

impl Oracle {
    /// Begins to serve under `epoch`, above everything that an earlier leader can have granted.
    ///
    /// # Errors
    /// The driver's refusal to load, or that no timestamp is left.
    pub async fn open(
        driver: Arc<dyn ConsensusDriver>,
        clock: Arc<dyn Clock>,
        epoch: Epoch,
        lease: Lease,
    ) -> Result<Self, OracleError> {
        let high_water = driver.load_high_water().await?;
        let window = WindowAllocator::seed(high_water).map_err(GrantError::Exhausted)?;
        Ok(Self {
            driver,
            clock,
            epoch,
            lease,
            window,
        })
    }

    /// Hands out `count` consecutive timestamps.
    ///
    /// # Errors
    /// [`OracleError`]; no timestamp that was taken is ever handed out later.
    pub async fn grant(&mut self, count: NonZeroU32) -> Result<TimestampRange, OracleError> {
        let taken = loop {
            match self.window.grant(self.clock.now_ms(), count) {
                Ok(taken) => break taken,
                Err(GrantError::NeedsExtension) => self.extend(count).await?,
                Err(error) => return Err(error.into()),
            }
        };
        // A leader without leases is served as it is; the contract offers no L7 for it.
        if self.lease.is_absent() || self.lease.is_valid() {
            Ok(taken)
        } else {
            Err(OracleError::LeaseEnded)
        }
    }

    async fn extend(&mut self, count: NonZeroU32) -> Result<(), OracleError> {
        let extension = self.window.prepare(self.clock.now_ms(), WINDOW_MS, count)?;
        let durable = self
            .driver
            .persist_high_water(extension.at_least_ms(), self.epoch)
            .await?;
        Ok(self.window.commit(extension, durable)?)
    }
}
