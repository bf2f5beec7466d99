//! Starts, joins, removals: each with the lease covered, none that loses the quorum.

use std::collections::BTreeSet;
use std::time::Duration;

use tsoracle_openraft_toolkit::{Bootstrap, BootstrapError, ChangeError, GroupTimes};

use crate::common::{Cluster, Options, SOON, address, members, until};

fn set(nodes: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
    nodes.into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn each_start_is_held_against_the_store() {
    let mut cluster = Cluster::nodes(3).await;
    let node = &cluster.nodes[&1];
    let reopened = node.lifecycle.bootstrap(Bootstrap::Reopen, SOON).await;
    assert_eq!(reopened, Err(BootstrapError::Empty { node: 1 }));
    let fresh = |voters: [u64; 2]| Bootstrap::Fresh {
        members: members(voters),
    };
    let foreign = node.lifecycle.bootstrap(fresh([2, 3]), SOON).await;
    assert_eq!(foreign, Err(BootstrapError::NotMember { node: 1 }));
    cluster.found(1..=3).await;
    cluster.leader().await;
    cluster.restart(1).await;
    let node = &cluster.nodes[&1];
    let again = node.lifecycle.bootstrap(fresh([1, 2]), SOON).await;
    assert_eq!(again, Err(BootstrapError::NotEmpty { node: 1 }));
    let joined = node.lifecycle.bootstrap(Bootstrap::Join, SOON).await;
    assert_eq!(joined, Err(BootstrapError::HasLog { node: 1 }));
    assert_eq!(
        node.lifecycle.bootstrap(Bootstrap::Reopen, SOON).await,
        Ok(())
    );
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_joins_learns_and_votes() {
    let mut cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    cluster.nodes[&leader].write(1).await.unwrap();
    cluster.start(4, Options::default()).await;
    cluster.nodes[&4]
        .lifecycle
        .bootstrap(Bootstrap::Join, SOON)
        .await
        .unwrap();
    let node = &cluster.nodes[&leader];
    node.lifecycle
        .add_learner(4, address(4), SOON)
        .await
        .unwrap();
    node.lifecycle
        .change_membership(set(1..=4), false, SOON)
        .await
        .unwrap();
    assert_eq!(node.voters(), [1, 2, 3, 4]);
    assert!(
        node.keeper.is_valid(),
        "the lease goes on through the change"
    );
    node.write(2).await.unwrap();
    cluster.agree_on(2).await;
    assert_eq!(cluster.leases.checked(), 1);
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_sole_voter_has_a_lease_and_grows() {
    let mut cluster = Cluster::nodes(3).await;
    cluster.found([1]).await;
    assert_eq!(cluster.leader().await, 1);
    cluster.nodes[&1].write(1).await.unwrap();
    cluster.restart(1).await;
    cluster.leader().await;
    let node = &cluster.nodes[&1];
    for id in [2, 3] {
        node.lifecycle
            .add_learner(id, address(id), SOON)
            .await
            .unwrap();
    }
    node.lifecycle
        .change_membership(set(1..=3), false, SOON)
        .await
        .unwrap();
    node.write(2).await.unwrap();
    cluster.agree_on(2).await;
    // From here on it needs the others: cut off, it loses its lease and another is elected.
    let ballot = node.keeper.ballot();
    cluster.isolate(&[1]);
    let next = cluster.leader_above(ballot).await;
    assert_ne!(next, 1);
    cluster.leases.checked();
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_shrinks_to_its_leader() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let node = &cluster.nodes[&leader];
    node.lifecycle
        .change_membership(set([leader]), false, SOON)
        .await
        .unwrap();
    cluster.isolate(&[leader]);
    node.write(9).await.unwrap();
    until("it has a lease of its own grants", || {
        node.keeper.is_valid()
    })
    .await;
    tokio::time::sleep(4 * GroupTimes::default().grant).await;
    assert!(node.keeper.is_valid());
    assert_eq!(cluster.leases.checked(), 1);
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_removes_itself() {
    for retain in [false, true] {
        let cluster = Cluster::group(3).await;
        let old = cluster.leader().await;
        let ballot = cluster.nodes[&old].keeper.ballot();
        cluster.nodes[&old].write(1).await.unwrap();
        let others = set((1..=3).filter(|id| *id != old));
        let node = &cluster.nodes[&old];
        node.lifecycle
            .change_membership(others.clone(), retain, SOON)
            .await
            .unwrap();
        let new = cluster.leader_above(ballot).await;
        assert!(others.contains(&new));
        cluster.nodes[&new].write(2).await.unwrap();
        assert_eq!(set(cluster.nodes[&new].voters()), others);
        until("the old leader has stepped down", || {
            !cluster.nodes[&old].raft.is_leader()
        })
        .await;
        assert_eq!(cluster.leases.checked(), 2);
        cluster.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_member_is_replaced() {
    let mut cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let dead = leader % 3 + 1;
    cluster.stop(dead).await;
    cluster.start(4, Options::default()).await;
    cluster.nodes[&4]
        .lifecycle
        .bootstrap(Bootstrap::Join, SOON)
        .await
        .unwrap();
    let node = &cluster.nodes[&leader];
    node.lifecycle
        .add_learner(4, address(4), SOON)
        .await
        .unwrap();
    let voters = set((1..=4).filter(|id| *id != dead));
    node.lifecycle
        .change_membership(voters.clone(), false, SOON)
        .await
        .unwrap();
    assert_eq!(set(node.voters()), voters);
    node.write(5).await.unwrap();
    cluster.agree_on(5).await;
    cluster.leases.checked();
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_learner_that_does_not_come_is_taken_back() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let node = &cluster.nodes[&leader];
    let within = Duration::from_secs(1);
    let added = node.lifecycle.add_learner(4, address(4), within).await;
    assert_eq!(added, Err(ChangeError::Late { within }));
    assert_eq!(node.members(), set(1..=4));
    let voter = node.lifecycle.remove_learner(leader % 3 + 1, SOON).await;
    assert!(
        matches!(voter, Err(ChangeError::Refused { .. })),
        "{voter:?}"
    );
    node.lifecycle.remove_learner(4, SOON).await.unwrap();
    assert_eq!(node.members(), set(1..=3));
    node.write(5).await.unwrap();
    cluster.leases.checked();
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn changes_that_would_hurt_are_refused_with_their_reason() {
    let mut cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let (one, two) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    cluster.start(4, Options::default()).await;
    let change = async |at: u64, voters: BTreeSet<u64>| {
        let within = Duration::from_secs(2);
        cluster.nodes[&at]
            .lifecycle
            .change_membership(voters, false, within)
            .await
    };
    assert_eq!(change(leader, set([])).await, Err(ChangeError::NoVoters));
    assert_eq!(
        change(leader, set([one])).await,
        Err(ChangeError::SingleOther)
    );
    let strangers = Err(ChangeError::NotMembers { nodes: set([4]) });
    assert_eq!(change(leader, set(1..=4)).await, strangers);
    let not_here = Err(ChangeError::NotLeader {
        leader: Some(leader),
    });
    assert_eq!(change(one, set([one])).await, not_here);
    let node = &cluster.nodes[&leader];
    node.lifecycle
        .add_learner(4, address(4), SOON)
        .await
        .unwrap();
    // With the second and the fourth silent there would be no quorum.
    cluster.isolate(&[two, 4]);
    let mut refusals = 0;
    let lost = loop {
        match change(leader, set([leader, two, 4])).await {
            Err(ChangeError::WouldLoseQuorum { ready, needed }) => break (ready, needed),
            // Their silence has not been noticed yet, and shows only now.
            Err(ChangeError::Silent { .. }) => refusals += 1,
            other => panic!("{other:?}"),
        }
        assert!(refusals < 20, "their silence is never noticed");
    };
    assert_eq!(lost, (set([leader]), 2));
    assert_eq!(set(node.voters()), set(1..=3));
    until("the lease goes on with the old voters", || {
        node.keeper.is_valid()
    })
    .await;
    node.write(8).await.unwrap();
    cluster.leases.checked();
    cluster.shut_down().await;
}
