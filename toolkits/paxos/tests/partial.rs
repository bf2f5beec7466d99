//! Partial connectivity: while links stay cut, a leader is found that serves. How long that takes is
//! a figure of the lab (`lab faults`).
#![cfg(feature = "test-fakes")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

mod common;

use common::cluster::{Cluster, Options, wait_for};
use tsoracle_paxos_toolkit::Leadership;

/// Some nodes, the leader first, and what it leads with.
async fn nodes<const N: usize>() -> (Cluster, [u64; N]) {
    let cluster = Cluster::start(Options::new(N as u64)).await;
    let (leader, _) = cluster.leader().await;
    let others = (1..=N as u64).filter(|node| *node != leader);
    let nodes: Vec<u64> = std::iter::once(leader).chain(others).collect();
    (cluster, nodes.try_into().unwrap())
}

fn cut_both(cluster: &Cluster, a: u64, b: u64) {
    cluster.cut(a, b);
    cluster.cut(b, a);
}

/// After the links are back everybody has what was decided, and there were never two leases.
async fn agree(cluster: &Cluster, sum: u64) {
    for node in cluster.nodes.keys() {
        cluster.isolate(*node, false);
    }
    cluster.append_somewhere(1).await;
    cluster.all_have_sum(sum + 1).await;
    cluster.leases.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn quorum_loss_elects_the_only_one_that_reaches_a_quorum() {
    let (cluster, [leader, hub, b, c, d]) = nodes().await;
    let leaves = [leader, b, c, d];
    for (at, one) in leaves.iter().enumerate() {
        for other in &leaves[at + 1..] {
            cut_both(&cluster, *one, *other);
        }
    }
    let elected = cluster.leader_of(&[hub, b, c, d]).await;
    assert_eq!(elected.0, hub);
    cluster.append(elected, 10).await.unwrap();
    agree(&cluster, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn constrained_election_elects_a_node_whose_log_is_behind() {
    let (cluster, [leader, hub, b, c, d]) = nodes().await;
    cut_both(&cluster, leader, hub);
    let led = cluster.leader_of(&[leader, b, c, d]).await;
    for _ in 0..5 {
        cluster.append(led, 1).await.unwrap();
    }
    let behind = cluster.nodes[&hub].handle.accepted();
    assert!(behind < cluster.nodes[&leader].handle.accepted());
    cluster.isolate(leader, true);
    for (one, other) in [(b, c), (b, d), (c, d)] {
        cut_both(&cluster, one, other);
    }
    let elected = cluster.leader_of(&[hub, b, c, d]).await;
    assert_eq!(elected.0, hub);
    cluster.append(elected, 10).await.unwrap();
    // What was decided before came with the election.
    assert_eq!(cluster.applied(hub).sum, 15);
    agree(&cluster, 15).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chained_nodes_change_their_leader_once_at_most() {
    let (cluster, [leader, follower, third]) = nodes().await;
    let (_, before) = cluster.leader().await;
    cut_both(&cluster, leader, follower);
    for _ in 0..20 {
        // Who leads is followed by the one that reaches both.
        let serves = match cluster.leadership(follower).leads() {
            Some(_) => cluster.leader_of(&[follower, third]).await,
            None => cluster.leader_of(&[leader, third]).await,
        };
        cluster.append(serves, 1).await.unwrap();
    }
    let (_, after) = cluster.leader_of(&[leader, third]).await;
    assert!(after.n <= before.n + 1, "{before} became {after}");
    agree(&cluster, 20).await;
}

/// A member that campaigned in vain, and stopped, has promised a ballot that nobody leads under. It
/// is led again, and by the same node.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_campaign_was_in_vain_is_led_again() {
    for lease in [true, false] {
        let options = Options::new(3);
        let options = if lease {
            options
        } else {
            options.without_lease()
        };
        let mut cluster = Cluster::start(options).await;
        let (leader, _) = cluster.leader().await;
        let vain = leader % 3 + 1;
        cluster.isolate(vain, true);
        cluster.nodes[&vain].handle.campaign();
        let campaigns = || match cluster.leadership(vain) {
            Leadership::Candidate { ballot } => Some(ballot),
            _ => None,
        };
        let promised = wait_for("its campaign", campaigns).await;
        cluster.crash(vain).await;
        cluster.boot(vain);
        for other in 1..=3 {
            cluster.isolate(other, false);
        }
        let (led_by, ballot) = cluster.leader().await;
        assert_eq!(led_by, leader);
        assert!(ballot > promised);
        cluster.append((leader, ballot), 1).await.unwrap();
        cluster.all_have_sum(1).await;
        cluster.leases.check();
    }
}
