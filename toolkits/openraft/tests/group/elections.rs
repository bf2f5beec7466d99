//! A group elects, replicates, and stands faults of single links.

use std::time::Duration;

use tsoracle_peer_transport::LinkFault;

use crate::common::{Cluster, Options, SOON};

#[tokio::test(start_paused = true)]
async fn three_nodes_elect_and_replicate() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    for value in 0..100 {
        assert_eq!(cluster.nodes[&leader].write(value).await, Ok(value));
    }
    cluster.agree_on(99).await;
    assert!(cluster.leases.checked() >= 1);
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn nodes_find_each_other_by_the_membership() {
    let alone = |_| Options {
        knows: vec![],
        ..Options::default()
    };
    let cluster = Cluster::with(3, alone).await;
    cluster.found(1..=3).await;
    let leader = cluster.leader().await;
    cluster.nodes[&leader].write(5).await.unwrap();
    cluster.agree_on(5).await;
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_leader_loses_its_lease_and_another_serves() {
    let cluster = Cluster::group(3).await;
    let old = cluster.leader().await;
    let ballot = cluster.nodes[&old].keeper.ballot();
    cluster.isolate(&[old]);
    let new = cluster.leader_above(ballot).await;
    assert_ne!(new, old);
    assert!(!cluster.nodes[&old].keeper.is_valid());
    cluster.nodes[&new].write(1).await.unwrap();
    cluster.heal();
    cluster.agree_on(1).await;
    assert_eq!(cluster.nodes[&old].keeper.ballot(), None);
    assert!(cluster.leases.checked() >= 2);
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn one_link_cut_one_way_costs_nothing() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let ballot = cluster.nodes[&leader].keeper.ballot();
    let other = (1..=3).find(|node| *node != leader).unwrap();
    cluster.fault(leader, other, LinkFault::CUT);
    for value in 0..50 {
        let written = cluster.nodes[&leader].write_within(value, SOON).await;
        assert_eq!(written, Ok(value));
    }
    assert_eq!(cluster.nodes[&leader].keeper.ballot(), ballot);
    cluster.heal();
    cluster.agree_on(49).await;
    cluster.leases.checked();
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn lossy_links_reach_the_engine_as_broken_ones() {
    let cluster = Cluster::group(3).await;
    for (a, b) in [(1, 2), (2, 3), (3, 1), (2, 1)] {
        cluster.fault(a, b, LinkFault::lossy(20, 50, 50));
    }
    let mut written = 0;
    for value in 0..200 {
        let leader = cluster.leader().await;
        let node = &cluster.nodes[&leader];
        written += u64::from(
            node.write_within(value, Duration::from_secs(1))
                .await
                .is_ok(),
        );
    }
    assert!(written > 100, "{written} of 200");
    cluster.heal();
    let leader = cluster.leader().await;
    cluster.nodes[&leader].write(1_000).await.unwrap();
    cluster.agree_on(1_000).await;
    cluster.leases.checked();
    cluster.shut_down().await;
}
