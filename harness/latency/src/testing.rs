//! A clock that moves only when the measuring thread waits, and a driver of known latency on it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch, LeadershipStream};
use tsoracle_testbed::{NetworkPair, TestbedError};

use crate::time::Time;
use crate::wire::Wire;

#[derive(Clone, Debug)]
pub(crate) struct VirtualTime {
    state: Arc<State>,
    waker: Waker,
}

#[derive(Debug, Default)]
struct State {
    now_ns: AtomicU64,
    woken: AtomicBool,
    timers: Mutex<Vec<(u64, Waker)>>,
}

struct Flag(Arc<State>);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.woken.store(true, Ordering::SeqCst);
    }
}

impl Default for VirtualTime {
    fn default() -> Self {
        let state = Arc::new(State::default());
        let waker = Arc::new(Flag(Arc::clone(&state))).into();
        Self { state, waker }
    }
}

impl VirtualTime {
    /// Time passes while this thread is busy.
    pub(crate) fn block(&self, for_ns: u64) {
        self.state.now_ns.fetch_add(for_ns, Ordering::SeqCst);
        self.fire();
    }

    /// Ready `for_ns` from now.
    pub(crate) fn sleep(&self, for_ns: u64) -> impl Future<Output = ()> + Send + use<> {
        let (time, at_ns) = (self.clone(), self.now_ns() + for_ns);
        std::future::poll_fn(move |context| {
            if time.now_ns() >= at_ns {
                return Poll::Ready(());
            }
            let mut timers = time.state.timers.lock().unwrap();
            timers.push((at_ns, context.waker().clone()));
            Poll::Pending
        })
    }

    fn fire(&self) {
        let now_ns = self.now_ns();
        let mut timers = self.state.timers.lock().unwrap();
        for (_, waker) in timers.extract_if(.., |(at_ns, _)| *at_ns <= now_ns) {
            waker.wake();
        }
    }
}

impl Time for VirtualTime {
    fn now_ns(&self) -> u64 {
        self.state.now_ns.load(Ordering::SeqCst)
    }

    fn wait_until(&self, until_ns: u64) {
        if self.state.woken.swap(false, Ordering::SeqCst) {
            return;
        }
        let timers = self.state.timers.lock().unwrap();
        let next_ns = timers.iter().map(|(at_ns, _)| *at_ns).min();
        drop(timers);
        let then_ns = next_ns.unwrap_or(u64::MAX).min(until_ns);
        self.state.now_ns.fetch_max(then_ns, Ordering::SeqCst);
        self.fire();
        self.state.woken.store(false, Ordering::SeqCst);
    }

    fn waker(&self) -> &Waker {
        &self.waker
    }
}

/// A driver whose persist takes exactly as long as it is told.
pub(crate) struct Timed {
    pub(crate) time: VirtualTime,
    pub(crate) persist_ns: u64,
    pub(crate) answer: fn(u64) -> Result<u64, ConsensusError>,
}

#[async_trait]
impl ConsensusDriver for Timed {
    fn leadership_events(&self) -> LeadershipStream {
        Box::pin(futures_util::stream::empty())
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        Ok(0)
    }

    async fn persist_high_water(&self, at_least: u64, _: Epoch) -> Result<u64, ConsensusError> {
        self.time.sleep(self.persist_ns).await;
        (self.answer)(at_least)
    }
}

/// A network whose round trip takes exactly as long as it is told, and whose call takes twice that.
struct TimedPair {
    time: VirtualTime,
    trip_ns: u64,
}

/// Such a network, connected.
pub(crate) fn wire(time: &VirtualTime, trip_ns: u64) -> Arc<Wire> {
    let time = time.clone();
    Arc::new(Wire::of(TimedPair { time, trip_ns }))
}

impl TimedPair {
    async fn after(&self, each_ns: u64, count: u32) -> Vec<Duration> {
        self.time.sleep(each_ns * u64::from(count)).await;
        vec![Duration::from_nanos(each_ns); count as usize]
    }
}

#[async_trait]
impl NetworkPair for TimedPair {
    async fn round_trips(&self, _: usize, count: u32) -> Result<Vec<Duration>, TestbedError> {
        Ok(self.after(self.trip_ns, count).await)
    }

    async fn calls(&self, _: usize, count: u32) -> Result<Vec<Duration>, TestbedError> {
        Ok(self.after(2 * self.trip_ns, count).await)
    }

    async fn messages(&self, _: usize, count: u32) -> Result<Duration, TestbedError> {
        Ok(self.after(self.trip_ns, count).await.iter().sum())
    }
}
