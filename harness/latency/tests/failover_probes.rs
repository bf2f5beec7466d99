//! The prober on drivers of known behaviour, in virtual time: redirects count, stalls count in full,
//! and nobody waits for a node that does not answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use tokio::time::sleep;
use tsoracle_consensus::{
    BootInstant, ConsensusDriver, ConsensusError, Epoch, LeaderHint, LeaderState, LeadershipStream,
    Lease,
};
use tsoracle_core::Clock;
use tsoracle_latency::failover::{Pace, Places, Probe, Prober, Probes};
use tsoracle_testbed::run_in_virtual_time;

const MS: Duration = Duration::from_millis(1);
const PACE: Pace = Pace {
    interval: Duration::from_millis(10),
    hedge: Duration::from_millis(50),
    give_up: Duration::from_millis(500),
};

/// What a node does with a persist.
#[derive(Clone, Copy)]
enum Node {
    /// Acknowledges it.
    Leads,
    /// Refuses it, with the endpoint of node 1.
    Follows,
    /// Never answers.
    Hangs,
}

/// A driver that takes 2 ms for everything, and more until a moment that is given.
struct Fixed {
    node: Node,
    slow_until: Option<BootInstant>,
}

#[async_trait]
impl ConsensusDriver for Fixed {
    fn leadership_events(&self) -> LeadershipStream {
        let (epoch, lease) = (Epoch::new(1), Lease::absent());
        let state = match self.node {
            Node::Leads => LeaderState::Leader { epoch, lease },
            Node::Follows | Node::Hangs => LeaderState::NoLeader,
        };
        futures_util::stream::iter([state]).boxed()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        Ok(0)
    }

    async fn persist_high_water(&self, at_least: u64, _: Epoch) -> Result<u64, ConsensusError> {
        if let Some(until) = self.slow_until {
            sleep(until.saturating_since(BootInstant::now())).await;
        }
        sleep(2 * MS).await;
        let hint = LeaderHint {
            endpoint: "node-1".to_owned(),
            epoch: Epoch::new(1),
        };
        match self.node {
            Node::Leads => Ok(at_least),
            Node::Follows => Err(ConsensusError::NotLeader { leader: Some(hint) }),
            Node::Hangs => std::future::pending().await,
        }
    }
}

#[derive(Default)]
struct Ascending(AtomicU64);

impl Clock for Ascending {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Probes two nodes for a while.
fn probe(nodes: [Node; 2], slow_for: Option<Duration>, lasting: Duration) -> Probes {
    run_in_virtual_time(async {
        let places = Places::new(["node-0".to_owned(), "node-1".to_owned()]);
        let slow_until = slow_for.map(|time| BootInstant::now().saturating_add(time));
        for (place, node) in nodes.into_iter().enumerate() {
            places.set(place, Some(Arc::new(Fixed { node, slow_until })));
        }
        let prober = Prober::start(&places, PACE, Arc::new(Ascending::default()));
        sleep(lasting).await;
        prober.finish().await
    })
    .unwrap()
}

fn took_ms(probe: &Probe) -> u128 {
    probe.ended.saturating_since(probe.intended).as_millis()
}

fn refused(probes: &Probes, class: &str) -> u64 {
    let errors = probes.errors(BootInstant::from_nanos(0));
    let found = errors.iter().find(|error| error.class == class);
    found.map_or(0, |error| error.count)
}

#[test]
fn a_redirect_counts_and_the_next_probe_knows_better() {
    let probes = probe([Node::Follows, Node::Leads], None, 105 * MS);
    let took: Vec<_> = probes.probes.iter().map(took_ms).collect();
    assert_eq!(took, [4, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
    assert_eq!(probes.probes[0].calls, 2);
    assert_eq!(refused(&probes, "NotLeader"), 1);
    assert_eq!(
        probes.availability(BootInstant::from_nanos(0), BootInstant::FAR_FUTURE),
        Some(1.0)
    );
}

#[test]
fn a_stall_counts_in_full_from_every_intended_moment() {
    let probes = probe([Node::Leads, Node::Leads], Some(100 * MS), 205 * MS);
    let late = probes
        .probes
        .iter()
        .filter(|probe| took_ms(probe) > 2)
        .count();
    // Sent at 10, 20, ... 90 ms, and the one at 100 ms is in time.
    assert_eq!(late, 9, "{probes:?}");
    assert_eq!(probes.probes.iter().map(took_ms).max(), Some(92));
}

#[test]
fn nobody_waits_for_a_node_that_does_not_answer() {
    let probes = probe([Node::Hangs, Node::Leads], None, 205 * MS);
    let took: Vec<_> = probes.probes.iter().map(took_ms).collect();
    // Whoever began before the first was answered elsewhere asked the silent node first.
    assert_eq!(took.iter().max(), Some(&52));
    assert_eq!(took.last(), Some(&2));
    assert!(refused(&probes, "Unanswered") >= 1, "{:?}", probes.refusals);
}

#[test]
fn without_a_leader_probes_give_up_and_are_failures() {
    let probes = probe([Node::Hangs, Node::Hangs], None, 105 * MS);
    assert!(probes.probes.iter().all(|probe| probe.answer.is_none()));
    assert_eq!(probes.probes.len(), 10);
    assert_eq!(
        probes.availability(BootInstant::from_nanos(0), BootInstant::FAR_FUTURE),
        Some(0.0)
    );
}
