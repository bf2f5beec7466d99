//! Is a history of loads and persists linearizable? The pass of the contract's last section.
//!
//! The register only rises, so a linearization is settled by the moment at which it reaches each
//! value that somebody was told: call that moment t(r). It must lie after the start of every call
//! that returned less (that call took effect before t), inside a persist that can have raised the
//! register to exactly r, and not after the end of any call that returned r or more. Taking the
//! earliest such moment, in ascending order of r, is optimal, since a later t(r) only narrows what
//! follows. O(n log n).

use std::fmt;

use tsoracle_consensus::{ConsensusError, Epoch, NodeId};

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
    /// Nobody can have raised the register to a value in time.
    #[error(
        "{value} was returned, but no persist of it was under way after every call that returned \
         less had begun{}", contradiction_text(.after.as_deref())
    )]
    FromNowhere {
        /// The value.
        value: u64,
        /// The call that returned less and began last.
        after: Option<Box<Call>>,
    },
    /// A call returned a value, and a later one an older value.
    #[error("the register went back: {higher}, and later {lower}")]
    WentBack {
        /// The call that returned the higher value first.
        higher: Box<Call>,
        /// A call that returned less and began after it, or whose persist came too late for it.
        lower: Box<Call>,
    },
}

fn contradiction_text(after: Option<&Call>) -> String {
    after.map_or_else(String::new, |call| format!(" ({call})"))
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

    let mut reached: Option<(u64, &Call)> = None;
    let mut latest_start: Option<&Call> = None;
    let mut next = 0;
    while next < answered.len() {
        let value = answered[next].0;
        if value > initial {
            let after = [
                reached.map(|(at, _)| at),
                latest_start.map(|call| call.start_ns),
            ];
            let after = after.into_iter().flatten().max();
            let Some((at, by)) = raises.earliest(value, after) else {
                return Err(HistoryError::FromNowhere {
                    value,
                    after: boxed(latest_start),
                });
            };
            let first_to_end = ends.from(next);
            if at > first_to_end.end_ns {
                let lower = Box::new(latest_start.unwrap_or(by).clone());
                let higher = Box::new(first_to_end.clone());
                return Err(HistoryError::WentBack { higher, lower });
            }
            reached = Some((at, by));
        }
        while next < answered.len() && answered[next].0 == value {
            let call = answered[next].1;
            if latest_start.is_none_or(|latest| call.start_ns > latest.start_ns) {
                latest_start = Some(call);
            }
            next += 1;
        }
    }
    Ok(())
}

fn boxed(call: Option<&Call>) -> Option<Box<Call>> {
    call.cloned().map(Box::new)
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

    /// The earliest moment, not before `after`, at which one of them can raise to `value`.
    fn earliest(&self, value: u64, after: Option<u64>) -> Option<(u64, &'a Call)> {
        let first = self.0.partition_point(|(raised, _)| *raised < value);
        self.0[first..]
            .iter()
            .take_while(|(raised, _)| *raised == value)
            .filter_map(|(_, call)| {
                let at = after.map_or(call.start_ns, |after| after.max(call.start_ns));
                (call.is_unknown() || at <= call.end_ns).then_some((at, *call))
            })
            .min_by_key(|(at, _)| *at)
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
