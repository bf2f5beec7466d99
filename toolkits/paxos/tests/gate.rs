//! One node with its peers played by hand: what it grants, holds and sends, in one turn.
#![cfg(feature = "test-fakes")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::cluster::wait_for;
use common::{Command, SOON};
use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::messages::Message;
use omnipaxos::messages::ballot_leader_election::{BLEMessage, HeartbeatMsg, HeartbeatReply};
use omnipaxos::messages::sequence_paxos::{PaxosMessage, PaxosMsg, Prepare};
use tsoracle_lease::{LeaseMessage, Round};
use tsoracle_paxos_toolkit::fakes::{MemoryDisk, MemoryStorage};
use tsoracle_paxos_toolkit::{
    Body, DecidedStream, Frame, GroupTimes, Inbound, Leadership, Members, MessageSink, PaxosBallot,
    PaxosRunner, RunnerSettings, decided_channel,
};

type Frames = Vec<(u64, Body<Command>)>;

/// Keeps what leaves.
#[derive(Clone, Debug, Default)]
struct Sent(Arc<Mutex<Frames>>);

impl MessageSink<Command> for Sent {
    fn send(&mut self, to: u64, frame: Frame<Command>) {
        self.0.lock().unwrap().push((to, frame.body));
    }
}

impl Sent {
    /// The ballots of the Promises that left.
    fn promises(&self) -> Vec<PaxosBallot> {
        self.of(|message| match message {
            PaxosMsg::Promise(promise) => Some(promise.n.into()),
            _ => None,
        })
    }

    /// The ballots of the Prepares that left.
    fn prepares(&self) -> Vec<PaxosBallot> {
        self.of(|message| match message {
            PaxosMsg::Prepare(prepare) => Some(prepare.n.into()),
            _ => None,
        })
    }

    /// The last round of heartbeats that was asked for.
    fn last_heartbeat(&self) -> u32 {
        last_round(&self.0.lock().unwrap())
    }

    /// The same, when the first Prepare of a node's own ballot left; `None` if none has.
    fn last_heartbeat_before_a_prepare_of(&self, pid: u64) -> Option<u32> {
        let sent = self.0.lock().unwrap();
        let prepare = sent.iter().position(|(_, body)| match body {
            Body::Engine(Message::SequencePaxos(message)) => match &message.msg {
                PaxosMsg::Prepare(prepare) => prepare.n.pid == pid,
                _ => false,
            },
            _ => false,
        })?;
        Some(last_round(&sent[..prepare]))
    }

    fn grants(&self) -> Vec<PaxosBallot> {
        let sent = self.0.lock().unwrap();
        let grants = sent.iter().filter_map(|(_, body)| match body {
            Body::Lease(LeaseMessage::Grant(grant)) => Some(grant.ballot),
            _ => None,
        });
        grants.collect()
    }

    fn of(&self, pick: impl Fn(&PaxosMsg<Command>) -> Option<PaxosBallot>) -> Vec<PaxosBallot> {
        let sent = self.0.lock().unwrap();
        let picked = sent.iter().filter_map(|(_, body)| match body {
            Body::Engine(Message::SequencePaxos(message)) => pick(&message.msg),
            _ => None,
        });
        picked.collect()
    }
}

fn last_round(sent: &[(u64, Body<Command>)]) -> u32 {
    let rounds = sent.iter().filter_map(|(_, body)| match body {
        Body::Engine(Message::BLE(message)) => match &message.msg {
            HeartbeatMsg::Request(request) => Some(request.round),
            HeartbeatMsg::Reply(_) => None,
        },
        _ => None,
    });
    rounds.max().unwrap_or(0)
}

struct Alone {
    runner: PaxosRunner<Command, MemoryStorage<Command>>,
    disk: MemoryDisk<Command>,
    sent: Sent,
    _decided: DecidedStream<Command>,
}

impl Alone {
    /// Node 1 of three, which does not campaign by itself.
    fn start() -> Self {
        Self::start_with(1_000_000)
    }

