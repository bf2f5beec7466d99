//! Why frames travel in sessions: an old `AcceptSync` that comes again loses a decided entry.
#![cfg(feature = "test-fakes")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use common::Command;
use common::cluster::{Cluster, Options};
use omnipaxos::messages::Message;
use omnipaxos::messages::sequence_paxos::PaxosMsg;
use omnipaxos::util::LogEntry;
use omnipaxos::{ClusterConfig, OmniPaxos, ServerConfig};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tsoracle_paxos_toolkit::fakes::{MemoryDisk, MemoryStorage};
use tsoracle_peer_transport::LinkFault;

/// Bare engines, and links that a test plays by hand.
struct Bare {
    engines: BTreeMap<u64, OmniPaxos<Command, MemoryStorage<Command>>>,
}

impl Bare {
    fn new() -> Self {
        let engine = |pid| {
            let config = ClusterConfig {
                configuration_id: 1,
                nodes: vec![1, 2, 3],
                flexible_quorum: None,
            };
            let server = ServerConfig {
                pid,
                ..ServerConfig::default()
            };
            let storage = MemoryDisk::default().open();
            (pid, config.build_for_server(server, storage).unwrap())
        };
        Self {
            engines: [1, 2, 3].map(engine).into_iter().collect(),
        }
    }

    fn engine(&mut self, pid: u64) -> &mut OmniPaxos<Command, MemoryStorage<Command>> {
        self.engines.get_mut(&pid).unwrap()
    }

    fn handle(&mut self, message: Message<Command>) {
        let to = message.get_receiver();
        self.engine(to).handle_incoming(message);
    }

    /// Delivers what two nodes send each other until nothing is left, but what `keep` takes out.
    fn exchange(&mut self, pair: [u64; 2], mut keep: impl FnMut(&Message<Command>) -> bool) {
        loop {
            let mut messages = Vec::new();
            for pid in pair {
                self.engine(pid).take_outgoing_messages(&mut messages);
            }
            messages.retain(|message| pair.contains(&message.get_receiver()) && !keep(message));
            if messages.is_empty() {
                return;
            }
            messages
                .into_iter()
                .for_each(|message| self.handle(message));
        }
    }

    fn decided(&self, pid: u64) -> Vec<u64> {
        let engine = &self.engines[&pid];
        let read = engine.read_entries(0..engine.get_decided_idx());
        let adds = read
            .unwrap_or_default()
            .into_iter()
            .map(|entry| match entry {
                LogEntry::Decided(entry) => entry.add,
                LogEntry::Snapshotted(compacted) => compacted.snapshot.0,
                other => panic!("{other:?}"),
            });
        adds.collect()
    }
}

fn paxos(message: &Message<Command>) -> Option<&PaxosMsg<Command>> {
    match message {
        Message::SequencePaxos(paxos) => Some(&paxos.msg),
        Message::BLE(_) => None,
    }
}

#[test]
fn on_a_bare_link_an_old_accept_sync_loses_a_decided_entry() {
    let mut bare = Bare::new();
    let mut old = None;
    bare.engine(1).try_become_leader();
    bare.exchange([1, 2], |message| {
        if matches!(paxos(message), Some(PaxosMsg::AcceptSync(_))) {
            old = Some(message.clone());
        }
        false
    });
    let old = old.unwrap();
    bare.engine(1).append(Command::add(1)).unwrap();
    let is_decide = |message: &_| matches!(paxos(message), Some(PaxosMsg::Decide(_)));
    bare.exchange([1, 2], is_decide);
    assert_eq!(bare.decided(1), [1]);
    // The link is connected anew: node 2 promises once more, and is prepared for an AcceptSync.
    bare.engine(2).reconnected(1);
    let is_promise = |message: &_| matches!(paxos(message), Some(PaxosMsg::Promise(_)));
    bare.exchange([1, 2], is_promise);
    bare.handle(old);
    // Node 1 is gone for good, and the other two go on.
    bare.engine(3).try_become_leader();
    bare.exchange([2, 3], |_| false);
    bare.engine(3).append(Command::add(2)).unwrap();
    bare.exchange([2, 3], |_| false);
    assert_eq!(bare.decided(2), [2], "what node 1 has decided is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sessions_it_is_kept_through_repeated_overtaken_and_lost_frames() {
    let mut random = ChaCha8Rng::seed_from_u64(common::seed());
    for round in 0..4 {
        let mut cluster = Cluster::start(Options::new(3).quick()).await;
        let (leader, _) = cluster.leader().await;
        let (follower, absent) = (leader % 3 + 1, (leader + 1) % 3 + 1);
        cluster.isolate(absent, true);
        let mut fault = |most| random.random_range(0..most);
        let fault = LinkFault::lossy(fault(60), 400, fault(100));
        cluster.fault(leader, follower, fault);
        cluster.fault(follower, leader, fault);
        let mut decided = BTreeSet::new();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1_500) {
            let pair = [leader, follower].into_iter();
            let leads = pair.filter_map(|node| Some((node, cluster.leadership(node).leads()?)));
            let Some((node, ballot)) = leads.max_by_key(|(_, ballot)| *ballot) else {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            let handle = &cluster.nodes[&node].handle;
            let within = Duration::from_millis(300);
            let appended = handle.append(ballot, |id| Command::of(1, id), within).await;
            decided.extend(appended.map(|appended| appended.id));
        }
        cluster.crash(leader).await;
        cluster.fault(follower, absent, LinkFault::NONE);
        cluster.isolate(absent, false);
        let last = cluster.append_somewhere(0).await;
        let (new, _) = cluster.leader().await;
        let handle = &cluster.nodes[&follower].handle;
        handle
            .barrier_on(last.index + 1)
            .passed(common::SOON)
            .await
            .unwrap();
        let log = cluster.applied(follower);
        eprintln!(
            "round {round}: {} decided, then led by {new}",
            decided.len()
        );
        assert!(!decided.is_empty());
        // A snapshot that was installed covers entries that are no longer told apart.
        let total = usize::try_from(log.sum).unwrap();
        assert!(total >= decided.len(), "{total} of {}", decided.len());
        let shown: BTreeSet<_> = log
            .entries
            .iter()
            .filter_map(|entry| entry.request)
            .collect();
        if log.from == 0 {
            assert!(decided.is_subset(&shown));
        }
    }
}
