//! What can happen next.

use std::collections::BTreeSet;

use tsoracle_lease::Gate;

use crate::common::TestBallot;
use crate::scenario::{Broken, Scenario};
use crate::world::{Message, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// True time passes; the clocks advance by this row of the scenario's rates.
    Tick(usize),
    Deliver(Message),
    Campaign(u8),
    /// The candidate's own gate opens.
    Emit(u8),
    /// The gate opens for what was held.
    Retry(u8, TestBallot),
    /// The engine handles what has passed the gate.
    Handle(u8),
    Round(u8),
    /// The clock is read for a round that has left already.
    Stamp(u8),
    /// A refusal tells this node what another one has promised.
    Learn(u8, TestBallot),
    Restart(u8),
    HandOff(u8),
    BeginChange(u8),
    /// The change is committed, and the new voters elect.
    Install(u8),
}

impl World {
    pub(crate) fn steps(&self, scenario: &Scenario) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        if self.tick < scenario.ticks && !(scenario.prompt && self.may_retry()) {
            steps.extend((0..scenario.rates.len()).map(Step::Tick));
        }
        steps.extend(self.network.iter().copied().map(Step::Deliver));
        for pid in self.pids() {
            self.steps_of(pid, scenario, &mut steps);
        }
        steps
    }

    fn steps_of(&self, pid: u8, scenario: &Scenario, steps: &mut Vec<Step>) {
        let node = self.node(pid);
        let may_campaign = scenario.candidates.contains(&pid)
            && scenario.members(self.changed).contains(&pid)
            && self.campaigns < scenario.campaigns;
        if may_campaign {
            steps.push(Step::Campaign(pid));
        }
        if self.may_emit(pid, scenario) {
            steps.push(Step::Emit(pid));
        }
        let open = self.open(pid);
        steps.extend(open.map(|ballot| Step::Retry(pid, ballot)));
        if !node.queue.is_empty() {
            steps.push(Step::Handle(pid));
        }
        if let Some(ballot) = node.lease.ballot() {
            if node.rounds < scenario.rounds_of(ballot) && !node.unstamped {
                steps.push(Step::Round(pid));
            }
            if scenario.handoff {
                steps.push(Step::HandOff(pid));
            }
        }
        if node.unstamped {
            steps.push(Step::Stamp(pid));
        }
        if scenario.learns {
            let others = self.nodes.iter().map(|other| other.promise);
            let higher: BTreeSet<_> = others.filter(|other| *other > node.promise).collect();
            steps.extend(higher.into_iter().map(|ballot| Step::Learn(pid, ballot)));
        }
        if self.restarts < scenario.restarts {
            steps.push(Step::Restart(pid));
        }
        let leads = node.campaign.as_ref().is_some_and(|own| own.elected);
        if leads && scenario.new.is_some() && !self.changed {
            steps.push(if node.changing {
                Step::Install(pid)
            } else {
                Step::BeginChange(pid)
            });
        }
    }

    /// What is held and may now pass.
    fn open(&self, pid: u8) -> impl Iterator<Item = TestBallot> {
        let (node, now) = (self.node(pid), self.clock(pid));
        let held = node.held.keys().copied();
        held.filter(move |ballot| node.lease.admits_probe(*ballot, now))
    }

    fn may_retry(&self) -> bool {
        self.pids().any(|pid| self.open(pid).next().is_some())
    }

    fn may_emit(&self, pid: u8, scenario: &Scenario) -> bool {
        let node = self.node(pid);
        let Some(campaign) = node.campaign.as_ref().filter(|own| !own.sent) else {
            return false;
        };
        scenario.is(Broken::EmitsAtOnce)
            || scenario.is(Broken::EmitsStoredCampaign) && campaign.stored
            || node.lease.clone().emit(campaign.ballot, self.clock(pid)) == Gate::Pass
    }

    /// `None` if the step does nothing.
    pub(crate) fn after(&self, step: Step, scenario: &Scenario) -> Option<Self> {
        let mut world = self.clone();
        let done = match step {
            Step::Tick(row) => world.pass_time(&scenario.rates[row]),
            Step::Deliver(message) => world.deliver(message, scenario),
            Step::Campaign(pid) => world.campaign(pid, scenario),
            Step::Emit(pid) => world.emit(pid, scenario),
            Step::Retry(pid, ballot) => {
                world.node_mut(pid).held.remove(&ballot);
                world.prepare(pid, ballot, scenario)
            }
            Step::Handle(pid) => {
                let ballot = world.node_mut(pid).queue.remove(0);
                world.handle(pid, ballot, scenario)
            }
            Step::Round(pid) => world.round(pid, scenario),
            Step::Stamp(pid) => world.stamp(pid),
            Step::Learn(pid, ballot) => world.learn(pid, ballot, scenario),
            Step::Restart(pid) => world.restart(pid, scenario),
            Step::HandOff(pid) => world.hand_off(pid, scenario),
            Step::BeginChange(pid) => world.begin_change(pid, scenario),
            Step::Install(pid) => world.install(pid, scenario),
        };
        done?;
        world.settle(scenario);
        Some(world)
    }
}
