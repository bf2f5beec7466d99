//! Leadership handed over, and what happens when that fails.

use std::time::Duration;

use tokio::time::Instant;
use tsoracle_openraft_toolkit::TransferError;

use crate::common::{Cluster, SOON};

#[tokio::test(start_paused = true)]
async fn a_handoff_waits_for_no_lease() {
    let cluster = Cluster::group(3).await;
    for round in 0..20 {
        let old = cluster.leader().await;
        let ballot = cluster.nodes[&old].keeper.ballot();
        let to = old % 3 + 1;
        // The target needs the log, and to have been heard.
        cluster.nodes[&old].write(round).await.unwrap();
        cluster.agree_on(round).await;
        let began = Instant::now();
        cluster.nodes[&old]
            .lifecycle
            .transfer_leadership(to, SOON)
            .await
            .unwrap();
        assert_eq!(cluster.leader_above(ballot).await, to);
        assert!(
            began.elapsed() < Duration::from_millis(60),
            "{:?}",
            began.elapsed()
        );
    }
    assert_eq!(cluster.leases.checked(), 21);
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_handoff_goes_to_another_voter() {
    let cluster = Cluster::group(3).await;
    let old = cluster.leader().await;
    let ballot = cluster.nodes[&old].keeper.ballot();
    let (to, other) = (old % 3 + 1, (old + 1) % 3 + 1);
    cluster.isolate(&[to]);
    let began = Instant::now();
    let transferred = cluster.nodes[&old]
        .lifecycle
        .transfer_leadership(to, SOON)
        .await;
    assert_eq!(transferred, Err(TransferError::Other { to, leader: other }));
    assert_eq!(cluster.leader_above(ballot).await, other);
    assert!(
        began.elapsed() < Duration::from_millis(400),
        "{:?}",
        began.elapsed()
    );
    cluster.nodes[&other].write(3).await.unwrap();
    cluster.heal();
    cluster.agree_on(3).await;
    cluster.leases.checked();
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_handoff_by_a_leader_that_nobody_hears_ends_in_an_election() {
    let cluster = Cluster::group(3).await;
    let old = cluster.leader().await;
    let ballot = cluster.nodes[&old].keeper.ballot();
    let to = old % 3 + 1;
    cluster.isolate(&[old]);
    let within = Duration::from_millis(300);
    let began = Instant::now();
    let transferred = cluster.nodes[&old]
        .lifecycle
        .transfer_leadership(to, within)
        .await;
    assert_eq!(transferred, Err(TransferError::Late { to, within }));
    assert_eq!(began.elapsed().as_millis(), 300);
    let new = cluster.leader_above(ballot).await;
    assert_ne!(new, old);
    cluster.heal();
    cluster.nodes[&new].write(4).await.unwrap();
    cluster.agree_on(4).await;
    cluster.leases.checked();
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_handoff_is_refused_with_its_reason() {
    let cluster = Cluster::nodes(4).await;
    cluster.found(1..=3).await;
    let leader = cluster.leader().await;
    let node = &cluster.nodes[&leader];
    let other = leader % 3 + 1;
    let to_nobody = node.lifecycle.transfer_leadership(4, SOON).await;
    assert_eq!(to_nobody, Err(TransferError::NotVoter { to: 4 }));
    assert_eq!(
        node.lifecycle.transfer_leadership(leader, SOON).await,
        Ok(())
    );
    let elsewhere = cluster.nodes[&other]
        .lifecycle
        .transfer_leadership(leader, SOON)
        .await;
    assert_eq!(
        elsewhere,
        Err(TransferError::NotLeader {
            leader: Some(leader)
        })
    );
    assert!(node.keeper.is_valid(), "a refusal costs nothing");
    cluster.shut_down().await;
}
