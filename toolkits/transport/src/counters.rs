//! What a transport counts. Reading it costs a few loads for each peer.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::PeerId;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Debug, Default)]
        pub(crate) struct LinkCounters {
            $(pub(crate) $name: Counter,)*
        }

        /// What was counted of the two links with one peer since the transport started, and how
        /// long its queue is now.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct PeerCounts {
            $($(#[$doc])* pub $name: u64,)*
            /// Frames that wait for the peer now, large payloads counted as one each.
            pub queue_frames: u64,
            /// Bytes that wait for the peer now.
            pub queue_bytes: u64,
            /// Calls that wait for the peer's answer now.
            pub calls_open: u64,
        }

        impl LinkCounters {
            pub(crate) fn read(&self, (frames, bytes, calls): (usize, usize, usize)) -> PeerCounts {
                PeerCounts {
                    $($name: self.$name.read(),)*
                    queue_frames: frames as u64,
                    queue_bytes: bytes as u64,
                    calls_open: calls as u64,
                }
            }
        }
    };
}

counters! {
    /// Frames handed to the connection, signs of life included.
    frames_sent,
    /// Bytes of those frames.
    bytes_sent,
    /// gRPC messages in which those frames travelled.
    batches_sent,
    /// Frames that were next in their session.
    frames_received,
    /// Bytes of those frames.
    bytes_received,
    /// Payloads that found no room in the queue; each ended a session, calls excepted.
    dropped_queue_full,
    /// Messages and answers that found no session.
    dropped_no_session,
    /// Messages that an engine had no room for.
    dropped_not_taken,
    /// Messages for a group without a handler.
    dropped_no_handler,
    /// Frames dropped because they came again, or from a session that was over.
    frames_refused,
    /// Gaps found in what the peer sent; each ended a session.
    gaps,
    /// Attempts to connect to the peer.
    connects,
    /// Attempts that did not lead to a session.
    connects_failed,
    /// Sessions to the peer.
    sessions_out,
    /// Sessions from the peer.
    sessions_in,
    /// Openings of the peer that this node refused.
    refused_by_us,
    /// Openings that the peer refused.
    refused_by_peer,
    /// Calls to the peer.
    calls,
    /// Calls that ended without an answer.
    calls_failed,
    /// Answers that nobody waited for any more.
    answers_late,
}

/// What was counted of all links, and of what came in without belonging to one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// By peer, in order.
    pub peers: Vec<(PeerId, PeerCounts)>,
    /// Incoming connections.
    pub accepted: u64,
    /// Incoming connections closed at once, since there were too many.
    pub turned_away: u64,
    /// Openings that were refused, by known peers or not.
    pub refused: u64,
}

#[derive(Debug, Default)]
pub(crate) struct NodeCounters {
    pub(crate) accepted: Counter,
    pub(crate) turned_away: Counter,
    pub(crate) refused: Counter,
}

impl NodeCounters {
    pub(crate) fn read(&self, peers: Vec<(PeerId, PeerCounts)>) -> Counts {
        Counts {
            peers,
            accepted: self.accepted.read(),
            turned_away: self.turned_away.read(),
            refused: self.refused.read(),
        }
    }
}
