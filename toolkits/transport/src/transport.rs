//! The transport: what a caller holds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::acceptor::accept;
use crate::outbox::{Down, NotQueued};
use crate::shared::Shared;
use crate::{
    AlreadyRegistered, CallError, Counts, Dialer, EndReason, Faults, GroupId, Handler, Listener,
    Peer, PeerError, PeerId, Refused, SendError, Session, Settings, ShutdownLate, StartError,
};

/// The links between this node and its peers. Clones are the same transport.
///
/// It dials every peer at once and keeps trying; it accepts the links of peers. Every task of it
/// ends with [`shutdown`](Self::shutdown), or, without anybody waiting for it and without telling
/// handlers, when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Transport {
    owner: Arc<Owner>,
}

/// Where the link to a peer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkStatus {
    /// An attempt to connect is under way.
    Connecting,
    /// A session runs.
    Up,
    /// The last attempt failed, or the last session ended; the next attempt comes.
    Down {
        /// Why, in words.
        why: String,
    },
}

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    endpoint: String,
    acceptor: Mutex<Option<JoinHandle<()>>>,
    /// How the shutdown ended, once it has.
    ended: watch::Sender<Option<Result<(), ShutdownLate>>>,
}

impl Transport {
    /// Starts a node on a listener, with a dialer for its peers. Needs a tokio runtime with time
    /// enabled, whose tasks run it.
    ///
    /// # Errors
    /// [`StartError`]: a setting, a peer or a certificate that cannot be.
    pub fn start(
        settings: Settings,
        listener: impl Listener,
        dialer: impl Dialer,
    ) -> Result<Self, StartError> {
        settings.check()?;
        let peers = settings.peers.clone();
        let endpoint = listener.endpoint();
        let shared = Arc::new(Shared::new(settings, Arc::new(dialer))?);
        let acceptor = accept(Arc::clone(&shared), Box::new(listener));
        let acceptor = shared.runtime.spawn(acceptor);
        // From here on an early return drops the owner, which ends what was begun.
        let owner = Arc::new(Owner {
            shared,
            endpoint,
            acceptor: Mutex::new(Some(acceptor)),
            ended: watch::channel(None).0,
        });
        for peer in peers {
            owner.shared.add(peer)?;
        }
        Ok(Self { owner })
    }

