//! What crosses the pipe: one JSON object a line, marked so that a driver may print as it likes.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tsoracle_consensus::{BootInstant, ConsensusError, Epoch, LeaderState};
use tsoracle_faultfs::{Call, Counts, Rule, RuleId};

use crate::NodeSpec;

/// Names the backend that a process is to run a node of.
pub(super) const NODE_PROCESS_ENV: &str = "TSORACLE_NODE_PROCESS";

/// Begins every line of the protocol; other lines are the driver's own output.
const MARK: &str = "@tsoracle ";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) id: u64,
    pub(super) request: Request,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    Start(NodeSpec),
    Load,
    Persist { at_least: u64, epoch: Epoch },
    LeaseDeadline,
    Shutdown,
    Fault(FaultRequest),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FaultRequest {
    Install(Rule),
    Remove(RuleId),
    WaitForHits {
        id: RuleId,
        at_least: u64,
        limit: Duration,
    },
    Counts(RuleId),
    Trace(RuleId),
    Record {
        prefix: PathBuf,
        journal_dir: PathBuf,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromNode {
    Answer { id: u64, answer: Answer },
    State(LeaderState),
    StreamEnded,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Done,
    Value(u64),
    Started { service_endpoint: String },
    Deadline(Option<BootInstant>),
    Rule(RuleId),
    Counts(Counts),
    Trace(Vec<Call>),
    Driver(ConsensusError),
    Fault(String),
    Panicked(String),
    NotStarted,
}

/// One line, its end included. It begins with an end of line too: a driver may have printed half a
/// line of its own.
pub(super) fn to_line(message: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(format!("\n{MARK}{}\n", serde_json::to_string(message)?))
}

/// The message in a line, or `None` for a line that is not of the protocol.
pub(super) fn from_line<'a, T: Deserialize<'a>>(
    line: &'a str,
) -> Option<Result<T, serde_json::Error>> {
    line.strip_prefix(MARK).map(serde_json::from_str)
}
