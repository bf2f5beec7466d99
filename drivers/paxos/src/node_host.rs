//! The oracle's host on a node of the toolkit, or on a service's own storage and links.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tsoracle_consensus::{ConsensusError, Member};
use tsoracle_paxos_toolkit::storage::SyncedStorage;
use tsoracle_paxos_toolkit::{
    GroupTimes, Handle, LeaseObserver, LeaseSettings, Members, MessageSink, PaxosNode,
    PaxosNodeSettings, PaxosRunner, RequestId, RunnerSettings,
};

use crate::carried::Applied;
use crate::{
    CarriesHighWater, EpochLeases, HighWaterCommand, HighWaterView, PaxosHighWaterHost,
    SnapshotPolicy,
};

/// A node of a service as the oracle's host, on an engine `E`: a [`PaxosNode`] with its store and
/// links ([`NodeBuilder::start`]), or a [`PaxosRunner`] on a storage and a sink of the service's own
/// ([`NodeBuilder::start_on`]).
#[derive(Debug)]
pub struct NodeHost<M: CarriesHighWater, E = PaxosNode<<M as CarriesHighWater>::Entry>> {
    engine: E,
    handle: Handle<M::Entry>,
    leases: Option<Arc<EpochLeases>>,
    high_water: HighWaterView,
    endpoints: BTreeMap<u64, String>,
    _compaction: Compaction,
    machine: PhantomData<fn() -> M>,
}

/// The task that keeps to the snapshot policy; it ends with the host.
#[derive(Debug)]
struct Compaction(JoinHandle<()>);

impl Drop for Compaction {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<M: CarriesHighWater> NodeHost<M> {
    /// A host of `node` in the cluster with the number `cluster`, its store in `dir`.
    pub fn builder(cluster: u64, node: u64, dir: impl Into<PathBuf>) -> NodeBuilder<M>
    where
        M: Default,
    {
        NodeBuilder {
            settings: PaxosNodeSettings::new(cluster, node, dir),
            endpoints: BTreeMap::new(),
            snapshots: SnapshotPolicy::default(),
            with_lease: true,
            machine: M::default(),
        }
    }

    /// The node itself: its links, its store.
    #[must_use]
    pub const fn node(&self) -> &PaxosNode<M::Entry> {
        &self.engine
    }

