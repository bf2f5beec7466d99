//! Leadership that is moved and voters that change, one at a time.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tsoracle_consensus::{
    BootInstant, ConsensusError, HandoffError, Member, MembershipError, NodeId,
};

use super::call::Change;
use super::log::Command;
use super::message::Message;
use super::replica::{Effects, HandingOver, Replica};

type Reply = oneshot::Sender<Result<(), MembershipError>>;

/// A change under way: voters come first and go last, so that the quorum is never smaller than it
/// has to be.
pub(super) struct Changing {
    steps: VecDeque<Step>,
    /// The index of the step that was proposed.
    proposed: Option<u64>,
    gives_up_at: BootInstant,
    reply: Reply,
}

#[derive(Clone)]
enum Step {
    Add(Member),
    Remove(NodeId),
}

impl Changing {
    /// Who is to be added, and gets the log before it counts.
    pub(super) fn joiner(&self) -> Option<NodeId> {
        match self.steps.front() {
            Some(Step::Add(member)) if self.proposed.is_none() => Some(member.node),
            _ => None,
        }
    }

    pub(super) fn leadership_lost(self, effects: &mut Effects) {
        let lost = ConsensusError::transient("leadership was lost during a change of members");
        let answer = move || drop(self.reply.send(Err(lost.into())));
        effects.answers.push(Box::new(answer));
    }
}

impl Replica {
    pub(super) fn begin_change(&mut self, change: Change, reply: Reply, now: BootInstant) {
        let not_leader = self.not_leader();
        let one_at_a_time = self.rules.one_change_at_a_time;
        if let Err(reason) = self.makes_sense(&change) {
            return self.answer(reply, Err(MembershipError::Refused { reason }));
        }
        let gives_up_at = now.saturating_add(self.times.deadline / 2);
        let Some(leader) = self.leader().filter(|leader| leader.shown.is_some()) else {
            return self.answer(reply, Err(not_leader.into()));
        };
        if leader.change.is_some() && one_at_a_time {
            let reason = "another change is under way".to_owned();
            return self.answer(reply, Err(MembershipError::Refused { reason }));
        }
        let steps = match change {
            Change::Add(member) => vec![Step::Add(member)],
            Change::Remove(node) => vec![Step::Remove(node)],
            Change::Replace(old, new) => vec![Step::Add(new), Step::Remove(old)],
        };
        leader.change = Some(Changing {
            steps: steps.into(),
            proposed: None,
            gives_up_at,
            reply,
        });
        leader.round_due = now;
    }

    fn makes_sense(&self, change: &Change) -> Result<(), String> {
        let log = &self.durable.log;
        let (joins, leaves) = match change {
            Change::Add(member) => (Some(member.node), None),
            Change::Remove(node) => (None, Some(*node)),
            Change::Replace(old, new) => (Some(new.node), Some(*old)),
        };
        if let Some(node) = joins.filter(|node| log.has_member(*node)) {
            return Err(format!("node {node} is a voter already"));
        }
        if let Some(node) = joins.filter(|node| log.store_of(*node).is_some()) {
            return Err(format!(
                "node {node} was a voter before; numbers are not used again"
            ));
        }
        if let Some(node) = leaves.filter(|node| !log.has_member(*node)) {
            return Err(format!("node {node} is no voter"));
        }
        if joins.is_none() && log.members().len() == 1 {
            return Err("nobody would be left".to_owned());
        }
        Ok(())
    }

    /// Takes the next step of a change once the one before is committed.
    pub(super) fn advance_change(&mut self, now: BootInstant) {
        let committed = self.durable.committed;
        let Some(changing) = self.leader().and_then(|leader| leader.change.as_mut()) else {
            return;
        };
        match changing.proposed {
            Some(index) if index > committed => return,
            Some(_) => {
                changing.proposed = None;
                changing.steps.pop_front();
            }
            None => {}
        }
        let (step, late) = (changing.steps.front().cloned(), now >= changing.gives_up_at);
        match step {
            None => self.end_change(Ok(())),
            Some(step) => match self.take_step(&step, now) {
                Err(reason) if late => self.end_change(Err(MembershipError::Refused { reason })),
                _ => {}
            },
        }
        if self.leader().is_some_and(|leader| leader.change.is_none())
            && !self.durable.log.has_member(self.me)
            && self.rules.removed_leaders_step_down
        {
            self.step_down();
        }
    }

