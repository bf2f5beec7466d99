//! How a check ends.

use serde::{Deserialize, Serialize};
use tokio::task::JoinError;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{TestbedError, TimedOut};

use crate::OracleError;

/// The verdict on one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The property held, and the check's guards say that it was really tried.
    Held,
    /// The property did not hold.
    Failed,
    /// The fault or the load did not happen, so nothing was shown. Counts as a failure.
    Invalid,
    /// The check does not apply to this backend, or this machine cannot run it; the reason says
    /// which.
    NotOffered,
}

impl Verdict {
    /// Whether a run with this verdict is good.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Held | Self::NotOffered)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::NotOffered => "not offered",
        })
    }
}

/// Why a check stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The driver broke the clause.
    Failed(String),
    /// The check could not show anything.
    Invalid(String),
    /// The check does not apply.
    NotOffered(String),
}

/// An unexpected answer of the driver breaks the clause under test.
impl From<ConsensusError> for Stop {
    fn from(error: ConsensusError) -> Self {
        Self::Failed(format!("unexpected {}: {error}", error.class()))
    }
}

/// So does an answer that never comes.
impl From<TimedOut> for Stop {
    fn from(timed_out: TimedOut) -> Self {
        Self::Failed(timed_out.to_string())
    }
}

/// So does an oracle that cannot serve on it.
impl From<OracleError> for Stop {
    fn from(error: OracleError) -> Self {
        match error {
            OracleError::Driver(error) => error.into(),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// So does a panic in a call that ran as a task of its own.
impl From<JoinError> for Stop {
    fn from(error: JoinError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A fault that the testbed could not make shows nothing; the driver's own refusal does.
impl From<TestbedError> for Stop {
    fn from(error: TestbedError) -> Self {
        match error {
            TestbedError::Driver(error) => error.into(),
            error => Self::Invalid(error.to_string()),
        }
    }
}

/// The result of one check on one backend.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check's name.
    pub check: String,
    /// Its clause.
    pub clause: String,
    /// The backend's name.
    pub backend: String,
    /// How many nodes.
    pub nodes: usize,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, unless it held.
    pub reason: Option<String>,
    /// The seed that replays it.
    pub seed: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// What the check counted while it ran: evidence that it tried, and declared gaps.
    pub evidence: Vec<Evidence>,
    /// The last calls before a failure, oldest first.
    pub history: Vec<String>,
}

/// One thing that a check counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What.
    pub what: String,
    /// How many.
    pub count: u64,
}

/// Ends the check as failed unless a condition holds.
macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err($crate::Stop::Failed(format!($($why)+)));
        }
    };
}

/// Ends the check as invalid unless what it relies on really happened.
macro_rules! guard {
    ($happened:expr, $($what:tt)+) => {
        if !$happened {
            return Err($crate::Stop::Invalid(format!($($what)+)));
        }
    };
}

pub(crate) use {ensure, guard};
