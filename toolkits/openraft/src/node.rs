//! One node of one group, ready made: store, links, engine and lease, wired as the lease asks.

mod error;
mod members;
mod settings;

use std::fmt::{self, Debug};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use openraft::storage::{RaftLogStorage, RaftLogStorageExt};
use openraft::{Raft, RaftLogReader};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tsoracle_peer_transport::{
    ClusterId, GroupId, Incarnation, Me, PeerId, Settings as LinkSettings, StoreId, TcpAcceptor,
    TcpDialer, Transport,
};
use tsoracle_store::{Settings as StoreSettings, Store, StoredIdentities};

use crate::{
    BootstrapError, Entry, Flat, Following, Keeper, KeeperSettings, LOG_FAMILY, LeaderId,
    Lifecycle, LogId, META_FAMILY, Machine, MachineHandle, Members, Network, Payload, PeerAddress,
    RaftBallot, RaftTypes, RocksdbLogStore, RocksdbSnapshots, SNAPSHOT_FAMILY, Serving,
    StateMachine,
};
pub use error::RaftNodeError;
pub use settings::{Begin, PrepareLinks, RaftNodeSettings};

/// The group of a node that has one only.
const GROUP: GroupId = GroupId(1);

/// The note that keeps the longest grant, in nanoseconds.
const LONGEST: &str = "lease/longest";

/// The state machine of a [`RaftNode`], as its engine has it.
pub type NodeMachine<C, M> = Machine<C, M, RocksdbSnapshots<C, Flat>>;

/// A node of a group: its store in a directory, its links over TCP, its engine, its lease.
///
/// Stop it with [`shutdown`](Self::shutdown). Dropped without, it ends and releases its lease and is
/// served no more; engine, store and port go with their last handles, and nobody waits for that.
pub struct RaftNode<C: RaftTypes, M: StateMachine<C>> {
    lifecycle: Lifecycle<C, NodeMachine<C, M>>,
    machine: MachineHandle<C, M>,
    transport: Transport,
    store: Store,
    running: Mutex<Option<Running>>,
}

/// What ends when the node does.
struct Running {
    _following: Following,
    _serving: Serving,
    members: JoinHandle<()>,
}

impl<C, M> RaftNode<C, M>
where
    C: RaftTypes<Node: PeerAddress>,
    M: StateMachine<C>,
{
    /// Opens the store, binds the port, and runs. Returns before anyone is elected.
    ///
    /// # Errors
    /// [`RaftNodeError`].
    pub async fn start(
        settings: RaftNodeSettings<C::Node>,
        machine: M,
    ) -> Result<Self, RaftNodeError> {
        let store = open_store(&settings).await?;
        let started = Self::on(store.clone(), settings, machine).await;
        if started.is_err() {
            // The refusal is what counts; a disk that hangs lets the store go later.
            let _ = store.shutdown_async(Duration::from_secs(1)).await;
        }
        started
    }

    async fn on(
        store: Store,
        settings: RaftNodeSettings<C::Node>,
        machine: M,
    ) -> Result<Self, RaftNodeError> {
        let me = settings.node;
        let config = settings.engine()?;
        let transport = links(&store, &settings).await?;
        let log = RocksdbLogStore::<C, Flat>::open(store.clone(), Flat, settings.tail);
        let mut log = log.await.map_err(RaftNodeError::Records)?;
        let vote = log.get_log_reader().await.read_vote().await;
        let vote = vote.map_err(RaftNodeError::Records)?;
        let begun = vote.is_none() && begin(&mut log, me, &settings.begin).await?;
        let longest = longest_grant(&store, settings.times.grant).await?;
        let stored = RaftBallot::stored(vote.as_ref(), longest);
        let keeper = Keeper::start(KeeperSettings {
            observer: settings.observer.clone(),
            ..KeeperSettings::new(
                me,
                GROUP,
                transport.clone(),
                settings.times.lease()?,
                stored,
            )
        })?;
        let network = Network::new(transport.clone(), settings.network);
        let snapshots = RocksdbSnapshots::open(store.clone(), Flat).await;
        let snapshots = snapshots.map_err(RaftNodeError::Records)?;
        let machine = Machine::open(machine, snapshots).await;
        let machine = machine.map_err(RaftNodeError::Records)?;
        let handle = machine.handle();
        let links = network.group(me, GROUP, keeper.clone());
        let raft = Raft::build(me, config, links, log, machine).await;
        let raft = raft.map_err(|fatal| RaftNodeError::engine(&fatal))?;
        let running = Running {
            _following: keeper.follow(&raft),
            _serving: network.serve(GROUP, raft.clone(), keeper.clone())?,
            members: tokio::spawn(members::follow(raft.clone(), transport.clone())),
        };
        raft.run();
        let first = settings.begin.nodes().keys().next();
        if begun && first == Some(&me) {
            // One of the founders need not wait for its timer; nobody is disturbed by a pre-vote.
            let asked = raft.trigger().elect(true).await;
            asked.map_err(|fatal| RaftNodeError::engine(&fatal))?;
        }
        Ok(Self {
            lifecycle: Lifecycle::new(raft, keeper),
            machine: handle,
            transport,
            store,
            running: Mutex::new(Some(running)),
        })
    }
}

impl<C: RaftTypes, M: StateMachine<C>> RaftNode<C, M> {
    /// The engine.
    #[must_use]
    pub const fn raft(&self) -> &Raft<C, NodeMachine<C, M>> {
        self.lifecycle.raft()
    }

    /// The keeper of the lease.
    #[must_use]
    pub const fn keeper(&self) -> &Keeper {
        self.lifecycle.keeper()
    }

