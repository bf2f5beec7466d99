//! Is a history of loads and persists linearizable? The pass of the contract's last section.
//!
//! The register only rises, so a linearization is settled by the moment at which it reaches each
//! value r that somebody was told. The latest moment that is allowed is the first end of a call
//! that returned r or more. These moments rise with r, and taking each as late as allowed loses
//! nothing: every call that returned less has the most time to take effect before it, and so has
//! every persist of r to begin. What is left to ask for each r: did all calls that returned less
//! begin by then, and had a persist of r begun that returned r or has no known answer? It cannot
//! have ended too early, for one that returned r is among the calls whose first end was taken.
//! O(n log n).

use std::fmt;

use tsoracle_consensus::{ConsensusError, Epoch, NodeId};

#[cfg(test)]
mod tests;

/// What was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `load_high_water`.
    Load,
    /// `persist_high_water`.
    Persist {
        /// Milliseconds.
        at_least: u64,
        /// The epoch that was offered.
        epoch: Epoch,
    },
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a value.
    Value(u64),
    /// With a refusal that says that nothing was, or will be, applied.
    Refused(String),
    /// Nobody knows; it may still be applied later.
    Unknown(String),
}

impl Outcome {
    /// Sorts a driver's answer.
    #[must_use]
    pub fn of(answer: &Result<u64, ConsensusError>) -> Self {
        match answer {
            Ok(value) => Self::Value(*value),
            Err(error @ (ConsensusError::Transient(_) | ConsensusError::Permanent(_))) => {
                Self::Unknown(error.class().into())
            }
            Err(error) => Self::Refused(error.class().into()),
        }
    }
}

/// One call: where, what, when, and how it ended. Times are nanoseconds of one clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The node that was asked.
    pub node: NodeId,
    /// What was called.
    pub operation: Operation,
    /// When it was called.
    pub start_ns: u64,
    /// When it ended, or was dropped.
    pub end_ns: u64,
    /// How it ended.
    pub outcome: Outcome,
}

impl Call {
    fn returned(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Value(value) => Some(value),
            _ => None,
        }
    }

    fn asked(&self) -> Option<u64> {
        match self.operation {
            Operation::Persist { at_least, .. } => Some(at_least),
            Operation::Load => None,
        }
    }

    fn is_unknown(&self) -> bool {
        matches!(self.outcome, Outcome::Unknown(_))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |ns: u64| ns / 1_000;
        write!(
            f,
            "[{:>9} .. {:>9} us] node {}: ",
            us(self.start_ns),
            us(self.end_ns),
            self.node
        )?;
        match self.operation {
            Operation::Load => write!(f, "load")?,
            Operation::Persist { at_least, epoch } => write!(f, "persist {at_least} in {epoch}")?,
        }
        match &self.outcome {
            Outcome::Value(value) => write!(f, " -> {value}"),
            Outcome::Refused(class) => write!(f, " -> refused ({class})"),
            Outcome::Unknown(class) => write!(f, " -> unknown ({class})"),
        }
    }
}

/// Why a history is not linearizable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// A persist returned less than it was asked for.
    #[error("a persist returned less than it was asked for: {0}")]
    BelowRequest(Box<Call>),
    /// A call returned less than the initial value.
    #[error("a value below the initial one was returned: {0}")]
    BelowInitial(Box<Call>),
    /// A value that nobody can have raised the register to.
    #[error("no persist can have raised the register to the value of: {0}")]
    FromNowhere(Box<Call>),
    /// A value was known before any persist of it had begun.
    #[error("{known} ended before the first persist of {value} that can have raised it: {raise}")]
    TooEarly {
        /// A value that was returned, and cannot have been reached in time.
        value: u64,
        /// The call that returned the value, or more, and ended first.
        known: Box<Call>,
        /// The persist of the value that began first.
        raise: Box<Call>,
    },
    /// A call returned a value, and a later one an older value.
    #[error("the register went back: {higher}, and later {lower}")]
    WentBack {
        /// The call that returned the higher value, and ended first.
        higher: Box<Call>,
        /// A call that began after that and returned less.
        lower: Box<Call>,
    },
}