    /// Where peers dial this node.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.owner.endpoint
    }

    /// Hands what comes for a group to its handler, which is told of the sessions that live.
    ///
    /// Sessions in which messages for the group have come before end, so that the handler never
    /// sees a session from its middle.
    ///
    /// # Errors
    /// [`AlreadyRegistered`].
    pub fn register(
        &self,
        group: GroupId,
        handler: Arc<dyn Handler>,
    ) -> Result<(), AlreadyRegistered> {
        self.shared().handlers.register(group, handler)?;
        for link in self.shared().links() {
            link.replay(group);
        }
        Ok(())
    }

    /// Drops the handler of a group. False if there was none. A call of it may still be under way.
    pub fn unregister(&self, group: GroupId) -> bool {
        self.shared().handlers.unregister(group)
    }

    /// Queues a message for a group of a peer, and names the session that it belongs to. Never
    /// waits.
    ///
    /// What is queued in one session arrives in order and without repetition until the session
    /// ends, and nothing of it after that; both ends are told of the end.
    ///
    /// # Errors
    /// [`SendError`]; the message will never arrive. [`SendError::QueueFull`] has ended the
    /// session.
    pub fn send(
        &self,
        to: PeerId,
        group: GroupId,
        payload: impl Into<Bytes>,
    ) -> Result<Session, SendError> {
        let payload = payload.into();
        let link = self.shared().link(to);
        let link = link.ok_or(SendError::UnknownPeer { peer: to })?;
        let limit = self.shared().settings.limits.payload_bytes;
        if payload.len() > limit {
            let size = payload.len();
            return Err(SendError::TooLarge { size, limit });
        }
        link.outbox.send(group, payload).map_err(|why| {
            if !matches!(why, NotQueued::Full) {
                link.counters.dropped_no_session.add(1);
            }
            not_sent(to, why)
        })
    }

    /// Asks a group of a peer, and waits for the answer until `within` has passed.
    ///
    /// While the first attempt to connect, or the next one, is under way, the call waits for it;
    /// between two attempts it fails at once. Calls have no order, neither among each other nor
    /// with messages. A request is handled at most once.
    ///
    /// Cancel-safe: dropped, it forgets the call; the request may still be handled.
    ///
    /// # Errors
    /// [`CallError`] says whether the request may have been handled.
    pub async fn call(
        &self,
        to: PeerId,
        group: GroupId,
        payload: impl Into<Bytes>,
        within: Duration,
    ) -> Result<Bytes, CallError> {
        let payload = payload.into();
        let link = self.shared().link(to);
        let link = link.ok_or(CallError::UnknownPeer { peer: to })?;
        let limit = self.shared().settings.limits.payload_bytes;
        if payload.len() > limit {
            let size = payload.len();
            return Err(CallError::TooLarge { size, limit });
        }
        link.counters.calls.add(1);
        let answer = crate::call::call(&link, group, payload, within).await;
        answer.inspect_err(|_| link.counters.calls_failed.add(1))
    }

    /// Adds a peer, and dials it at once.
    ///
    /// # Errors
    /// [`PeerError`].
    pub fn add_peer(&self, peer: Peer) -> Result<(), PeerError> {
        self.shared().add(peer)
    }

    /// Removes a peer: ends its sessions and fails its calls. Its older sessions stay refused if it
    /// is added again, and its store stays remembered.
    ///
    /// # Errors
    /// [`PeerError::Unknown`].
    pub fn remove_peer(&self, peer: PeerId) -> Result<(), PeerError> {
        self.shared().remove(peer)
    }

    /// The peers, in order.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        let links = self.shared().links();
        links.iter().map(|link| link.peer.clone()).collect()
    }

    /// Where the link to a peer stands; `None` if it is no peer.
    #[must_use]
    pub fn link(&self, to: PeerId) -> Option<LinkStatus> {
        let link = self.shared().link(to)?;
        if link.outbox.is_up() {
            return Some(LinkStatus::Up);
        }
        let down = link
            .outbox
            .down()
            .map(|down| LinkStatus::Down { why: words(&down) });
        Some(down.unwrap_or(LinkStatus::Connecting))
    }

    /// The faults on the links out of this node.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared().faults
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared().counts()
    }

    /// The last different refusals, of either end, the oldest first.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refused> {
        self.shared().refusals()
    }

    /// Ends every session and task, fails the calls under way, frees the address, tells handlers
    /// and drops them. What is queued is not sent. Further calls wait for the same end.
    ///
    /// Cancel-safe: it goes on when this is dropped.
    ///
    /// # Errors
    /// [`ShutdownLate`] if a handler or a listener did not let go within `times.shutdown`; calls
    /// have failed all the same.
    pub async fn shutdown(&self) -> Result<(), ShutdownLate> {
        let mut ended = self.owner.ended.subscribe();
        if !self.shared().closing.send_replace(true) {
            let shared = Arc::clone(self.shared());
            let acceptor = self.owner.take_acceptor();
            let ended = self.owner.ended.clone();
            let limit = shared.settings.times.shutdown;
            shared.runtime.clone().spawn(async move {
                ended.send_replace(Some(shut_down(&shared, acceptor, limit).await));
            });
        }
        let ended = ended.wait_for(Option::is_some).await;
        ended.map_or(Ok(()), |ended| ended.clone().unwrap_or(Ok(())))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }
}

async fn shut_down(
    shared: &Shared,
    acceptor: Option<JoinHandle<()>>,
    limit: Duration,
) -> Result<(), ShutdownLate> {
    let deadline = Instant::now() + limit;
    let keepers = shared.stop_keepers();
    let links = shared.links();
    for link in &links {
        link.outbox.close(&EndReason::ShuttingDown);
    }
    for task in keepers.into_iter().chain(acceptor) {
        // A task that was aborted ends with an error; that is an end.
        let ended = timeout_at(deadline, task).await;
        drop(ended.map_err(|_| ShutdownLate { limit })?);
    }
    for link in &links {
        link.close(&EndReason::ShuttingDown);
    }
    shared.handlers.clear();
    tracing::info!("shut down");
    Ok(())
}

impl Owner {
    fn take_acceptor(&self) -> Option<JoinHandle<()>> {
        let mut acceptor = self.acceptor.lock().unwrap_or_else(PoisonError::into_inner);
        acceptor.take()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if self.shared.closing.send_replace(true) {
            return;
        }
        self.shared.handlers.clear();
        drop(self.shared.stop_keepers());
        for link in self.shared.links() {
            link.outbox.close(&EndReason::ShuttingDown);
        }
        if let Some(acceptor) = self.take_acceptor() {
            acceptor.abort();
        }
    }
}

fn not_sent(peer: PeerId, why: NotQueued) -> SendError {
    let why = match why {
        NotQueued::Full => return SendError::QueueFull { peer },
        NotQueued::Closed(EndReason::ShuttingDown) => return SendError::ShuttingDown,
        NotQueued::Closed(_) => return SendError::UnknownPeer { peer },
        NotQueued::Connecting => "an attempt to connect is under way".to_owned(),
        NotQueued::Down(down) => words(&down),
    };
    SendError::NoSession { peer, why }
}

fn words(down: &Down) -> String {
    match down {
        Down::Unconnected(why) => why.clone(),
        Down::Refused(refusal) => format!("refused: {refusal}"),
        Down::Ended(reason) => reason.to_string(),
    }
}
