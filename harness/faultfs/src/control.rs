//! The calls of a check.

use std::path::Path;
use std::time::Duration;

use crate::counts::{Call, Counts};
use crate::error::Error;
use crate::loss::Loss;
use crate::rule::{Rule, RuleId};

/// Whether file calls of this program are interposed.
pub fn supported() -> bool {
    false
}

/// Puts a rule in force.
pub fn install(rule: Rule) -> Result<RuleId, Error> {
    let _ = rule;
    Err(Error::Unsupported)
}

/// Ends a rule; calls that it stalls go on.
pub fn remove(id: RuleId) -> Result<(), Error> {
    Err(Error::UnknownRule(id))
}

/// Lets the calls that a rule stalls go on, and all later ones pass.
pub fn release(id: RuleId) -> Result<(), Error> {
    Err(Error::NotAStall(id))
}

/// How often a rule acted.
pub fn hits(id: RuleId) -> Result<u64, Error> {
    Err(Error::UnknownRule(id))
}

/// Waits until a rule has acted `n` times or `limit` has passed; returns how often it acted.
pub fn wait_for_hits(id: RuleId, n: u64, limit: Duration) -> Result<u64, Error> {
    let _ = (n, limit);
    Err(Error::UnknownRule(id))
}

/// What the calls that match a rule were.
pub fn counts(id: RuleId) -> Result<Counts, Error> {
    Err(Error::UnknownRule(id))
}

/// The calls that match a rule with [`Action::Trace`](crate::Action::Trace), in order.
pub fn trace(id: RuleId) -> Result<Vec<Call>, Error> {
    Err(Error::UnknownRule(id))
}

/// Ends all rules.
pub fn clear_all() {}

/// Records.
pub fn record_unsynced(prefix: &Path, journal_dir: &Path) -> Result<(), Error> {
    let _ = (prefix, journal_dir);
    Err(Error::Unsupported)
}

/// Ends the recording.
pub fn stop_recording() {}

/// Loses.
pub fn lose_unsynced(prefix: &Path, journal_dir: &Path) -> Result<Loss, Error> {
    let _ = (prefix, journal_dir);
    Err(Error::Unsupported)
}
