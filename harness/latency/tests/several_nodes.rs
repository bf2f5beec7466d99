//! A whole run on three nodes: the way between them is part of the floors where it is known.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common::{Sectors, options};
use tsoracle_latency::{FloorKind, LatencyResults, Options, SyncVerdict, measure};
use tsoracle_testbed::{Backend, Links, Network, NetworkPair, Reads, TestbedError, faultfs};

/// Takes its thread for a while, as a round trip would.
struct Loop;

const TRIP: Duration = Duration::from_micros(200);

#[async_trait]
impl Network for Loop {
    fn name(&self) -> &str {
        "loop"
    }

    async fn connect(&self) -> Result<Box<dyn NetworkPair>, TestbedError> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl NetworkPair for Loop {
    async fn round_trips(&self, _: usize, count: u32) -> Result<Vec<Duration>, TestbedError> {
        std::thread::sleep(TRIP * count);
        Ok(vec![TRIP; count as usize])
    }

    async fn calls(&self, _: usize, count: u32) -> Result<Vec<Duration>, TestbedError> {
        std::thread::sleep(TRIP * count);
        Ok(vec![TRIP; count as usize])
    }

    async fn messages(&self, _: usize, count: u32) -> Result<Duration, TestbedError> {
        Ok(TRIP * count)
    }
}

fn measured(reads: Reads, links: Links, network: Option<Arc<dyn Network>>) -> LatencyResults {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let backend: Arc<dyn Backend> = Arc::new(Sectors {
        sizes: 1..=5,
        reads,
        links,
        ..Sectors::of_one_node()
    });
    let options = Options {
        network,
        ..options(&dir)
    };
    measure(&backend, &options, &|_, _, _| {}).unwrap()
}

#[test]
fn three_nodes_stand_beside_a_quorum_sync_and_a_round_trip() {
    let results = measured(Reads::Quorum, Links::None, Some(Arc::new(Loop)));
    assert_eq!(results.nodes, 3);
    assert_eq!(
        results.persist.floor_kind,
        FloorKind::QuorumSyncAndRoundTrip
    );
    let trip_ns = TRIP.as_secs_f64() * 1e9;
    assert!(results.persist.floor.p50_ns > trip_ns);
    assert!(results.sync_floor_p50_ns() < Some(results.persist.floor.p50_ns));
    assert_eq!(results.load.floor_kind, FloorKind::Call);
    assert!(results.load.floor.p50_ns > trip_ns);
    let costs = results.costs.unwrap();
    let sent = costs.idle.traffic_per_node.unwrap();
    assert_eq!((sent.frames_per_s, sent.bytes_per_s), (0.0, 0.0));
    if faultfs::supported() {
        assert_eq!(results.syncs.verdict, SyncVerdict::Enough);
        assert_eq!(results.syncs.per_operation_and_node(), Some(1.0));
        assert_eq!(results.syncs.bytes_per_node, [51_200; 3]);
    }
}

#[test]
fn without_a_network_the_floors_are_named_for_what_they_are() {
    let results = measured(Reads::Quorum, Links::None, None);
    assert!(results.delayed.is_empty());
    assert_eq!(results.nodes, 3);
    assert_eq!(results.persist.floor_kind, FloorKind::QuorumSync);
    assert!(results.sync_floor.is_some());
    assert_eq!(results.load.floor_kind, FloorKind::BoxedCall);
}

#[test]
fn a_load_through_the_log_has_the_floor_of_a_persist_and_slow_links_have_rows() {
    let results = measured(Reads::Log, Links::Node, None);
    assert_eq!(results.load.floor_kind, results.persist.floor_kind);
    let delays: Vec<_> = results
        .delayed
        .iter()
        .map(|slow| slow.link_delay_ms)
        .collect();
    assert_eq!(delays, [1.0, 10.0]);
    for slow in &results.delayed {
        assert_eq!(slow.missing, None);
        let persist = slow.persist.as_ref().unwrap();
        assert!(persist.p50_ns >= 2.0 * slow.link_delay_ms * 1e6, "{slow:?}");
        assert_eq!(
            slow.load.as_ref().map(|load| load.samples),
            Some(persist.samples)
        );
    }
}
