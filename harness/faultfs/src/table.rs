//! Rules in force, and what they do to a call.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::counts::{Call, Counts};
use crate::error::Error;
use crate::matching::is_under;
use crate::rule::{Action, Errno, Op, Rule, RuleId, Trigger, When};

/// The rules of one disk: decides what happens to each call, and counts.
///
/// It does nothing by itself. Whoever runs the calls asks [`decide`](Self::decide) before each,
/// does what the decision says, and reports the outcome with [`count`](Self::count). This crate
/// does so for the file calls of its process; a harness may for a disk that it simulates.
#[derive(Debug)]
pub struct RuleTable {
    rules: Vec<InForce>,
    next: u64,
}

/// An installed rule and what has come of it.
#[derive(Debug)]
struct InForce {
    id: RuleId,
    rule: Rule,
    released: bool,
    seen: u64,
    hits: u64,
    counts: Counts,
    calls: Vec<Call>,
}

/// What the rules have decided about one call, in the order in which it takes place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The rules that match, whether they act or not: those for [`RuleTable::count`].
    pub matched: Vec<RuleId>,
    /// The call begins this much later.
    pub delay: Duration,
    /// Then it waits at each of these in turn, for as long as [`RuleTable::is_stalled`] says so
    /// and no longer than the time beside it.
    pub stalls: Vec<(RuleId, Option<Duration>)>,
    /// The process ends on this side of the call.
    pub crash: Option<When>,
    /// The call does nothing and fails.
    pub fail: Option<Errno>,
    /// The call writes half of what it was asked to.
    pub shorten: bool,
}

impl RuleTable {
    /// A table without rules.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            rules: Vec::new(),
            next: 1,
        }
    }

    /// Whether no rule is in force.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Adds a rule. Its prefix is compared with the paths of calls as it is: resolve it first, with
    /// [`resolve`](crate::resolve), if they are.
    pub fn add(&mut self, rule: Rule) -> RuleId {
        let id = RuleId(self.next);
        self.next += 1;
        self.rules.push(InForce::new(id, rule));
        id
    }

    /// Ends a rule; calls that wait at it are to go on.
    ///
    /// # Errors
    /// [`Error::UnknownRule`].
    pub fn remove(&mut self, id: RuleId) -> Result<(), Error> {
        let at = self.rules.iter().position(|rule| rule.id == id);
        let at = at.ok_or(Error::UnknownRule(id))?;
        self.rules.remove(at);
        Ok(())
    }

    /// Ends all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Ends the stall of a rule: calls that wait at it are to go on, and later ones pass.
    ///
    /// # Errors
    /// [`Error::UnknownRule`], [`Error::NotAStall`].
    pub fn release(&mut self, id: RuleId) -> Result<(), Error> {
        let mut rules = self.rules.iter_mut();
        let rule = rules.find(|rule| rule.id == id);
        let rule = rule.ok_or(Error::UnknownRule(id))?;
        if !matches!(rule.rule.action, Action::Stall { .. }) {
            return Err(Error::NotAStall(id));
        }
        rule.released = true;
        Ok(())
    }

    /// Whether a call that waits at this rule waits on: neither released nor removed.
    #[must_use]
    pub fn is_stalled(&self, id: RuleId) -> bool {
        self.look(id).is_ok_and(|rule| !rule.released)
    }

    /// Decides about a call that is about to begin. `paths` are the file, or both names of a rename
    /// or a link with the new one last, or none for a call that concerns everything.
    pub fn decide(&mut self, op: Op, paths: &[&Path]) -> Decision {
        let mut decision = Decision::default();
        for rule in self.rules.iter_mut().filter(|rule| rule.matches(op, paths)) {
            decision.matched.push(rule.id);
            rule.seen += 1;
            if rule.rule.trigger.fires_at(rule.seen) && !rule.released {
                rule.act(op, paths, &mut decision);
            }
        }
        decision
    }

    /// Counts a call that has returned, for the rules that matched it: `done` is how many bytes it
    /// wrote, which only a write does, or `None` if it failed.
    pub fn count(&mut self, op: Op, matched: &[RuleId], done: Option<u64>) {
        for rule in self
            .rules
            .iter_mut()
            .filter(|rule| matched.contains(&rule.id))
        {
            match done {
                Some(bytes) => rule.counts.add(op, bytes),
                None => rule.counts.failed += 1,
            }
        }
    }

    /// How often a rule acted.
    ///
    /// # Errors
    /// [`Error::UnknownRule`].
    pub fn hits(&self, id: RuleId) -> Result<u64, Error> {
        self.look(id).map(|rule| rule.hits)
    }

    /// The calls that a rule matched and that have returned.
    ///
    /// # Errors
    /// [`Error::UnknownRule`].
    pub fn counts(&self, id: RuleId) -> Result<Counts, Error> {
        self.look(id).map(|rule| rule.counts)
    }

    /// The calls that a rule with [`Action::Trace`] or [`Action::Fail`] acted on, in order; of other
    /// rules, none.
    ///
    /// # Errors
    /// [`Error::UnknownRule`].
    pub fn trace(&self, id: RuleId) -> Result<Vec<Call>, Error> {
        self.look(id).map(|rule| rule.calls.clone())
    }

    fn look(&self, id: RuleId) -> Result<&InForce, Error> {
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| rule.id == id);
        rule.ok_or(Error::UnknownRule(id))
    }
}

