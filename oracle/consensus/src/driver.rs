//! The trait that every engine implements.

use async_trait::async_trait;

use crate::{ConsensusError, Epoch, LeadershipStream};

/// Replicates one number, the high water, on behalf of one leader at a time.
///
/// A driver elects (or simply is) a leader, says so on a stream, and makes an advance of the high
/// water durable before it acknowledges it. The three methods below are all that an oracle needs;
/// other capabilities are traits beside this one ([`Handoff`](crate::Handoff),
/// [`Membership`](crate::Membership)).
///
/// # Units
/// The high water is a count of milliseconds since the Unix epoch, at most
/// [`PHYSICAL_MS_MAX`](crate::PHYSICAL_MS_MAX) (46 bits).
///
/// # Errors
/// The class of a [`ConsensusError`] says what the caller does next. Clause P9 gives the order in
/// which reasons are tried.
///
/// # Cancel safety
/// Dropping the future of either call at any await point is legal (P7). A persist that was
/// proposed may still take effect later; it can only raise the value.
///
/// # A right and a wrong use
/// ```
/// # use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch};
/// # async fn right(driver: &dyn ConsensusDriver, epoch: Epoch) -> Result<u64, ConsensusError> {
/// // Right: the window starts above what is durable, and ends where the answer says.
/// let floor = driver.load_high_water().await?;
/// driver.persist_high_water(floor + 3_000, epoch).await
/// # }
/// ```
/// ```no_run
/// # use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch};
/// # async fn wrong(driver: &dyn ConsensusDriver, epoch: Epoch) -> u64 {
/// // Wrong: a timed out persist is taken for one that did not happen.
/// match driver.persist_high_water(5_000, epoch).await {
///     Err(ConsensusError::Transient(_)) => 0,
///     other => other.unwrap_or(0),
/// }
/// # }
/// ```
#[doc = include_str!("../docs/contract.md")]
#[async_trait]
pub trait ConsensusDriver: Send + Sync + 'static {
    /// A new view of this node's leadership: the current state on its first poll (L1), then every
    /// change, coalesced when the reader is slow, the last one never lost (L4). It ends when the
    /// driver shuts down. Any number may live at once (L5).
    fn leadership_events(&self) -> LeadershipStream;

    /// The high water, reflecting every persist that was acknowledged anywhere before this call
    /// began (R1).
    ///
    /// # Errors
    /// `NotLeader` on a node that does not lead, `Transient` when leadership cannot be proved by
    /// the deadline (R2, R4), `Permanent` when the store is gone.
    async fn load_high_water(&self) -> Result<u64, ConsensusError>;

    /// Raises the high water to at least `at_least` and returns the durable value,
    /// `max(stored, at_least)` (P1). Before `Ok` the value is on stable storage of a quorum (P3).
    ///
    /// # Errors
    /// In the order of P9: `AdvanceOutOfRange`, `NotLeader`, `Fenced` (also for an epoch that is
    /// newer or was never issued), `Transient`; and `Permanent` when the store is gone.
    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError>;
}
