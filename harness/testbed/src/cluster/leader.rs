//! Who leads a cluster.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use tokio::task::unconstrained;
use tsoracle_consensus::{ConsensusDriver, Epoch, LeaderState, Lease};

use super::Cluster;
use crate::{Patience, TimedOut};

/// A lease lapses and is renewed without an event.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The node that shows `Leader`, with all that a call needs.
#[derive(Clone)]
pub struct Leader {
    /// Its place in the cluster.
    pub index: usize,
    /// Its driver.
    pub driver: Arc<dyn ConsensusDriver>,
    /// The epoch that it leads with.
    pub epoch: Epoch,
    /// Its lease; absent for a node in another process.
    pub lease: Lease,
}

impl std::fmt::Debug for Leader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "leader {} of epoch {}", self.index, self.epoch)
    }
}

impl Cluster {
    /// Waits until a running node shows `Leader`.
    ///
    /// # Errors
    /// [`TimedOut`] when none does.
    pub async fn leader(&self, patience: Patience) -> Result<Leader, TimedOut> {
        patience
            .wait_for("a node that shows Leader", self.next_leader())
            .await
    }

    async fn next_leader(&self) -> Leader {
        let views = self.nodes.iter().enumerate().filter_map(|(index, node)| {
            let driver = node.driver().ok()?;
            let states = driver.leadership_events();
            Some(
                states
                    .map(move |state| (index, Arc::clone(&driver), state))
                    .boxed(),
            )
        });
        let mut views = stream::select_all(views);
        while let Some((index, driver, state)) = views.next().await {
            if let LeaderState::Leader { epoch, lease } = state {
                return Leader {
                    index,
                    driver,
                    epoch,
                    lease,
                };
            }
        }
        // Every stream has ended; the caller's patience ends the wait.
        std::future::pending().await
    }

    /// What each running node shows now, by its place.
    #[must_use]
    pub fn states(&self) -> Vec<(usize, LeaderState)> {
        let shown = |(index, node): (usize, &super::TestNode)| {
            let mut states = node.driver().ok()?.leadership_events();
            let state = unconstrained(states.next()).now_or_never().flatten()?;
            Some((index, state))
        };
        self.nodes.iter().enumerate().filter_map(shown).collect()
    }

    /// The running nodes that show `Leader` now.
    #[must_use]
    pub fn leaders(&self) -> Vec<Leader> {
        let leader = |(index, state): (usize, LeaderState)| {
            let LeaderState::Leader { epoch, lease } = state else {
                return None;
            };
            let driver = self.nodes[index].driver().ok()?;
            Some(Leader {
                index,
                driver,
                epoch,
                lease,
            })
        };
        self.states().into_iter().filter_map(leader).collect()
    }

    /// Waits until a running node that shows `Leader` fits.
    ///
    /// # Errors
    /// [`TimedOut`] when none does.
    pub async fn leader_where(
        &self,
        patience: Patience,
        what: &str,
        fits: impl Fn(&Leader) -> bool,
    ) -> Result<Leader, TimedOut> {
        let found = async {
            loop {
                if let Some(leader) = self.leaders().into_iter().find(&fits) {
                    return leader;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        patience.wait_for(what, found).await
    }
}
