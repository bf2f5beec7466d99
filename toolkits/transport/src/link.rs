//! The two links with one peer.

pub(crate) mod dial;
pub(crate) mod read;
mod stream;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::counters::{LinkCounters, PeerCounts};
use crate::faults::FaultCell;
use crate::handlers::Handlers;
use crate::inbox::{Inbox, Newest, Payload, Sink, Taken};
use crate::outbox::Outbox;
use crate::wire::{Failure, PayloadHead};
use crate::{
    Delivery, Direction, EndReason, Incarnation, Limits, Peer, PeerId, Responder, Session,
    SessionChange, SessionEvent,
};

/// One peer: the link to it and the link from it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) peer: Peer,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    pub(crate) counters: Arc<LinkCounters>,
    pub(crate) fault: Arc<FaultCell>,
    /// The peer has just shown that it lives: there is no use in waiting to dial it.
    pub(crate) wake: Notify,
    handlers: Arc<Handlers>,
    /// The session to the peer that engines know of.
    announced: Mutex<Option<Session>>,
    closed: AtomicBool,
}

impl Link {
    pub(crate) fn new(
        peer: Peer,
        me: Incarnation,
        limits: Limits,
        newest: Newest,
        fault: Arc<FaultCell>,
        handlers: Arc<Handlers>,
    ) -> Self {
        let counters = Arc::new(LinkCounters::default());
        let node = peer.node;
        Self {
            peer,
            outbox: Outbox::new(me, limits, Arc::clone(&counters)),
            inbox: Inbox::new(node, newest),
            counters,
            fault,
            wake: Notify::new(),
            handlers,
            announced: Mutex::new(None),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn counts(&self) -> PeerCounts {
        self.counters.read(self.outbox.depth())
    }

    /// Ends both links for good. Engines are told.
    pub(crate) fn close(self: &Arc<Self>, reason: &EndReason) {
        self.closed.store(true, Ordering::SeqCst);
        self.outbox.close(reason);
        self.retract(reason);
        self.inbox.close(reason, &Deliver(self));
    }

    /// Tells engines of the session to the peer.
    fn announce(&self, session: Session) {
        let mut announced = self.announced();
        if self.closed.load(Ordering::SeqCst) {
            return;
        }
        *announced = Some(session);
        self.counters.sessions_out.add(1);
        let started = SessionChange::Started;
        self.handlers
            .tell(&self.event(Direction::Outgoing, session, started));
    }

    /// Tells engines that the session to the peer is over, if they know of one.
    fn retract(&self, reason: &EndReason) {
        let mut announced = self.announced();
        if let Some(session) = announced.take() {
            let ended = SessionChange::Ended(reason.clone());
            self.handlers
                .tell(&self.event(Direction::Outgoing, session, ended));
        }
    }

    /// Tells a group that was registered just now of the sessions that live.
    pub(crate) fn replay(self: &Arc<Self>, group: crate::GroupId) {
        let announced = self.announced();
        if let Some(session) = *announced {
            let event = self.event(Direction::Outgoing, session, SessionChange::Started);
            self.handlers.tell_one(group, &event);
        }
        drop(announced);
        self.inbox.replay(group, &Deliver(self), |session| {
            let event = self.event(Direction::Incoming, session, SessionChange::Started);
            self.handlers.tell_one(group, &event);
        });
    }

    fn announced(&self) -> MutexGuard<'_, Option<Session>> {
        self.announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, direction: Direction, session: Session, change: SessionChange) -> SessionEvent {
        tracing::info!(peer = %self.peer.node, ?direction, %session, ?change, "session");
        SessionEvent {
            peer: self.peer.node,
            direction,
            session,
            change,
        }
    }
}

/// Hands what comes from a peer to the engines, and answers to their calls.
pub(crate) struct Deliver<'a>(pub(crate) &'a Arc<Link>);

impl Sink for Deliver<'_> {
    fn started(&self, session: Session) {
        self.0.counters.sessions_in.add(1);
        let started = SessionChange::Started;
        let event = self.0.event(Direction::Incoming, session, started);
        self.0.handlers.tell(&event);
    }

    fn ended(&self, session: Session, reason: &EndReason) {
        let ended = SessionChange::Ended(reason.clone());
        let event = self.0.event(Direction::Incoming, session, ended);
        self.0.handlers.tell(&event);
        // Answers to our calls came on this session, and some may be lost.
        self.0.outbox.fail_calls(reason);
    }

    fn take(&self, session: Session, payload: Payload) -> Taken {
        let Self(link) = self;
        let from = link.peer.node;
        match payload {
            Payload::Whole(PayloadHead::Message { group }, payload) => {
                let Some(handler) = link.handlers.of(group) else {
                    link.counters.dropped_no_handler.add(1);
                    return Taken::NoHandler(group);
                };
                if handler.on_message(from, payload) == Delivery::Lost {
                    link.counters.dropped_not_taken.add(1);
                    return Taken::Lost;
                }
            }
            Payload::Whole(
                PayloadHead::Request {
                    group,
                    call,
                    within_us,
                },
                payload,
            ) => {
                let within = std::time::Duration::from_micros(within_us);
                let now = tokio::time::Instant::now();
                let mut responder = Responder {
                    link: Arc::clone(link),
                    call,
                    caller: session.incarnation,
                    expires: now.checked_add(within).unwrap_or(now),
                    open: true,
                };
                match link.handlers.of(group) {
                    Some(handler) => handler.on_request(from, payload, responder),
                    None => responder.finish(Err(Failure::NoHandler(group))),
                }
            }
            Payload::Whole(PayloadHead::Answer { call }, payload) => {
                self.complete(call, Ok(payload));
            }
            Payload::Failure(call, failure) => self.complete(call, Err(failure)),
        }
        Taken::Yes
    }
}

impl Deliver<'_> {
    fn complete(&self, call: u64, answer: Result<bytes::Bytes, Failure>) {
        if !self.0.outbox.complete(call, answer) {
            self.0.counters.answers_late.add(1);
        }
    }
}

/// The node at the other end, in errors and logs.
impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let PeerId(node) = self.peer.node;
        write!(f, "node {node} at {}", self.peer.endpoint)
    }
}
