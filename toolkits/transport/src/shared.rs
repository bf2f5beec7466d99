//! What all tasks of a transport share.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::counters::NodeCounters;
use crate::handlers::Handlers;
use crate::inbox::Newest;
use crate::link::{Link, dial};
use crate::net::Dialer;
use crate::{
    Counts, EndReason, Faults, Me, Peer, PeerError, PeerId, Refusal, Refused, Settings, StartError,
    Timing, Verdict,
};

/// Refusals that are remembered.
const REFUSALS_MAX: usize = 64;

/// One transport.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) dialer: Arc<dyn Dialer>,
    pub(crate) faults: Faults,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) counters: NodeCounters,
    pub(crate) runtime: Handle,
    /// True from the beginning of the shutdown.
    pub(crate) closing: watch::Sender<bool>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::net::tls::Secured>,
    members: RwLock<BTreeMap<PeerId, Member>>,
    /// The newest sessions of peers that were removed: an older one is refused for good.
    removed: Mutex<HashMap<PeerId, Newest>>,
    sessions: AtomicU64,
    refusals: Mutex<VecDeque<Refused>>,
}

#[derive(Debug)]
struct Member {
    link: Arc<Link>,
    /// The task that keeps the link up; taken by the shutdown.
    keeper: Option<JoinHandle<()>>,
}

impl Shared {
    pub(crate) fn new(settings: Settings, dialer: Arc<dyn Dialer>) -> Result<Self, StartError> {
        #[cfg(feature = "tls")]
        let tls = settings.tls.as_ref();
        Ok(Self {
            #[cfg(feature = "tls")]
            tls: tls.map(crate::net::tls::Secured::new).transpose()?,
            settings,
            dialer,
            faults: Faults::default(),
            handlers: Arc::default(),
            counters: NodeCounters::default(),
            runtime: Handle::try_current().map_err(|_| StartError::NoRuntime)?,
            closing: watch::channel(false).0,
            members: RwLock::default(),
            removed: Mutex::default(),
            sessions: AtomicU64::new(1),
            refusals: Mutex::default(),
        })
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    pub(crate) fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// A seed of its own for each directed link.
    pub(crate) fn seed_of(&self, to: PeerId) -> u64 {
        let from = self.settings.me.node.0;
        let link = from.rotate_left(32) ^ to.0;
        self.settings.seed ^ link.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    pub(crate) fn link(&self, peer: PeerId) -> Option<Arc<Link>> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        members.get(&peer).map(|member| Arc::clone(&member.link))
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        let links = members.values().map(|member| Arc::clone(&member.link));
        links.collect()
    }

    pub(crate) fn add(self: &Arc<Self>, peer: Peer) -> Result<(), PeerError> {
        let node = peer.node;
        if node == self.settings.me.node {
            return Err(PeerError::Myself { peer: node });
        }
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that a shutdown that has begun finds every member.
        if self.is_closing() {
            return Err(PeerError::ShuttingDown);
        }
        if members.contains_key(&node) {
            return Err(PeerError::Exists { peer: node });
        }
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        let link = Arc::new(Link::new(
            peer,
            self.settings.me.incarnation,
            self.settings.limits,
            removed.remove(&node).unwrap_or_default(),
            self.faults.cell(node),
            Arc::clone(&self.handlers),
        ));
        drop(removed);
        let keeper = dial::keep_up(Arc::clone(self), Arc::clone(&link));
        let keeper = Some(self.runtime.spawn(keeper));
        members.insert(node, Member { link, keeper });
        Ok(())
    }

    pub(crate) fn remove(&self, peer: PeerId) -> Result<(), PeerError> {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let member = members.remove(&peer).ok_or(PeerError::Unknown { peer })?;
        drop(members);
        if let Some(keeper) = &member.keeper {
            keeper.abort();
        }
        member.link.close(&EndReason::Removed);
        let newest = member.link.inbox.newest();
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        removed.insert(peer, newest);
        Ok(())
    }

    /// Stops every task that keeps a link up, and gives their handles. The links stay known:
    /// their counters are read, and their calls fail as they should.
    pub(crate) fn stop_keepers(&self) -> Vec<JoinHandle<()>> {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let keepers = members.values_mut().filter_map(|m| m.keeper.take());
        keepers.inspect(JoinHandle::abort).collect()
    }

    pub(crate) fn check_cluster(&self, them: &Me) -> Result<(), Refusal> {
        let here = self.settings.me.cluster;
        if them.cluster == here {
            return Ok(());
        }
        let there = them.cluster;
        Err(Refusal::WrongCluster { here, there })
    }

    /// Whether a member may talk to us: its timing, and then its store.
    pub(crate) async fn check(&self, them: Me, timing: Timing) -> Result<(), Refusal> {
        let here = self.settings.timing;
        if timing != here {
            return Err(Refusal::Timing {
                here: Box::new(here),
                there: Box::new(timing),
            });
        }
        let identities = Arc::clone(&self.settings.identities);
        let (node, presented) = (them.node, them.store);
        let checked = self
            .runtime
            .spawn_blocking(move || identities.check(node, presented));
        let failed = |why: String| Verdict::Failed { why };
        let verdict = match timeout(self.settings.times.handshake, checked).await {
            Ok(verdict) => verdict.unwrap_or_else(|error| failed(error.to_string())),
            Err(_) => failed("the memory of stores took too long".to_owned()),
        };
        match verdict {
            Verdict::Known => Ok(()),
            Verdict::Changed { remembered } => Err(Refusal::ChangedStore {
                node,
                remembered,
                presented,
            }),
            Verdict::Failed { why } => Err(Refusal::Unchecked { node, why }),
        }
    }

    /// Logs a refusal and remembers it.
    pub(crate) fn note_refusal(&self, peer: Option<PeerId>, by_us: bool, refusal: Refusal) {
        if by_us {
            self.counters.refused.add(1);
        }
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = Refused {
            peer,
            by_us,
            refusal,
        };
        // A peer that is refused tries again and again; once is enough to know.
        let known = refusals.contains(&refused);
        if known {
            tracing::debug!(?peer, by_us, refusal = %refused.refusal, "refused again");
            return;
        }
        tracing::warn!(?peer, by_us, refusal = %refused.refusal, "refused");
        if refusals.len() == REFUSALS_MAX {
            refusals.pop_front();
        }
        refusals.push_back(refused);
    }

    pub(crate) fn refusals(&self) -> Vec<Refused> {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.iter().cloned().collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        let links = self.links();
        let peers = links.iter().map(|link| (link.peer.node, link.counts()));
        self.counters.read(peers.collect())
    }
}
