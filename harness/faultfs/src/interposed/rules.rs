//! The rules in force, and what they do to a call.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libc::c_int;

use crate::counts::{Call, Counts};
use crate::error::Error;
use crate::interposed::matching::is_under;
use crate::interposed::raw::{self, Outcome};
use crate::rule::{Action, Op, Rule, RuleId, When};

static TABLE: Mutex<Table> = Mutex::new(Table {
    rules: Vec::new(),
    next: 1,
    watchers: 0,
});
static CHANGED: Condvar = Condvar::new();
/// Read before the lock, so that a process that only records pays nothing for rules.
static ANY: AtomicBool = AtomicBool::new(false);

struct Table {
    rules: Vec<InForce>,
    next: u64,
    /// Threads that wait for a rule to act: without one, no call has to wake any.
    watchers: usize,
}

/// An installed rule and what has come of it.
pub(crate) struct InForce {
    id: RuleId,
    rule: Rule,
    released: bool,
    seen: u64,
    pub(crate) hits: u64,
    pub(crate) counts: Counts,
    pub(crate) calls: Vec<Call>,
}

impl InForce {
    fn matches(&self, op: Op, paths: &[&Path]) -> bool {
        let only = &self.rule.only;
        if only.ops.as_ref().is_some_and(|ops| !ops.contains(&op)) {
            return false;
        }
        if self.rule.action == Action::ShortWrite && op != Op::Write {
            return false;
        }
        // `sync` has no path: it concerns every rule that does not ask for a name.
        if paths.is_empty() {
            return only.name.is_none();
        }
        let mut under = paths
            .iter()
            .filter(|path| is_under(path, &self.rule.prefix));
        under.any(|path| only.name.as_ref().is_none_or(|name| name.matches(path)))
    }
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
    let mut table = table();
    let id = RuleId(table.next);
    table.next += 1;
    let (counts, calls) = (Counts::default(), Vec::new());
    table.rules.push(InForce {
        id,
        rule,
        released: false,
        seen: 0,
        hits: 0,
        counts,
        calls,
    });
    ANY.store(true, Ordering::Relaxed);
    id
}

/// Keeps the rules for which `stays` holds; returns how many went.
pub(crate) fn retain(stays: impl Fn(RuleId) -> bool) -> usize {
    let mut table = table();
    let before = table.rules.len();
    table.rules.retain(|rule| stays(rule.id));
    ANY.store(!table.rules.is_empty(), Ordering::Relaxed);
    CHANGED.notify_all();
    before - table.rules.len()
}

/// Looks at an installed rule.
pub(crate) fn look<T>(id: RuleId, read: impl FnOnce(&InForce) -> T) -> Result<T, Error> {
    table()
        .rules
        .iter()
        .find(|rule| rule.id == id)
        .map(read)
        .ok_or(Error::UnknownRule(id))
}

/// Lets the calls that wait at a stall go on.
pub(crate) fn release(id: RuleId) -> Result<(), Error> {
    let mut table = table();
    let rule = table
        .rules
        .iter_mut()
        .find(|rule| rule.id == id)
        .ok_or(Error::UnknownRule(id))?;
    if !matches!(rule.rule.action, Action::Stall { .. }) {
        return Err(Error::NotAStall(id));
    }
    rule.released = true;
    CHANGED.notify_all();
    Ok(())
}

/// Waits for a rule to act `n` times.
pub(crate) fn wait_for_hits(id: RuleId, n: u64, limit: Duration) -> Result<u64, Error> {
    let until = Instant::now() + limit;
    let mut table = table();
    loop {
        let hits = table
            .rules
            .iter()
            .find(|rule| rule.id == id)
            .map(|rule| rule.hits);
        let hits = hits.ok_or(Error::UnknownRule(id))?;
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

/// What the rules have decided about one call.
#[derive(Default)]
struct Verdict {
    matched: Vec<RuleId>,
    delay: Duration,
    stalls: Vec<(RuleId, Option<Duration>)>,
    crash: Option<When>,
    fail: Option<c_int>,
    shorten: bool,
}

/// Runs a call under the rules. `real` is told whether to write less than it was asked to; `paths`
/// is empty for a call that concerns everything.
pub(crate) fn apply(op: Op, paths: &[&Path], real: impl FnOnce(bool) -> Outcome) -> Outcome {
    if !any() {
        return real(false);
    }
    let verdict = decide(op, paths);
    if !verdict.delay.is_zero() {
        thread::sleep(verdict.delay);
    }
    for (id, at_most) in &verdict.stalls {
        stall(*id, *at_most);
    }
    if verdict.crash == Some(When::Before) {
        raw::kill_self();
    }
    let outcome = match verdict.fail {
        Some(code) => Err(code),
        None => real(verdict.shorten),
    };
    if verdict.crash == Some(When::After) {
        raw::kill_self();
    }
    count(op, &verdict.matched, outcome);
    outcome
}

fn decide(op: Op, paths: &[&Path]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut table = table();
    for rule in table
        .rules
        .iter_mut()
        .filter(|rule| rule.matches(op, paths))
    {
        rule.seen += 1;
        verdict.matched.push(rule.id);
        if !rule.rule.trigger.fires_at(rule.seen) || rule.released {
            continue;
        }
        rule.hits += 1;
        match rule.rule.action {
            Action::Count => {}
            Action::Trace => {
                let path = paths
                    .last()
                    .map_or_else(PathBuf::new, |path| path.to_path_buf());
                rule.calls.push(Call {
                    n: rule.seen,
                    op,
                    path,
                });
            }
            Action::Delay(time) => verdict.delay += time,
            Action::Stall { at_most } => verdict.stalls.push((rule.id, at_most)),
            Action::Fail(errno) => verdict.fail = verdict.fail.or(Some(errno.code())),
            Action::ShortWrite => verdict.shorten = true,
            // Where one rule says before and another after, before comes first.
            Action::Crash(when) if verdict.crash != Some(When::Before) => {
                verdict.crash = Some(when);
            }
            Action::Crash(_) => {}
        }
    }
    if table.watchers > 0 {
        CHANGED.notify_all();
    }
    verdict
}

fn stall(id: RuleId, at_most: Option<Duration>) {
    let until = at_most.map(|time| Instant::now() + time);
    let mut table = table();
    while table
        .rules
        .iter()
        .any(|rule| rule.id == id && !rule.released)
    {
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
    let mut table = table();
    for rule in table
        .rules
        .iter_mut()
        .filter(|rule| matched.contains(&rule.id))
    {
        match outcome {
            Ok(bytes) if op == Op::Write => rule.counts.add(op, bytes.unsigned_abs() as u64),
            Ok(_) => rule.counts.add(op, 0),
            Err(_) => rule.counts.failed += 1,
        }
    }
}
