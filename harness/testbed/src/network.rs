//! A network that drivers share, as a thing to be measured.

use std::time::Duration;

use async_trait::async_trait;

use crate::TestbedError;

/// A network that several drivers are built on: whatever it costs, each of them pays.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// A short name for results.
    fn name(&self) -> &str;

    /// Starts two nodes on the loopback of this machine, in this process, and beside them a bare
    /// server and client of what the network is made of.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    async fn connect(&self) -> Result<Box<dyn NetworkPair>, TestbedError>;
}

/// Two nodes that are linked both ways, and their floor. Dropping it ends both.
#[async_trait]
pub trait NetworkPair: Send + Sync + 'static {
    /// Times of so many round trips on the floor, one after the other, each with a payload of so
    /// many bytes there and back.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    async fn round_trips(&self, payload: usize, count: u32) -> Result<Vec<Duration>, TestbedError>;

    /// Times of so many calls over the network, made and answered like the round trips.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    async fn calls(&self, payload: usize, count: u32) -> Result<Vec<Duration>, TestbedError>;

    /// The time from the first send to the last arrival of so many messages one way, sent as fast
    /// as they are taken.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    async fn messages(&self, payload: usize, count: u32) -> Result<Duration, TestbedError>;
}