    /// Stops the node: the lease ends, the links close, the store is released. Stopping again
    /// waits for the same end.
    ///
    /// # Errors
    /// `Permanent` when the disk has not let go by then; the store is released as soon as it does.
    pub async fn shutdown(&self, within: Duration) -> Result<(), ConsensusError> {
        let stopped = self.engine.shutdown(within).await;
        stopped.map_err(ConsensusError::permanent)
    }
}

impl<M: CarriesHighWater, S: SyncedStorage<M::Entry>> NodeHost<M, PaxosRunner<M::Entry, S>> {
    /// The runner itself: where frames go in, and how it is stopped.
    #[must_use]
    pub const fn runner(&self) -> &PaxosRunner<M::Entry, S> {
        &self.engine
    }
}

/// Builds a [`NodeHost`].
#[derive(Clone, Debug)]
#[must_use]
pub struct NodeBuilder<M> {
    settings: PaxosNodeSettings,
    endpoints: BTreeMap<u64, String>,
    snapshots: SnapshotPolicy,
    with_lease: bool,
    machine: M,
}

impl<M: CarriesHighWater> NodeBuilder<M> {
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
    pub fn times(mut self, times: GroupTimes) -> Self {
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
    pub fn without_lease(mut self) -> Self {
        self.with_lease = false;
        self
    }

    /// The state machine to begin with, if the default one does not do. The log is shown to it from
    /// the newest snapshot on.
    pub fn machine(mut self, machine: M) -> Self {
        self.machine = machine;
        self
    }

    /// Everything else that a node of the toolkit can be told. Who its members are, where it listens
    /// and who is told of its lease are the builder's.
    pub fn settings(mut self, change: impl FnOnce(PaxosNodeSettings) -> PaxosNodeSettings) -> Self {
        self.settings = change(self.settings);
        self
    }

    /// Opens the store, listens at the node's own peer endpoint, and runs. Returns before anyone
    /// is elected. Dropped before that, the node stops, and its store is closed soon after.
    ///
    /// # Errors
    /// `Permanent`, with a [`PaxosNodeError`](tsoracle_paxos_toolkit::PaxosNodeError) for its cause:
    /// a store that is held or damaged, a port that is taken, members that the engine refuses (one
    /// alone, or without this node).
    pub async fn start(mut self) -> Result<NodeHost<M>, ConsensusError> {
        let leases = self.observe();
        let mut settings = self.settings.clone();
        if let Some(own) = settings.members.get(&settings.node) {
            settings.listen.clone_from(own);
        }
        let (parts, applied) = self.split(leases);
        let engine = PaxosNode::start(settings, applied).await;
        let engine = engine.map_err(ConsensusError::permanent)?;
        let handle = engine.handle().clone();
        Ok(parts.host(engine, handle))
    }

    /// Runs on a storage and a sink of the service's own: no store is opened, and nobody listens, so
    /// the settings of both have no effect. The service hands what arrives to the runner's
    /// [`inbound`](tsoracle_paxos_toolkit::PaxosRunner::inbound). `life` is a number that no other
    /// life of this node has. Dropped before it returns, the runner stops once it has started.
    ///
    /// # Errors
    /// `Permanent`, with a [`StartError`](tsoracle_paxos_toolkit::StartError) for its cause: members
    /// that the engine refuses (one alone, or without this node), or a storage that fails.
    pub async fn start_on<S>(
        mut self,
        life: u64,
        storage: S,
        sink: impl MessageSink<M::Entry>,
    ) -> Result<NodeHost<M, PaxosRunner<M::Entry, S>>, ConsensusError>
    where
        S: SyncedStorage<M::Entry> + Send + 'static,
    {
        let leases = self.observe();
        let node = &self.settings;
        let members = Members::new(1, node.members.keys().copied());
        let settings = RunnerSettings {
            times: node.times,
            lease: node.lease.clone(),
            limits: node.limits,
            founds: node.members.keys().next() == Some(&node.node),
            ..RunnerSettings::new(node.node, life, members)
        };
        let (parts, applied) = self.split(leases);
        let start = move || PaxosRunner::start(&settings, storage, sink, applied);
        let engine = spawn_blocking(start).await;
        let engine = engine.map_err(ConsensusError::permanent)?;
        let engine = engine.map_err(ConsensusError::permanent)?;
        let handle = engine.handle();
        Ok(parts.host(engine, handle))
    }

    /// The lease is told to whom the driver asks.
    fn observe(&mut self) -> Option<Arc<EpochLeases>> {
        let leases = self.with_lease.then(Arc::<EpochLeases>::default);
        self.settings.lease = leases.as_ref().map(|leases| {
            let observer = Arc::clone(leases) as Arc<dyn LeaseObserver<_>>;
            LeaseSettings::observed(observer)
        });
        leases
    }

    fn split(self, leases: Option<Arc<EpochLeases>>) -> (Parts, Applied<M>) {
        let parts = Parts {
            leases,
            high_water: self.machine.high_water(),
            endpoints: self.endpoints,
            snapshots: self.snapshots,
        };
        (parts, Applied::by(self.machine))
    }
}

/// A host without its engine.
struct Parts {
    leases: Option<Arc<EpochLeases>>,
    high_water: HighWaterView,
    endpoints: BTreeMap<u64, String>,
    snapshots: SnapshotPolicy,
}

impl Parts {
    fn host<M: CarriesHighWater, E>(self, engine: E, handle: Handle<M::Entry>) -> NodeHost<M, E> {
        NodeHost {
            engine,
            _compaction: Compaction(tokio::spawn(self.snapshots.keep(handle.clone()))),
            handle,
            leases: self.leases,
            high_water: self.high_water,
            endpoints: self.endpoints,
            machine: PhantomData,
        }
    }
}

impl<M: CarriesHighWater, E: Send + Sync + 'static> PaxosHighWaterHost for NodeHost<M, E> {
    type Entry = M::Entry;

    fn handle(&self) -> &Handle<M::Entry> {
        &self.handle
    }

    fn leases(&self) -> Option<&EpochLeases> {
        self.leases.as_deref()
    }

    fn high_water(&self) -> &HighWaterView {
        &self.high_water
    }

    fn entry(&self, command: HighWaterCommand, request: RequestId) -> M::Entry {
        M::entry(command, request)
    }

    fn service_endpoint(&self, node: u64) -> Option<String> {
        self.endpoints.get(&node).cloned()
    }
}
