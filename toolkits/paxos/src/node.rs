//! One node of one group, ready made: store, links, engine and lease.

mod error;
mod settings;

use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tsoracle_peer_transport::{
    ClusterId, GroupId, Incarnation, Me, Peer, PeerId, Settings as LinkSettings, StoreId,
    TcpAcceptor, TcpDialer, Transport,
};
use tsoracle_store::{Settings as StoreSettings, Store, StoredIdentities};

use crate::storage::{LOG_FAMILY, RocksdbStorage, STATE_FAMILY};
use crate::{
    Apply, Attached, Frame, GroupEntry, Handle, Members, MessageSink, PaxosRunner, RunnerSettings,
    TransportSink, attach,
};
pub use error::PaxosNodeError;
pub use settings::{PaxosNodeSettings, PrepareLinks};

/// The group of a node that has one only.
const GROUP: GroupId = GroupId(1);
/// The note of a store that names its members.
const MEMBERS: &str = "paxos-members";

/// A node of a group: its store in a directory, its links over TCP, its engine, its lease.
///
/// The service's state is rebuilt from the log at each start: it is shown everything, from the
/// newest snapshot on.
///
/// Stop it with [`shutdown`](Self::shutdown). Dropped without, it ends and releases its lease and is
/// heard no more; engine, store and port go with their last handles, and nobody waits for that.
pub struct PaxosNode<T: GroupEntry> {
    runner: PaxosRunner<T, RocksdbStorage<T>>,
    handle: Handle<T>,
    transport: Transport,
    store: Store,
    running: Mutex<Option<Running>>,
}

/// What ends when the node does.
struct Running {
    _attached: Attached,
    watch: JoinHandle<()>,
}

impl<T: GroupEntry> PaxosNode<T> {
    /// Opens the store, binds the port, and runs. Returns before anyone is elected.
    ///
    /// # Errors
    /// [`PaxosNodeError`].
    pub async fn start(
        settings: PaxosNodeSettings,
        apply: impl Apply<T>,
    ) -> Result<Self, PaxosNodeError> {
        let members = Members::new(1, settings.members.keys().copied());
        members.check().map_err(crate::StartError::from)?;
        let store = open_store(&settings).await?;
        let started = Self::on(store.clone(), &settings, members, apply).await;
        if started.is_err() {
            // The refusal is what counts; a disk that hangs lets the store go later.
            let _ = store.shutdown_async(Duration::from_secs(1)).await;
        }
        started
    }

    async fn on(
        store: Store,
        settings: &PaxosNodeSettings,
        members: Members,
        apply: impl Apply<T>,
    ) -> Result<Self, PaxosNodeError> {
        let runner = RunnerSettings {
            times: settings.times,
            lease: settings.lease.clone(),
            limits: settings.limits,
            founds: settings.members.keys().next() == Some(&settings.node),
            ..RunnerSettings::new(settings.node, store.starts(), members)
        };
        let sink = LinksToCome::default();
        let links_to_come = Arc::clone(&sink.0);
        let on = store.clone();
        let started = spawn_blocking(move || {
            keep_members(&on, &runner.members)?;
            let storage = RocksdbStorage::<T>::open(&on)?;
            Ok::<_, PaxosNodeError>(PaxosRunner::start(&runner, storage, sink, apply)?)
        });
        let runner = started.await.map_err(broken_off)??;
        let handle = runner.handle();
        // The group is there when the first session begins, which would end for want of it.
        let transport = links(&store, settings).await?;
        // Nobody else sets it; and nothing is answered before there is a way out.
        let _ = links_to_come.set(TransportSink::new(transport.clone(), GROUP));
        let attached = attach(&transport, GROUP, runner.inbound())?;
        let running = Running {
            _attached: attached,
            watch: tokio::spawn(watch(store.clone(), handle.clone())),
        };
        Ok(Self {
            runner,
            handle,
            transport,
            store,
            running: Mutex::new(Some(running)),
        })
    }

