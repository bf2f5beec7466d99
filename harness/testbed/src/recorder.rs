//! A decorator that writes down every call, so that a failure can show the history behind it.

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
    }
}
