//! A state machine that writes down numbers.

use std::io;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use serde::{Deserialize, Serialize};
use tsoracle_openraft_toolkit::{LogId, Snapshot, SnapshotMeta, StoredMembership};

use super::Numbers;

/// Clones are the same machine, which outlives its node: what it has applied was committed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    applied: Option<LogId>,
    membership: StoredMembership<Numbers>,
    numbers: Kept,
    snapshot: Option<Snapshot<Numbers>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    values: Vec<(LogId, u64)>,
    /// Makes a snapshot large.
    ballast: Vec<u8>,
}

impl Machine {
    pub(crate) fn values(&self) -> Vec<u64> {
        let state = self.state.lock().unwrap();
        state
            .numbers
            .values
            .iter()
            .map(|(_, value)| *value)
            .collect()
    }

    /// What was applied at an index.
    pub(crate) fn at(&self, index: u64) -> Option<(LogId, u64)> {
        let state = self.state.lock().unwrap();
        let mut values = state.numbers.values.iter();
        values.find(|(id, _)| id.index == index).copied()
    }

    /// What was written down last.
    pub(crate) fn last(&self) -> Option<(LogId, u64)> {
        self.state.lock().unwrap().numbers.values.last().copied()
    }

    pub(crate) fn has_snapshot(&self) -> bool {
        self.state.lock().unwrap().snapshot.is_some()
    }

    /// Makes each snapshot from here on at least this long.
    pub(crate) fn load(&self, bytes: usize) {
        let mut byte = 0_u8;
        let ballast = std::iter::repeat_with(|| {
            byte = byte.wrapping_mul(31).wrapping_add(7);
            byte
        });
        self.state.lock().unwrap().numbers.ballast = ballast.take(bytes).collect();
    }

    pub(crate) fn ballast(&self) -> usize {
        self.state.lock().unwrap().numbers.ballast.len()
    }
}

impl RaftStateMachine<Numbers> for Machine {
    type SnapshotData = Vec<u8>;
    type SnapshotBuilder = Self;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogId>, StoredMembership<Numbers>), io::Error> {
        let state = self.state.lock().unwrap();
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<Numbers>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let mut state = self.state.lock().unwrap();
            state.applied = Some(entry.log_id);
            let mut answer = 0;
            match entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Normal(value) => {
                    state.numbers.values.push((entry.log_id, value));
                    answer = value;
                }
                EntryPayload::Membership(members) => {
                    state.membership =
                        StoredMembership::<Numbers>::new(Some(entry.log_id), members);
                }
            }
            drop(state);
            if let Some(responder) = responder {
                responder.send(answer);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<Numbers>,
        snapshot: Vec<u8>,
    ) -> Result<(), io::Error> {
        let numbers = tsoracle_codec::decode(1, &snapshot).map_err(io::Error::other)?;
        let mut state = self.state.lock().unwrap();
        state.numbers = numbers;
        state.applied = meta.last_log_id;
        state.membership = meta.last_membership.clone();
        let meta = meta.clone();
        state.snapshot = Some(openraft::Snapshot { meta, snapshot });
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Numbers>>, io::Error> {
        Ok(self.state.lock().unwrap().snapshot.clone())
    }
}

impl RaftSnapshotBuilder<Numbers> for Machine {
    type SnapshotData = Vec<u8>;

    async fn build_snapshot(&mut self) -> Result<Snapshot<Numbers>, io::Error> {
        let mut state = self.state.lock().unwrap();
        let bytes = tsoracle_codec::encode(1, &state.numbers).map_err(io::Error::other)?;
        let meta = openraft::SnapshotMeta {
            last_log_id: state.applied,
            last_membership: state.membership.clone(),
        };
        let snapshot = openraft::Snapshot {
            meta,
            snapshot: bytes,
        };
        state.snapshot = Some(snapshot.clone());
        Ok(snapshot)
    }
}
