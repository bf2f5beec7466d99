//! R1, R2: loads that answer too old, too early, or when they should not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::FutureExt;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch, LeadershipStream};

use super::overlay;
use super::spoiled::{Defect, Life, exhibit, lock, yield_times};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<FromCache>(),
        exhibit::<CachedByHandle>(),
        exhibit::<FirstOneStale>(),
        exhibit::<Dirty>(),
        exhibit::<AnswersAfterShutdown>(),
        exhibit::<AnswersForSuccessor>(),
        exhibit::<HangsAfterShutdown>(),
    ]
}

/// A load returns what the one before it found.
#[derive(Default)]
struct FromCache(AtomicU64);

#[async_trait]
impl Defect for FromCache {
    const NAME: &'static str = "load_from_a_cache";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "clock_jump_back",
        "clock_jump_forward",
        "concurrent_history_is_linearizable",
        "load_after_restart_is_not_stale",
        "load_sees_all_acknowledged_after_failover",
        "load_sees_own_persist",
        "one_refusal_per_situation",
        "out_of_range_is_refused",
        "persist_returns_maximum",
        "random_orders_never_regress",
        "stale_epoch_same_node",
        "start_after_stop",
        "stop_twice",
        "stop_while_busy",
        "timestamps_are_realtime_ordered",
        "unheld_epoch_is_refused",
    ];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        let loaded = life.honest.load_high_water().await?;
        Ok(life.defect.0.swap(loaded, Ordering::SeqCst))
    }
}

/// Each handle remembers its own persists, and does not ask again.
#[derive(Default)]
struct CachedByHandle;

#[async_trait]
impl Defect for CachedByHandle {
    const NAME: &'static str = "load_cached_by_each_handle";
    const FAILS: &'static [&'static str] = &["load_sees_own_persist"];
    type Store = ();

    fn handle(life: &Arc<Life<Self>>) -> Arc<dyn ConsensusDriver> {
        Arc::new(CachingHandle {
            inner: Arc::clone(&life.honest),
            last: Mutex::new(None),
        })
    }
}

struct CachingHandle {
    inner: Arc<dyn ConsensusDriver>,
    last: Mutex<Option<u64>>,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ConsensusDriver for CachingHandle {
    fn leadership_events(&self) -> LeadershipStream {
        self.inner.leadership_events()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        let loaded = self.inner.load_high_water().await?;
        Ok(*lock(&self.last).get_or_insert(loaded))
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        let returned = self.inner.persist_high_water(at_least, epoch).await?;
        let mut last = lock(&self.last);
        *last = (*last).max(Some(returned));
        Ok(returned)
    }
}

/// A node opens its store in the background, and meanwhile answers with what it had last time.
#[derive(Default)]
struct FirstOneStale(AtomicU64, AtomicBool);

#[async_trait]
impl Defect for FirstOneStale {
    const NAME: &'static str = "load_stale_right_after_start";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "clock_jump_back",
        "clock_jump_forward",
        "concurrent_history_is_linearizable",
        "load_after_restart_is_not_stale",
        "load_sees_all_acknowledged_after_failover",
        "load_sees_own_persist",
        "one_refusal_per_situation",
        "out_of_range_is_refused",
        "persist_returns_maximum",
        "random_orders_never_regress",
        "stale_epoch_same_node",
        "start_after_stop",
        "stop_twice",
        "stop_while_busy",
        "timestamps_are_realtime_ordered",
        "unheld_epoch_is_refused",
    ];
    type Store = AtomicU64;

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let now = life.honest.load_high_water().await?;
        let before = life.store.swap(now, Ordering::SeqCst);
        life.defect.0.store(before, Ordering::SeqCst);
        Ok(())
    }

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        let loaded = life.honest.load_high_water().await?;
        let opened = life.defect.1.swap(true, Ordering::SeqCst);
        Ok(if opened {
            loaded
        } else {
            life.defect.0.load(Ordering::SeqCst)
        })
    }
}

