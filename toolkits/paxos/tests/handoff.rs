//! Handing leadership over: the lease ends first, the target serves soon, and nobody is left without.
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
use common::cluster::{Cluster, Options};
use common::leases::Told;
use tsoracle_paxos_toolkit::{AppendError, HandoffError};

#[tokio::test(flavor = "multi_thread")]
async fn the_target_takes_over_with_everything() {
    let cluster = Cluster::start(Options::new(3)).await;
    let mut sum = 0;
    let mut gaps = Vec::new();
    for add in 1..=5 {
        let (leader, ballot) = cluster.leader().await;
        cluster.append((leader, ballot), add).await.unwrap();
        sum += add;
        let target = leader % 3 + 1;
        let begun = Instant::now();
        let handle = &cluster.nodes[&leader].handle;
        handle.hand_off(target, SOON).await.unwrap();
        let (new, above) = cluster.leader().await;
        gaps.push(begun.elapsed());
        assert_eq!(new, target);
        assert!(above > ballot);
        let late = cluster.append((leader, ballot), 1).await.unwrap_err();
        assert!(matches!(late, AppendError::NotLeading { .. }), "{late}");
        let log = cluster.leases.log.lock().unwrap().clone();
        let at = |told| log.iter().position(|entry| *entry == told).unwrap();
        let ended = at((leader, ballot, Told::Ended));
        let released = at((leader, ballot, Told::Released));
        let renewed = at((target, above, Told::Renewed));
        assert!(ended < released && released < renewed, "{log:?}");
    }
    cluster.all_have_sum(sum).await;
    cluster.leases.check();
    eprintln!("handoffs took {gaps:?}");
    // No grant had to run out.
    gaps.sort_unstable();
    assert!(gaps[0] < cluster.options.times.grant, "{gaps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_returns_when_the_target_is_gone() {
    for lease in [true, false] {
        let mut options = Options::new(3);
        options.lease = lease;
        let mut cluster = Cluster::start(options).await;
        let (leader, _) = cluster.leader().await;
        cluster.append_somewhere(1).await;
        let target = leader % 3 + 1;
        cluster.crash(target).await;
        let handle = cluster.nodes[&leader].handle.clone();
        let within = Duration::from_millis(100);
        let begun = Instant::now();
        let late = handle.hand_off(target, within).await;
        // On a busy machine the third may have been elected meanwhile.
        let known = matches!(
            late,
            Err(HandoffError::Late { .. } | HandoffError::Elsewhere { .. })
        );
        assert!(known, "{late:?}");
        cluster.append_somewhere(1).await;
        eprintln!("served again after {:?}", begun.elapsed());
        cluster.all_have_sum(2).await;
        cluster.leases.check();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_handed_off_is_refused() {
    let cluster = Cluster::start(Options::new(3)).await;
    let (leader, ballot) = cluster.leader().await;
    let follower = leader % 3 + 1;
    let refused = cluster.nodes[&follower].handle.hand_off(leader, SOON).await;
    assert_eq!(refused, Err(HandoffError::NotLeading));
    let handle = &cluster.nodes[&leader].handle;
    for to in [leader, 9] {
        let refused = handle.hand_off(to, SOON).await;
        assert_eq!(refused, Err(HandoffError::NotMember { to }));
    }
    assert!(cluster.leases.is_valid(leader));
    cluster.append((leader, ballot), 1).await.unwrap();
}
