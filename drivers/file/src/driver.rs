//! The driver: what a caller holds, and the state that it shares with its writer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{error::Elapsed, timeout};
use tracing::Instrument;
use tsoracle_consensus::{
    AdvancePayload, BootInstant, ConsensusDriver, ConsensusError, HighWaterState, LeaderState,
    LeadershipPublisher, LeadershipStream, LeaseHolder, reject_out_of_range_advance,
};
use tsoracle_core::Epoch;

use crate::store::Store;
use crate::writer::{Persist, Request, Writer};
use crate::{FileSettings, FileStoreError};

/// A [`ConsensusDriver`] of one node, whose state is one sector of one file.
///
/// It leads from the moment it is open until it is shut down, dropped, or its disk fails. Needs a
/// Tokio runtime with time enabled; no call blocks one of its threads. The crate's front page says
/// how each clause is kept.
#[derive(Debug)]
pub struct FileDriver {
    dir: PathBuf,
    settings: FileSettings,
    /// Bounded by `places`, so that a stop always finds room.
    requests: mpsc::UnboundedSender<Request>,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
    closed: watch::Receiver<bool>,
}

impl FileDriver {
    /// Opens the store in `dir`, or creates one there, under a new epoch that is durable before
    /// this returns.
    ///
    /// # Errors
    /// [`FileStoreError`]: held by another driver, damaged, refused by the operating system, or
    /// not done by the deadline.
    pub async fn open(
        dir: impl Into<PathBuf>,
        settings: FileSettings,
    ) -> Result<Self, FileStoreError> {
        let dir = dir.into();
        let span = tracing::info_span!("open", dir = %dir.display());
        async {
            let place = dir.clone();
            let opened = on_a_thread(&dir, settings.open_deadline, move || Store::open(&place));
            let store = opened
                .await
                .inspect_err(|error| tracing::error!(%error, "refused"))?;
            tracing::info!(epoch = %store.epoch(), "leading");
            Self::serve(dir, settings, store)
        }
        .instrument(span)
        .await
    }

    /// Creates a store in `dir` whose high water and epoch lie at `seed`, for a migration from
    /// elsewhere. The first epoch of a driver on it is the one after the seed's.
    ///
    /// # Errors
    /// [`FileStoreError::AlreadyInitialized`] on a store that has a value already, and as
    /// [`open`](Self::open).
    pub async fn init(
        dir: impl Into<PathBuf>,
        seed: HighWaterState,
        settings: FileSettings,
    ) -> Result<(), FileStoreError> {
        let dir = dir.into();
        let place = dir.clone();
        on_a_thread(&dir, settings.open_deadline, move || {
            Store::init(&place, seed)
        })
        .await
    }

    /// Ends the lease and every stream, writes what was accepted, and releases the store. Further
    /// calls wait for the same end.
    ///
    /// # Errors
    /// `Permanent` when the disk has not let go by the deadline; the store is then released as
    /// soon as it does.
    pub async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.stop();
        let mut closed = self.closed.clone();
        let limit = self.settings.deadline;
        match timeout(limit, closed.wait_for(|closed| *closed)).await {
            Ok(_) => Ok(()),
            Err(Elapsed { .. }) => Err(FileStoreError::Stalled {
                dir: self.dir.clone(),
                limit,
            }
            .into()),
        }
    }

    fn serve(dir: PathBuf, settings: FileSettings, store: Store) -> Result<Self, FileStoreError> {
        let (requests, queue) = mpsc::unbounded_channel();
        let places = settings.queue.clamp(1, Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(places));
        let (closed_by_writer, closed) = watch::channel(false);
        let shared = Arc::new(Shared::new(&store));
        let writer = Writer {
            store,
            requests: queue,
            places: Arc::clone(&places),
            shared: Arc::clone(&shared),
            closed: closed_by_writer,
        };
        let thread = std::thread::Builder::new().name("file-driver-writer".into());
        thread
            .spawn(|| writer.run())
            .map_err(FileStoreError::io("start a writer for", &dir))?;
        Ok(Self {
            dir,
            settings,
            requests,
            places,
            shared,
            closed,
        })
    }

    /// The lease ends here, before the writer can release the lock (L7).
    fn stop(&self) {
        self.shared.stop();
        // A writer that is gone has stopped.
        let _ = self.requests.send(Request::Stop);
    }

    async fn through_the_writer(&self, command: AdvancePayload) -> Result<u64, ConsensusError> {
        let (answer, answered) = oneshot::channel();
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return Err(self.shared.refusal());
        };
        let request = Request::Persist(Persist {
            command,
            answer,
            _place: place,
        });
        if self.requests.send(request).is_err() {
            return Err(self.shared.refusal());
        }
        let unanswered = |_| {
            Err(ConsensusError::transient(
                "the writer ended without an answer",
            ))
        };
        answered.await.unwrap_or_else(unanswered)
    }
}

