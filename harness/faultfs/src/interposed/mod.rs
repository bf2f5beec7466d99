//! The calls of a check, where file calls are interposed.

mod hook;
mod journal;
mod place;
mod raw;
mod rules;

use std::path::Path;
use std::time::Duration;

use crate::counts::{Call, Counts};
use crate::error::Error;
use crate::loss::Loss;
use crate::matching::resolve;
use crate::rule::{Rule, RuleId};

/// Whether the file calls of this program reach this crate.
///
/// False on other targets than `x86_64` and `aarch64` Linux with glibc, and where this crate is
/// linked into a shared library instead of the executable.
pub fn supported() -> bool {
    hook::is_linked()
}

/// Puts a rule in force. Its prefix is resolved now: later changes of symbolic links on the way to
/// it, or of the working directory, do not matter.
///
/// # Errors
/// [`Error::Unsupported`]; [`Error::Path`] if the prefix cannot be resolved.
pub fn install(rule: Rule) -> Result<RuleId, Error> {
    if !supported() {
        return Err(Error::Unsupported);
    }
    let id = rules::add(Rule {
        prefix: resolve(&rule.prefix)?,
        ..rule
    });
    hook::update();
    Ok(id)
}

/// Ends a rule; calls that wait at it go on.
///
/// # Errors
/// [`Error::UnknownRule`].
pub fn remove(id: RuleId) -> Result<(), Error> {
    let removed = rules::remove(id);
    hook::update();
    removed
}

/// Ends all rules; calls that wait at one go on. A recording continues.
pub fn clear_all() {
    rules::clear();
    hook::update();
}

/// Lets the calls that wait at a rule with [`Action::Stall`](crate::Action::Stall) go on, and later ones pass.
///
/// # Errors
/// [`Error::UnknownRule`], [`Error::NotAStall`].
pub fn release(id: RuleId) -> Result<(), Error> {
    rules::release(id)
}

/// How often a rule acted: a check whose fault never happened has passed in vain.
///
/// # Errors
/// [`Error::UnknownRule`].
pub fn hits(id: RuleId) -> Result<u64, Error> {
    rules::look(|rules| rules.hits(id))
}

/// Waits until a rule has acted `n` times or `limit` has passed; returns how often it acted. The
/// way to know that a call has arrived at its stall.
///
/// # Errors
/// [`Error::UnknownRule`], also if the rule is removed meanwhile.
pub fn wait_for_hits(id: RuleId, n: u64, limit: Duration) -> Result<u64, Error> {
    rules::wait_for_hits(id, n, limit)
}

/// The calls that match a rule, whatever its action, and that have returned.
///
/// # Errors
/// [`Error::UnknownRule`].
pub fn counts(id: RuleId) -> Result<Counts, Error> {
    rules::look(|rules| rules.counts(id))
}

/// The calls that a rule with [`Action::Trace`](crate::Action::Trace) acted on, in order, from the moment that they
/// begin; of other rules, none.
///
/// # Errors
/// [`Error::UnknownRule`].
pub fn trace(id: RuleId) -> Result<Vec<Call>, Error> {
    rules::look(|rules| rules.trace(id))
}

/// From now on writes down, before it happens, whatever changes under `prefix`, so that
/// [`lose_unsynced`] can undo it. What is there already counts as durable.
///
/// `journal_dir` lies outside the prefix, on the same file system, and is made if need be. Where
/// it holds the journal of an earlier process, that one is continued: what was not synced before a
/// restart is lost with the rest. It grows until [`lose_unsynced`] ends it. A process records one
/// prefix at a time; forked children are not recorded.
///
/// # Errors
/// [`Error::Unsupported`], [`Error::InUse`], [`Error::JournalPlace`], [`Error::Journal`] if there
/// is another prefix's journal or a damaged one, [`Error::Path`].
pub fn record_unsynced(prefix: &Path, journal_dir: &Path) -> Result<(), Error> {
    if !supported() {
        return Err(Error::Unsupported);
    }
    journal::start(prefix, journal_dir)?;
    hook::update();
    Ok(())
}

/// Ends the recording of this process. The journal stays as it is, and does not know of what
/// changes from now on.
pub fn stop_recording() {
    journal::stop();
    hook::update();
}

/// Loses the power, after the death of the process that recorded: brings `prefix` to the state
/// that was durable, and ends the journal. Returns what that changed.
///
/// # Errors
/// [`Error::InUse`] while the recording process lives; [`Error::Journal`], [`Error::Gone`] or
/// [`Error::Path`] if the journal does not tell enough: the prefix is then of no use to a check.
pub fn lose_unsynced(prefix: &Path, journal_dir: &Path) -> Result<Loss, Error> {
    journal::lose(prefix, journal_dir)
}
