//! R1, R3, P1, P2: values that are lost, lowered, or made up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusError, Epoch};

use super::overlay;
use super::spoiled::{Defect, Life, exhibit, yield_times};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<LostAtRestart>(),
        exhibit::<LostInShutdown>(),
        exhibit::<StoredShort>(),
        exhibit::<LastWriteWins>(),
        exhibit::<RaceOfTwo>(),
        exhibit::<BeginsAtTheClock>(),
        exhibit::<SharedByStores>(),
        exhibit::<MarginAtStart>(),
    ]
}

/// The value lives in memory only.
#[derive(Default)]
struct LostAtRestart(AtomicU64);

#[async_trait]
impl Defect for LostAtRestart {
    const NAME: &'static str = "value_lost_at_restart";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "clock_jump_back",
        "clock_jump_forward",
        "concurrent_history_is_linearizable",
        "load_after_restart_is_not_stale",
        "load_sees_all_acknowledged_after_failover",
        "one_refusal_per_situation",
        "out_of_range_is_refused",
        "persist_returns_maximum",
        "random_orders_never_regress",
        "stale_epoch_same_node",
        "start_after_stop",
        "stop_while_busy",
        "timestamps_are_realtime_ordered",
        "unheld_epoch_is_refused",
    ];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        overlay::load(life, || life.defect.0.load(Ordering::SeqCst)).await
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let raise = || life.defect.0.fetch_max(at_least, Ordering::SeqCst);
        overlay::persist(life, at_least, epoch, || raise().max(at_least)).await
    }
}

/// A shutdown flushes, and goes on to acknowledge what comes after the flush.
#[derive(Default)]
struct LostInShutdown(AtomicU64);

#[async_trait]
impl Defect for LostInShutdown {
    const NAME: &'static str = "value_acknowledged_during_shutdown_is_lost";
    const FAILS: &'static [&'static str] = &[
        "concurrent_history_is_linearizable",
        "load_after_restart_is_not_stale",
        "stop_while_busy",
        "timestamps_are_realtime_ordered",
    ];
    type Store = AtomicU64;

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let flushed = life.store.load(Ordering::SeqCst);
        life.defect.0.store(flushed, Ordering::SeqCst);
        Ok(())
    }

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        overlay::load(life, || life.defect.0.load(Ordering::SeqCst)).await
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let raise = || life.defect.0.fetch_max(at_least, Ordering::SeqCst);
        overlay::persist(life, at_least, epoch, || raise().max(at_least)).await
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        if life.epoch().is_some() {
            let value = life.defect.0.load(Ordering::SeqCst);
            life.store.store(value, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        life.node.shutdown().await
    }
}

/// The store has five bytes for the value.
#[derive(Default)]
struct StoredShort(AtomicU64);

#[async_trait]
impl Defect for StoredShort {
    const NAME: &'static str = "value_stored_in_five_bytes";
    const FAILS: &'static [&'static str] = &["persist_returns_maximum"];
    type Store = AtomicU64;

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let stored = life.store.load(Ordering::SeqCst);
        let read = stored & ((1 << 40) - 1);
        life.defect.0.store(read, Ordering::SeqCst);
        Ok(())
    }

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        overlay::load(life, || life.defect.0.load(Ordering::SeqCst)).await
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        overlay::refuse(life, at_least, epoch).await?;
        life.store.fetch_max(at_least, Ordering::SeqCst);
        let before = life.defect.0.fetch_max(at_least, Ordering::SeqCst);
        Ok(before.max(at_least))
    }
}

/// A persist sets the value, whatever it was.
#[derive(Default)]
struct LastWriteWins;

#[async_trait]
impl Defect for LastWriteWins {
    const NAME: &'static str = "value_of_the_last_write_wins";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "concurrent_history_is_linearizable",
        "load_after_restart_is_not_stale",
        "load_sees_all_acknowledged_after_failover",
        "persist_returns_maximum",
        "random_orders_never_regress",
        "stop_while_busy",
    ];
    type Store = AtomicU64;

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        overlay::load(life, || life.store.load(Ordering::SeqCst)).await
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        overlay::persist(life, at_least, epoch, || {
            life.store.store(at_least, Ordering::SeqCst);
            at_least
        })
        .await
    }
}

/// Read, compare, write, with an await in between.
#[derive(Default)]
struct RaceOfTwo;

#[async_trait]
impl Defect for RaceOfTwo {
    const NAME: &'static str = "value_lost_when_two_persist";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "concurrent_history_is_linearizable",
        "load_after_restart_is_not_stale",
        "load_sees_all_acknowledged_after_failover",
        "load_sees_own_persist",
        "random_orders_never_regress",
        "stop_while_busy",
    ];
    type Store = AtomicU64;

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        overlay::load(life, || life.store.load(Ordering::SeqCst)).await
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        overlay::refuse(life, at_least, epoch).await?;
        let value = life.store.load(Ordering::SeqCst).max(at_least);
        // Some are quick and some are slow, or they would all take turns.
        let window = if at_least % 5 < 3 { 1 } else { 20 };
        yield_times(window).await;
        life.store.store(value, Ordering::SeqCst);
        Ok(value)
    }
}

/// An empty store is taken for one that was filled just now.
#[derive(Default)]
struct BeginsAtTheClock;

#[async_trait]
impl Defect for BeginsAtTheClock {
    const NAME: &'static str = "value_begins_at_the_clock";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "clock_jump_forward",
        "concurrent_history_is_linearizable",
        "fresh_store_loads_zero",
        "persist_returns_maximum",
        "stop_while_busy",
    ];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        match life.honest.load_high_water().await? {
            0 => Ok(1_700_000_000_000),
            loaded => Ok(loaded),
        }
    }
}

/// All stores of a process are one.
#[derive(Default)]
struct SharedByStores;

static SHARED: AtomicU64 = AtomicU64::new(0);

#[async_trait]
impl Defect for SharedByStores {
    const NAME: &'static str = "value_shared_by_stores";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "clock_jump_forward",
        "concurrent_history_is_linearizable",
        "fresh_store_loads_zero",
        "one_refusal_per_situation",
        "persist_returns_maximum",
        "random_orders_never_regress",
        "stop_twice",
        "stop_while_busy",
        "unheld_epoch_is_refused",
    ];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        overlay::load(life, || SHARED.load(Ordering::SeqCst)).await
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let raise = || SHARED.fetch_max(at_least, Ordering::SeqCst);
        overlay::persist(life, at_least, epoch, || raise().max(at_least)).await
    }
}

/// A new leader adds a second to be on the safe side, and persists it.
#[derive(Default)]
struct MarginAtStart;

#[async_trait]
impl Defect for MarginAtStart {
    const NAME: &'static str = "value_raised_by_every_start";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "clock_jump_forward",
        "concurrent_history_is_linearizable",
        "load_after_restart_is_not_stale",
        "load_sees_all_acknowledged_after_failover",
        "one_refusal_per_situation",
        "out_of_range_is_refused",
        "persist_returns_maximum",
        "random_orders_never_regress",
        "stale_epoch_same_node",
        "start_after_stop",
        "stop_while_busy",
        "unheld_epoch_is_refused",
    ];
    type Store = ();

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let stored = life.honest.load_high_water().await?;
        if let Some(epoch) = life.epoch()
            && stored > 0
        {
            let raised = stored + 1_000;
            life.honest.persist_high_water(raised, epoch).await?;
        }
        Ok(())
    }
}
