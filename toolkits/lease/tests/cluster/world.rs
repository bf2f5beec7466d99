//! A cluster in the abstract: the crate's own nodes, an election by majority, a network that may
//! delay, lose and reorder, and clocks that run at rates of their own.

use std::collections::{BTreeMap, BTreeSet};

use tsoracle_lease::{Grant, LeaseNode, NodeId, Reading, Release, Round};

use crate::common::{TestBallot, node};
use crate::scenario::{Broken, Scenario};

/// In flight. What is never delivered is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    Prepare {
        to: u8,
        ballot: TestBallot,
    },
    Promise {
        from: u8,
        ballot: TestBallot,
    },
    Round {
        to: u8,
        round: Round<TestBallot>,
    },
    Grant {
        from: u8,
        grant: Grant<TestBallot>,
    },
    Release {
        to: u8,
        release: Release<TestBallot>,
    },
}

impl Message {
    pub(crate) fn to(&self) -> u8 {
        match self {
            Self::Prepare { to, .. } | Self::Round { to, .. } | Self::Release { to, .. } => *to,
            Self::Promise { ballot, .. } => ballot.pid,
            Self::Grant { grant, .. } => grant.ballot.pid,
        }
    }
}

/// A candidate, and the leader that it may become.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Campaign {
    pub(crate) ballot: TestBallot,
    /// It comes from the store, after a restart.
    pub(crate) stored: bool,
    pub(crate) sent: bool,
    pub(crate) votes: BTreeSet<u8>,
    pub(crate) elected: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// The crate under test.
    pub(crate) lease: LeaseNode<TestBallot>,
    /// What its readers were last shown; nobody takes it back but [`Node::end_lease`].
    pub(crate) published: Option<(TestBallot, Reading)>,
    /// Durable.
    pub(crate) promise: TestBallot,
    pub(crate) campaign: Option<Campaign>,
    /// Requests that wait at the gate, and since which tick.
    pub(crate) held: BTreeMap<TestBallot, u16>,
    /// Requests that passed and that the engine has not handled.
    pub(crate) queue: Vec<TestBallot>,
    /// Rounds sent under the present ballot.
    pub(crate) rounds: u16,
    /// A round that left before its time was read.
    pub(crate) unstamped: bool,
    pub(crate) changing: bool,
}

impl Node {
    /// As an engine should: the published lease first.
    pub(crate) fn end_lease(&mut self) -> Option<Release<TestBallot>> {
        self.published = None;
        self.lease.end()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// True time.
    pub(crate) tick: u16,
    pub(crate) clocks: Vec<u64>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) network: BTreeSet<Message>,
    pub(crate) campaigns: u16,
    pub(crate) restarts: u16,
    /// The new voters are in force.
    pub(crate) changed: bool,
    /// Ballots that were shown to be leading.
    pub(crate) shown: BTreeSet<TestBallot>,
    /// A lower one was shown after a higher one.
    pub(crate) disorder: bool,
}

impl World {
    /// Node 1 leads under (1, 1), which everyone has promised; nothing is granted yet.
    pub(crate) fn first(scenario: &Scenario) -> Self {
        let leading = TestBallot { n: 1, pid: 1 };
        // Readings of different nodes have nothing to do with each other.
        let clocks: Vec<u64> = (0..scenario.nodes).map(|i| 1000 * u64::from(i)).collect();
        let nodes = (1..=scenario.nodes)
            .map(|pid| Node {
                lease: scenario.new_node(pid, Some(leading), Reading::ZERO),
                published: None,
                promise: leading,
                campaign: None,
                held: BTreeMap::new(),
                queue: Vec::new(),
                rounds: 0,
                unstamped: false,
                changing: false,
            })
            .collect();
        let mut world = Self {
            tick: 0,
            clocks,
            nodes,
            network: BTreeSet::new(),
            campaigns: 0,
            restarts: 0,
            changed: false,
            shown: BTreeSet::new(),
            disorder: false,
        };
        world.node_mut(1).campaign = Some(Campaign {
            ballot: leading,
            stored: false,
            sent: true,
            votes: scenario.old.clone(),
            elected: true,
        });
        let voters = scenario.voters(false);
        world.node_mut(1).lease.lead(leading, voters).unwrap();
        world
    }

