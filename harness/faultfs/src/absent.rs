//! The calls of a check, where file calls cannot be interposed.

use std::path::Path;
use std::time::Duration;

use crate::counts::{Call, Counts};
use crate::error::Error;
use crate::loss::Loss;
use crate::rule::{Rule, RuleId};

/// Whether the file calls of this program reach this crate: on this target they do not.
pub fn supported() -> bool {
    false
}

/// Puts a rule in force.
///
/// # Errors
/// [`Error::Unsupported`].
pub fn install(_rule: Rule) -> Result<RuleId, Error> {
    Err(Error::Unsupported)
}

/// Ends a rule.
///
/// # Errors
/// [`Error::UnknownRule`].
pub fn remove(id: RuleId) -> Result<(), Error> {
    Err(Error::UnknownRule(id))
}

/// Ends all rules.
pub fn clear_all() {}

/// Ends a stall.
///
/// # Errors
/// [`Error::UnknownRule`].
pub fn release(id: RuleId) -> Result<(), Error> {
    Err(Error::UnknownRule(id))
}

/// How often a rule acted.
///
/// # Errors
/// [`Error::UnknownRule`].
pub fn hits(id: RuleId) -> Result<u64, Error> {
    Err(Error::UnknownRule(id))
}

/// Waits until a rule has acted `n` times.
///
/// # Errors
/// [`Error::UnknownRule`].
pub fn wait_for_hits(id: RuleId, _n: u64, _limit: Duration) -> Result<u64, Error> {
    Err(Error::UnknownRule(id))
}

/// The calls that match a rule.
///
/// # Errors
/// [`Error::UnknownRule`].
pub fn counts(id: RuleId) -> Result<Counts, Error> {
    Err(Error::UnknownRule(id))
}

/// The calls that a rule traced.
///
/// # Errors
/// [`Error::UnknownRule`].
pub fn trace(id: RuleId) -> Result<Vec<Call>, Error> {
    Err(Error::UnknownRule(id))
}

/// Begins to record.
///
/// # Errors
/// [`Error::Unsupported`].
pub fn record_unsynced(_prefix: &Path, _journal_dir: &Path) -> Result<(), Error> {
    Err(Error::Unsupported)
}

/// Ends the recording of this process.
pub fn stop_recording() {}

/// Loses the power.
///
/// # Errors
/// [`Error::Unsupported`].
pub fn lose_unsynced(_prefix: &Path, _journal_dir: &Path) -> Result<Loss, Error> {
    Err(Error::Unsupported)
}