    /// Node 1 of three, with rounds of heartbeats of so many ticks.
    fn start_with(election_ticks: u64) -> Self {
        let (disk, sent) = (MemoryDisk::default(), Sent::default());
        let mut settings = RunnerSettings::new(1, 1, Members::new(1, [1, 2, 3]));
        settings.times = GroupTimes {
            election_ticks,
            ..GroupTimes::default()
        };
        let (apply, _decided) = decided_channel(1);
        let runner = PaxosRunner::start(&settings, disk.open(), sent.clone(), apply).unwrap();
        Self {
            runner,
            disk,
            sent,
            _decided,
        }
    }

    fn inbound(&self) -> Inbound<Command> {
        self.runner.inbound()
    }

    fn deliver(&self, from: u64, body: Body<Command>) {
        let configuration = 1;
        let frame = Frame {
            configuration,
            body,
        };
        self.inbound().deliver(from, frame, 1).unwrap();
    }

    fn prepare(&self, ballot: PaxosBallot) {
        let prepare = Prepare {
            n: ballot.into(),
            decided_idx: 0,
            n_accepted: Ballot::default(),
            accepted_idx: 0,
        };
        let message = PaxosMessage {
            from: ballot.pid,
            to: 1,
            msg: PaxosMsg::Prepare(prepare),
        };
        self.deliver(ballot.pid, Body::Engine(Message::SequencePaxos(message)));
    }

    /// The answer of a peer that has campaigned with `own`, and follows itself.
    fn heartbeat(&self, from: u64, round: u32, own: PaxosBallot, happy: bool) {
        let reply = HeartbeatReply {
            round,
            ballot: own.into(),
            leader: own.into(),
            happy,
        };
        let message = BLEMessage {
            from,
            to: 1,
            msg: HeartbeatMsg::Reply(reply),
        };
        self.deliver(from, Body::Engine(Message::BLE(message)));
    }

    fn round(&self, ballot: PaxosBallot, round: u64) {
        let lasts = GroupTimes::default().grant;
        let round = Round {
            ballot,
            round,
            lasts,
        };
        self.deliver(ballot.pid, Body::Lease(LeaseMessage::Round(round)));
    }

    async fn promised(&self, ballot: PaxosBallot) {
        let left = || self.sent.promises().contains(&ballot).then_some(());
        wait_for("the Promise", left).await;
    }

    async fn granted(&self, count: usize) {
        let left = || (self.sent.grants().len() >= count).then_some(());
        wait_for("the grant", left).await;
    }
}

