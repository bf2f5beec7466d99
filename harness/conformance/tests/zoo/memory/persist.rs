//! P1, P4, P5: persists that answer wrongly, or that the wrong epoch gets through.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusError, Epoch, PHYSICAL_MS_MAX, reject_out_of_range_advance};

use super::overlay;
use super::spoiled::{Defect, Life, exhibit, lock};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<ReturnsRequest>(),
        exhibit::<RoundsUp>(),
        exhibit::<LandsLate>(),
        exhibit::<AnyEpoch>(),
        exhibit::<NewerEpoch>(),
        exhibit::<EpochBefore>(),
        exhibit::<HalfEpoch>(),
        exhibit::<AdoptsNewer>(),
        exhibit::<NothingToDo>(),
        exhibit::<FencedAndApplied>(),
        exhibit::<NotLeaderAndApplied>(),
        exhibit::<SwapsFields>(),
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
        tokio::time::sleep(Duration::from_millis(5)).await;
        let before = life.store.fetch_max(at_least, Ordering::SeqCst);
        Ok(before.max(at_least))
    }
}

/// The epoch is not looked at.
#[derive(Default)]
struct AnyEpoch;

#[async_trait]
impl Defect for AnyEpoch {
    const NAME: &'static str = "persist_under_any_epoch";
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
        let own = life.epoch().unwrap_or(epoch);
        life.honest.persist_high_water(at_least, own).await
    }
}

/// Only older epochs are refused.
#[derive(Default)]
struct NewerEpoch;

#[async_trait]
impl Defect for NewerEpoch {
    const NAME: &'static str = "persist_under_a_newer_epoch";
    const FAILS: &'static [&'static str] =
        &["one_refusal_per_situation", "unheld_epoch_is_refused"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let own = life.epoch().unwrap_or(epoch).min(epoch);
        life.honest.persist_high_water(at_least, own).await
    }
}

/// No opening command: the term before is fenced by the first persist of this one.
#[derive(Default)]
struct EpochBefore(AtomicU64);

#[async_trait]
impl Defect for EpochBefore {
    const NAME: &'static str = "persist_under_the_epoch_before_until_the_first";
    const FAILS: &'static [&'static str] = &["stale_epoch_same_node"];
    /// The epochs of all lives.
    type Store = Mutex<Vec<Epoch>>;

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        lock(&life.store).extend(life.epoch());
        Ok(())
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let own = life.epoch().unwrap_or(epoch);
        let is_open = life.defect.0.load(Ordering::SeqCst) > 0;
        if epoch != own && !is_open && lock(&life.store).contains(&epoch) {
            return life.honest.persist_high_water(at_least, own).await;
        }
        let returned = life.honest.persist_high_water(at_least, epoch).await?;
        life.defect.0.fetch_add(1, Ordering::SeqCst);
        Ok(returned)
    }
}

/// Half of the epoch is compared.
#[derive(Default)]
struct HalfEpoch;

#[async_trait]
impl Defect for HalfEpoch {
    const NAME: &'static str = "persist_compares_half_the_epoch";
    const FAILS: &'static [&'static str] = &["unheld_epoch_is_refused"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let half = |epoch: Epoch| epoch.as_u128() << 64;
        let own = life.epoch().filter(|own| half(*own) == half(epoch));
        let epoch = own.unwrap_or(epoch);
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// A newer epoch is refused, and from then on the leader's own is too.
#[derive(Default)]
struct AdoptsNewer(Mutex<Epoch>);

#[async_trait]
impl Defect for AdoptsNewer {
    const NAME: &'static str = "persist_adopts_a_newer_epoch";
    const FAILS: &'static [&'static str] = &["unheld_epoch_is_refused"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        overlay::refuse(life, at_least, epoch)
            .await
            .inspect_err(|error| {
                if let ConsensusError::Fenced { offered, .. } = error {
                    let mut newest = lock(&life.defect.0);
                    *newest = newest.max(*offered);
                }
            })?;
        let newest = *lock(&life.defect.0);
        if newest > epoch {
            return Err(ConsensusError::Fenced {
                offered: epoch,
                current: newest,
            });
        }
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// What is stored already needs no epoch.
#[derive(Default)]
struct NothingToDo;

#[async_trait]
impl Defect for NothingToDo {
    const NAME: &'static str = "persist_of_a_stored_value_needs_no_epoch";
    const FAILS: &'static [&'static str] =
        &["one_refusal_per_situation", "unheld_epoch_is_refused"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        match life.honest.load_high_water().await {
            Ok(stored) if stored >= at_least => Ok(stored),
            _ => life.honest.persist_high_water(at_least, epoch).await,
        }
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

/// `Fenced` has two fields of one type.
#[derive(Default)]
struct SwapsFields;

#[async_trait]
impl Defect for SwapsFields {
    const NAME: &'static str = "persist_fenced_with_swapped_fields";
    const FAILS: &'static [&'static str] = &["unheld_epoch_is_refused"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        match life.honest.persist_high_water(at_least, epoch).await {
            Err(ConsensusError::Fenced { offered, current }) => Err(ConsensusError::Fenced {
                offered: current,
                current: offered,
            }),
            other => other,
        }
    }
}
