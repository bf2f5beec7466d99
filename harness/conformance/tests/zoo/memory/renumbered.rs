//! Shows the reference under epochs of the defect's own choice, and keeps every clause about them.

use std::sync::Arc;

use futures_util::StreamExt;
use tsoracle_consensus::{ConsensusError, Epoch, LeaderState, LeadershipStream};

use super::spoiled::{Defect, Life};

/// No life of the reference has this one.
const UNHELD: Epoch = Epoch::new(u128::MAX);

/// The stream of a life whose epoch is shown as `shown`.
pub(super) fn events<D: Defect>(life: &Arc<Life<D>>, shown: Epoch) -> LeadershipStream {
    let renumber = move |state| match state {
        LeaderState::Leader { lease, .. } => LeaderState::Leader {
            epoch: shown,
            lease,
        },
        other => other,
    };
    life.honest.leadership_events().map(renumber).boxed()
}

/// A persist on a life whose epoch is shown as `shown`.
pub(super) async fn persist<D: Defect>(
    life: &Arc<Life<D>>,
    shown: Epoch,
    at_least: u64,
    offered: Epoch,
) -> Result<u64, ConsensusError> {
    let own = life.epoch().filter(|_| offered == shown).unwrap_or(UNHELD);
    match life.honest.persist_high_water(at_least, own).await {
        Err(ConsensusError::Fenced { .. }) => Err(ConsensusError::Fenced {
            offered,
            current: shown,
        }),
        other => other,
    }
}