impl Default for RuleTable {
    fn default() -> Self {
        Self::new()
    }
}

impl InForce {
    fn new(id: RuleId, rule: Rule) -> Self {
        Self {
            id,
            rule,
            released: false,
            seen: 0,
            hits: 0,
            counts: Counts::default(),
            calls: Vec::new(),
        }
    }

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

    fn act(&mut self, op: Op, paths: &[&Path], decision: &mut Decision) {
        self.hits += 1;
        match self.rule.action {
            Action::Count => {}
            Action::Trace => self.list(op, paths),
            Action::Delay(time) => decision.delay += time,
            Action::Stall { at_most } => decision.stalls.push((self.id, at_most)),
            Action::Fail(errno) => {
                self.list(op, paths);
                decision.fail = decision.fail.or(Some(errno));
            }
            Action::ShortWrite => decision.shorten = true,
            // Where one rule says before and another after, before comes first.
            Action::Crash(when) if decision.crash != Some(When::Before) => {
                decision.crash = Some(when);
            }
            Action::Crash(_) => {}
        }
    }

    fn list(&mut self, op: Op, paths: &[&Path]) {
        let path = paths
            .last()
            .map_or_else(PathBuf::new, |path| path.to_path_buf());
        let n = self.seen;
        self.calls.push(Call { n, op, path });
    }
}

impl Trigger {
    fn fires_at(self, n: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Nth(at) => n == at,
            Self::From(first) => n >= first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "/node/log";

    fn decide(table: &mut RuleTable, op: Op) -> Decision {
        table.decide(op, &[Path::new(FILE)])
    }

    #[test]
    fn a_decision_joins_all_rules_that_act() {
        let mut table = RuleTable::new();
        let time = Duration::from_millis(3);
        let add = |table: &mut RuleTable, action| table.add(Rule::new("/node", action));
        let ids = [
            add(&mut table, Action::Delay(time)),
            add(&mut table, Action::Delay(time)),
            add(&mut table, Action::Stall { at_most: None }),
            add(&mut table, Action::Crash(When::After)),
            add(&mut table, Action::Crash(When::Before)),
            add(&mut table, Action::Fail(Errno::Enospc)),
            add(&mut table, Action::Fail(Errno::Eio)),
            add(&mut table, Action::ShortWrite),
        ];
        add(&mut table, Action::Count);
        table.add(Rule::new("/other", Action::Fail(Errno::Eio)));
        let decision = decide(&mut table, Op::Write);
        assert_eq!(decision.matched.len(), 9);
        assert_eq!(decision.delay, 2 * time);
        assert_eq!(decision.stalls, [(ids[2], None)]);
        assert_eq!(decision.crash, Some(When::Before));
        assert_eq!(decision.fail, Some(Errno::Enospc));
        assert!(decision.shorten && !decide(&mut table, Op::Sync).shorten);
    }

    #[test]
    fn a_stall_ends_by_release_or_with_its_rule() {
        let mut table = RuleTable::default();
        let stall = Rule::new("/node", Action::Stall { at_most: None });
        let [one, other] = [stall.clone(), stall].map(|rule| table.add(rule));
        assert_eq!(decide(&mut table, Op::Sync).stalls.len(), 2);
        table.release(one).unwrap();
        table.remove(other).unwrap();
        assert!(!table.is_stalled(one) && !table.is_stalled(other));
        assert!(decide(&mut table, Op::Sync).stalls.is_empty());
        assert_eq!(table.hits(one).unwrap(), 1);
        assert!(matches!(table.hits(other), Err(Error::UnknownRule(id)) if id == other));
    }

    #[test]
    fn what_matched_is_counted_and_what_acted_is_listed() {
        let mut table = RuleTable::new();
        let id = table.add(Rule::new(FILE, Action::Trace).at(Trigger::Nth(2)));
        for done in [Some(5), None] {
            let matched = decide(&mut table, Op::Write).matched;
            table.count(Op::Write, &matched, done);
        }
        let counts = table.counts(id).unwrap();
        assert_eq!(
            (counts.writes, counts.bytes_written, counts.failed),
            (1, 5, 1)
        );
        let path = PathBuf::from(FILE);
        let op = Op::Write;
        assert_eq!(table.trace(id).unwrap(), [Call { n: 2, op, path }]);
    }

    #[test]
    fn an_errno_is_what_the_system_would_have_said() {
        let full = std::io::Error::from(Errno::Enospc);
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }
}
