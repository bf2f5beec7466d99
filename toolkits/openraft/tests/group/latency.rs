//! What a pipeline of appends is worth: figures, to be run by hand.
//!
//! `cargo test --release -p tsoracle-openraft-toolkit --features test-fakes --test group -- --ignored --nocapture`

use std::time::{Duration, Instant};

use tsoracle_openraft_toolkit::NetworkSettings;
use tsoracle_peer_transport::LinkFault;

use crate::common::{Cluster, Options};

const WRITES: u64 = 500;

/// Median times of a write alone, one after the other, and of two at once.
async fn medians(appends: usize, delay: Duration) -> (Duration, Duration) {
    let options = |_| Options {
        network: NetworkSettings {
            appends,
            ..NetworkSettings::default()
        },
        ..Options::default()
    };
    let cluster = Cluster::with(3, options).await;
    cluster.found(1..=3).await;
    let leader = cluster.leader().await;
    let node = &cluster.nodes[&leader];
    for other in (1..=3).filter(|other| *other != leader) {
        cluster.fault(leader, other, LinkFault::delay(delay));
        cluster.fault(other, leader, LinkFault::delay(delay));
    }
    let mut alone = Vec::new();
    let mut pairs = Vec::new();
    for value in 0..WRITES {
        let began = Instant::now();
        // On a busy machine the leader may change; what fails is no sample.
        if node.write(value).await.is_ok() {
            alone.push(began.elapsed());
        }
        // The second comes while the first is under way.
        let began = Instant::now();
        let (first, second) = tokio::join!(node.write(value), async {
            tokio::task::yield_now().await;
            node.write(value).await
        });
        if first.and(second).is_ok() {
            pairs.push(began.elapsed());
        }
    }
    cluster.shut_down().await;
    (median(alone), median(pairs))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a check"]
async fn one_append_at_a_time_and_many() {
    for delay in [Duration::ZERO, Duration::from_millis(2)] {
        for appends in [1, 64, 1, 64] {
            let (alone, pair) = medians(appends, delay).await;
            println!("{delay:?} a way, {appends:>2} appends: alone {alone:?}, two {pair:?}");
        }
    }
}
