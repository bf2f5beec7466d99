//! The transport of every engine, beside bare tonic.

use std::time::Duration;

use async_trait::async_trait;
use tsoracle_peer_transport::measure::{Floor, MeasureError, Pair};
use tsoracle_testbed::{Network, NetworkPair, TestbedError};

/// The transport that every replicated driver of this workspace is built on.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerTransport;

struct Beside {
    floor: Floor,
    pair: Pair,
}

#[async_trait]
impl Network for PeerTransport {
    fn name(&self) -> &str {
        "tsoracle-peer-transport"
    }

    async fn connect(&self) -> Result<Box<dyn NetworkPair>, TestbedError> {
        let floor = Floor::start().await.map_err(failed)?;
        let pair = Pair::start().await.map_err(failed)?;
        Ok(Box::new(Beside { floor, pair }))
    }
}

#[async_trait]
impl NetworkPair for Beside {
    async fn round_trips(&self, payload: usize, count: u32) -> Result<Vec<Duration>, TestbedError> {
        let times = self.floor.round_trips(payload, count as usize).await;
        times.map_err(failed)
    }

    async fn calls(&self, payload: usize, count: u32) -> Result<Vec<Duration>, TestbedError> {
        let times = self.pair.calls(payload, count as usize).await;
        times.map_err(failed)
    }

    async fn messages(&self, payload: usize, count: u32) -> Result<Duration, TestbedError> {
        let took = self.pair.messages(payload, u64::from(count)).await;
        took.map_err(failed)
    }
}

fn failed(error: MeasureError) -> TestbedError {
    TestbedError::System {
        what: "the transport on the loopback".to_owned(),
        source: std::io::Error::other(error),
    }
}
