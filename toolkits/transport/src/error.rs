//! What can go wrong, and what to do then.

use std::io;
use std::time::Duration;

use crate::{GroupId, PeerId, Refusal, SettingsError};

/// A transport that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on; most often it is taken.
    #[error("cannot listen on {address}: {source}; choose a free address, or stop who holds it")]
    Bind {
        /// The address.
        address: String,
        /// The refusal.
        source: io::Error,
    },
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The peers cannot be these.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// There is no runtime to run its tasks.
    #[error("a transport starts inside of a tokio runtime, and there is none")]
    NoRuntime,
    /// The certificates or the key cannot be used.
    #[error("TLS cannot be set up: {why}")]
    Tls {
        /// What is wrong, and with which.
        why: String,
    },
}

/// A change of the peers that was refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The node is a peer already.
    #[error("node {peer} is a peer already; remove it first to give it another endpoint")]
    Exists {
        /// The node.
        peer: PeerId,
    },
    /// The node is no peer.
    #[error("node {peer} is no peer")]
    Unknown {
        /// The node.
        peer: PeerId,
    },
    /// A node is no peer of itself.
    #[error("node {peer} is this node; it needs no link to itself")]
    Myself {
        /// The node.
        peer: PeerId,
    },
    /// The transport has been shut down.
    #[error("the transport is shut down")]
    ShuttingDown,
}

/// A group that already has a handler.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("group {group} has a handler already; unregister it first")]
pub struct AlreadyRegistered {
    /// The group.
    pub group: GroupId,
}

/// A message that was not accepted. It will never arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no session to the peer; the handler is told when the next one starts.
    #[error("no session to node {peer}: {why}")]
    NoSession {
        /// The peer.
        peer: PeerId,
        /// Why there is none.
        why: String,
    },
    /// The queue of the peer is full. The session has been ended by this, since a message is lost.
    #[error("the queue to node {peer} is full; its session has ended")]
    QueueFull {
        /// The peer.
        peer: PeerId,
    },
    /// The payload is longer than the limit. The session goes on.
    #[error("{size} bytes exceed limits.payload_bytes, {limit}")]
    TooLarge {
        /// Bytes of the payload.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The node is no peer.
    #[error("node {peer} is no peer")]
    UnknownPeer {
        /// The node.
        peer: PeerId,
    },
    /// The transport has been shut down.
    #[error("the transport is shut down")]
    ShuttingDown,
}

/// A call without an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no link to the peer, or it broke before the answer came. In the second case
    /// (`sent`) the request may have been handled.
    #[error("node {peer} is unreachable: {why}")]
    Unreachable {
        /// The peer.
        peer: PeerId,
        /// Whether the request was handed to a session.
        sent: bool,
        /// What is wrong with the link.
        why: String,
    },
    /// No answer in time. The request may have been handled, or may still be.
    #[error("node {peer} did not answer within {within:?}")]
    TimedOut {
        /// The peer.
        peer: PeerId,
        /// The time that the caller gave.
        within: Duration,
    },
    /// The two nodes do not talk to each other.
    #[error("no link to node {peer}: {refusal}")]
    Refused {
        /// The peer.
        peer: PeerId,
        /// Why.
        refusal: Refusal,
    },
    /// Nobody handles the group there. The request was not handled.
    #[error("node {peer} has no handler for group {group}")]
    NoHandler {
        /// The peer.
        peer: PeerId,
        /// The group.
        group: GroupId,
    },
    /// The request is too long. It was not sent.
    #[error("a request of {size} bytes exceeds limits.payload_bytes, {limit}")]
    TooLarge {
        /// Bytes of the request.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The answer is too long. The request was handled.
    #[error("node {peer}'s answer of {size} bytes exceeds its limits.payload_bytes, {limit}")]
    AnswerTooLarge {
        /// The peer.
        peer: PeerId,
        /// Bytes of the answer.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The queue of the peer, or its number of open calls, is full. The request was not sent.
    #[error("the queue to node {peer} is full")]
    QueueFull {
        /// The peer.
        peer: PeerId,
    },
    /// The handler failed the request.
    #[error("node {peer} failed the request: {why}")]
    Handler {
        /// The peer.
        peer: PeerId,
        /// What the handler said.
        why: String,
    },
    /// The handler dropped its responder without an answer.
    #[error("node {peer} dropped the request without an answer")]
    Unanswered {
        /// The peer.
        peer: PeerId,
    },
    /// The node is no peer.
    #[error("node {peer} is no peer")]
    UnknownPeer {
        /// The node.
        peer: PeerId,
    },
    /// This node's transport is shut down. A request under way may have been handled.
    #[error("the transport is shut down")]
    ShuttingDown,
}

/// A shutdown that was not done in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tasks were left after {limit:?}; a handler that does not return holds them up")]
pub struct ShutdownLate {
    /// The time that was given, `times.shutdown`.
    pub limit: Duration,
}
