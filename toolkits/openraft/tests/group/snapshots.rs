//! Snapshots go in chunks, and on from where they were interrupted.

use std::time::Duration;

use openraft::SnapshotPolicy;
use openraft::async_runtime::WatchReceiver;
use tsoracle_openraft_toolkit::{NetworkSettings, PartialLimits};
use tsoracle_peer_transport::LinkFault;

use crate::common::{Cluster, Options, SOON, address, until};

const SIZE: u64 = 64 << 20;

/// A paused clock would see the whole of it arrive at one moment.
const SLOW: LinkFault = LinkFault::delay(Duration::from_millis(3));

fn options(_: u64) -> Options {
    Options {
        adjust: |config| {
            config.snapshot_policy = SnapshotPolicy::Never;
            config.max_in_snapshot_log_to_keep = 0;
        },
        ..Options::default()
    }
}

/// Nodes 1 and 2 with a snapshot and no log below it; node 3 waits to learn.
async fn purged() -> (Cluster, u64) {
    let cluster = Cluster::with(3, options).await;
    cluster.found(1..=2).await;
    let leader = cluster.leader().await;
    for node in cluster.nodes.values() {
        node.machine.load(SIZE.try_into().unwrap());
    }
    let node = &cluster.nodes[&leader];
    for value in 0..10 {
        node.write(value).await.unwrap();
    }
    node.raft.trigger().snapshot().await.unwrap();
    until("the snapshot is built", || node.machine.has_snapshot()).await;
    until("the log is purged", || {
        let purged = node.raft.metrics().borrow_watched().purged;
        purged.is_some_and(|purged| purged.index >= 10)
    })
    .await;
    (cluster, leader)
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_was_cut_off_goes_on_from_there() {
    let (cluster, leader) = purged().await;
    let (node, learner) = (&cluster.nodes[&leader], &cluster.nodes[&3]);
    cluster.fault(leader, 3, SLOW);
    let lifecycle = node.lifecycle.clone();
    let joins = tokio::spawn(async move { lifecycle.add_learner(3, address(3), SOON).await });
    until("half of the snapshot is there", || {
        learner.network.counts().snapshot_bytes_held >= SIZE / 2
    })
    .await;
    cluster.isolate(&[3]);
    let held = learner.network.counts().snapshot_bytes_held;
    assert!(held < SIZE, "it was too fast for this test");
    // Longer than the transport's silence: every attempt in between has failed.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(learner.network.counts().snapshot_bytes_held >= held);
    cluster.heal();
    joins.await.unwrap().unwrap();
    assert_eq!(learner.machine.ballast() as u64, SIZE);
    cluster.agree_on(9).await;
    let sent = node.network.counts().snapshot_bytes_sent;
    let chunk = NetworkSettings::default().chunk_bytes as u64;
    println!("{sent} bytes sent for a snapshot of about {SIZE}");
    assert!(sent <= SIZE + 4 * chunk, "{sent} bytes for {SIZE}");
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_snapshot_is_dropped_after_a_while() {
    let (mut cluster, leader) = purged().await;
    let mut small = cluster.stop(3).await;
    let keep = Duration::from_secs(5);
    small.network.partials = PartialLimits {
        keep,
        ..small.network.partials
    };
    cluster.start(3, small).await;
    cluster.fault(leader, 3, SLOW);
    let lifecycle = cluster.nodes[&leader].lifecycle.clone();
    let joins = tokio::spawn(async move { lifecycle.add_learner(3, address(3), SOON).await });
    let learner = &cluster.nodes[&3];
    until("a part of it is there", || {
        learner.network.counts().snapshot_bytes_held >= SIZE / 4
    })
    .await;
    cluster.isolate(&[3]);
    tokio::time::sleep(2 * keep).await;
    assert_eq!(learner.network.counts().snapshot_bytes_held, 0);
    cluster.heal();
    joins.await.unwrap().unwrap();
    cluster.agree_on(9).await;
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_without_room_is_refused_and_harms_nobody() {
    let (mut cluster, leader) = purged().await;
    let mut small = cluster.stop(3).await;
    small.network.partials = PartialLimits {
        bytes: SIZE / 2,
        ..small.network.partials
    };
    cluster.start(3, small).await;
    let node = &cluster.nodes[&leader];
    let within = Duration::from_secs(2);
    let joined = node.lifecycle.add_learner(3, address(3), within).await;
    assert!(joined.is_err());
    assert_eq!(cluster.nodes[&3].network.counts().snapshot_bytes_held, 0);
    node.write(77).await.unwrap();
    assert!(node.keeper.is_valid());
    cluster.shut_down().await;
}
