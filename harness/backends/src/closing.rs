//! Nodes that were dropped in this process and have not let go yet.

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tsoracle_consensus::ConsensusError;

/// How long a start waits for the end of the node before it.
const LIMIT: Duration = Duration::from_secs(20);

/// A process that ends lets go of its store and its port at once. A node that is dropped takes a
/// moment, so the next start on its directory waits for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closing(Arc<Mutex<HashMap<PathBuf, JoinHandle<()>>>>);

impl Closing {
    /// Ends a dropped node in the background.
    pub(crate) fn close(&self, dir: PathBuf, end: impl Future<Output = ()> + Send + 'static) {
        // Without a runtime nothing of the node runs any more.
        if let Ok(runtime) = Handle::try_current() {
            self.lock().insert(dir, runtime.spawn(end));
        }
    }

    /// Returns once nobody that was dropped still holds the directory.
    pub(crate) async fn wait_for(&self, dir: &Path) -> Result<(), ConsensusError> {
        let ending = self.lock().remove(dir);
        let Some(ending) = ending else { return Ok(()) };
        let ended = timeout(LIMIT, ending).await;
        let late = |_| ConsensusError::permanent("a dropped node has not let go of its store");
        ended.map(drop).map_err(late)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, JoinHandle<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
