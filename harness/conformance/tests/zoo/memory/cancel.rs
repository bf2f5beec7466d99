//! P7: what a dropped future leaves behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};
use tsoracle_consensus::{ConsensusError, Epoch};

use super::overlay;
use super::spoiled::{Defect, Life, exhibit, yield_times};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<StaysBusy>(),
        exhibit::<LoadStaysBusy>(),
        exhibit::<LosesItsTurn>(),
        exhibit::<RollsBack>(),
    ]
}

/// A permit that a dropped future never gives back.
#[derive(Default)]
struct StaysBusy(OnePermit);

#[async_trait]
impl Defect for StaysBusy {
    const NAME: &'static str = "cancel_leaves_the_driver_busy";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "concurrent_history_is_linearizable",
        "stop_while_busy",
    ];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        overlay::refuse(life, at_least, epoch).await?;
        let OnePermit(busy) = &life.defect.0;
        let permit = busy.acquire().await.map_err(ConsensusError::permanent)?;
        permit.forget();
        yield_times(1).await;
        let answer = life.honest.persist_high_water(at_least, epoch).await;
        busy.add_permits(1);
        answer
    }
}

struct OnePermit(Semaphore);

impl Default for OnePermit {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

/// The same for loads.
#[derive(Default)]
struct LoadStaysBusy(OnePermit);

#[async_trait]
impl Defect for LoadStaysBusy {
    const NAME: &'static str = "cancel_of_a_load_leaves_the_driver_busy";
    const FAILS: &'static [&'static str] = &["cancelled_persist_is_legal"];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        let OnePermit(busy) = &life.defect.0;
        let permit = busy.acquire().await.map_err(ConsensusError::permanent)?;
        permit.forget();
        yield_times(1).await;
        let answer = life.honest.load_high_water().await;
        busy.add_permits(1);
        answer
    }
}

/// Calls wait for each other in line, and one that leaves the line is waited for.
#[derive(Default)]
struct LosesItsTurn {
    next: AtomicU64,
    served: watch::Sender<u64>,
}

#[async_trait]
impl Defect for LosesItsTurn {
    const NAME: &'static str = "cancel_in_line_stops_the_line";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "concurrent_history_is_linearizable",
        "stop_while_busy",
    ];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let Self { next, served } = &life.defect;
        let turn = next.fetch_add(1, Ordering::SeqCst);
        let mut line = served.subscribe();
        let come = line.wait_for(|served| *served == turn).await;
        drop(come.map_err(ConsensusError::permanent)?);
        // Its turn is given on even when it is dropped here.
        let _served = Served(Arc::clone(life));
        yield_times(1).await;
        life.honest.persist_high_water(at_least, epoch).await
    }
}

struct Served(Arc<Life<LosesItsTurn>>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.defect.served.send_modify(|served| *served += 1);
    }
}

/// A dropped persist restores what it found, over what others have stored meanwhile.
#[derive(Default)]
struct RollsBack;

#[async_trait]
impl Defect for RollsBack {
    const NAME: &'static str = "cancel_rolls_others_back";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "concurrent_history_is_linearizable",
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
        let before = life.store.load(Ordering::SeqCst);
        let mut undo = Undo(Arc::clone(&life.store), Some(before));
        yield_times(2).await;
        undo.1 = None;
        let before = life.store.fetch_max(at_least, Ordering::SeqCst);
        Ok(before.max(at_least))
    }
}

struct Undo(Arc<AtomicU64>, Option<u64>);

impl Drop for Undo {
    fn drop(&mut self) {
        if let Some(before) = self.1 {
            self.0.store(before, Ordering::SeqCst);
        }
    }
}
