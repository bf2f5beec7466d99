//! What crosses the pipe: one JSON object a line, marked so that a driver may print as it likes.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tsoracle_consensus::{
    AdvancePayload, BootInstant, ConsensusError, Epoch, HandoffError, LeaderState, Member,
    MembershipError, NodeId,
};
use tsoracle_faultfs::{Call, Counts, Rule, RuleId};

use super::TestbedError;
use crate::{HookKind, LinkFault, NodeSpec};

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
    Node(NodeRequest),
    Fault(FaultRequest),
}

/// What only a node that runs can answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum NodeRequest {
    Load,
    Persist { at_least: u64, epoch: Epoch },
    LeaseDeadline,
    Shutdown,
    Hook(HookCall),
    HandOff(NodeId),
    Membership(MembershipCall),
    SetLink { to: NodeId, fault: LinkFault },
    Disturbed(NodeId),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum HookCall {
    HoldApply(bool),
    Inject(AdvancePayload),
    SnapshotNow,
    PurgeNow,
    Campaign,
}

impl HookCall {
    pub(super) fn kind(self) -> HookKind {
        match self {
            Self::HoldApply(_) => HookKind::HoldApply,
            Self::Inject(_) => HookKind::Inject,
            Self::SnapshotNow => HookKind::SnapshotNow,
            Self::PurgeNow => HookKind::PurgeNow,
            Self::Campaign => HookKind::Campaign,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum MembershipCall {
    Members,
    Add(Member),
    Remove(NodeId),
    Replace { old: NodeId, new: Member },
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
    HandedOff(Result<(), HandoffError>),
    Members(Result<Vec<Member>, MembershipError>),
    Changed(Result<(), MembershipError>),
    Lacks(Capability),
    Fault(String),
    Panicked(String),
    NotStarted,
}

impl Answer {
    /// What a caller makes of an answer that is not the one it hoped for.
    pub(super) fn into_error(self) -> TestbedError {
        match self {
            Self::Driver(error) => error.into(),
            Self::Lacks(capability) => TestbedError::Lacks(capability.name()),
            Self::Fault(refusal) => TestbedError::Faults(refusal),
            other => TestbedError::Protocol(format!("{other:?}")),
        }
    }
}

/// What a node may lack.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Capability {
    Hook(HookKind),
    Handoff,
    Membership,
    Links,
}

impl Capability {
    fn name(self) -> &'static str {
        match self {
            Self::Hook(HookKind::HoldApply) => "hook hold_apply",
            Self::Hook(HookKind::Inject) => "hook inject",
            Self::Hook(HookKind::SnapshotNow) => "hook snapshot_now",
            Self::Hook(HookKind::PurgeNow) => "hook purge_now",
            Self::Hook(HookKind::Campaign) => "hook campaign",
            Self::Handoff => "Handoff",
            Self::Membership => "Membership",
            Self::Links => "LinkFaults",
        }
    }
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
