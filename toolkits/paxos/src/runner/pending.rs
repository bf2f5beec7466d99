//! Appends that wait for their decision.

use std::collections::HashMap;

use tokio::sync::oneshot::Sender;

use super::AppendError;
use crate::{PaxosBallot, RequestId};

/// The appends of one leadership that are not decided yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    ballot: Option<PaxosBallot>,
    waiting: HashMap<RequestId, Sender<Result<usize, AppendError>>>,
}

impl Pending {
    pub(super) fn add(
        &mut self,
        ballot: PaxosBallot,
        id: RequestId,
        answer: Sender<Result<usize, AppendError>>,
    ) {
        self.led_by(Some(ballot));
        self.waiting.insert(id, answer);
    }

    /// The entry of a request was decided, whoever decided it.
    pub(super) fn decided(&mut self, id: RequestId, index: usize) {
        if let Some(answer) = self.waiting.remove(&id) {
            let _ = answer.send(Ok(index));
        }
    }

    /// This node leads under `ballot` or not at all: what waits from before may be decided or not.
    pub(super) fn led_by(&mut self, ballot: Option<PaxosBallot>) {
        if self.ballot != ballot {
            self.ballot = ballot;
            for (_, answer) in self.waiting.drain() {
                let _ = answer.send(Err(AppendError::Unknown));
            }
        }
    }

    /// Forgets whom nobody waits for any more.
    pub(super) fn forget_the_gone(&mut self) {
        self.waiting.retain(|_, answer| !answer.is_closed());
    }
}