    pub(crate) fn node(&self, pid: u8) -> &Node {
        &self.nodes[usize::from(pid) - 1]
    }

    pub(crate) fn node_mut(&mut self, pid: u8) -> &mut Node {
        &mut self.nodes[usize::from(pid) - 1]
    }

    pub(crate) fn pids(&self) -> impl Iterator<Item = u8> + use<> {
        1..=u8::try_from(self.nodes.len()).unwrap()
    }

    pub(crate) fn clock(&self, pid: u8) -> Reading {
        Reading::from_nanos(self.clocks[usize::from(pid) - 1])
    }

    /// The ballot of the lease that this node's readers find valid.
    pub(crate) fn lease(&self, pid: u8) -> Option<TestBallot> {
        let (ballot, deadline) = self.node(pid).published?;
        (self.clock(pid) < deadline).then_some(ballot)
    }

    pub(crate) fn has_lease(&self, pid: u8) -> bool {
        self.lease(pid).is_some()
    }

    /// How many nodes hold a valid lease at this instant of true time.
    pub(crate) fn leases(&self) -> usize {
        self.pids().filter(|pid| self.has_lease(*pid)).count()
    }

    /// Whether somebody else was elected above a ballot whose lease is still valid.
    pub(crate) fn elects_above_a_lease(&self) -> bool {
        let campaigns = self.nodes.iter().filter_map(|node| node.campaign.as_ref());
        let highest = campaigns
            .filter(|own| own.elected)
            .map(|own| own.ballot)
            .max();
        self.pids().any(|pid| {
            let lease = self.lease(pid);
            lease.is_some() && highest > lease && highest.is_some_and(|own| own.pid != pid)
        })
    }

    /// The longest that anything has been held and still may not pass, in ticks; what was held
    /// before `begun` counts from there.
    pub(crate) fn longest_wait_since(&self, begun: u16) -> u16 {
        let waits = self.pids().flat_map(|pid| {
            let node = self.node(pid);
            let still = move |(ballot, _): &(&TestBallot, &u16)| {
                !node.lease.admits_probe(**ballot, self.clock(pid))
            };
            let held = node.held.iter().filter(still);
            held.map(move |(_, since)| self.tick - begun.max(*since))
        });
        waits.max().unwrap_or(0)
    }

    /// Notes who shows itself as leader, and drops messages that can no longer have an effect, so
    /// that fewer worlds differ.
    pub(crate) fn settle(&mut self, scenario: &Scenario) {
        for pid in self.pids() {
            let node = self.node_mut(pid);
            let Some(ballot) = node.lease.ballot() else {
                continue;
            };
            if let Some(deadline) = node.lease.deadline() {
                node.published = Some((ballot, deadline));
            }
            let shows = self.has_lease(pid) || scenario.is(Broken::ShowsWithoutLease);
            if shows && self.shown.last() > Some(&ballot) && !self.shown.contains(&ballot) {
                self.disorder = true;
            }
            if shows {
                self.shown.insert(ballot);
            }
        }
        if scenario.keeps_late_messages() {
            return;
        }
        let mut network = std::mem::take(&mut self.network);
        network.retain(|message| self.matters(message, scenario));
        self.network = network;
    }

    fn matters(&self, message: &Message, scenario: &Scenario) -> bool {
        let to = self.node(message.to());
        match message {
            Message::Prepare { ballot, .. } => {
                *ballot > to.promise || scenario.learns && *ballot == to.promise
            }
            Message::Promise { ballot, .. } => {
                let campaign = to.campaign.as_ref();
                campaign.is_some_and(|own| own.ballot == *ballot && !own.elected)
            }
            Message::Round { round, .. } => round.ballot >= to.promise,
            Message::Grant { grant, .. } => to.promise == grant.ballot,
            Message::Release { .. } => true,
        }
    }
}

pub(crate) fn id(pid: u8) -> NodeId {
    node(pid)
}
