//! S1: who may open a store, and what the others are told.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Backend, Node, NodeSpec};

use super::spoiled::{Defect, exhibit};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<Unlocked>(),
        exhibit::<Anonymous>(),
        exhibit::<Transient>(),
        exhibit::<WearsOut>(),
    ]
}

/// A second driver opens the store too, and gets another.
#[derive(Default)]
struct Unlocked;

#[async_trait]
impl Defect for Unlocked {
    const NAME: &'static str = "open_is_not_locked";
    const FAILS: &'static [&'static str] =
        &["leases_never_overlap", "second_open_fails", "stop_twice"];
    type Store = AtomicU64;

    async fn open(
        honest: &dyn Backend,
        spec: NodeSpec,
        store: &Arc<AtomicU64>,
    ) -> Result<Arc<dyn Node>, ConsensusError> {
        match honest.start(spec.clone()).await {
            Ok(node) => Ok(node),
            Err(_) => {
                let number = store.fetch_add(1, Ordering::SeqCst);
                let dir = spec.dir.join(PathBuf::from(format!("second-{number}")));
                honest.start(NodeSpec { dir, ..spec }).await
            }
        }
    }
}

/// The refusal does not say who holds the store.
#[derive(Default)]
struct Anonymous;

#[async_trait]
impl Defect for Anonymous {
    const NAME: &'static str = "open_refusal_names_nobody";
    const FAILS: &'static [&'static str] = &["second_open_fails"];
    type Store = ();

    async fn open(
        honest: &dyn Backend,
        spec: NodeSpec,
        _store: &Arc<()>,
    ) -> Result<Arc<dyn Node>, ConsensusError> {
        let refusal = |_| ConsensusError::permanent("the store is in use");
        honest.start(spec).await.map_err(refusal)
    }
}

/// The refusal invites to try again.
#[derive(Default)]
struct Transient;

#[async_trait]
impl Defect for Transient {
    const NAME: &'static str = "open_refusal_is_transient";
    const FAILS: &'static [&'static str] =
        &["leases_never_overlap", "second_open_fails", "stop_twice"];
    type Store = ();

    async fn open(
        honest: &dyn Backend,
        spec: NodeSpec,
        _store: &Arc<()>,
    ) -> Result<Arc<dyn Node>, ConsensusError> {
        let refusal = |error: ConsensusError| ConsensusError::transient(error.to_string());
        honest.start(spec).await.map_err(refusal)
    }
}

/// Something is used up by every start.
#[derive(Default)]
struct WearsOut;

#[async_trait]
impl Defect for WearsOut {
    const NAME: &'static str = "open_fails_after_a_dozen_times";
    const FAILS: &'static [&'static str] = &["start_after_stop"];
    type Store = AtomicU64;

    async fn open(
        honest: &dyn Backend,
        spec: NodeSpec,
        store: &Arc<AtomicU64>,
    ) -> Result<Arc<dyn Node>, ConsensusError> {
        let node = honest.start(spec).await?;
        if store.fetch_add(1, Ordering::SeqCst) >= 12 {
            return Err(ConsensusError::permanent("no descriptor is left"));
        }
        Ok(node)
    }
}