/// Checks a history that began with the register at `initial`.
///
/// # Errors
/// The first contradiction, with the calls that it is made of.
pub fn check_history(initial: u64, calls: &[Call]) -> Result<(), HistoryError> {
    refuse_impossible_values(initial, calls)?;
    let mut answered: Vec<(u64, &Call)> = calls
        .iter()
        .filter_map(|call| Some((call.returned()?, call)))
        .collect();
    answered.sort_by_key(|(value, _)| *value);
    let raises = Raises::of(calls);
    let ends = EarliestEnds::of(&answered);

    let mut latest_below: Option<&Call> = None;
    let mut next = 0;
    while next < answered.len() {
        let (value, first) = answered[next];
        let known = ends.from(next);
        if value > initial {
            refuse_way_back(known, latest_below)?;
            refuse_unraised(value, first, known, &raises)?;
        }
        while next < answered.len() && answered[next].0 == value {
            let call = answered[next].1;
            if latest_below.is_none_or(|latest| call.start_ns > latest.start_ns) {
                latest_below = Some(call);
            }
            next += 1;
        }
    }
    Ok(())
}

/// `known` returned a value, or more, and ended first; no call that returned less may begin later.
fn refuse_way_back(known: &Call, latest_below: Option<&Call>) -> Result<(), HistoryError> {
    match latest_below {
        Some(lower) if lower.start_ns > known.end_ns => Err(HistoryError::WentBack {
            higher: Box::new(known.clone()),
            lower: Box::new(lower.clone()),
        }),
        _ => Ok(()),
    }
}

/// A persist of `value` must have begun by the time at which `known` ended.
fn refuse_unraised(
    value: u64,
    first: &Call,
    known: &Call,
    raises: &Raises<'_>,
) -> Result<(), HistoryError> {
    let Some(raise) = raises.first(value) else {
        return Err(HistoryError::FromNowhere(Box::new(first.clone())));
    };
    if raise.start_ns > known.end_ns {
        return Err(HistoryError::TooEarly {
            value,
            known: Box::new(known.clone()),
            raise: Box::new(raise.clone()),
        });
    }
    Ok(())
}

fn refuse_impossible_values(initial: u64, calls: &[Call]) -> Result<(), HistoryError> {
    for call in calls {
        let Some(value) = call.returned() else {
            continue;
        };
        if value < initial {
            return Err(HistoryError::BelowInitial(Box::new(call.clone())));
        }
        if call.asked().is_some_and(|at_least| value < at_least) {
            return Err(HistoryError::BelowRequest(Box::new(call.clone())));
        }
    }
    Ok(())
}

/// The persists that can have raised the register to exactly what they asked for: they returned
/// that, or nobody knows. Sorted by value, then by start.
struct Raises<'a>(Vec<(u64, &'a Call)>);

impl<'a> Raises<'a> {
    fn of(calls: &'a [Call]) -> Self {
        let mut raises: Vec<(u64, &Call)> = calls
            .iter()
            .filter_map(|call| {
                let at_least = call.asked()?;
                (call.is_unknown() || call.returned() == Some(at_least)).then_some((at_least, call))
            })
            .collect();
        raises.sort_by_key(|(value, call)| (*value, call.start_ns));
        Self(raises)
    }

    /// The one that began first.
    fn first(&self, value: u64) -> Option<&'a Call> {
        let first = self.0.partition_point(|(raised, _)| *raised < value);
        let (raised, call) = self.0.get(first)?;
        (*raised == value).then_some(*call)
    }
}

/// For each place of the sorted answers, the one at or after it that ended first.
struct EarliestEnds<'a>(Vec<&'a Call>);

impl<'a> EarliestEnds<'a> {
    fn of(answered: &[(u64, &'a Call)]) -> Self {
        let mut ends: Vec<&Call> = Vec::with_capacity(answered.len());
        for (_, call) in answered.iter().rev() {
            let first = match ends.last() {
                Some(so_far) if so_far.end_ns <= call.end_ns => so_far,
                _ => call,
            };
            ends.push(first);
        }
        ends.reverse();
        Self(ends)
    }

    fn from(&self, place: usize) -> &'a Call {
        self.0[place]
    }
}
