//! The lease of a leader: its end when cut off, its return, proofs, hints.

use std::time::Duration;

use tokio::time::Instant;
use tsoracle_openraft_toolkit::{GroupTimes, ProveError};

use crate::common::{Cluster, SOON, until};

#[tokio::test(start_paused = true)]
async fn a_leader_cut_off_loses_its_lease_in_time_and_may_renew_it() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let node = &cluster.nodes[&leader];
    let ballot = node.keeper.ballot();
    let nodes: Vec<_> = cluster.nodes.keys().copied().collect();
    for node in &nodes {
        cluster.isolate(&[*node]);
    }
    let cut = Instant::now();
    until("the lease has lapsed", || !node.keeper.is_valid()).await;
    assert!(
        cut.elapsed() <= GroupTimes::default().grant,
        "{:?}",
        cut.elapsed()
    );
    assert_eq!(node.keeper.ballot(), ballot, "it has not noticed");
    let proof = node.keeper.prove(Duration::from_millis(20)).await;
    assert!(
        matches!(proof, Err(ProveError::NoQuorum { .. })),
        "{proof:?}"
    );
    cluster.heal();
    until("the lease is valid again", || node.keeper.is_valid()).await;
    assert_eq!(node.keeper.ballot(), ballot, "nobody led in between");
    assert_eq!(cluster.leases.checked(), 1);
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_proof_needs_a_quorum_and_a_leader() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let node = &cluster.nodes[&leader];
    let proof = node.keeper.prove(SOON).await.unwrap();
    assert_eq!(Some(proof.ballot), node.keeper.ballot());
    for other in cluster.nodes.values().filter(|other| other.id != leader) {
        assert_eq!(other.keeper.prove(SOON).await, Err(ProveError::NotLeading));
    }
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn hints_name_the_leader_that_was_granted() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let ballot = cluster.nodes[&leader].keeper.ballot();
    for node in cluster.nodes.values() {
        let mut granted = node.keeper.granted_to();
        let granted = tokio::time::timeout(SOON, granted.wait_for(|granted| *granted == ballot));
        granted.await.unwrap().unwrap();
    }
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_of_all_costs_a_grant_and_no_overlap() {
    let mut cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let ballot = cluster.nodes[&leader].keeper.ballot();
    cluster.nodes[&leader].write(7).await.unwrap();
    let mut options = Vec::new();
    for id in 1..=3 {
        options.push((id, cluster.stop(id).await));
    }
    let crashed = Instant::now();
    for (id, options) in options {
        cluster.start(id, options).await;
    }
    cluster.leader_above(ballot).await;
    assert!(
        crashed.elapsed() >= GroupTimes::default().grant,
        "{:?}",
        crashed.elapsed()
    );
    cluster.agree_on(7).await;
    assert_eq!(cluster.leases.checked(), 2);
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_failover_takes_the_election_and_little_more() {
    let cluster = Cluster::group(3).await;
    let old = cluster.leader().await;
    let ballot = cluster.nodes[&old].keeper.ballot();
    cluster.isolate(&[old]);
    let cut = Instant::now();
    cluster.leader_above(ballot).await;
    let times = GroupTimes::default();
    let most = 3 * times.election_max;
    assert!(cut.elapsed() <= most, "{:?} of {most:?}", cut.elapsed());
    cluster.shut_down().await;
}
