//! P4, P5: persists that the wrong epoch gets through, or the right one does not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusError, Epoch};

use super::overlay;
use super::spoiled::{Defect, Life, exhibit, lock};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<AnyEpoch>(),
        exhibit::<NewerEpoch>(),
        exhibit::<EpochBefore>(),
        exhibit::<HalfEpoch>(),
        exhibit::<AdoptsNewer>(),
        exhibit::<NothingToDo>(),
        exhibit::<SwapsFields>(),
    ]
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
