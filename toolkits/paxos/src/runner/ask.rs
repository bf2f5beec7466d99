//! What callers ask of the engine's thread.

use std::time::Duration;

use tokio::sync::oneshot::Sender as Answer;

use super::{AppendError, CompactError, HandoffError, ReconfigureError};
use crate::lease::Proving;
use crate::{Members, PaxosBallot, RequestId};

/// An entry to append under one ballot, and who waits for its index.
#[derive(Debug)]
pub(crate) struct Append<T> {
    pub(crate) ballot: PaxosBallot,
    pub(crate) id: RequestId,
    pub(crate) entry: T,
    pub(crate) answer: Answer<Result<usize, AppendError>>,
}

#[derive(Debug)]
pub(crate) enum Command {
    Prove(Proving),
    Snapshot {
        up_to: Option<usize>,
        answer: Answer<Result<usize, CompactError>>,
    },
    Trim {
        up_to: usize,
        answer: Answer<Result<usize, CompactError>>,
    },
    HandOff {
        to: u64,
        within: Duration,
        answer: Answer<Result<(), HandoffError>>,
    },
    Reconfigure {
        ballot: PaxosBallot,
        next: Members,
        metadata: Vec<u8>,
        answer: Answer<Result<(), ReconfigureError>>,
    },
    Hold {
        held: bool,
        answer: Answer<()>,
    },
}
