//! Leaders that lost their quorum and still reach some nodes: those elect another one.

use tsoracle_peer_transport::LinkFault;

use crate::common::Cluster;

/// Five nodes, with the leader first.
async fn five() -> (Cluster, [u64; 5]) {
    let cluster = Cluster::group(5).await;
    let leader = cluster.leader().await;
    let others = (1..=4).map(|step| (leader - 1 + step) % 5 + 1);
    let nodes: Vec<u64> = std::iter::once(leader).chain(others).collect();
    (cluster, nodes.try_into().unwrap())
}

fn keep_only(cluster: &Cluster, kept: &[(u64, u64)]) {
    for a in 1..=5 {
        for b in (1..=5).filter(|b| *b != a) {
            if !kept.contains(&(a, b)) && !kept.contains(&(b, a)) {
                cluster.fault(a, b, LinkFault::CUT);
            }
        }
    }
}

/// Another leader serves while the fault is held.
async fn another_serves(cluster: Cluster, old: u64) {
    let ballot = cluster.nodes[&old].keeper.ballot();
    let new = cluster.leader_above(ballot).await;
    assert_ne!(new, old);
    cluster.nodes[&new].write(1).await.unwrap();
    cluster.heal();
    cluster.agree_on(1).await;
    assert!(cluster.leases.checked() >= 2);
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn quorum_loss_with_the_leader_as_a_leaf() {
    let (cluster, [leader, hub, b, c, d]) = five().await;
    keep_only(&cluster, &[(hub, leader), (hub, b), (hub, c), (hub, d)]);
    another_serves(cluster, leader).await;
}

#[tokio::test(start_paused = true)]
async fn a_bridge_between_the_leader_and_two_others() {
    let (cluster, [leader, bridge, a, b, _isolated]) = five().await;
    keep_only(
        &cluster,
        &[(a, b), (a, bridge), (b, bridge), (bridge, leader)],
    );
    another_serves(cluster, leader).await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_sends_and_hears_nothing() {
    let (cluster, [leader, others @ ..]) = five().await;
    for other in others {
        cluster.fault(other, leader, LinkFault::CUT);
    }
    another_serves(cluster, leader).await;
}
