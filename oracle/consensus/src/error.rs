//! What went wrong, sorted by what the caller does next.

use std::fmt;

use tsoracle_core::{Epoch, PHYSICAL_MS_MAX};

use crate::LeaderHint;

type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The answer of a driver that has no value to give. The class is API, the message is not.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ConsensusError {
    /// This node does not lead; nothing was applied. The caller goes to the hinted node.
    #[error("not the leader{}", hint_text(.leader.as_ref()))]
    NotLeader {
        /// Where the leader's service is, if this node knows it (L6).
        leader: Option<LeaderHint>,
    },
    /// The epoch is not this leader's own; nothing was applied. The caller stops using the epoch
    /// and waits for the next `Leader` event.
    #[error("epoch {offered} is fenced; the current epoch is {current}")]
    Fenced {
        /// The epoch that the caller used.
        offered: Epoch,
        /// The epoch that this node leads with, or that its state has seen.
        current: Epoch,
    },
    /// The advance cannot be represented; nothing was applied. Never retried: a clock is wrong.
    #[error(transparent)]
    AdvanceOutOfRange(AdvanceOutOfRange),
    /// Unknown whether it was applied. The caller retries with the same arguments, which P1 and P2
    /// make safe.
    #[error("try again: {0}")]
    Transient(#[source] Failure),
    /// Storage is gone or corrupt, and whether this call was applied is unknown. The caller stops
    /// the node.
    #[error("stop this node: {0}")]
    Permanent(#[source] Failure),
}

impl ConsensusError {
    /// A failure after which the same call may succeed.
    pub fn transient(source: impl Into<BoxError>) -> Self {
        Self::Transient(Failure::new(source))
    }

    /// A failure after which this node is of no more use.
    pub fn permanent(source: impl Into<BoxError>) -> Self {
        Self::Permanent(Failure::new(source))
    }

    /// The class alone, as a word for tables and logs.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::NotLeader { .. } => "NotLeader",
            Self::Fenced { .. } => "Fenced",
            Self::AdvanceOutOfRange(_) => "AdvanceOutOfRange",
            Self::Transient(_) => "Transient",
            Self::Permanent(_) => "Permanent",
        }
    }
}

fn hint_text(leader: Option<&LeaderHint>) -> String {
    leader.map_or_else(String::new, |hint| {
        format!("; the leader is at {}", hint.endpoint)
    })
}

impl From<AdvanceOutOfRange> for ConsensusError {
    fn from(out_of_range: AdvanceOutOfRange) -> Self {
        Self::AdvanceOutOfRange(out_of_range)
    }
}

/// The cause of a `Transient` or `Permanent` error: its source and, with feature `bt`, where it
/// was made.
pub struct Failure {
    source: BoxError,
    #[cfg(feature = "bt")]
    backtrace: std::backtrace::Backtrace,
}

impl Failure {
    /// Wraps a cause; with feature `bt`, captures the backtrace here.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self {
            source: source.into(),
            #[cfg(feature = "bt")]
            backtrace: std::backtrace::Backtrace::capture(),
        }
    }

    /// The cause itself, to be told by its type; after a deserialization only its words are left.
    #[must_use]
    pub fn cause(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.source
    }

    /// Where the failure was made. Empty unless `RUST_BACKTRACE` asks for it, and after a
    /// deserialization.
    #[cfg(feature = "bt")]
    pub fn backtrace(&self) -> &std::backtrace::Backtrace {
        &self.backtrace
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)?;
        #[cfg(feature = "bt")]
        if self.backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            write!(f, "\n{}", self.backtrace)?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.source, f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Failure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&chain(self))
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Failure {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(feature = "serde")]
fn chain(failure: &Failure) -> String {
    let sources = std::iter::successors(std::error::Error::source(failure), |e| e.source());
    let mut text = failure.to_string();
    for source in sources {
        let part = source.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
    }
    text
}

/// An advance above [`PHYSICAL_MS_MAX`], in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an advance to {at_least} ms is above the last representable millisecond, {PHYSICAL_MS_MAX}: \
     check this machine's clock"
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AdvanceOutOfRange {
    /// What the caller asked for.
    pub at_least: u64,
}

/// Clause P6, in one place: every driver calls this before anything else in a persist.
///
/// # Errors
/// [`AdvanceOutOfRange`] when `at_least` exceeds [`PHYSICAL_MS_MAX`].
pub fn reject_out_of_range_advance(at_least: u64) -> Result<(), AdvanceOutOfRange> {
    if at_least > PHYSICAL_MS_MAX {
        Err(AdvanceOutOfRange { at_least })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_millisecond_is_in_range_and_the_next_is_not() {
        assert_eq!(reject_out_of_range_advance(0), Ok(()));
        assert_eq!(reject_out_of_range_advance(PHYSICAL_MS_MAX), Ok(()));
        let at_least = PHYSICAL_MS_MAX + 1;
        assert_eq!(
            reject_out_of_range_advance(at_least),
            Err(AdvanceOutOfRange { at_least })
        );
        assert_eq!(
            ConsensusError::from(AdvanceOutOfRange { at_least }).class(),
            "AdvanceOutOfRange"
        );
    }

    #[test]
    fn the_cause_stays_reachable_through_source() {
        let error = ConsensusError::permanent(std::io::Error::other("sector 7 is gone"));
        assert_eq!(error.to_string(), "stop this node: sector 7 is gone");
        let cause = std::error::Error::source(&error).unwrap();
        assert_eq!(cause.to_string(), "sector 7 is gone");
        let ConsensusError::Permanent(failure) = error else {
            panic!("{error}");
        };
        assert!(failure.cause().is::<std::io::Error>());
    }

    #[cfg(feature = "serde")]
    #[test]
    fn every_class_crosses_the_wire() {
        let errors = [
            ConsensusError::NotLeader { leader: None },
            ConsensusError::Fenced {
                offered: Epoch::new(1),
                current: Epoch::new(2),
            },
            ConsensusError::AdvanceOutOfRange(AdvanceOutOfRange { at_least: u64::MAX }),
            ConsensusError::transient("no quorum"),
            ConsensusError::permanent("disk gone"),
        ];
        for error in errors {
            let text = serde_json::to_string(&error).unwrap();
            let back: ConsensusError = serde_json::from_str(&text).unwrap();
            assert_eq!(back.to_string(), error.to_string());
        }
    }

    #[cfg(feature = "bt")]
    #[test]
    fn a_failure_knows_where_it_was_made() {
        let ConsensusError::Transient(failure) = ConsensusError::transient("late") else {
            unreachable!("made as transient");
        };
        let status = failure.backtrace().status();
        assert_ne!(status, std::backtrace::BacktraceStatus::Unsupported);
    }
}
