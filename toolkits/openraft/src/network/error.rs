//! A call that failed, in openraft's words.

use openraft::error::{NetworkError, RPCError, Timeout, Unreachable};
use openraft::network::RPCTypes;
use tsoracle_peer_transport::CallError;

use crate::RaftTypes;

/// Who asked whom for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) action: RPCTypes,
    pub(super) me: u64,
    pub(super) target: u64,
}

/// `Unreachable` waits for the backoff before the next attempt, the others do not: it stands for
/// everything that an attempt at once would meet again.
pub(super) fn rpc_error<C: RaftTypes>(asked: Asked, error: &CallError) -> RPCError<C> {
    match error {
        CallError::TimedOut { within, .. } => RPCError::Timeout(Timeout {
            action: asked.action,
            id: asked.me,
            target: asked.target,
            timeout: *within,
        }),
        CallError::Unanswered { .. } | CallError::AnswerTooLarge { .. } => {
            RPCError::Network(NetworkError::new(error))
        }
        CallError::Unreachable { .. }
        | CallError::Refused { .. }
        | CallError::NoHandler { .. }
        | CallError::TooLarge { .. }
        | CallError::QueueFull { .. }
        | CallError::Handler { .. }
        | CallError::UnknownPeer { .. }
        | CallError::ShuttingDown => RPCError::Unreachable(Unreachable::new(error)),
    }
}

pub(super) fn unreadable<C: RaftTypes>(error: &(impl std::error::Error + 'static)) -> RPCError<C> {
    RPCError::Unreachable(Unreachable::new(error))
}