    fn end_change(&mut self, outcome: Result<(), MembershipError>) {
        if let Some(changing) = self.leader().and_then(|leader| leader.change.take()) {
            self.answer(changing.reply, outcome);
        }
    }

    /// Proposes a step, or says what it waits for.
    fn take_step(&mut self, step: &Step, now: BootInstant) -> Result<(), String> {
        let mut members = self.durable.log.members().to_vec();
        match step {
            Step::Add(member) => {
                self.has_caught_up(member.node)?;
                members.push(member.clone());
            }
            Step::Remove(node) => members.retain(|member| member.node != *node),
        }
        self.would_have_a_quorum(&members, now)?;
        let ends_lease = self.rules.ends_its_lease_before_it_is_removed;
        let stays = members.iter().any(|member| member.node == self.me);
        let index = self.append(Command::Members(members));
        if let Some(leader) = self.leader() {
            if !stays && ends_lease {
                leader.end_lease();
            }
            if let Some(changing) = &mut leader.change {
                changing.proposed = Some(index);
            }
        }
        Ok(())
    }

    fn has_caught_up(&mut self, joiner: NodeId) -> Result<(), String> {
        if !self.rules.lets_joiners_catch_up {
            return Ok(());
        }
        let committed = self.durable.committed;
        let has = self
            .leader()
            .and_then(|leader| leader.accepted.get(&joiner).copied());
        match has {
            Some(last) if last >= committed => Ok(()),
            _ => Err(format!("node {joiner} does not answer")),
        }
    }

    /// Whether enough of the new voters have been heard of late, by stores that count already: what
    /// makes a store count could not be committed without it otherwise.
    fn would_have_a_quorum(&mut self, members: &[Member], now: BootInstant) -> Result<(), String> {
        if !self.rules.counts_who_is_left {
            return Ok(());
        }
        let (me, recent) = (self.me, self.times.election);
        let quorum = (self.rules.quorum)(members.len());
        let (log, committed) = (self.durable.log.clone(), self.durable.committed);
        let Some(leader) = self.leader() else {
            return Err("this node leads no more".to_owned());
        };
        let is_here = |node: NodeId| {
            let heard = leader.heard.get(&node);
            let is_alive = heard.is_some_and(|heard| now.saturating_since(*heard) < recent);
            node == me || (is_alive && leader.knows(node, log.store_of(node), committed))
        };
        let here = members.iter().filter(|member| is_here(member.node)).count();
        if here < quorum {
            let all = members.len();
            return Err(format!(
                "of the {all} voters to be, {here} answer, and {quorum} are a quorum"
            ));
        }
        Ok(())
    }

    /// Gives up the lease, then lets `to` take over.
    pub(super) fn hand_off(
        &mut self,
        to: NodeId,
        reply: oneshot::Sender<Result<(), HandoffError>>,
        now: BootInstant,
    ) {
        let not_leader = self.not_leader();
        let is_voter = self.durable.log.has_member(to);
        let is_me = to == self.me;
        let rules = self.rules.clone();
        let Some(leader) = self.leader().filter(|leader| leader.shown.is_some()) else {
            return self.answer(reply, Err(not_leader.into()));
        };
        if rules.refuses_bad_targets && (!is_voter || is_me) {
            let reason = if is_me {
                "it leads already"
            } else {
                "it is no voter"
            };
            let reason = reason.to_owned();
            return self.answer(reply, Err(HandoffError::BadTarget { to, reason }));
        }
        let released = leader.ballot;
        if rules.ends_its_lease_before_a_handoff {
            leader.end_lease();
        }
        if rules.gives_up_a_failed_handoff && rules.ends_its_lease_before_a_handoff {
            self.step_down();
            self.grant = self.grant.filter(|grant| grant.ballot != released);
            self.await_election(now);
        }
        if rules.waits_for_the_target {
            self.handing_over = Some(HandingOver { to, reply });
        } else {
            self.answer(reply, Ok(()));
        }
        self.send(to, Message::TakeOver { released, to });
    }

    /// Somebody leads: the one who was to take over, or another.
    pub(super) fn settle_handoff(&mut self, leader: NodeId) {
        let Some(HandingOver { to, reply }) = self.handing_over.take() else {
            return;
        };
        let waited_ms = 0;
        let outcome = match leader == to {
            true => Ok(()),
            false => Err(HandoffError::TimedOut { to, waited_ms }),
        };
        self.answer(reply, outcome);
    }
}