impl Drop for FileDriver {
    fn drop(&mut self) {
        self.stop();
    }
}

#[async_trait]
impl ConsensusDriver for FileDriver {
    fn leadership_events(&self) -> LeadershipStream {
        self.shared.leadership.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        let high_water = self.shared.high_water.load(Ordering::SeqCst);
        self.shared.leads()?;
        Ok(high_water)
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        reject_out_of_range_advance(at_least)?;
        self.shared.leads()?;
        let current = self.shared.epoch;
        if epoch != current {
            return Err(ConsensusError::Fenced {
                offered: epoch,
                current,
            });
        }
        let limit = self.settings.deadline;
        match timeout(
            limit,
            self.through_the_writer(AdvancePayload { at_least, epoch }),
        )
        .await
        {
            Ok(outcome) => outcome,
            Err(Elapsed { .. }) => {
                let stalled = FileStoreError::Stalled {
                    dir: self.dir.clone(),
                    limit,
                };
                Err(ConsensusError::transient(stalled))
            }
        }
    }
}

/// What the driver and its writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    epoch: Epoch,
    /// Durable; what loads return.
    high_water: AtomicU64,
    leading: AtomicBool,
    stopping: AtomicBool,
    failure: OnceLock<Arc<FileStoreError>>,
    lease: LeaseHolder,
    leadership: LeadershipPublisher,
}

impl Shared {
    fn new(store: &Store) -> Self {
        let epoch = store.epoch();
        let lease = LeaseHolder::until(BootInstant::FAR_FUTURE);
        let leader = LeaderState::Leader {
            epoch,
            lease: lease.lease(),
        };
        Self {
            epoch,
            high_water: AtomicU64::new(store.state().high_water),
            leading: AtomicBool::new(true),
            stopping: AtomicBool::new(false),
            failure: OnceLock::new(),
            lease,
            leadership: LeadershipPublisher::new(leader),
        }
    }

    pub(crate) fn show_high_water(&self, durable: u64) {
        self.high_water.store(durable, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.step_down();
    }

    /// The first failure counts; after it nothing is acknowledged, since nobody knows what a disk
    /// holds after a failed sync.
    pub(crate) fn fail(&self, error: FileStoreError) {
        tracing::error!(epoch = %self.epoch, %error, "the store failed; this node has stopped");
        // Only the writer fails, and only once.
        let _ = self.failure.set(Arc::new(error));
        self.step_down();
    }

    /// Ends the lease and every stream; only the first call counts.
    pub(crate) fn step_down(&self) {
        if self.leading.swap(false, Ordering::SeqCst) {
            tracing::info!(epoch = %self.epoch, "no longer leading");
        }
        self.lease.end();
        self.leadership.end(LeaderState::NoLeader);
    }

    fn leads(&self) -> Result<(), ConsensusError> {
        if self.leading.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    /// Why a node that no longer leads refuses.
    pub(crate) fn refusal(&self) -> ConsensusError {
        match self.failure.get() {
            Some(failure) => ConsensusError::permanent(Arc::clone(failure)),
            None => ConsensusError::NotLeader { leader: None },
        }
    }
}

/// Runs blocking work on a thread of its own. Work that outlives the limit is left to finish, and
/// its result is dropped.
async fn on_a_thread<T: Send + 'static>(
    dir: &Path,
    limit: Duration,
    work: impl FnOnce() -> Result<T, FileStoreError> + Send + 'static,
) -> Result<T, FileStoreError> {
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name("file-driver-open".into());
    thread
        .spawn(move || drop(done.send(work())))
        .map_err(FileStoreError::io("start a thread for", dir))?;
    match timeout(limit, result).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => {
            let ended = io::Error::other("the thread ended without an answer");
            Err(FileStoreError::io("open", dir)(ended))
        }
        Err(Elapsed { .. }) => Err(FileStoreError::Stalled {
            dir: dir.to_owned(),
            limit,
        }),
    }
}
