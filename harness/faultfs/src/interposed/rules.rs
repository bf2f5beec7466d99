//! The rules of this process, and the calls that run under them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::interposed::raw::{self, Outcome};
use crate::rule::{Op, Rule, RuleId, When};
use crate::table::{Decision, RuleTable};

static TABLE: Mutex<Table> = Mutex::new(Table {
    rules: RuleTable::new(),
    watchers: 0,
});
static CHANGED: Condvar = Condvar::new();
/// Read before the lock, so that a process that only records pays nothing for rules.
static ANY: AtomicBool = AtomicBool::new(false);

struct Table {
    rules: RuleTable,
    /// Threads that wait for a rule to act: without one, no call has to wake any.
    watchers: usize,
}

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether any rule is in force.
pub(crate) fn any() -> bool {
    ANY.load(Ordering::Relaxed)
}

/// Adds a rule whose prefix is resolved.
pub(crate) fn add(rule: Rule) -> RuleId {
    change(|rules| rules.add(rule))
}

/// Ends a rule.
pub(crate) fn remove(id: RuleId) -> Result<(), Error> {
    change(|rules| rules.remove(id))
}

/// Ends all rules.
pub(crate) fn clear() {
    change(RuleTable::clear);
}

/// Lets the calls that wait at a stall go on.
pub(crate) fn release(id: RuleId) -> Result<(), Error> {
    change(|rules| rules.release(id))
}

fn change<T>(change: impl FnOnce(&mut RuleTable) -> T) -> T {
    let mut table = table();
    let done = change(&mut table.rules);
    ANY.store(!table.rules.is_empty(), Ordering::Relaxed);
    CHANGED.notify_all();
    done
}

/// Looks at the rules.
pub(crate) fn look<T>(read: impl FnOnce(&RuleTable) -> T) -> T {
    read(&table().rules)
}

/// Waits for a rule to act `n` times.
pub(crate) fn wait_for_hits(id: RuleId, n: u64, limit: Duration) -> Result<u64, Error> {
    let until = Instant::now() + limit;
    let mut table = table();
    loop {
        let hits = table.rules.hits(id)?;
        let left = until.saturating_duration_since(Instant::now());
        if hits >= n || left.is_zero() {
            return Ok(hits);
        }
        table.watchers += 1;
        table = CHANGED
            .wait_timeout(table, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        table.watchers -= 1;
    }
}

/// Runs a call under the rules. `real` is told whether to write less than it was asked to; `paths`
/// is empty for a call that concerns everything.
pub(crate) fn apply(op: Op, paths: &[&Path], real: impl FnOnce(bool) -> Outcome) -> Outcome {
    if !any() {
        return real(false);
    }
    let decision = decide(op, paths);
    if !decision.delay.is_zero() {
        thread::sleep(decision.delay);
    }
    for (id, at_most) in &decision.stalls {
        stall(*id, *at_most);
    }
    if decision.crash == Some(When::Before) {
        raw::kill_self();
    }
    let outcome = match decision.fail {
        Some(errno) => Err(errno.code()),
        None => real(decision.shorten),
    };
    if decision.crash == Some(When::After) {
        raw::kill_self();
    }
    count(op, &decision.matched, outcome);
    outcome
}

fn decide(op: Op, paths: &[&Path]) -> Decision {
    let mut table = table();
    let decision = table.rules.decide(op, paths);
    if table.watchers > 0 {
        CHANGED.notify_all();
    }
    decision
}

fn stall(id: RuleId, at_most: Option<Duration>) {
    let until = at_most.map(|time| Instant::now() + time);
    let mut table = table();
    while table.rules.is_stalled(id) {
        table = match until.map(|until| until.saturating_duration_since(Instant::now())) {
            None => CHANGED.wait(table).unwrap_or_else(PoisonError::into_inner),
            Some(left) if left.is_zero() => return,
            Some(left) => {
                CHANGED
                    .wait_timeout(table, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
    }
}

fn count(op: Op, matched: &[RuleId], outcome: Outcome) {
    if matched.is_empty() {
        return;
    }
    let done = outcome.ok().map(|result| match op {
        Op::Write => result.unsigned_abs() as u64,
        _ => 0,
    });
    table().rules.count(op, matched, done);
}
