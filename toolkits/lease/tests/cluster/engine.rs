//! What the engine around the crate does about each step.

use tsoracle_lease::{Gate, Grant, Release, Round};

use crate::common::TestBallot;
use crate::scenario::{Broken, Scenario};
use crate::world::{Campaign, Message, World, id};

impl World {
    pub(crate) fn pass_time(&mut self, rates: &[u64]) -> Option<()> {
        self.tick += 1;
        for (clock, rate) in self.clocks.iter_mut().zip(rates) {
            *clock += rate;
        }
        Some(())
    }

    pub(crate) fn deliver(&mut self, message: Message, scenario: &Scenario) -> Option<()> {
        self.network.remove(&message);
        match message {
            Message::Prepare { to, ballot } => self.prepare(to, ballot, scenario),
            Message::Promise { from, ballot } => self.vote(from, ballot, scenario),
            Message::Round { to, round } => self.grant(to, &round, scenario),
            Message::Grant { from, grant } => {
                let leader = self.node_mut(grant.ballot.pid);
                leader.lease.granted(id(from), &grant);
                Some(())
            }
            Message::Release { to, mut release } => {
                if scenario.is(Broken::ReleaseWithoutRound) {
                    release.round = u64::MAX;
                }
                self.node_mut(to).lease.released(&release);
                Some(())
            }
        }
    }

    pub(crate) fn campaign(&mut self, pid: u8, scenario: &Scenario) -> Option<()> {
        self.campaigns += 1;
        let node = self.node_mut(pid);
        let n = node.promise.n + 1;
        let ballot = TestBallot { n, pid };
        node.promise = ballot;
        node.lease.promised(ballot);
        self.stand(pid, ballot, false, scenario);
        Some(())
    }

    pub(crate) fn stand(&mut self, pid: u8, ballot: TestBallot, stored: bool, scenario: &Scenario) {
        let changed = self.changed;
        let node = self.node_mut(pid);
        node.rounds = 0;
        node.changing = false;
        node.campaign = Some(Campaign {
            ballot,
            stored,
            sent: false,
            votes: [pid].into(),
            elected: false,
        });
        if scenario.is(Broken::RoundsBeforeElected) {
            let _ = node.lease.lead(ballot, scenario.voters(changed));
        }
        self.elect(pid, scenario);
    }

    pub(crate) fn emit(&mut self, pid: u8, scenario: &Scenario) -> Option<()> {
        let campaign = self.node_mut(pid).campaign.as_mut()?;
        campaign.sent = true;
        let ballot = campaign.ballot;
        for to in scenario.members(self.changed) {
            if *to != pid {
                self.network.insert(Message::Prepare { to: *to, ballot });
            }
        }
        Some(())
    }

    pub(crate) fn prepare(
        &mut self,
        to: u8,
        ballot: TestBallot,
        scenario: &Scenario,
    ) -> Option<()> {
        let now = self.clock(to);
        let tick = self.tick;
        let node = self.node_mut(to);
        let leads = node.lease.ballot().is_some();
        let bypassed =
            scenario.is(Broken::AdmitsAtOnce) || scenario.is(Broken::LeaderAdmitsAtOnce) && leads;
        let mut forgets = node.lease.clone();
        let gate = if scenario.is(Broken::GrantsPastWaiting) {
            forgets.admit(ballot, now)
        } else {
            node.lease.admit(ballot, now)
        };
        match gate {
            Gate::Hold { .. } if !bypassed => {
                let since = scenario.longest_wait.map_or(0, |_| tick);
                node.held.entry(ballot).or_insert(since);
                return Some(());
            }
            _ => {}
        }
        if scenario.queued {
            if scenario.is(Broken::GrantsPastUnsettled) {
                node.lease.settle(ballot, node.promise);
            }
            node.queue.push(ballot);
            return Some(());
        }
        self.handle(to, ballot, scenario)
    }

    pub(crate) fn handle(
        &mut self,
        pid: u8,
        ballot: TestBallot,
        scenario: &Scenario,
    ) -> Option<()> {
        let node = self.node_mut(pid);
        let accepted = ballot > node.promise || scenario.learns && ballot == node.promise;
        node.promise = node.promise.max(ballot);
        node.lease.settle(ballot, node.promise);
        if accepted {
            node.campaign = None;
            self.network.insert(Message::Promise { from: pid, ballot });
        }
        Some(())
    }

