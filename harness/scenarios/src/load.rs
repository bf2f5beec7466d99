//! The clients beside the probes: readers of every node, and one that stays with a fallen leader.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use tsoracle_consensus::{ConsensusDriver, Epoch};
use tsoracle_core::Clock;
use tsoracle_latency::failover::Places;

/// Loads from every node that runs, again and again, whether it leads or not: a value that is older
/// than one that was acknowledged is in the history then. Dropping it ends that.
pub(crate) struct Readers {
    _readers: JoinSet<()>,
}

impl Readers {
    pub(crate) fn start(places: &Places, every: Duration) -> Self {
        let mut readers = JoinSet::new();
        for place in 0..places.count() {
            let places = places.clone();
            readers.spawn(async move {
                loop {
                    if let Some(driver) = places.driver(place) {
                        // The recorder has the answer; one that stands still gives none.
                        let load = driver.load_high_water();
                        let _ = tokio::time::timeout(every * 4, load).await;
                    }
                    sleep(every).await;
                }
            });
        }
        Self { _readers: readers }
    }
}

/// Goes on to persist at one node under one epoch, whatever it is told.
pub(crate) struct Loyal {
    refused: Arc<AtomicU64>,
    _client: JoinSet<()>,
}

impl Loyal {
    pub(crate) fn start(
        driver: Arc<dyn ConsensusDriver>,
        epoch: Epoch,
        values: Arc<dyn Clock>,
        every: Duration,
    ) -> Self {
        let refused = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&refused);
        let mut client = JoinSet::new();
        client.spawn(async move {
            loop {
                let answer = driver.persist_high_water(values.now_ms(), epoch).await;
                counted.fetch_add(u64::from(answer.is_err()), Ordering::Relaxed);
                sleep(every).await;
            }
        });
        Self {
            refused,
            _client: client,
        }
    }

    /// How many of its persists were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
