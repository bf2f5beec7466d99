//! An OmniPaxos group of its own, for services that have none.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use omnipaxos::storage::{Entry, Snapshot};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tsoracle_consensus::{ConsensusError, Member};
use tsoracle_paxos_toolkit::{
    Apply, Decided, GroupEntry, GroupTimes, Handle, LeaseObserver, LeaseSettings, PaxosNode,
    PaxosNodeSettings, RequestId,
};

use crate::{
    EpochLeases, HighWaterCommand, HighWaterReplica, HighWaterSnapshot, HighWaterView,
    PaxosHighWaterHost, SnapshotPolicy,
};

/// An entry of a log that carries the oracle's commands and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandaloneEntry {
    /// The command.
    pub command: HighWaterCommand,
    /// The request that it came from.
    pub request: RequestId,
}

impl Entry for StandaloneEntry {
    type Snapshot = HighWaterSnapshot;
}

impl GroupEntry for StandaloneEntry {
    fn request(&self) -> Option<RequestId> {
        Some(self.request)
    }
}

impl Snapshot<StandaloneEntry> for HighWaterSnapshot {
    fn create(entries: &[StandaloneEntry]) -> Self {
        Self::of(entries.iter().map(|entry| &entry.command))
    }

    fn merge(&mut self, delta: Self) {
        Self::merge(self, delta);
    }

    fn use_snapshots() -> bool {
        true
    }
}

/// The state machine of a group that carries nothing else. It applies on the engine's thread.
#[derive(Debug, Default)]
struct StandaloneMachine {
    replica: HighWaterReplica,
    handle: Option<Handle<StandaloneEntry>>,
}

impl Apply<StandaloneEntry> for StandaloneMachine {
    fn begin(&mut self, handle: Handle<StandaloneEntry>) {
        self.handle = Some(handle);
    }

    fn has_room(&mut self) -> bool {
        true
    }

    fn apply(&mut self, decided: Decided<StandaloneEntry>) {
        let end = decided.end();
        match decided {
            Decided::Entries { entries, .. } => {
                for entry in entries {
                    self.replica.apply(&entry.command, Some(entry.request));
                }
            }
            Decided::Snapshot { snapshot, .. } => self.replica.restore(&snapshot),
            // Nothing is trimmed in a log with snapshots, and nothing stands in a stop-sign.
            Decided::Trimmed { .. } | Decided::StopSign { .. } => {}
        }
        if let Some(handle) = &self.handle {
            handle.applied(end);
        }
    }
}

/// A turnkey host: store, links, engine and lease of one node.
#[derive(Debug)]
pub struct StandaloneHost {
    node: PaxosNode<StandaloneEntry>,
    leases: Option<Arc<EpochLeases>>,
    high_water: HighWaterView,
    endpoints: BTreeMap<u64, String>,
    compaction: JoinHandle<()>,
}

impl StandaloneHost {
    /// A host of `node` in the cluster with the number `cluster`, its store in `dir`.
    pub fn builder(cluster: u64, node: u64, dir: impl Into<PathBuf>) -> StandaloneBuilder {
        StandaloneBuilder {
            settings: PaxosNodeSettings::new(cluster, node, dir),
            endpoints: BTreeMap::new(),
            snapshots: SnapshotPolicy::default(),
            with_lease: true,
        }
    }

    /// The node itself: its links, its store.
    #[must_use]
    pub const fn node(&self) -> &PaxosNode<StandaloneEntry> {
        &self.node
    }

    /// Stops the node: the lease ends, the links close, the store is released. Stopping again
    /// waits for the same end.
    ///
    /// # Errors
    /// `Permanent` when the disk has not let go by then; the store is released as soon as it does.
    pub async fn shutdown(&self, within: Duration) -> Result<(), ConsensusError> {
        let stopped = self.node.shutdown(within).await;
        stopped.map_err(ConsensusError::permanent)
    }
}

impl Drop for StandaloneHost {
    fn drop(&mut self) {
        self.compaction.abort();
    }
}

/// Builds a [`StandaloneHost`].
#[derive(Clone, Debug)]
#[must_use]
pub struct StandaloneBuilder {
    settings: PaxosNodeSettings,
    endpoints: BTreeMap<u64, String>,
    snapshots: SnapshotPolicy,
    with_lease: bool,
}

impl StandaloneBuilder {
    /// A member of the group, this node included. All nodes are told the same; the engine needs at
    /// least two.
    pub fn member(mut self, member: &Member) -> Self {
        let peer = member.peer_endpoint.clone();
        self.settings.members.insert(member.node, peer);
        let service = member.service_endpoint.clone();
        self.endpoints.insert(member.node, service);
        self
    }

    /// Several members.
    pub fn members<'a>(self, members: impl IntoIterator<Item = &'a Member>) -> Self {
        members.into_iter().fold(self, Self::member)
    }

    /// The times that all nodes of the group share.
    pub const fn times(mut self, times: GroupTimes) -> Self {
        self.settings.times = times;
        self
    }

    /// When this node compacts its log.
    pub fn snapshots(mut self, policy: SnapshotPolicy) -> Self {
        self.snapshots = policy;
        self
    }

    /// Without a lease: leaders show an absent one, and every load goes through the log. Alike on
    /// all nodes.
    pub const fn without_lease(mut self) -> Self {
        self.with_lease = false;
        self
    }

    /// Everything else that a node of the toolkit can be told. Who its members are, where it listens
    /// and who is told of its lease are the builder's.
    pub fn settings(mut self, change: impl FnOnce(PaxosNodeSettings) -> PaxosNodeSettings) -> Self {
        self.settings = change(self.settings);
        self
    }

    /// Opens the store, listens at the node's own peer endpoint, and runs. Returns before anyone
    /// is elected.
    ///
    /// # Errors
    /// `Permanent`, with a [`PaxosNodeError`](tsoracle_paxos_toolkit::PaxosNodeError) for its source:
    /// a store that is held or damaged, a port that is taken, members that the engine refuses (one
    /// alone, or without this node).
    pub async fn start(self) -> Result<StandaloneHost, ConsensusError> {
        let leases = self.with_lease.then(Arc::<EpochLeases>::default);
        let mut settings = self.settings;
        settings.lease = leases.as_ref().map(|leases| {
            let observer = Arc::clone(leases) as Arc<dyn LeaseObserver<_>>;
            LeaseSettings::observed(observer)
        });
        if let Some(own) = settings.members.get(&settings.node) {
            settings.listen.clone_from(own);
        }
        let machine = StandaloneMachine::default();
        let high_water = machine.replica.view();
        let node = PaxosNode::start(settings, machine).await;
        let node = node.map_err(ConsensusError::permanent)?;
        let compaction = tokio::spawn(self.snapshots.keep(node.handle().clone()));
        Ok(StandaloneHost {
            node,
            leases,
            high_water,
            endpoints: self.endpoints,
            compaction,
        })
    }
}

impl PaxosHighWaterHost for StandaloneHost {
    type Entry = StandaloneEntry;

    fn handle(&self) -> &Handle<StandaloneEntry> {
        self.node.handle()
    }

    fn leases(&self) -> Option<&EpochLeases> {
        self.leases.as_deref()
    }

    fn high_water(&self) -> &HighWaterView {
        &self.high_water
    }

    fn entry(&self, command: HighWaterCommand, request: RequestId) -> StandaloneEntry {
        StandaloneEntry { command, request }
    }

    fn service_endpoint(&self, node: u64) -> Option<String> {
        self.endpoints.get(&node).cloned()
    }
}
