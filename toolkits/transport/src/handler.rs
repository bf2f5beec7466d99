//! What an engine implements to be spoken to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::link::Link;
use crate::wire::Failure;
use crate::{Incarnation, PeerId, Refusal, Session};

/// The receiving side of one group.
///
/// Every method is called on the task that reads a link, in the order of the link, and holds up
/// that link (for every group) until it returns: hand the input to a queue and return. Links from
/// different peers call at the same time. A method may call
/// [`send`](crate::Transport::send) and answer requests; it must not block, nor register handlers,
/// nor change peers, nor shut the transport down.
pub trait Handler: Send + Sync + 'static {
    /// A message from `from`, the next one of the session that the last
    /// [`on_session`](Self::on_session) of that peer started.
    ///
    /// The payload shares the memory of what was read with it, up to some hundred KiB; copy what is
    /// kept for long.
    fn on_message(&self, from: PeerId, payload: Bytes) -> Delivery;

    /// A request from `from`. The responder may be kept, and used from any thread.
    fn on_request(&self, from: PeerId, payload: Bytes, responder: Responder);

    /// A session of a link has started or ended.
    ///
    /// For each session an engine is told `Started` at most once, and `Ended` exactly once after
    /// it. A handler that is registered later is told of the sessions that live then.
    fn on_session(&self, event: SessionEvent);
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Delivery {
    /// The engine has it.
    Taken,
    /// The engine has no room and lost it. The session ends with [`EndReason::NotTaken`], for every
    /// group on the link, and both ends are told.
    Lost,
}

/// A session started or ended, as either end sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEvent {
    /// The node at the other end.
    pub peer: PeerId,
    /// Which of the two links with it.
    pub direction: Direction,
    /// The session.
    pub session: Session,
    /// What happened to it.
    pub change: SessionChange,
}

/// One of the two links between this node and a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From this node to the peer.
    Outgoing,
    /// From the peer to this node.
    Incoming,
}

/// What happened to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionChange {
    /// Outgoing: what is sent from now on belongs to it. Incoming: what comes from now on does.
    Started,
    /// Outgoing: of what was sent in it, only some first part arrived. Incoming: no more comes.
    Ended(EndReason),
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// A frame was lost under way.
    #[error("a frame was lost")]
    Gap,
    /// The queue to the peer was full.
    #[error("the queue to the peer was full")]
    QueueFull,
    /// The other end gave no sign of life.
    #[error("no sign of life from the other end")]
    Silence,
    /// The connection is gone.
    #[error("the connection was lost: {0}")]
    ConnectionLost(String),
    /// A newer session of the same link has begun.
    #[error("a newer session took its place")]
    Superseded,
    /// An engine lost a message for want of room.
    #[error("an engine had no room for a message")]
    NotTaken,
    /// A handler was registered after messages for it had come and gone.
    #[error("a handler was registered after its first message")]
    LateHandler,
    /// What came cannot be read.
    #[error("a frame that cannot be read: {0}")]
    Malformed(String),
    /// A payload exceeds the receiver's limit.
    #[error("a payload of {size} bytes exceeds the receiver's limit of {limit}")]
    TooLarge {
        /// Bytes of the payload.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// One end refuses the other.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The peer was removed.
    #[error("the peer was removed")]
    Removed,
    /// The transport was shut down.
    #[error("the transport was shut down")]
    ShuttingDown,
}

/// Answers one request, once. Dropped without an answer, it tells the caller so.
///
/// An answer that cannot be sent is dropped, and the caller's deadline or the end of the session
/// tells the caller: an answer to an earlier life of the caller never reaches a later one.
pub struct Responder {
    pub(crate) link: Arc<Link>,
    pub(crate) call: u64,
    pub(crate) caller: Incarnation,
    pub(crate) expires: Instant,
    pub(crate) open: bool,
}

impl Responder {
    /// Answers with a payload. One above `limits.payload_bytes` reaches the caller as
    /// [`CallError::AnswerTooLarge`](crate::CallError::AnswerTooLarge).
    pub fn respond(mut self, payload: impl Into<Bytes>) {
        self.finish(Ok(payload.into()));
    }

    /// Answers with a failure, of which the first 4 KiB travel.
    pub fn fail(mut self, why: &str) {
        let mut end = why.len().min(4 << 10);
        while !why.is_char_boundary(end) {
            end -= 1;
        }
        self.finish(Err(Failure::Handler(why[..end].to_owned())));
    }

    /// The node that asked.
    #[must_use]
    pub fn caller(&self) -> PeerId {
        self.link.peer.node
    }

    /// How much of the caller's time is left, counted from the arrival here; zero once nobody
    /// waits for the answer.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.expires.saturating_duration_since(Instant::now())
    }

    pub(crate) fn finish(&mut self, answer: Result<Bytes, Failure>) {
        if std::mem::take(&mut self.open) {
            let outbox = &self.link.outbox;
            outbox.answer(self.call, self.caller, self.expires, answer);
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.finish(Err(Failure::Unanswered));
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder")
            .field("caller", &self.caller())
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}