fn ballot(n: u32, pid: u64) -> PaxosBallot {
    PaxosBallot {
        configuration: 1,
        n,
        priority: 0,
        pid,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_behind_the_own_campaign_is_refused() {
    let node = Alone::start();
    node.prepare(ballot(1, 2));
    node.promised(ballot(1, 2)).await;
    // What comes during a sync is handled in one turn: the campaign first, then the round.
    node.disk.hold();
    node.prepare(ballot(2, 2));
    wait_for("the sync", || node.disk.is_waiting().then_some(())).await;
    node.runner.handle().campaign();
    node.round(ballot(2, 2), 1);
    node.disk.release();
    let left = || node.sent.prepares().contains(&ballot(3, 1)).then_some(());
    wait_for("the own Prepare", left).await;
    assert_eq!(node.sent.grants(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_leaves_after_the_promise_that_it_rests_on() {
    let node = Alone::start();
    node.disk.hold();
    node.prepare(ballot(1, 2));
    node.round(ballot(1, 2), 1);
    wait_for("the sync", || node.disk.is_waiting().then_some(())).await;
    assert_eq!((node.sent.promises(), node.sent.grants()), (vec![], vec![]));
    node.disk.release();
    node.granted(1).await;
    assert!(node.sent.promises().contains(&ballot(1, 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepare_is_held_until_the_release() {
    let node = Alone::start();
    node.prepare(ballot(1, 2));
    node.round(ballot(1, 2), 1);
    node.granted(1).await;
    node.prepare(ballot(2, 3));
    let release = tsoracle_lease::Release {
        ballot: ballot(1, 2),
        round: 1,
    };
    node.deliver(2, Body::Lease(LeaseMessage::Release(release)));
    node.promised(ballot(2, 3)).await;
    let seen = *node.runner.handle().granted_to().borrow();
    assert_eq!(seen, Some(ballot(1, 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_forgotten_when_a_session_begins() {
    let node = Alone::start();
    node.prepare(ballot(1, 2));
    node.round(ballot(1, 2), 1);
    node.granted(1).await;
    node.prepare(ballot(2, 3));
    node.inbound().reconnected(3);
    // The patience is over, and the leader is granted again.
    for round in 2.. {
        node.round(ballot(1, 2), round);
        if node.sent.grants().len() > 1 {
            break;
        }
        assert!(round < 20_000, "nothing is granted any more");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let promises = node.sent.promises();
    assert!(promises.iter().all(|promise| *promise == ballot(1, 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_other_configurations_are_not_heard() {
    let node = Alone::start();
    let stranger = ballot(9, 7);
    node.prepare(stranger);
    let frame = Frame {
        configuration: 2,
        body: Body::TakeOver(ballot(1, 2)),
    };
    node.inbound().deliver(2, frame, 1).unwrap();
    let forged = PaxosMessage {
        from: 3,
        to: 1,
        msg: PaxosMsg::ProposalForward(vec![Command::add(1)]),
    };
    node.deliver(2, Body::Engine(Message::SequencePaxos(forged.clone())));
    node.deliver(3, Body::Engine(Message::SequencePaxos(forged)));
    node.prepare(ballot(1, 2));
    node.promised(ballot(1, 2)).await;
    assert!(!node.sent.promises().contains(&stranger));
    assert_eq!(node.runner.handle().accepted(), 0);
    node.runner.shutdown(SOON).await.unwrap();
}

/// Answers rounds of heartbeats so that nobody is happy, and of one on as a candidate whose Prepare
/// comes in it. The round whose end brought a campaign of this node, if one of the first few did.
async fn own_campaign(heard_in: Option<u32>) -> Option<u32> {
    let node = Alone::start_with(20);
    let mut answered = 0;
    let campaigned = || {
        for round in answered + 1..=node.sent.last_heartbeat() {
            answered = round;
            if heard_in == Some(round) {
                node.prepare(ballot(1, 2));
            }
            let campaigns = heard_in.is_some_and(|heard| heard < round);
            let leads = if campaigns {
                ballot(1, 2)
            } else {
                ballot(0, 2)
            };
            node.heartbeat(2, round, leads, campaigns);
            node.heartbeat(3, round, ballot(0, 3), false);
        }
        let before = node.sent.last_heartbeat_before_a_prepare_of(1);
        // The requests of the next round leave before the Prepare, which waits for its sync.
        let campaign = before.map(|next| next - 1);
        (campaign.is_some() || answered > 5).then_some(campaign)
    };
    wait_for("five rounds", campaigned).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_is_heard_of_is_not_answered_by_another() {
    let alone = own_campaign(None).await;
    assert!(alone.is_some());
    assert_eq!(own_campaign(alone).await, None, "after round {alone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_be_held_does_not_campaign() {
    // Several rounds of heartbeats end while the grant lasts.
    let node = Alone::start_with(3);
    node.prepare(ballot(1, 2));
    node.promised(ballot(1, 2)).await;
    node.round(ballot(1, 2), 1);
    node.granted(1).await;
    let granted = Instant::now();
    let mut answered = node.sent.last_heartbeat();
    let own = || {
        for round in answered + 1..=node.sent.last_heartbeat() {
            answered = round;
            node.heartbeat(2, round, ballot(0, 2), false);
            node.heartbeat(3, round, ballot(0, 3), false);
        }
        let promise = match *node.runner.handle().leadership().borrow() {
            Leadership::Candidate { ballot } => Some(ballot),
            _ => None,
        };
        promise.map(|promise| (promise, granted.elapsed()))
    };
    let (campaign, after) = wait_for("the own campaign", own).await;
    assert_eq!(campaign, ballot(2, 1));
    // The grant was given a moment before it was seen.
    let grant = GroupTimes::default().grant;
    assert!(after + Duration::from_millis(10) > grant, "after {after:?}");
}