    /// Members and handoffs.
    #[must_use]
    pub const fn lifecycle(&self) -> &Lifecycle<C, NodeMachine<C, M>> {
        &self.lifecycle
    }

    /// The state machine's state.
    #[must_use]
    pub const fn machine(&self) -> &MachineHandle<C, M> {
        &self.machine
    }

    /// The links.
    #[must_use]
    pub const fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Stops the node: its lease ends and is released, the engine and the links stop, the store is
    /// released. Stopping again waits for the same end.
    ///
    /// # Errors
    /// [`RaftNodeError::Stalled`] if that is not done in time, by a disk that hangs for example;
    /// it goes on.
    pub async fn shutdown(&self, within: Duration) -> Result<(), RaftNodeError> {
        self.keeper().end();
        let running = self.take();
        self.machine.hold(false);
        let engine = async {
            // A task that panicked has ended too.
            let _ = self.raft().shutdown().await;
            drop(running);
            // A peer that does not let go of a connection is no reason to keep the store.
            let _ = self.transport.shutdown().await;
        };
        let began = Instant::now();
        // A disk that hangs may hang the engine too; the store is asked in any case.
        let engine = timeout(within / 2, engine).await;
        let left = within.saturating_sub(began.elapsed());
        let store = self.store.shutdown_async(left).await;
        if engine.is_err() {
            return Err(RaftNodeError::Stalled { within });
        }
        Ok(store?)
    }

    fn take(&self) -> Option<Running> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.members.abort();
    }
}

impl<C: RaftTypes, M: StateMachine<C>> Debug for RaftNode<C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftNode")
            .field("node", self.raft().node_id())
            .field("dir", &self.store.dir())
            .finish_non_exhaustive()
    }
}

async fn open_store<N>(settings: &RaftNodeSettings<N>) -> Result<Store, RaftNodeError> {
    let families = [LOG_FAMILY, META_FAMILY, SNAPSHOT_FAMILY];
    let open = StoreSettings::new(settings.cluster, settings.node, families);
    let dir = settings.dir.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(dir, &open));
    let opened = timeout(settings.open_within, opened).await;
    let stalled = RaftNodeError::Stalled {
        within: settings.open_within,
    };
    let opened = opened.map_err(|_| stalled)?;
    Ok(opened.map_err(|ended| RaftNodeError::engine(&ended))??)
}

/// Lays down the first membership of a new group, the same entry on every founder, and says whether
/// it did. The engine's own `initialize` would campaign at once, past every lease: a founder that
/// comes late would bring down the leader that the others have elected.
async fn begin<C: RaftTypes>(
    log: &mut RocksdbLogStore<C, Flat>,
    me: u64,
    begin: &Begin<C::Node>,
) -> Result<bool, RaftNodeError> {
    let state = log.get_log_state().await.map_err(RaftNodeError::Records)?;
    let (Begin::With(members), None) = (begin, state.last_log_id) else {
        return Ok(false);
    };
    if !members.contains_key(&me) {
        return Err(BootstrapError::NotMember { node: me }.into());
    }
    let voters = vec![members.keys().copied().collect()];
    let membership = Members::<C>::new(voters, members.clone());
    let membership = membership.map_err(|refused| RaftNodeError::engine(&refused))?;
    let founders = LeaderId {
        term: 0,
        node_id: 0,
    };
    let first = Entry::<C> {
        log_id: LogId::new(founders, 0),
        payload: Payload::<C>::Membership(membership),
    };
    let written = log.blocking_append([first]).await;
    written.map_err(|failed| RaftNodeError::Records(io::Error::other(failed)))?;
    Ok(true)
}

/// Links to every node that the settings name; the members' own addresses come with the log.
async fn links<N: PeerAddress>(
    store: &Store,
    settings: &RaftNodeSettings<N>,
) -> Result<Transport, RaftNodeError> {
    let identities = {
        let store = store.clone();
        let opened = tokio::task::spawn_blocking(move || StoredIdentities::open(store)).await;
        opened.map_err(|ended| RaftNodeError::engine(&ended))??
    };
    let me = Me {
        cluster: ClusterId(u128::from(settings.cluster)),
        node: PeerId(settings.node),
        store: StoreId(u128::from(store.identity().store)),
        incarnation: Incarnation::counted(store.starts()),
    };
    let known = settings.begin.nodes().iter();
    let others = known.filter(|(node, _)| **node != settings.node);
    let peers = others
        .map(|(node, described)| described.peer(*node))
        .collect();
    let links = LinkSettings {
        timing: settings.times.handshake(),
        identities: Arc::new(identities),
        seed: settings.seed,
        ..LinkSettings::new(me, peers)
    };
    let listener = TcpAcceptor::bind(&settings.listen).await?;
    let transport = Transport::start(links, listener, TcpDialer)?;
    if let Some(prepare) = &settings.on_links {
        prepare(&transport);
    }
    Ok(transport)
}

/// The longest grant that this store was ever started with, this start included; durable before it
/// is used.
async fn longest_grant(store: &Store, grant: Duration) -> Result<Duration, RaftNodeError> {
    let noted = store.note(LONGEST)?;
    let noted = noted.and_then(|bytes| <[u8; 8]>::try_from(bytes.as_slice()).ok());
    let longest = noted.map_or(Duration::ZERO, |nanos| {
        Duration::from_nanos(u64::from_le_bytes(nanos))
    });
    if longest >= grant {
        return Ok(longest);
    }
    let nanos = u64::try_from(grant.as_nanos()).unwrap_or(u64::MAX);
    store
        .set_note_async(LONGEST, Some(&nanos.to_le_bytes()))
        .await?;
    Ok(grant)
}
