//! The runner: elections, decisions without timers, refusals, bounds.
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
use tsoracle_paxos_toolkit::{AppendError, CompactError, Leadership, PaxosBallot};

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_decided_and_applied_everywhere() {
    let cluster = Cluster::start(Options::new(3)).await;
    for add in 1..=10 {
        cluster.append_somewhere(add).await;
    }
    cluster.all_have_sum(55).await;
    cluster.leases.check();
}

/// Longer than a hundred appends take on a busy machine.
const TICK: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn no_timer_stands_between_a_proposal_and_its_decision() {
    let cluster = Cluster::start(Options::new(3).without_lease()).await;
    let leader = cluster.leader().await;
    cluster.append(leader, 0).await.unwrap();
    for node in cluster.nodes.values() {
        node.handle.set_tick(TICK);
    }
    // Less than a tick is left for all of them.
    let appends = async {
        for _ in 0..100 {
            cluster.append(leader, 1).await.unwrap();
        }
    };
    tokio::time::timeout(TICK / 2, appends).await.unwrap();
    cluster.all_have_sum(100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_ballot_that_leads_appends() {
    let cluster = Cluster::start(Options::new(3)).await;
    let (node, ballot) = cluster.leader().await;
    let other = PaxosBallot {
        n: ballot.n + 1,
        ..ballot
    };
    for (node, offered) in [(node, other), (node % 3 + 1, ballot)] {
        let refused = cluster.append((node, offered), 1).await.unwrap_err();
        assert!(
            matches!(refused, AppendError::NotLeading { .. }),
            "{refused}"
        );
    }
    cluster.append((node, ballot), 5).await.unwrap();
    cluster.all_have_sum(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pending_when_leadership_is_lost_is_unknown() {
    let cluster = Cluster::start(Options::new(3)).await;
    let (old, ballot) = cluster.leader().await;
    cluster.append((old, ballot), 1).await.unwrap();
    cluster.isolate(old, true);
    let handle = cluster.nodes[&old].handle.clone();
    let pending = tokio::spawn(async move {
        let make = |id| common::Command::of(10, id);
        handle.append(ballot, make, common::SOON).await
    });
    let others: Vec<u64> = (1..=3).filter(|node| *node != old).collect();
    let new = cluster.leader_of(&others).await;
    cluster.append(new, 100).await.unwrap();
    cluster.isolate(old, false);
    let outcome = pending.await.unwrap().unwrap_err();
    assert!(matches!(outcome, AppendError::Unknown), "{outcome}");
    cluster.all_have_sum(101).await;
    cluster.leases.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_nothing_is_decided_and_the_barrier_ends_late() {
    let cluster = Cluster::start(Options::new(3)).await;
    let leader = cluster.leader().await;
    cluster.append(leader, 1).await.unwrap();
    let handle = cluster.nodes[&leader.0].handle.clone();
    handle.barrier().passed(common::SOON).await.unwrap();
    cluster.isolate(leader.0, true);
    let make = |id| common::Command::of(10, id);
    let within = Duration::from_millis(50);
    let late = handle.append(leader.1, make, within).await.unwrap_err();
    assert!(matches!(late, AppendError::TimedOut { .. }), "{late}");
    let barrier = handle.barrier();
    assert_eq!(barrier.index(), 2);
    let _ = barrier.passed(within).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_the_log_does_not_grow_for_ever() {
    let mut options = Options::new(3);
    options.undecided = 4;
    let cluster = Cluster::start(options).await;
    let leader = cluster.leader().await;
    cluster.isolate(leader.0, true);
    let handle = &cluster.nodes[&leader.0].handle;
    for _ in 0..4 {
        let make = |id| common::Command::of(1, id);
        let within = Duration::from_millis(5);
        let late = handle.append(leader.1, make, within).await.unwrap_err();
        assert!(matches!(late, AppendError::TimedOut { .. }), "{late}");
    }
    let refused = cluster.append(leader, 1).await.unwrap_err();
    assert!(
        matches!(refused, AppendError::NoQuorum { undecided: 4 }),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_may_crash_at_once() {
    let mut cluster = Cluster::start(Options::new(3)).await;
    let mut sum = 0;
    for round in 1..=4 {
        cluster.append_somewhere(round).await;
        sum += round;
        for node in 1..=3 {
            cluster.crash(node).await;
        }
        for node in 1..=3 {
            cluster.boot(node);
        }
        let (node, ballot) = cluster.leader().await;
        cluster.append((node, ballot), 0).await.unwrap();
        cluster.all_have_sum(sum).await;
    }
    cluster.leases.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_far_behind_is_given_a_snapshot() {
    let mut cluster = Cluster::start(Options::new(3)).await;
    let leader = cluster.leader().await;
    let behind = leader.0 % 3 + 1;
    cluster.crash(behind).await;
    for _ in 0..20 {
        cluster.append(leader, 1).await.unwrap();
    }
    let handle = cluster.nodes[&leader.0].handle.clone();
    let within = common::SOON;
    assert_eq!(handle.snapshot(Some(15), within).await, Ok(15));
    assert_eq!(handle.snapshot(Some(5), within).await, Ok(15));
    let beyond = handle.snapshot(Some(21), within).await;
    assert!(matches!(beyond, Err(CompactError::NotShown { .. })));
    assert_eq!(
        handle.trim(16, within).await,
        Err(CompactError::HasSnapshots)
    );
    cluster.boot(behind);
    cluster.append_somewhere(1).await;
    cluster.all_have_sum(21).await;
    assert!(cluster.applied(behind).from >= 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_disk_ends_the_node_and_not_the_cluster() {
    let cluster = Cluster::start(Options::new(3)).await;
    let leader = cluster.leader().await;
    cluster.disks[&leader.0].fail("as told");
    let failed = cluster.append(leader, 1).await.unwrap_err();
    assert!(failed.to_string().contains("as told"), "{failed}");
    let handle = &cluster.nodes[&leader.0].handle;
    assert!(handle.ended_with().await.is_some());
    assert!(!cluster.leases.is_valid(leader.0));
    let mut leadership = handle.leadership();
    while leadership.changed().await.is_ok() {}
    let again = cluster.append(leader, 1).await.unwrap_err();
    assert!(matches!(again, AppendError::Failed(_)), "{again}");
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader.0).collect();
    let new = cluster.leader_of(&others).await;
    cluster.append(new, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_disk_does_not_stall_a_shutdown() {
    let cluster = Cluster::start(Options::new(3)).await;
    let leader = cluster.leader().await;
    let disk = &cluster.disks[&leader.0];
    disk.hold();
    let handle = cluster.nodes[&leader.0].handle.clone();
    let pending = tokio::spawn(async move {
        let make = |id| common::Command::of(1, id);
        handle.append(leader.1, make, common::SOON).await
    });
    wait_for("the sync", || disk.is_waiting().then_some(())).await;
    let runner = &cluster.nodes[&leader.0].runner;
    let within = Duration::from_millis(50);
    assert!(runner.shutdown(within).await.is_err());
    disk.release();
    runner.shutdown(common::SOON).await.unwrap();
    runner.shutdown(common::SOON).await.unwrap();
    let _ = pending.await.unwrap();
    assert_eq!(cluster.leadership(leader.0).leads(), Some(leader.1));
}

#[tokio::test(flavor = "multi_thread")]
async fn pids_may_be_far_apart() {
    let mut options = Options::new(0);
    options.members = tsoracle_paxos_toolkit::Members::new(1, [3, 70_000, 131_072]);
    let cluster = Cluster::start(options).await;
    cluster.append_somewhere(1).await;
    cluster.all_have_sum(1).await;
    let follower = cluster.nodes.keys().map(|node| cluster.leadership(*node));
    assert!(
        follower
            .into_iter()
            .any(|led| matches!(led, Leadership::Follower { .. }))
    );
}
