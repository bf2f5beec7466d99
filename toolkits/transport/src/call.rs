//! One call, from the caller's side.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use crate::link::Link;
use crate::outbox::{Down, NoAnswer, NotQueued};
use crate::wire::Failure;
use crate::{CallError, EndReason, GroupId};

/// A deadline further away than this is no deadline; it keeps arithmetic on the clock in range.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Sends a request and waits for its answer.
pub(crate) async fn call(
    link: &Arc<Link>,
    group: GroupId,
    payload: Bytes,
    within: Duration,
) -> Result<Bytes, CallError> {
    let deadline = Instant::now() + within.min(FOREVER);
    let answered = timeout_at(deadline, answered(link, group, payload, deadline)).await;
    answered.unwrap_or(Err(CallError::TimedOut {
        peer: link.peer.node,
        within,
    }))
}

/// Dropped with the call, it forgets it: an answer that comes later finds nobody.
struct Waiting<'a> {
    link: &'a Link,
    call: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.link.outbox.forget(self.call);
    }
}

async fn answered(
    link: &Arc<Link>,
    group: GroupId,
    payload: Bytes,
    deadline: Instant,
) -> Result<Bytes, CallError> {
    let peer = link.peer.node;
    let (call, answer) = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left_us = u64::try_from(left.as_micros()).unwrap_or(u64::MAX);
        match link.outbox.request(group, payload.clone(), left_us) {
            Ok(queued) => break queued,
            Err(NotQueued::Connecting) => link.outbox.settled().await,
            Err(NotQueued::Full) => return Err(CallError::QueueFull { peer }),
            Err(NotQueued::Down(down)) => return Err(unreachable(link, down)),
            Err(NotQueued::Closed(reason)) => return Err(broken(link, reason, false)),
        }
    };
    let waiting = Waiting { link, call };
    let answer = answer.await;
    drop(waiting);
    match answer {
        Ok(Ok(payload)) => Ok(payload),
        Ok(Err(NoAnswer::Broken(reason))) => Err(broken(link, reason, true)),
        Ok(Err(NoAnswer::Failed(failure))) => Err(failed(link, failure)),
        Err(_) => Err(CallError::Unanswered { peer }),
    }
}

fn unreachable(link: &Link, down: Down) -> CallError {
    match down {
        Down::Unconnected(why) => CallError::Unreachable {
            peer: link.peer.node,
            sent: false,
            why,
        },
        Down::Refused(refusal) => CallError::Refused {
            peer: link.peer.node,
            refusal,
        },
        Down::Ended(reason) => broken(link, reason, false),
    }
}

fn broken(link: &Link, reason: EndReason, sent: bool) -> CallError {
    let peer = link.peer.node;
    match reason {
        EndReason::ShuttingDown => CallError::ShuttingDown,
        EndReason::Refused(refusal) => CallError::Refused { peer, refusal },
        EndReason::Removed if !sent => CallError::UnknownPeer { peer },
        reason => CallError::Unreachable {
            peer,
            sent,
            why: reason.to_string(),
        },
    }
}

fn failed(link: &Link, failure: Failure) -> CallError {
    let peer = link.peer.node;
    match failure {
        Failure::NoHandler(group) => CallError::NoHandler { peer, group },
        Failure::Handler(why) => CallError::Handler { peer, why },
        Failure::Unanswered => CallError::Unanswered { peer },
        Failure::TooLarge { size, limit } => CallError::AnswerTooLarge {
            peer,
            size: usize::try_from(size).unwrap_or(usize::MAX),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        },
    }
}
