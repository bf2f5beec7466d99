//! The lease: never two, not longer than a quorum grants, and back soon after a crash.
#![cfg(feature = "test-fakes")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

mod common;

use std::time::{Duration, Instant};

use common::SOON;
use common::cluster::{Cluster, Options, wait_for};
use common::leases::Told;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tsoracle_lease::Reading;
use tsoracle_paxos_toolkit::{BootClock, Clock, Leadership, Members, ProveError, ReconfigureError};

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_quick() {
    let mut cluster = Cluster::start(Options::new(3).quick()).await;
    let mut taken = Vec::new();
    for _ in 0..10 {
        let (leader, _) = cluster.leader().await;
        cluster.append_somewhere(1).await;
        let crashed = Instant::now();
        cluster.crash(leader).await;
        let others: Vec<u64> = cluster.nodes.keys().copied().collect();
        let served = loop {
            let new = cluster.leader_of(&others).await;
            if cluster.append(new, 1).await.is_ok() {
                break crashed.elapsed();
            }
        };
        taken.push(served);
        cluster.boot(leader);
        // The one that came back has forgotten nothing, and is heard again.
        cluster.leader().await;
    }
    taken.sort_unstable();
    eprintln!("from the crash to the next decided append: {taken:?}");
    cluster.leases.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_without_a_quorum_loses_its_lease() {
    let cluster = Cluster::start(Options::new(3)).await;
    let (leader, ballot) = cluster.leader().await;
    cluster.isolate(leader, true);
    let latest = BootClock.now().saturating_add(cluster.options.times.grant);
    let lapsed = || (!cluster.leases.is_valid(leader)).then_some(());
    wait_for("the end of the lease", lapsed).await;
    let deadline = cluster.leases.deadline(leader);
    assert!(deadline.is_none_or(|deadline| deadline <= latest));
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
    let (_, new) = cluster.leader_of(&others).await;
    assert!(new > ballot);
    // It has heard of nothing, and proves nothing.
    assert_eq!(cluster.leadership(leader).leads(), Some(ballot));
    let within = Duration::from_millis(50);
    let handle = &cluster.nodes[&leader].handle;
    assert_eq!(
        handle.prove(within).await,
        Err(ProveError::NoQuorum { within })
    );
    cluster.leases.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_waits_for_the_lease_to_end() {
    let cluster = Cluster::start(Options::new(3)).await;
    for _ in 0..5 {
        let (leader, ballot) = cluster.leader().await;
        let rival = leader % 3 + 1;
        // Held, the campaign keeps its place: the lease runs out, and is not renewed for ever.
        cluster.nodes[&rival].handle.campaign();
        let (_, new) = wait_for("the rival's election", || {
            cluster.nodes.keys().find_map(|node| {
                let leads = cluster.leadership(*node).leads()?;
                (leads > ballot && cluster.leases.is_valid(*node)).then_some((*node, leads))
            })
        })
        .await;
        assert!(new > ballot);
        cluster.leases.check();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_waits_for_its_own_grants() {
    let cluster = Cluster::start(Options::new(3)).await;
    let (leader, _) = cluster.leader().await;
    let rival = leader % 3 + 1;
    let third = rival % 3 + 1;
    // The third has granted nothing that the leader still uses, so the rival's own grant is all
    // that stands between two leases.
    cluster.isolate(third, true);
    tokio::time::sleep(2 * cluster.options.times.grant).await;
    cluster.cut(leader, rival);
    cluster.cut(rival, leader);
    for (from, to) in [(rival, third), (third, rival)] {
        cluster.fault(from, to, tsoracle_peer_transport::LinkFault::NONE);
    }
    cluster.nodes[&rival].handle.campaign();
    cluster.leader_of(&[rival, third]).await;
    cluster.leases.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_cluster_waits_for_what_it_may_have_granted() {
    let mut cluster = Cluster::start(Options::new(3)).await;
    for _ in 0..3 {
        let (leader, _) = cluster.leader().await;
        let deadline: Reading = cluster.leases.deadline(leader).unwrap();
        for node in 1..=3 {
            cluster.crash(node).await;
        }
        for node in 1..=3 {
            cluster.boot(node);
        }
        cluster.leader().await;
        assert!(BootClock.now() > deadline);
    }
    cluster.leases.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_leader_proves_that_it_leads() {
    let cluster = Cluster::start(Options::new(3)).await;
    let (leader, ballot) = cluster.leader().await;
    let proof = cluster.nodes[&leader].handle.prove(SOON).await.unwrap();
    assert_eq!(proof.ballot, ballot);
    let follower = &cluster.nodes[&(leader % 3 + 1)].handle;
    assert_eq!(follower.prove(SOON).await, Err(ProveError::NotLeading));
    let hint = *follower.granted_to().borrow();
    assert!(hint <= Some(ballot));
    let without = Cluster::start(Options::new(3).without_lease()).await;
    let (leader, _) = without.leader().await;
    let none = without.nodes[&leader].handle.prove(SOON).await;
    assert_eq!(none, Err(ProveError::NoLease));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_sign_ends_the_lease_for_good() {
    let cluster = Cluster::start(Options::new(3)).await;
    let (leader, ballot) = cluster.leader().await;
    let handle = &cluster.nodes[&leader].handle;
    let next = |configuration| Members::new(configuration, [1, 2, 3]);
    let same = handle.reconfigure(ballot, next(1), vec![], SOON).await;
    let number = ReconfigureError::Number {
        offered: 1,
        current: 1,
    };
    assert_eq!(same, Err(number));
    handle
        .reconfigure(ballot, next(2), vec![], SOON)
        .await
        .unwrap();
    assert!(!cluster.leases.is_valid(leader));
    for node in 1..=3 {
        wait_for("the stop-sign", || {
            cluster.applied(node).stopped.then_some(())
        })
        .await;
    }
    let again = handle.reconfigure(ballot, next(2), vec![], SOON).await;
    assert!(again.is_err());
    tokio::time::sleep(2 * cluster.options.times.grant).await;
    assert!((1..=3).all(|node| !cluster.leases.is_valid(node)));
    let log = cluster.leases.log.lock().unwrap().clone();
    let ended = log
        .iter()
        .position(|told| *told == (leader, ballot, Told::Ended));
    let released = log
        .iter()
        .position(|told| *told == (leader, ballot, Told::Released));
    assert!(ended.unwrap() < released.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_leases_at_one_time_through_cuts_crashes_and_campaigns() {
    let mut random = ChaCha8Rng::seed_from_u64(common::seed());
    let mut cluster = Cluster::start(Options::new(5).quick()).await;
    let begun = Instant::now();
    let mut events = 0;
    while begun.elapsed() < Duration::from_secs(8) {
        events += 1;
        let node = random.random_range(1..=5);
        match random.random_range(0..6) {
            0 => cluster.isolate(node, true),
            1 => cluster.isolate(node, false),
            2 => {
                cluster.crash(node).await;
                cluster.boot(node);
            }
            3 => cluster.nodes[&node].handle.campaign(),
            4 => cluster.cut(node, node % 5 + 1),
            _ => {
                for node in 1..=5 {
                    cluster.isolate(node, false);
                }
                cluster.append_somewhere(1).await;
            }
        }
        let pause = Duration::from_millis(random.random_range(0..120));
        tokio::time::sleep(pause).await;
    }
    for node in 1..=5 {
        cluster.isolate(node, false);
    }
    cluster.append_somewhere(1).await;
    let leaders = cluster
        .nodes
        .keys()
        .filter(|node| matches!(cluster.leadership(**node), Leadership::Leader { .. }));
    eprintln!("{events} events, {} leader at the end", leaders.count());
    cluster.leases.check();
}