    pub(crate) fn vote(&mut self, from: u8, ballot: TestBallot, scenario: &Scenario) -> Option<()> {
        let campaign = self.node_mut(ballot.pid).campaign.as_mut()?;
        if campaign.ballot == ballot {
            campaign.votes.insert(from);
            self.elect(ballot.pid, scenario);
        }
        Some(())
    }

    pub(crate) fn elect(&mut self, pid: u8, scenario: &Scenario) {
        let changed = self.changed;
        let members = scenario.members(changed);
        let Some(campaign) = self.node_mut(pid).campaign.as_mut() else {
            return;
        };
        let votes = campaign.votes.intersection(members).count();
        if votes >= scenario.elects(changed) {
            campaign.elected = true;
            let ballot = campaign.ballot;
            // Refused for a campaign from before a restart.
            let _ = self
                .node_mut(pid)
                .lease
                .lead(ballot, scenario.voters(changed));
        }
    }

    pub(crate) fn round(&mut self, pid: u8, scenario: &Scenario) -> Option<()> {
        let now = self.clock(pid);
        let node = self.node_mut(pid);
        node.rounds += 1;
        let round = if scenario.is(Broken::StampsLate) {
            node.unstamped = true;
            node.lease.clone().round(now)?
        } else {
            node.lease.round(now)?
        };
        let changing = node.changing;
        let peers = self.pids().filter(|to| {
            scenario.members(self.changed).contains(to)
                || changing && scenario.members(true).contains(to)
        });
        for to in peers.filter(|to| *to != pid) {
            self.network.insert(Message::Round { to, round });
        }
        Some(())
    }

    pub(crate) fn stamp(&mut self, pid: u8) -> Option<()> {
        let now = self.clock(pid);
        let node = self.node_mut(pid);
        node.unstamped = false;
        node.lease.round(now).map(drop)
    }

    pub(crate) fn grant(
        &mut self,
        to: u8,
        round: &Round<TestBallot>,
        scenario: &Scenario,
    ) -> Option<()> {
        let mut now = self.clock(to);
        if scenario.is(Broken::CachedClock) {
            now = Self::first(scenario).clock(to);
        }
        let node = self.node_mut(to);
        if scenario.follows && node.promise < round.ballot {
            node.promise = round.ballot;
            node.lease.promised(round.ballot);
        }
        let granted = node.lease.grant(round, now);
        let anyway = scenario.is(Broken::GrantsUnpromised);
        if granted.is_ok() || anyway {
            let Round { ballot, round, .. } = *round;
            let grant = Grant { ballot, round };
            if scenario.grants_at_once {
                self.node_mut(ballot.pid).lease.granted(id(to), &grant);
            } else {
                self.network.insert(Message::Grant { from: to, grant });
            }
        }
        Some(())
    }

    pub(crate) fn learn(&mut self, pid: u8, ballot: TestBallot, scenario: &Scenario) -> Option<()> {
        let node = self.node_mut(pid);
        node.promise = ballot;
        node.campaign = None;
        if scenario.is(Broken::LearnsAsPassed) {
            node.lease.settle(ballot, ballot);
        } else {
            node.lease.promised(ballot);
        }
        Some(())
    }

    pub(crate) fn restart(&mut self, pid: u8, scenario: &Scenario) -> Option<()> {
        self.restarts += 1;
        let now = self.clock(pid);
        let changed = self.changed;
        let node = self.node_mut(pid);
        let led = node.campaign.as_ref().is_some_and(|own| own.elected);
        node.lease = scenario.restarted(pid, node.promise, now);
        node.campaign = None;
        node.published = None;
        node.held.clear();
        node.queue.clear();
        node.rounds = 0;
        node.unstamped = false;
        node.changing = false;
        let own = node.promise;
        if scenario.is(Broken::ResumesBallot) && led {
            let _ = node.lease.lead(own, scenario.voters(changed));
        } else if scenario.resumes_campaign && own.pid == pid && own.n > 1 {
            self.stand(pid, own, true, scenario);
        }
        Some(())
    }

    pub(crate) fn hand_off(&mut self, pid: u8, scenario: &Scenario) -> Option<()> {
        let node = self.node_mut(pid);
        let release = if scenario.is(Broken::ReleasesFirst) {
            node.lease.clone().end()?
        } else {
            node.end_lease()?
        };
        self.broadcast(pid, release);
        Some(())
    }

    pub(crate) fn broadcast(&mut self, pid: u8, release: Release<TestBallot>) {
        for to in self.pids().filter(|to| *to != pid) {
            self.network.insert(Message::Release { to, release });
        }
    }
}
