//! L2, L3: epochs that come back, or go back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tsoracle_consensus::{ConsensusError, Epoch, LeaderState, LeadershipStream};

use super::renumbered;
use super::spoiled::{Defect, Life, exhibit};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<AlwaysTheSame>(),
        exhibit::<StoredByPersist>(),
        exhibit::<CountsDown>(),
        exhibit::<Wobbles>(),
    ]
}

/// A restarted leader resumes its old term.
#[derive(Default)]
struct AlwaysTheSame;

const SAME: Epoch = Epoch::new(7);

#[async_trait]
impl Defect for AlwaysTheSame {
    const NAME: &'static str = "epoch_resumed_after_restart";
    const FAILS: &'static [&'static str] = &["same_node_again_new_epoch", "stale_epoch_same_node"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        renumbered::events(life, SAME)
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        renumbered::persist(life, SAME, at_least, epoch).await
    }
}

/// A new epoch reaches the store with the first persist under it, and is lost without one.
#[derive(Default)]
struct StoredByPersist(AtomicU64);

impl StoredByPersist {
    fn own(life: &Life<Self>) -> Epoch {
        Epoch::new(life.defect.0.load(Ordering::SeqCst).into())
    }
}

#[async_trait]
impl Defect for StoredByPersist {
    const NAME: &'static str = "epoch_stored_by_the_first_persist";
    const FAILS: &'static [&'static str] = &["same_node_again_new_epoch"];
    type Store = AtomicU64;

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let stored = life.store.load(Ordering::SeqCst);
        life.defect.0.store(stored + 1, Ordering::SeqCst);
        Ok(())
    }

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        renumbered::events(life, Self::own(life))
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let returned = renumbered::persist(life, Self::own(life), at_least, epoch).await?;
        let own = life.defect.0.load(Ordering::SeqCst);
        life.store.store(own, Ordering::SeqCst);
        Ok(returned)
    }
}

/// Each term has an epoch of its own, below the one before.
#[derive(Default)]
struct CountsDown(AtomicU64);

impl CountsDown {
    fn own(life: &Life<Self>) -> Epoch {
        Epoch::new(u128::from(1_000_000 - life.defect.0.load(Ordering::SeqCst)))
    }
}

#[async_trait]
impl Defect for CountsDown {
    const NAME: &'static str = "epochs_count_down";
    const FAILS: &'static [&'static str] = &["epochs_never_decrease", "same_node_again_new_epoch"];
    type Store = AtomicU64;

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let lives = life.store.fetch_add(1, Ordering::SeqCst);
        life.defect.0.store(lives, Ordering::SeqCst);
        Ok(())
    }

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        renumbered::events(life, Self::own(life))
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        renumbered::persist(life, Self::own(life), at_least, epoch).await
    }
}

/// After twenty persists, a new stream begins with the epoch of the term before.
#[derive(Default)]
struct Wobbles(AtomicU64);

#[async_trait]
impl Defect for Wobbles {
    const NAME: &'static str = "epoch_wobbles_in_the_stream";
    const FAILS: &'static [&'static str] =
        &["epochs_never_decrease", "random_orders_never_regress"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let persists = life.defect.0.load(Ordering::SeqCst);
        let earlier = match life.state() {
            Some(LeaderState::Leader { epoch, lease }) if persists >= 20 => {
                let epoch = Epoch::new(epoch.as_u128() - 1);
                Some(LeaderState::Leader { epoch, lease })
            }
            _ => None,
        };
        let states = life.honest.leadership_events();
        stream::iter(earlier).chain(states).boxed()
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        life.defect.0.fetch_add(1, Ordering::SeqCst);
        life.honest.persist_high_water(at_least, epoch).await
    }
}
