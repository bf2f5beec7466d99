//! Random schedules of cuts, restarts, handoffs and campaigns: never two valid leases, never a lost
//! or different value.

use std::time::Duration;

use tokio::time::sleep;

use crate::common::Cluster;

/// A small generator, so that a seed replays the schedule of faults. openraft draws its own
/// timeouts.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

async fn step(cluster: &mut Cluster, draws: &mut Draws, size: u64) {
    let node = 1 + draws.below(size);
    match draws.below(7) {
        0 => cluster.isolate(&[node]),
        1 => {
            let other = 1 + draws.below(size);
            if other != node {
                cluster.fault(node, other, tsoracle_peer_transport::LinkFault::CUT);
            }
        }
        2 => cluster.heal(),
        3 => cluster.restart(node).await,
        4 => {
            let lifecycle = cluster.nodes[&node].lifecycle.clone();
            let to = 1 + draws.below(size);
            // Most often it is no leader; any answer is fine.
            drop(
                lifecycle
                    .transfer_leadership(to, Duration::from_millis(50))
                    .await,
            );
        }
        5 => {
            let elected = cluster.nodes[&node].raft.trigger().elect(false).await;
            elected.unwrap();
        }
        _ => {
            let delay = Duration::from_millis(draws.below(30));
            let to = 1 + draws.below(size);
            if to != node {
                cluster.fault(node, to, tsoracle_peer_transport::LinkFault::delay(delay));
            }
        }
    }
    sleep(Duration::from_millis(draws.below(400))).await;
}

async fn run(seed: u64, size: u64, steps: u64) -> u64 {
    println!("seed {seed}, {size} nodes");
    let mut draws = Draws(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut cluster = Cluster::group(size).await;
    let mut acknowledged = Vec::new();
    for value in 0..steps {
        step(&mut cluster, &mut draws, size).await;
        let leads = cluster.nodes.values().find(|node| node.keeper.is_valid());
        if let Some(node) = leads {
            let written = node.write_within(value, Duration::from_millis(200)).await;
            acknowledged.extend(written);
        }
    }
    cluster.heal();
    sleep(Duration::from_secs(2)).await;
    let leader = cluster.leader().await;
    cluster.nodes[&leader].write(steps).await.unwrap();
    cluster.agree_on(steps).await;
    let values = cluster.nodes[&leader].machine.values();
    for value in &acknowledged {
        assert!(
            values.contains(value),
            "seed {seed}: {value} was acknowledged and is lost"
        );
    }
    assert!(
        !acknowledged.is_empty(),
        "seed {seed}: nothing was ever written"
    );
    let leases = cluster.leases.checked();
    cluster.shut_down().await;
    leases
}

#[tokio::test(start_paused = true)]
async fn no_two_leases_through_random_schedules_of_three() {
    let mut leases = 0;
    for seed in 1..=12 {
        leases += run(seed, 3, 60).await;
    }
    println!("{leases} leases, one after the other");
    assert!(leases > 60, "{leases}");
}

#[tokio::test(start_paused = true)]
async fn no_two_leases_through_random_schedules_of_five() {
    let mut leases = 0;
    for seed in 101..=104 {
        leases += run(seed, 5, 60).await;
    }
    println!("{leases} leases, one after the other");
    assert!(leases > 20, "{leases}");
}
