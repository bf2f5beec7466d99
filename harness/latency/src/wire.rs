//! The network of the drivers, called from the measuring thread as a driver is.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tsoracle_testbed::{Network, NetworkPair, TestbedError};

use crate::LatencyError;
use crate::network::on;
use crate::time::{Time, drive};

const BYTES: usize = 128;
const LIMIT: Duration = Duration::from_secs(10);

/// Two nodes of a network on the loopback, and a bare server and client beside them.
pub(crate) struct Wire {
    name: String,
    pair: Box<dyn NetworkPair>,
}

impl Wire {
    pub(crate) fn connect(
        network: &Arc<dyn Network>,
        runtime: &Runtime,
    ) -> Result<Self, LatencyError> {
        let name = network.name().to_owned();
        let connecting = Arc::clone(network);
        match on(runtime, async move { connecting.connect().await }) {
            Ok(pair) => Ok(Self { name, pair }),
            Err(source) => Err(LatencyError::testbed(&name, source)),
        }
    }

    /// One bare round trip, without the network.
    pub(crate) fn round_trip(&self, time: &dyn Time) -> Result<(), LatencyError> {
        self.once(time, self.pair.round_trips(BYTES, 1))
    }

    /// One call over the network.
    pub(crate) fn call(&self, time: &dyn Time) -> Result<(), LatencyError> {
        self.once(time, self.pair.calls(BYTES, 1))
    }

    fn once(
        &self,
        time: &dyn Time,
        trip: impl Future<Output = Result<Vec<Duration>, TestbedError>>,
    ) -> Result<(), LatencyError> {
        let limit_ns = u64::try_from(LIMIT.as_nanos()).unwrap_or(u64::MAX);
        let Some(times) = drive(time, limit_ns, pin!(trip)) else {
            let source = std::io::ErrorKind::TimedOut.into();
            let what = "a call on the loopback".to_owned();
            return Err(LatencyError::testbed(
                &self.name,
                TestbedError::System { what, source },
            ));
        };
        times
            .map(drop)
            .map_err(|source| LatencyError::testbed(&self.name, source))
    }

    #[cfg(test)]
    pub(crate) fn of(pair: impl NetworkPair) -> Self {
        let name = "a test".to_owned();
        let pair = Box::new(pair);
        Self { name, pair }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{VirtualTime, wire};
    use crate::time::Time;

    #[test]
    fn a_trip_takes_the_time_of_the_measuring_thread() {
        let time = VirtualTime::default();
        let wire = wire(&time, 40_000);
        wire.round_trip(&time).unwrap();
        assert_eq!(time.now_ns(), 40_000);
        wire.call(&time).unwrap();
        assert_eq!(time.now_ns(), 120_000, "a call takes twice as long here");
    }

    #[test]
    fn a_lost_call_is_an_error_and_no_hang() {
        let time = VirtualTime::default();
        let lost = wire(&time, 60_000_000_000).round_trip(&time).unwrap_err();
        assert!(
            lost.to_string().contains("a call on the loopback"),
            "{lost}"
        );
    }
}
