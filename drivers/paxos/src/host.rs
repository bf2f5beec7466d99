//! What a service offers so that its own log carries the oracle's commands too.

use tsoracle_paxos_toolkit::{GroupEntry, Handle, RequestId};

use crate::{EpochLeases, HighWaterCommand, HighWaterView};

/// An OmniPaxos group whose log carries [`HighWaterCommand`]s, alone or among a service's own.
///
/// The host's [`Apply`](tsoracle_paxos_toolkit::Apply) owns a
/// [`HighWaterReplica`](crate::HighWaterReplica) and hands it the oracle's commands in the order of
/// the log; the snapshot of its entries carries a [`HighWaterSnapshot`](crate::HighWaterSnapshot)
/// beside the service's own part (N1).
///
/// # What the host owes
/// - its runner's lease, if it has one, is observed by the [`leases`](Self::leases) that it returns
///   here, on the machine's boot clock; a runner without a lease returns none;
/// - a command that was applied has been applied to the service's state too before it is reported
///   with [`Handle::applied`];
/// - nothing else moves leadership behind the driver's back.
pub trait PaxosHighWaterHost: Send + Sync + 'static {
    /// The entries of the log.
    type Entry: GroupEntry;

    /// The engine.
    fn handle(&self) -> &Handle<Self::Entry>;

    /// What this node's runner tells of its leases; `None` if the group has none.
    fn leases(&self) -> Option<&EpochLeases>;

    /// The oracle's state on this node.
    fn high_water(&self) -> &HighWaterView;

    /// The oracle's command in the envelope of the host's log. The entry's
    /// [`request`](GroupEntry::request) is this one.
    fn entry(&self, command: HighWaterCommand, request: RequestId) -> Self::Entry;

    /// Where clients reach a member, as `host:port`; `None` if the host does not know.
    fn service_endpoint(&self, node: u64) -> Option<String>;
}