/// A load shows what is being proposed, and takes it back when the proposal is dropped.
#[derive(Default)]
struct Dirty(Arc<Mutex<Vec<u64>>>);

struct Proposal(Arc<Mutex<Vec<u64>>>, u64);

impl Drop for Proposal {
    fn drop(&mut self) {
        let mut proposed = lock(&self.0);
        if let Some(place) = proposed.iter().position(|value| *value == self.1) {
            proposed.swap_remove(place);
        }
    }
}

#[async_trait]
impl Defect for Dirty {
    const NAME: &'static str = "load_shows_what_is_not_durable";
    const FAILS: &'static [&'static str] = &[
        "concurrent_history_is_linearizable",
        "random_orders_never_regress",
        "stop_while_busy",
    ];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        let loaded = life.honest.load_high_water().await?;
        let proposed = lock(&life.defect.0).iter().copied().max();
        Ok(proposed.unwrap_or(0).max(loaded))
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        overlay::refuse(life, at_least, epoch).await?;
        lock(&life.defect.0).push(at_least);
        let _proposal = Proposal(Arc::clone(&life.defect.0), at_least);
        // Mostly slow, so that others look meanwhile, and some are quick enough to look twice.
        let window = if at_least.is_multiple_of(4) { 1 } else { 20 };
        yield_times(window).await;
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// A node that was shut down answers from what it remembers.
#[derive(Default)]
struct AnswersAfterShutdown(Mutex<u64>);

impl AnswersAfterShutdown {
    /// Remembers what a call returns, in one step with the call: the reference never waits.
    fn remember(
        &self,
        call: impl Future<Output = Result<u64, ConsensusError>>,
    ) -> Result<u64, ConsensusError> {
        let mut remembered = lock(&self.0);
        let never = || Err(ConsensusError::transient("the reference waits"));
        let returned = call.now_or_never().unwrap_or_else(never)?;
        *remembered = remembered.max(returned);
        Ok(returned)
    }
}

#[async_trait]
impl Defect for AnswersAfterShutdown {
    const NAME: &'static str = "load_answers_after_shutdown";
    const FAILS: &'static [&'static str] = &["load_after_shutdown_refuses"];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        let loaded = life.defect.remember(life.honest.load_high_water());
        loaded.or_else(|_| Ok(*lock(&life.defect.0)))
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let persist = life.honest.persist_high_water(at_least, epoch);
        life.defect.remember(persist)
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let _remembered = lock(&life.defect.0);
        life.node.shutdown().now_or_never().unwrap_or(Ok(()))
    }
}

/// A node that was shut down finds its store open, and answers as if it led: somebody else does.
#[derive(Default)]
struct AnswersForSuccessor;

#[async_trait]
impl Defect for AnswersForSuccessor {
    const NAME: &'static str = "load_answers_beside_a_successor";
    const FAILS: &'static [&'static str] = &["load_after_shutdown_refuses"];
    type Store = Mutex<Option<Arc<dyn ConsensusDriver>>>;

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        *lock(&life.store) = Some(Arc::clone(&life.honest));
        Ok(())
    }

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        let newest = lock(&life.store).clone();
        let newest = newest.unwrap_or_else(|| Arc::clone(&life.honest));
        newest.load_high_water().await
    }
}

/// A load waits for a thread that the shutdown has stopped.
#[derive(Default)]
struct HangsAfterShutdown;

#[async_trait]
impl Defect for HangsAfterShutdown {
    const NAME: &'static str = "load_hangs_after_shutdown";
    const FAILS: &'static [&'static str] = &[
        "concurrent_history_is_linearizable",
        "load_after_shutdown_refuses",
        "stop_while_busy",
    ];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        match life.honest.load_high_water().await {
            Ok(loaded) => Ok(loaded),
            Err(_) => std::future::pending().await,
        }
    }
}
