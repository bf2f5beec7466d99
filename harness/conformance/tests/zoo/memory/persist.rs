//! P1, P4, P9: persists that answer wrongly, or take effect when they may not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusError, Epoch, PHYSICAL_MS_MAX, reject_out_of_range_advance};

use super::overlay;
use super::spoiled::{Defect, Life, exhibit, yield_times};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<ReturnsRequest>(),
        exhibit::<RoundsUp>(),
        exhibit::<LandsLate>(),
        exhibit::<FencedAndApplied>(),
        exhibit::<NotLeaderAndApplied>(),
    ]
}

/// The answer is the request.
#[derive(Default)]
struct ReturnsRequest;

#[async_trait]
impl Defect for ReturnsRequest {
    const NAME: &'static str = "persist_returns_what_was_asked";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "concurrent_history_is_linearizable",
        "persist_returns_maximum",
        "random_orders_never_regress",
        "stop_while_busy",
    ];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        life.honest.persist_high_water(at_least, epoch).await?;
        Ok(at_least)
    }
}

/// What is stored is a whole number of seconds.
#[derive(Default)]
struct RoundsUp;

#[async_trait]
impl Defect for RoundsUp {
    const NAME: &'static str = "persist_rounds_up";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "clock_jump_forward",
        "concurrent_history_is_linearizable",
        "out_of_range_is_refused",
        "persist_returns_maximum",
        "random_orders_never_regress",
        "stop_twice",
        "stop_while_busy",
    ];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let rounded = at_least.checked_next_multiple_of(1_000).unwrap_or(at_least);
        let in_range = rounded.min(PHYSICAL_MS_MAX).max(at_least);
        life.honest.persist_high_water(in_range, epoch).await
    }
}

/// What was in flight at a shutdown is written afterwards, under the nose of a successor.
#[derive(Default)]
struct LandsLate;

#[async_trait]
impl Defect for LandsLate {
    const NAME: &'static str = "persist_lands_after_a_successor_opened";
    const FAILS: &'static [&'static str] = &["stop_while_busy"];
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
        yield_times(3).await;
        if life.epoch().is_none() {
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        let before = life.store.fetch_max(at_least, Ordering::SeqCst);
        Ok(before.max(at_least))
    }
}

/// The fence is found out after the value was raised.
#[derive(Default)]
struct FencedAndApplied;

#[async_trait]
impl Defect for FencedAndApplied {
    const NAME: &'static str = "persist_fenced_and_applied";
    const FAILS: &'static [&'static str] = &[
        "one_refusal_per_situation",
        "stale_epoch_same_node",
        "unheld_epoch_is_refused",
    ];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let own = life.epoch().filter(|own| *own != epoch);
        if let Some(own) = own {
            life.honest.persist_high_water(at_least, own).await?;
        }
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// A node that does not lead any more says so, and its store has the value all the same.
#[derive(Default)]
struct NotLeaderAndApplied;

#[async_trait]
impl Defect for NotLeaderAndApplied {
    const NAME: &'static str = "persist_not_leader_and_applied";
    const FAILS: &'static [&'static str] = &[
        "concurrent_history_is_linearizable",
        "load_after_restart_is_not_stale",
        "one_refusal_per_situation",
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
        reject_out_of_range_advance(at_least)?;
        let refusal = overlay::refuse(life, at_least, epoch).await;
        if !matches!(refusal, Err(ConsensusError::Fenced { .. })) {
            life.store.fetch_max(at_least, Ordering::SeqCst);
        }
        refusal?;
        Ok(life.store.load(Ordering::SeqCst))
    }
}
