//! Where the nodes of a cluster are, as its clients know them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{FutureExt, StreamExt};
use tokio::task::unconstrained;
use tsoracle_consensus::{ConsensusDriver, Epoch, LeaderState};

/// The nodes of a cluster by their place: the service endpoint of each, which hints name, and the
/// driver of each that runs. Clones share what they know.
#[derive(Clone, Default)]
pub struct Places(Arc<Mutex<Vec<Place>>>);

struct Place {
    endpoint: String,
    driver: Option<Arc<dyn ConsensusDriver>>,
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let endpoints: Vec<_> = self.lock().iter().map(|p| p.endpoint.clone()).collect();
        f.debug_tuple("Places").field(&endpoints).finish()
    }
}

impl Places {
    /// Nodes with these service endpoints, none of which runs.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = String>) -> Self {
        let place = |endpoint| Place {
            endpoint,
            driver: None,
        };
        Self(Arc::new(Mutex::new(
            endpoints.into_iter().map(place).collect(),
        )))
    }

    /// The node at a place runs, with this driver; `None` when it has ended.
    pub fn set(&self, place: usize, driver: Option<Arc<dyn ConsensusDriver>>) {
        if let Some(known) = self.lock().get_mut(place) {
            known.driver = driver;
        }
    }

    /// How many places there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// The driver of the node at a place, if it runs.
    #[must_use]
    pub fn driver(&self, place: usize) -> Option<Arc<dyn ConsensusDriver>> {
        self.lock().get(place)?.driver.clone()
    }

    /// The place of the node whose service is at `endpoint`.
    #[must_use]
    pub fn at(&self, endpoint: &str) -> Option<usize> {
        let places = self.lock();
        places.iter().position(|place| place.endpoint == endpoint)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Place>> {
        // Whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a node shows at this moment.
pub(super) fn shown(driver: &dyn ConsensusDriver) -> Option<LeaderState> {
    let mut states = driver.leadership_events();
    unconstrained(states.next()).now_or_never().flatten()
}

/// The epoch that a client of a node would use there: its own if it leads, else the one of its hint.
pub(super) fn epoch_at(driver: &dyn ConsensusDriver) -> Epoch {
    match shown(driver) {
        Some(LeaderState::Leader { epoch, .. }) => epoch,
        Some(LeaderState::Follower {
            leader: Some(leader),
        }) => leader.epoch,
        _ => Epoch::new(0),
    }
}
