//! One state machine for the store of counters and the oracle.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tsoracle_consensus::ConsensusError;
use tsoracle_driver_openraft::{
    CarriesHighWater, Endpoints, HighWaterCommand, HighWaterOutcome, HighWaterSnapshot,
    HighWaterStateMachine, NodeHost,
};
use tsoracle_openraft_toolkit::{LogId, StateMachine, declare_raft_types_ext};

use crate::traffic::Counters;

/// The envelope of the log: a command of the store, or one of the oracle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Envelope {
    /// Counts one more under a key.
    Count {
        /// The key.
        key: u64,
    },
    /// The oracle's.
    HighWater(HighWaterCommand),
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { key } => write!(f, "count one more under {key}"),
            Self::HighWater(command) => command.fmt(f),
        }
    }
}

/// What the machine answers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// To entries without a command.
    Nothing,
    /// To a command of the store: the count after it.
    Counted(u64),
    /// To a command of the oracle.
    HighWater(HighWaterOutcome),
}

declare_raft_types_ext!(
    /// A store of counters that carries the oracle.
    pub(super) CountersTypes:
        D = Envelope,
        R = Answer,
        Node = Endpoints,
        SnapshotData = Bytes,
);

/// The state of both.
#[derive(Debug, Default)]
pub(super) struct CountersMachine {
    pub(super) counts: BTreeMap<u64, u64>,
    pub(super) high_water: HighWaterStateMachine,
}

/// The form of a snapshot of both.
#[derive(Serialize, Deserialize)]
struct Both {
    counts: BTreeMap<u64, u64>,
    high_water: HighWaterSnapshot,
}

const SNAPSHOT_VERSION: u8 = 1;

impl StateMachine<CountersTypes> for CountersMachine {
    fn apply(&mut self, _at: &LogId, command: &Envelope) -> Answer {
        match command {
            Envelope::Count { key } => {
                let count = self.counts.entry(*key).or_default();
                *count += 1;
                Answer::Counted(*count)
            }
            Envelope::HighWater(command) => Answer::HighWater(self.high_water.apply(command)),
        }
    }

    fn answer_without_command(&self) -> Answer {
        Answer::Nothing
    }

    fn snapshot(&self) -> Bytes {
        let both = Both {
            counts: self.counts.clone(),
            high_water: self.high_water.snapshot(),
        };
        // Numbers always encode; an empty snapshot would be refused by `restore`.
        tsoracle_codec::encode(SNAPSHOT_VERSION, &both).map_or_else(|_| Bytes::new(), Bytes::from)
    }

    fn restore(&mut self, state: Bytes) -> Result<(), Box<dyn Error + Send + Sync>> {
        let both: Both = tsoracle_codec::decode(SNAPSHOT_VERSION, &state)?;
        self.counts = both.counts;
        self.high_water.restore(both.high_water);
        Ok(())
    }
}

impl CarriesHighWater for CountersMachine {
    type Types = CountersTypes;

    fn high_water(&self) -> &HighWaterStateMachine {
        &self.high_water
    }

    fn command(command: HighWaterCommand) -> Envelope {
        Envelope::HighWater(command)
    }

    fn outcome(answer: Answer) -> Option<HighWaterOutcome> {
        match answer {
            Answer::HighWater(outcome) => Some(outcome),
            Answer::Nothing | Answer::Counted(_) => None,
        }
    }
}

#[async_trait]
impl Counters for NodeHost<CountersMachine> {
    async fn count_one(&self, key: u64) -> Result<u64, ConsensusError> {
        let raft = self.node().raft();
        let written = raft.client_write(Envelope::Count { key }).await;
        match written.map_err(ConsensusError::transient)?.data {
            Answer::Counted(count) => Ok(count),
            Answer::Nothing | Answer::HighWater(_) => Err(ConsensusError::permanent(
                "the store answered something else",
            )),
        }
    }

    fn counted(&self, key: u64) -> u64 {
        let count = |state: &CountersMachine| state.counts.get(&key).copied();
        self.node().machine().read(count).unwrap_or(0)
    }
}
