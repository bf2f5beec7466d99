//! One turn: what leaves before the sync, what waits for it, and that no input is handled meanwhile.
#![cfg(feature = "test-fakes")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

mod common;

use std::time::Duration;

use common::cluster::{Cluster, Options, wait_for};
use common::{Command, SOON};
use tokio::time::sleep;
use tsoracle_paxos_toolkit::PaxosBallot;

/// Long enough for several rounds of everything.
const A_WHILE: Duration = Duration::from_millis(200);

/// Three nodes of which one is cut off; the leader, its ballot, and the follower that is left.
async fn pair() -> (Cluster, u64, PaxosBallot, u64) {
    let cluster = Cluster::start(Options::new(3).without_lease()).await;
    let (leader, ballot) = cluster.leader().await;
    cluster.append((leader, ballot), 1).await.unwrap();
    cluster.all_have_sum(1).await;
    let (follower, other) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    cluster.isolate(other, true);
    (cluster, leader, ballot, follower)
}

fn append(cluster: &Cluster, leader: u64, ballot: PaxosBallot) -> tokio::task::JoinHandle<bool> {
    let handle = cluster.nodes[&leader].handle.clone();
    tokio::spawn(async move {
        let appended = handle.append(ballot, |id| Command::of(10, id), SOON).await;
        appended.is_ok()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_leave_before_the_leaders_sync_and_nothing_is_decided_during_it() {
    let (cluster, leader, ballot, follower) = pair().await;
    let synced = cluster.disks[&follower].syncs();
    cluster.disks[&leader].hold();
    let decided = append(&cluster, leader, ballot);
    // The follower has it durably, and says so, while the leader still syncs.
    let accepted = || (cluster.nodes[&follower].handle.accepted() == 2).then_some(());
    wait_for("the entry at the follower", accepted).await;
    let durable = || (cluster.disks[&follower].syncs() > synced).then_some(());
    wait_for("the follower's sync", durable).await;
    assert!(cluster.disks[&leader].is_waiting());
    sleep(A_WHILE).await;
    // The leader's own acceptance, which the engine has counted, is not durable yet.
    assert_eq!(*cluster.nodes[&leader].handle.decided().borrow(), 1);
    assert!(!decided.is_finished());
    cluster.disks[&leader].release();
    assert!(decided.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_leaves_after_its_sync() {
    let (cluster, leader, ballot, follower) = pair().await;
    cluster.disks[&follower].hold();
    let decided = append(&cluster, leader, ballot);
    wait_for("the follower's sync", || {
        cluster.disks[&follower].is_waiting().then_some(())
    })
    .await;
    sleep(A_WHILE).await;
    assert!(!decided.is_finished(), "decided without a durable quorum");
    cluster.disks[&follower].release();
    // The stall may have cost the leader its place.
    let _ = decided.await.unwrap();
    cluster.isolate((leader + 1) % 3 + 1, false);
    cluster.append_somewhere(100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_leaves_after_its_sync() {
    let (cluster, leader, ballot, follower) = pair().await;
    cluster.disks[&follower].hold();
    cluster.nodes[&leader].handle.campaign();
    wait_for("the follower's sync", || {
        cluster.disks[&follower].is_waiting().then_some(())
    })
    .await;
    sleep(A_WHILE).await;
    let leads = cluster.leadership(leader).leads();
    assert_eq!(leads, None, "elected by a promise that is not durable");
    cluster.disks[&follower].release();
    wait_for("the new leader", || {
        let leads = [leader, follower].map(|node| cluster.leadership(node).leads());
        (leads.into_iter().max()? > Some(ballot)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepare_leaves_after_its_sync() {
    let (cluster, leader, ballot, follower) = pair().await;
    cluster.disks[&follower].hold();
    cluster.nodes[&follower].handle.campaign();
    wait_for("the candidate's sync", || {
        cluster.disks[&follower].is_waiting().then_some(())
    })
    .await;
    sleep(Duration::from_millis(20)).await;
    // After a crash it could campaign with the same ballot once more, and other entries.
    let leads = cluster.leadership(leader).leads();
    assert_eq!(
        leads,
        Some(ballot),
        "deposed by a ballot that is not durable"
    );
    cluster.disks[&follower].release();
    wait_for("the new leader", || {
        let leads = cluster.leadership(follower).leads();
        (leads > Some(ballot)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_leader_did_not_sync_is_gone_and_was_told_to_nobody() {
    let (mut cluster, leader, ballot, follower) = pair().await;
    cluster.disks[&follower].hold();
    cluster.disks[&leader].hold();
    let decided = append(&cluster, leader, ballot);
    wait_for("the leader's sync", || {
        cluster.disks[&leader].is_waiting().then_some(())
    })
    .await;
    cluster.crash(leader).await;
    cluster.crash(follower).await;
    assert!(!decided.await.unwrap());
    cluster.boot(leader);
    cluster.boot(follower);
    cluster.append_somewhere(100).await;
    cluster.all_have_sum(101).await;
}
