//! A raft group of its own, for services that have none.

use std::error::Error;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tsoracle_openraft_toolkit::{LogId, StateMachine, declare_raft_types_ext};

use crate::{
    CarriesHighWater, Endpoints, HighWaterCommand, HighWaterOutcome, HighWaterSnapshot,
    HighWaterStateMachine, NodeHost,
};

/// What the group answers: an outcome to a command, nothing to its own entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandaloneAnswer(Option<HighWaterOutcome>);

declare_raft_types_ext!(
    /// A group whose log carries the oracle's commands and nothing else.
    pub StandaloneTypes:
        D = HighWaterCommand,
        R = StandaloneAnswer,
        Node = Endpoints,
        SnapshotData = Bytes,
);

/// The state machine of a group that carries nothing else.
#[derive(Debug, Default)]
pub struct StandaloneMachine(HighWaterStateMachine);

impl StateMachine<StandaloneTypes> for StandaloneMachine {
    fn apply(&mut self, _at: &LogId, command: &HighWaterCommand) -> StandaloneAnswer {
        StandaloneAnswer(Some(self.0.apply(command)))
    }

    fn answer_without_command(&self) -> StandaloneAnswer {
        StandaloneAnswer(None)
    }

    fn snapshot(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0.snapshot().to_bytes())
    }

    fn restore(&mut self, state: Bytes) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.0.restore(HighWaterSnapshot::from_bytes(&state)?);
        Ok(())
    }
}

impl CarriesHighWater for StandaloneMachine {
    type Types = StandaloneTypes;

    fn high_water(&self) -> &HighWaterStateMachine {
        &self.0
    }

    fn command(command: HighWaterCommand) -> HighWaterCommand {
        command
    }

    fn outcome(answer: StandaloneAnswer) -> Option<HighWaterOutcome> {
        answer.0
    }
}

/// A turnkey host: store, links, engine and lease of one node, whose log is the oracle's alone.
pub type StandaloneHost = NodeHost<StandaloneMachine>;
