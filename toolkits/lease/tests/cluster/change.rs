//! A change of voters, and who takes part in it.

use crate::common::TestBallot;
use crate::scenario::{Broken, Scenario};
use crate::world::World;

impl World {
    pub(crate) fn begin_change(&mut self, pid: u8, scenario: &Scenario) -> Option<()> {
        let new = scenario.quorum(true);
        let ends = scenario.stop_sign || !scenario.members(true).contains(&pid);
        let node = self.node_mut(pid);
        node.changing = true;
        if ends {
            if !scenario.is(Broken::KeepsLease) {
                node.end_lease();
            }
        } else if !scenario.is(Broken::OldSetOnly) && node.lease.ballot().is_some() {
            node.lease.begin_change(new).unwrap();
        }
        Some(())
    }

    pub(crate) fn install(&mut self, pid: u8, scenario: &Scenario) -> Option<()> {
        let new = scenario.quorum(true);
        let covered = self.node(pid).lease.change_covered(&new, self.clock(pid))
            || scenario.is(Broken::OldSetOnly)
            || scenario.is(Broken::KeepsLease)
            || scenario.is(Broken::ProposesUncovered);
        if !covered || !self.can_commit(pid, scenario) {
            return None;
        }
        self.changed = true;
        // Refused, and of no consequence, where the leader is gone.
        let _ = self.node_mut(pid).lease.set_voters(scenario.voters(true));
        self.node_mut(pid).changing = false;
        let ballot = self.node(pid).promise;
        for other in self.pids().filter(|other| *other != pid) {
            self.learn_change(other, ballot, scenario);
        }
        Some(())
    }

    /// A node appends the change, or is above it with a log that no longer wins an election.
    pub(crate) fn learn_change(&mut self, pid: u8, ballot: TestBallot, scenario: &Scenario) {
        let now = self.clock(pid);
        let node = self.node_mut(pid);
        node.campaign = None;
        node.promise = node.promise.max(ballot);
        node.lease.promised(node.promise);
        if scenario.stop_sign {
            node.lease = scenario.new_node(pid, Some(node.promise), now);
        }
    }

    /// Whether a quorum of every set would accept what this leader proposes.
    pub(crate) fn can_commit(&self, pid: u8, scenario: &Scenario) -> bool {
        let ballot = self.node(pid).campaign.as_ref().map(|own| own.ballot);
        let accepts = |member: &&u8| Some(self.node(**member).promise) <= ballot;
        [false, true].into_iter().all(|changed| {
            let members = scenario.members(changed);
            members.iter().filter(accepts).count() > members.len() / 2
        })
    }
}
