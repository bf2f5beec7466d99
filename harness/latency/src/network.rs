//! What the network that drivers share costs.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tsoracle_testbed::{Network, NetworkPair, TestbedError};

use crate::alternate::{Block, alternate, compare};
use crate::measure::on_a_thread;
use crate::progress::Progress;
use crate::spinner::Spinning;
use crate::time::RealTime;
use crate::{Distribution, FloorKind, LatencyError, NetworkResults, Profile};

const THREADS: usize = 2;
const GRACE: Duration = Duration::from_secs(1);
const CALL_BYTES: u32 = 128;
const CALLS_PER_BLOCK: u32 = 100;
const MESSAGE_BYTES: u32 = 16;
const MESSAGES_PER_BLOCK: u32 = 100_000;
/// So many calls are not counted: connections and memory are warm after them.
const WARM_UP: u32 = 500;

/// Measures calls beside bare round trips, in turns, and messages one way. Takes a few seconds;
/// `progress` is told what is being measured, how much is done, and of how much.
///
/// # Errors
/// [`LatencyError::Testbed`] when the network does not come up or loses something.
pub fn measure_network(
    network: &Arc<dyn Network>,
    profile: Profile,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<NetworkResults, LatencyError> {
    on_a_thread(network.name(), progress, |progress| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .map_err(|source| LatencyError::system("no runtime for the nodes", source))?;
        let results = run(network, profile, &runtime, progress);
        runtime.shutdown_timeout(GRACE);
        results
    })
}

fn run(
    network: &Arc<dyn Network>,
    profile: Profile,
    runtime: &Runtime,
    progress: &Progress,
) -> Result<NetworkResults, LatencyError> {
    let failed = |source: TestbedError| LatencyError::Testbed {
        driver: network.name().to_owned(),
        source,
    };
    let pair: Arc<dyn NetworkPair> = {
        let network = Arc::clone(network);
        let connected = on(runtime, async move { network.connect().await });
        connected.map_err(failed)?.into()
    };
    let spinning = Spinning::start();
    let time = RealTime::of_this_thread();
    let calls = |count| timed(runtime, &pair, count, Kind::Call).map_err(failed);
    let floors = |count| timed(runtime, &pair, count, Kind::RoundTrip).map_err(failed);
    calls(WARM_UP)?;
    floors(WARM_UP)?;
    let task = progress.task("calls over the network", profile.call());
    let pairs = alternate(
        &time,
        profile.call(),
        &task,
        || calls(CALLS_PER_BLOCK),
        || floors(CALLS_PER_BLOCK),
    )?;
    let messages = messages(runtime, &pair, profile, progress).map_err(failed)?;
    Ok(NetworkResults {
        name: network.name().to_owned(),
        call_bytes: CALL_BYTES,
        call: compare(&pairs, FloorKind::RoundTrip, 1),
        message_bytes: MESSAGE_BYTES,
        messages_per_block: MESSAGES_PER_BLOCK,
        message: Distribution::of(messages),
        spinners: spinning.record(),
    })
}

#[derive(Clone, Copy)]
enum Kind {
    RoundTrip,
    Call,
}

/// On a thread of the runtime, as an engine's calls are.
pub(crate) fn on<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = Result<T, TestbedError>> + Send + 'static,
) -> Result<T, TestbedError> {
    let joined = runtime.block_on(runtime.spawn(work));
    joined.unwrap_or_else(|panic| Err(TestbedError::Protocol(panic.to_string())))
}

fn timed(
    runtime: &Runtime,
    pair: &Arc<dyn NetworkPair>,
    count: u32,
    kind: Kind,
) -> Result<Block, TestbedError> {
    let pair = Arc::clone(pair);
    let bytes = CALL_BYTES as usize;
    let times = on(runtime, async move {
        match kind {
            Kind::RoundTrip => pair.round_trips(bytes, count).await,
            Kind::Call => pair.calls(bytes, count).await,
        }
    })?;
    Ok(times.into_iter().map(picoseconds).collect())
}

/// The time of one message, for each block.
fn messages(
    runtime: &Runtime,
    pair: &Arc<dyn NetworkPair>,
    profile: Profile,
    progress: &Progress,
) -> Result<Block, TestbedError> {
    let blocks = profile.messages();
    let mut samples = Block::new();
    for block in 0..blocks {
        progress.step("messages one way", u64::from(block), u64::from(blocks));
        let pair = Arc::clone(pair);
        let bytes = MESSAGE_BYTES as usize;
        let took = on(runtime, async move {
            pair.messages(bytes, MESSAGES_PER_BLOCK).await
        })?;
        samples.push(picoseconds(took) / u64::from(MESSAGES_PER_BLOCK));
    }
    Ok(samples)
}

fn picoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().saturating_mul(1_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    /// Everything takes twice its floor.
    struct TwiceAsSlow;

    #[async_trait]
    impl Network for TwiceAsSlow {
        fn name(&self) -> &str {
            "twice as slow"
        }

        async fn connect(&self) -> Result<Box<dyn NetworkPair>, TestbedError> {
            Ok(Box::new(Self))
        }
    }

    #[async_trait]
    impl NetworkPair for TwiceAsSlow {
        async fn round_trips(&self, _: usize, n: u32) -> Result<Vec<Duration>, TestbedError> {
            Ok(vec![Duration::from_micros(50); n as usize])
        }

        async fn calls(&self, _: usize, n: u32) -> Result<Vec<Duration>, TestbedError> {
            Ok(vec![Duration::from_micros(100); n as usize])
        }

        async fn messages(&self, _: usize, count: u32) -> Result<Duration, TestbedError> {
            Ok(Duration::from_micros(3) * count)
        }
    }

    #[test]
    fn a_call_stands_beside_its_round_trip() {
        let network: Arc<dyn Network> = Arc::new(TwiceAsSlow);
        let results = measure_network(&network, Profile::Quick, &|_, _, _| {}).unwrap();
        assert_eq!(results.call.ratio.median, 2.0);
        assert_eq!(results.call.floor_kind, FloorKind::RoundTrip);
        let each_ns = results.message.p50_ns;
        assert!((2_990.0..=3_010.0).contains(&each_ns), "{each_ns}");
    }
}
