//! P6, P9: refusals that are missing, wrong, or in the wrong order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tsoracle_consensus::{
    AdvanceOutOfRange, ConsensusError, Epoch, PHYSICAL_MS_MAX, reject_out_of_range_advance,
};

use super::spoiled::{Defect, Life, exhibit};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<OneTooSmall>(),
        exhibit::<Clamps>(),
        exhibit::<Poisoned>(),
        exhibit::<WrongField>(),
        exhibit::<Panics>(),
        exhibit::<OwnClock>(),
        exhibit::<NotLeaderBeforeRange>(),
        exhibit::<FencedBeforeRange>(),
        exhibit::<FencedBeforeNotLeader>(),
    ]
}

/// The last millisecond is taken for the first one out of range.
#[derive(Default)]
struct OneTooSmall;

#[async_trait]
impl Defect for OneTooSmall {
    const NAME: &'static str = "range_is_one_too_small";
    const FAILS: &'static [&'static str] =
        &["one_refusal_per_situation", "persist_returns_maximum"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        if at_least >= PHYSICAL_MS_MAX {
            return Err(AdvanceOutOfRange { at_least }.into());
        }
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// An advance out of range becomes the greatest one in range.
#[derive(Default)]
struct Clamps;

#[async_trait]
impl Defect for Clamps {
    const NAME: &'static str = "range_is_clamped";
    const FAILS: &'static [&'static str] =
        &["one_refusal_per_situation", "out_of_range_is_refused"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let at_least = at_least.min(PHYSICAL_MS_MAX);
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// An advance out of range breaks whatever comes after it.
#[derive(Default)]
struct Poisoned(AtomicBool);

#[async_trait]
impl Defect for Poisoned {
    const NAME: &'static str = "range_refusal_breaks_later_calls";
    const FAILS: &'static [&'static str] =
        &["one_refusal_per_situation", "out_of_range_is_refused"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        if life.defect.0.load(Ordering::SeqCst) {
            return Err(ConsensusError::transient("the last batch was abandoned"));
        }
        let answer = life.honest.persist_high_water(at_least, epoch).await;
        let refused = matches!(answer, Err(ConsensusError::AdvanceOutOfRange(_)));
        life.defect.0.store(refused, Ordering::SeqCst);
        answer
    }
}

/// The refusal names the limit, not the request.
#[derive(Default)]
struct WrongField;

#[async_trait]
impl Defect for WrongField {
    const NAME: &'static str = "range_refusal_names_the_limit";
    const FAILS: &'static [&'static str] = &["out_of_range_is_refused"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        if at_least > PHYSICAL_MS_MAX {
            let at_least = PHYSICAL_MS_MAX;
            return Err(AdvanceOutOfRange { at_least }.into());
        }
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// Arithmetic on a value that was not checked.
#[derive(Default)]
struct Panics;

#[async_trait]
impl Defect for Panics {
    const NAME: &'static str = "range_overflow_panics";
    const FAILS: &'static [&'static str] =
        &["one_refusal_per_situation", "out_of_range_is_refused"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let end_of_window = at_least.checked_add(1);
        assert!(end_of_window.is_some(), "a window beyond the end of time");
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// The driver thinks that it knows what time it is.
#[derive(Default)]
struct OwnClock;

/// In the year 2100.
const TOO_LATE_MS: u64 = 4_102_444_800_000;

#[async_trait]
impl Defect for OwnClock {
    const NAME: &'static str = "range_by_a_clock_of_its_own";
    const FAILS: &'static [&'static str] =
        &["one_refusal_per_situation", "persist_returns_maximum"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        if at_least > TOO_LATE_MS {
            return Err(AdvanceOutOfRange { at_least }.into());
        }
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// Whoever does not lead does not look at the value.
#[derive(Default)]
struct NotLeaderBeforeRange;

#[async_trait]
impl Defect for NotLeaderBeforeRange {
    const NAME: &'static str = "not_leader_comes_before_range";
    const FAILS: &'static [&'static str] = &["one_refusal_per_situation"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        life.honest.load_high_water().await?;
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// The epoch is looked at before the value.
#[derive(Default)]
struct FencedBeforeRange;

#[async_trait]
impl Defect for FencedBeforeRange {
    const NAME: &'static str = "fenced_comes_before_range";
    const FAILS: &'static [&'static str] = &["one_refusal_per_situation"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        match life.honest.persist_high_water(0, epoch).await {
            Err(error @ ConsensusError::Fenced { .. }) => Err(error),
            _ => life.honest.persist_high_water(at_least, epoch).await,
        }
    }
}

/// A node that was shut down remembers its epoch and looks at that first.
#[derive(Default)]
struct FencedBeforeNotLeader(std::sync::OnceLock<Epoch>);

#[async_trait]
impl Defect for FencedBeforeNotLeader {
    const NAME: &'static str = "fenced_comes_before_not_leader";
    const FAILS: &'static [&'static str] = &["one_refusal_per_situation"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        reject_out_of_range_advance(at_least)?;
        let own = life.epoch().unwrap_or(Epoch::ZERO);
        let current = *life.defect.0.get_or_init(|| own);
        if epoch != current {
            let offered = epoch;
            return Err(ConsensusError::Fenced { offered, current });
        }
        life.honest.persist_high_water(at_least, epoch).await
    }
}