    /// The engine, as callers use it.
    #[must_use]
    pub const fn handle(&self) -> &Handle<T> {
        &self.handle
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

    /// Hears nothing more from its peers when this returns, and begins what
    /// [`shutdown`](Self::shutdown) waits for.
    pub fn close(&self) {
        drop(self.take());
        self.runner.close();
    }

    /// Stops the node: its lease ends and is released, the engine and the links stop, the store is
    /// released. Stopping again waits for the same end.
    ///
    /// # Errors
    /// [`PaxosNodeError::Stalled`] if that is not done in time, by a disk that hangs for example;
    /// it goes on.
    pub async fn shutdown(&self, within: Duration) -> Result<(), PaxosNodeError> {
        let began = Instant::now();
        let engine = self.runner.shutdown(within / 4).await;
        drop(self.take());
        // A peer that does not let go of a connection is no reason to keep the store.
        let _ = timeout(within / 4, self.transport.shutdown()).await;
        // A disk that hangs may hang the engine too; the store is asked in any case.
        let left = within.saturating_sub(began.elapsed());
        let store = self.store.shutdown_async(left).await;
        if engine.is_err() {
            return Err(PaxosNodeError::Stalled { within });
        }
        Ok(store?)
    }

    fn take(&self) -> Option<Running> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.take()
    }
}

/// The way out of a runner that was started before its links: until they are there, no session is, and
/// what is sent is lost without one.
#[derive(Debug, Default)]
struct LinksToCome(Arc<OnceLock<TransportSink>>);

impl<T: GroupEntry> MessageSink<T> for LinksToCome {
    fn send(&mut self, to: u64, frame: Frame<T>) {
        if let Some(links) = self.0.get() {
            links.hand_over(to, &frame);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl<T: GroupEntry> Debug for PaxosNode<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaxosNode")
            .field("dir", &self.store.dir())
            .field("members", &self.transport.peers())
            .finish_non_exhaustive()
    }
}

/// A store may fail in the background, while the engine has nothing to write.
async fn watch<T: GroupEntry>(store: Store, handle: Handle<T>) {
    let failure = store.broken().await;
    handle.storage_failed(failure.into());
}

async fn open_store(settings: &PaxosNodeSettings) -> Result<Store, PaxosNodeError> {
    let families = [LOG_FAMILY, STATE_FAMILY];
    let open = StoreSettings::new(settings.cluster, settings.node, families);
    let (dir, within) = (settings.dir.clone(), settings.open_within);
    let opened = timeout(within, spawn_blocking(move || Store::open(dir, &open))).await;
    let opened = opened.map_err(|_| PaxosNodeError::Stalled { within })?;
    Ok(opened.map_err(broken_off)??)
}

/// On disk before anything is promised: whose quorums this store's promises count in.
fn keep_members(store: &Store, members: &Members) -> Result<(), PaxosNodeError> {
    let pids: Vec<_> = members.pids().iter().map(u64::to_string).collect();
    let given = pids.join(", ");
    match store.note(MEMBERS)? {
        Some(stored) if stored == given.as_bytes() => Ok(()),
        Some(stored) => Err(PaxosNodeError::OtherMembers {
            dir: store.dir().to_owned(),
            stored: String::from_utf8_lossy(&stored).into_owned(),
            given,
        }),
        None => Ok(store.set_note(MEMBERS, Some(given.as_bytes()))?),
    }
}

async fn links(store: &Store, settings: &PaxosNodeSettings) -> Result<Transport, PaxosNodeError> {
    let identities = {
        let store = store.clone();
        let opened = spawn_blocking(move || StoredIdentities::open(store));
        opened.await.map_err(broken_off)??
    };
    let me = Me {
        cluster: ClusterId(u128::from(settings.cluster)),
        node: PeerId(settings.node),
        store: StoreId(u128::from(store.identity().store)),
        incarnation: Incarnation::counted(store.starts()),
    };
    let members = settings.members.iter();
    let others = members.filter(|(node, _)| **node != settings.node);
    let peers = others.map(|(node, endpoint)| Peer::new(PeerId(*node), endpoint.clone()));
    let links = settings.links(LinkSettings {
        identities: Arc::new(identities),
        ..LinkSettings::new(me, peers.collect())
    });
    let listener = TcpAcceptor::bind(&settings.listen).await?;
    let transport = Transport::start(links, listener, TcpDialer)?;
    if let Some(prepare) = &settings.on_links {
        prepare(&transport);
    }
    Ok(transport)
}

#[expect(clippy::needless_pass_by_value, reason = "what a map hands over")]
fn broken_off(ended: tokio::task::JoinError) -> PaxosNodeError {
    PaxosNodeError::BrokenOff {
        why: ended.to_string(),
    }
}
