//! Disk faults of one node.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_faultfs::{Call, Counts, Loss, Rule, RuleId};

use crate::TestbedError;

/// Faults below one node's file calls; see [`tsoracle_faultfs`] for what a rule can do.
///
/// All methods fail with [`TestbedError`] when the node is gone or this machine has no faultfs.
#[async_trait]
pub trait DiskFaults: Send + Sync {
    /// Puts a rule in force.
    async fn install(&self, rule: Rule) -> Result<RuleId, TestbedError>;

    /// Takes a rule out of force; what it stalls goes on.
    async fn remove(&self, id: RuleId) -> Result<(), TestbedError>;

    /// Waits until the rule acted `at_least` times, and returns how often it did.
    async fn wait_for_hits(
        &self,
        id: RuleId,
        at_least: u64,
        limit: Duration,
    ) -> Result<u64, TestbedError>;

    /// The calls that the rule has matched, by kind.
    async fn counts(&self, id: RuleId) -> Result<Counts, TestbedError>;

    /// The calls that a trace rule has seen, in order.
    async fn trace(&self, id: RuleId) -> Result<Vec<Call>, TestbedError>;

    /// From now on keeps a journal of what is not synced below `prefix`.
    async fn record_unsynced(&self, prefix: &Path) -> Result<(), TestbedError>;

    /// After the node's process was killed: undoes everything that was not synced.
    async fn lose_unsynced(&self, prefix: &Path) -> Result<Loss, TestbedError>;
}
