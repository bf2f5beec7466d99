//! How a run ends.

use serde::{Deserialize, Serialize};
use tsoracle_testbed::{TestbedError, TimedOut};

/// The verdict on one run of one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Service came back while the fault lasted, or never stopped.
    Recovered,
    /// Service came back when the fault was removed.
    StalledUntilHeal,
    /// Three or more leader changes, and no second of service.
    Livelock,
    /// No quorum was left, and nothing was acknowledged.
    UnavailableByDesign,
    /// The driver broke a promise; the reason says which.
    Unsafe,
    /// Nothing shows that the fault happened.
    Invalid,
    /// Service did not come back, or the run came to no end.
    Failed,
    /// The scenario does not apply; the reason says why.
    NotOffered,
}

impl Verdict {
    /// Whether a run with this verdict is a result. One that is unsafe, invalid or failed is not.
    #[must_use]
    pub fn is_good(self) -> bool {
        !matches!(self, Self::Unsafe | Self::Invalid | Self::Failed)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Recovered => "recovered",
            Self::StalledUntilHeal => "stalled until heal",
            Self::Livelock => "livelock",
            Self::UnavailableByDesign => "unavailable by design",
            Self::Unsafe => "unsafe",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
            Self::NotOffered => "not offered",
        })
    }
}

/// Why a run stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The driver did not do what it must.
    Failed(String),
    /// The fault could not be made, or did not happen.
    Invalid(String),
}

/// What was waited for is the driver's to do.
impl From<TimedOut> for Stop {
    fn from(timed_out: TimedOut) -> Self {
        Self::Failed(timed_out.to_string())
    }
}

/// A fault that the testbed could not make shows nothing; the driver's own refusal does.
impl From<TestbedError> for Stop {
    fn from(error: TestbedError) -> Self {
        match error {
            TestbedError::Driver(error) => Self::Failed(format!("{}: {error}", error.class())),
            error => Self::Invalid(error.to_string()),
        }
    }
}
