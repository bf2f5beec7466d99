//! Why a restarted leader must not go on in its old term.
//!
//! openraft replicates entries that the leader has not flushed yet, which is what makes a commit
//! cost the slower of two syncs and not their sum. A leader that crashes then has lost entries that
//! its followers committed. If it goes on in its old term (`enable_leader_restore`), it gives their
//! log ids to other entries, and the followers take those for what they have.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

#[path = "cluster/mod.rs"]
mod common;

use common::machine::Machine;
use common::{Cluster, Options, until};

/// The leader's disk stalls, a value is committed by the others, and the leader crashes; it is
/// back before anybody has missed it.
async fn crash_with_unflushed_entries(cluster: &mut Cluster) -> (u64, u64) {
    let leader = cluster.leader().await;
    let others: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    let node = &cluster.nodes[&leader];
    node.write(1).await.unwrap();
    node.log.hold();
    let raft = node.raft.clone();
    let write = tokio::spawn(async move { raft.client_write(2).await });
    until("the others have committed the value", || {
        others
            .iter()
            .all(|id| cluster.nodes[id].machine.values() == [1, 2])
    })
    .await;
    let (committed, _) = cluster.nodes[&others[0]].machine.last().unwrap();
    assert!(
        cluster.nodes[&leader].log.durable_last() < Some(committed),
        "it was not flushed"
    );
    let mut options = cluster.stop(leader).await;
    drop(write.await);
    // What it had applied was in memory; it applies its log again.
    options.machine = Machine::default();
    cluster.start(leader, options).await;
    (leader, committed.index)
}

#[tokio::test(start_paused = true)]
async fn with_leader_restore_two_values_are_committed_under_one_log_id() {
    let restoring = |_| Options {
        unchecked: true,
        adjust: |config| config.enable_leader_restore = Some(true),
        ..Options::default()
    };
    let mut cluster = Cluster::with(3, restoring).await;
    cluster.found(1..=3).await;
    let (leader, index) = crash_with_unflushed_entries(&mut cluster).await;
    let node = &cluster.nodes[&leader];
    // openraft's leader takes writes once its heartbeats are answered.
    let limit = tokio::time::Instant::now() + common::SOON;
    while node.write(3).await.is_err() {
        assert!(tokio::time::Instant::now() < limit, "it never led again");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let other = leader % 3 + 1;
    let (here, there) = (
        node.machine.at(index),
        cluster.nodes[&other].machine.at(index),
    );
    let ((id, value), (other_id, other_value)) = (here.unwrap(), there.unwrap());
    assert_eq!(id, other_id, "one log id");
    assert_eq!((value, other_value), (3, 2), "two values");
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn without_it_the_committed_value_stays() {
    let mut cluster = Cluster::group(3).await;
    let (leader, index) = crash_with_unflushed_entries(&mut cluster).await;
    let next = cluster.leader().await;
    cluster.nodes[&next].write(3).await.unwrap();
    cluster.agree_on(3).await;
    for node in cluster.nodes.values() {
        assert_eq!(node.machine.values(), [1, 2, 3]);
        assert_eq!(node.machine.at(index).unwrap().1, 2);
    }
    assert_ne!(cluster.nodes[&leader].log.durable_last(), None);
    cluster.leases.checked();
    cluster.shut_down().await;
}
