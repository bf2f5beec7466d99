//! The rules of a simulated disk, and the calls that wait at them.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use tsoracle_faultfs::{Decision, Error, Op, Rule, RuleId, RuleTable, resolve};

use crate::simulation::lock;

#[derive(Debug, Default)]
pub(in crate::simulation) struct Rules {
    installed: Mutex<Installed>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Installed {
    table: RuleTable,
    /// Those of the life that runs, or of the next one.
    current: Vec<RuleId>,
    /// Those of a life that has ended. They can be asked for what they saw until the next begins.
    retired: Vec<RuleId>,
}

impl Rules {
    pub(super) fn install(&self, rule: Rule) -> Result<RuleId, Error> {
        let prefix = resolve(&rule.prefix)?;
        let mut installed = lock(&self.installed);
        let id = installed.table.add(Rule { prefix, ..rule });
        installed.current.push(id);
        Ok(id)
    }

    pub(super) fn remove(&self, id: RuleId) -> Result<(), Error> {
        let removed = lock(&self.installed).table.remove(id);
        self.changed.notify_waiters();
        removed
    }

    /// The life that the rules belong to has ended.
    pub(in crate::simulation) fn retire(&self) {
        let mut installed = lock(&self.installed);
        let current = std::mem::take(&mut installed.current);
        installed.retired.extend(current);
    }

    /// The next life begins.
    pub(in crate::simulation) fn drop_retired(&self) {
        let mut installed = lock(&self.installed);
        for id in std::mem::take(&mut installed.retired) {
            // One that was removed by hand is gone already.
            let _ = installed.table.remove(id);
        }
        drop(installed);
        self.changed.notify_waiters();
    }

    pub(super) fn decide(&self, op: Op, path: &Path) -> Decision {
        let decision = lock(&self.installed).table.decide(op, &[path]);
        self.changed.notify_waiters();
        decision
    }

    pub(super) fn count(&self, op: Op, matched: &[RuleId], done: Option<u64>) {
        lock(&self.installed).table.count(op, matched, done);
    }

    pub(super) fn look<T>(&self, read: impl FnOnce(&RuleTable) -> T) -> T {
        read(&lock(&self.installed).table)
    }

    /// Waits at a rule that stalls.
    pub(super) async fn stall(&self, id: RuleId, at_most: Option<Duration>) {
        let stalled = async {
            loop {
                // Made before the look, so that no change between the two is missed.
                let changed = self.changed.notified();
                if !self.look(|table| table.is_stalled(id)) {
                    return;
                }
                changed.await;
            }
        };
        match at_most {
            None => stalled.await,
            // Either end is one.
            Some(at_most) => drop(timeout(at_most, stalled).await),
        }
    }

    pub(super) async fn wait_for_hits(
        &self,
        id: RuleId,
        at_least: u64,
        limit: Duration,
    ) -> Result<u64, Error> {
        let hits = || self.look(|table| table.hits(id));
        let reached = async {
            loop {
                let changed = self.changed.notified();
                let hits = hits()?;
                if hits >= at_least {
                    return Ok(hits);
                }
                changed.await;
            }
        };
        timeout(limit, reached).await.unwrap_or_else(|_| hits())
    }
}
