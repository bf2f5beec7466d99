//! A decorator that writes down every call, so that a failure can show the history behind it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use tsoracle_consensus::{
    BootInstant, ConsensusDriver, ConsensusError, Epoch, LeadershipStream, NodeId,
};

use crate::{Call, Operation, Outcome};

/// The calls of one run, in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    calls: Arc<Mutex<Vec<Call>>>,
    /// Calls under way, by their starts.
    open: Arc<Mutex<BTreeMap<u64, Call>>>,
    last_ns: Arc<AtomicU64>,
    /// The first reading; later ones count from there.
    began: Arc<OnceLock<BootInstant>>,
}

impl Recording {
    /// Every call so far. A call whose future was dropped is among them, as unknown.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.lock().clone()
    }

    /// Every call so far, those under way among them as unknown: what is judged while callers go on
    /// must have the persist that a load has seen, whether or not it has ended.
    #[must_use]
    pub fn history(&self) -> Vec<Call> {
        // In this order, a call that ends meanwhile is in one of them at least.
        let mut open = self.open().clone();
        let mut calls = self.calls();
        for call in &calls {
            open.remove(&call.start_ns);
        }
        calls.extend(open.into_values());
        calls
    }

    /// Forgets what came before, for a check that judges one phase.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The time on the clock of the calls. No two readings are the same, so that events of one
    /// instant, of which virtual time has many, keep their order.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        let now = BootInstant::now();
        let passed = now.saturating_since(*self.began.get_or_init(|| now));
        let now = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        let mut reading = now;
        // Never refused: every reading has a successor.
        let _ = self
            .last_ns
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| {
                reading = now.max(last.saturating_add(1));
                Some(reading)
            });
        reading
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Call>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records the loads and persists of one node.
pub struct Recorder {
    node: NodeId,
    inner: Arc<dyn ConsensusDriver>,
    recording: Recording,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "recorder of node {}", self.node)
    }
}

impl Recorder {
    /// Wraps `inner`; its calls go to `recording`.
    #[must_use]
    pub fn new(node: NodeId, inner: Arc<dyn ConsensusDriver>, recording: Recording) -> Self {
        Self {
            node,
            inner,
            recording,
        }
    }

    fn begin(&self, operation: Operation) -> OpenCall {
        let start_ns = self.recording.now_ns();
        let under_way = Call {
            node: self.node,
            operation,
            start_ns,
            end_ns: u64::MAX,
            outcome: Outcome::Unknown("under way".into()),
        };
        self.recording.open().insert(start_ns, under_way);
        OpenCall {
            node: self.node,
            operation,
            start_ns,
            recording: self.recording.clone(),
            outcome: None,
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ConsensusDriver for Recorder {
    fn leadership_events(&self) -> LeadershipStream {
        self.inner.leadership_events()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        let call = self.begin(Operation::Load);
        call.end(self.inner.load_high_water().await)
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        let call = self.begin(Operation::Persist { at_least, epoch });
        call.end(self.inner.persist_high_water(at_least, epoch).await)
    }
}

/// A call under way; dropped before its end, it is recorded as unknown.
struct OpenCall {
    node: NodeId,
    operation: Operation,
    start_ns: u64,
    recording: Recording,
    outcome: Option<Outcome>,
}

impl OpenCall {
    fn end(mut self, answer: Result<u64, ConsensusError>) -> Result<u64, ConsensusError> {
        self.outcome = Some(Outcome::of(&answer));
        answer
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let outcome = self
            .outcome
            .take()
            .unwrap_or(Outcome::Unknown("dropped".into()));
        let end_ns = self.recording.now_ns();
        let (node, operation, start_ns) = (self.node, self.operation, self.start_ns);
        self.recording.lock().push(Call {
            node,
            operation,
            start_ns,
            end_ns,
            outcome,
        });
        self.recording.open().remove(&start_ns);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tsoracle_consensus::{LeaderState, LeadershipPublisher};

    use super::*;

    /// Takes every value, and acknowledges none.
    struct Silent(LeadershipPublisher);

    #[async_trait]
    impl ConsensusDriver for Silent {
        fn leadership_events(&self) -> LeadershipStream {
            self.0.subscribe()
        }

        async fn load_high_water(&self) -> Result<u64, ConsensusError> {
            Ok(7)
        }

        async fn persist_high_water(&self, _: u64, _: Epoch) -> Result<u64, ConsensusError> {
            std::future::pending().await
        }
    }

    #[test]
    fn a_persist_under_way_is_part_of_the_history_that_a_load_is_judged_by() {
        let recording = Recording::default();
        let silent = Arc::new(Silent(LeadershipPublisher::new(LeaderState::NoLeader)));
        let recorder = Recorder::new(1, silent, recording.clone());
        let mut persist = recorder.persist_high_water(7, Epoch::new(1));
        assert!(persist.as_mut().now_or_never().is_none());
        assert!(recorder.load_high_water().now_or_never().is_some());
        assert!(crate::check_history(0, &recording.calls()).is_err());
        assert!(crate::check_history(0, &recording.history()).is_ok());
        drop(persist);
        assert_eq!(recording.history(), recording.calls());
        assert_eq!(recording.history().len(), 2);
    }
}
