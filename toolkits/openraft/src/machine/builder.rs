//! Building a snapshot beside the commands that go on.

use std::fmt::{self, Debug};
use std::io;
use std::sync::Arc;

use openraft::RaftSnapshotBuilder;

use super::{Shared, StateMachine};
use crate::{RaftTypes, Snapshot, SnapshotKeeper, SnapshotMeta};

/// Takes the state of a [`Machine`](crate::Machine) and keeps it durably.
pub struct MachineSnapshotBuilder<C: RaftTypes, M, S> {
    shared: Arc<Shared<C, M>>,
    snapshots: S,
}

impl<C: RaftTypes, M, S> MachineSnapshotBuilder<C, M, S> {
    pub(super) fn new(shared: Arc<Shared<C, M>>, snapshots: S) -> Self {
        Self { shared, snapshots }
    }
}

impl<C, M, S> RaftSnapshotBuilder<C> for MachineSnapshotBuilder<C, M, S>
where
    C: RaftTypes,
    M: StateMachine<C>,
    S: SnapshotKeeper<C>,
{
    type SnapshotData = C::SnapshotData;

    async fn build_snapshot(&mut self) -> Result<Snapshot<C>, io::Error> {
        let turn = self.shared.turn.lock().await;
        let shared = Arc::clone(&self.shared);
        let taken = tokio::task::spawn_blocking(move || {
            let state = shared.lock();
            let meta = SnapshotMeta::<C> {
                last_log_id: state.applied,
                last_membership: state.membership.clone(),
            };
            let snapshot = state.machine.snapshot();
            Snapshot::<C> { meta, snapshot }
        });
        let taken = taken.await.map_err(io::Error::other)?;
        drop(turn);
        self.snapshots.save(taken.clone()).await?;
        Ok(taken)
    }
}

impl<C: RaftTypes, M, S: Debug> Debug for MachineSnapshotBuilder<C, M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineSnapshotBuilder")
            .field("snapshots", &self.snapshots)
            .finish_non_exhaustive()
    }
}
