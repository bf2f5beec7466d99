//! A value of the defect's own beside the reference's, which keeps every refusal.

use std::sync::Arc;

use tsoracle_consensus::{ConsensusError, Epoch, reject_out_of_range_advance};

use super::spoiled::{Defect, Life};

/// Answers a load or a persist with what the defect says, if the reference would answer at all.
pub(super) async fn load<D: Defect>(
    life: &Arc<Life<D>>,
    value: impl FnOnce() -> u64,
) -> Result<u64, ConsensusError> {
    life.honest.load_high_water().await?;
    Ok(value())
}

/// As [`load`], for a persist; nothing of it reaches the reference.
pub(super) async fn persist<D: Defect>(
    life: &Arc<Life<D>>,
    at_least: u64,
    epoch: Epoch,
    value: impl FnOnce() -> u64,
) -> Result<u64, ConsensusError> {
    refuse(life, at_least, epoch).await?;
    Ok(value())
}

/// The reference's refusal of a persist, if it has one.
pub(super) async fn refuse<D: Defect>(
    life: &Arc<Life<D>>,
    at_least: u64,
    epoch: Epoch,
) -> Result<(), ConsensusError> {
    reject_out_of_range_advance(at_least)?;
    life.honest.persist_high_water(0, epoch).await.map(drop)
}
