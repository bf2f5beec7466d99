//! Snapshots that come whole.
//!
//! OmniPaxos 0.2.4 sends a node that lags a snapshot of what it lacks (a delta), and merges it into
//! one of the receiver's own log up to the *new* decided index. What the receiver had accepted there
//! and nobody decided is then part of its state; and if its log is shorter than that, all of it is
//! missing. So a delta is merged here, into what this node knows to be decided, and the engine is
//! given the whole.

use omnipaxos::OmniPaxos;
use omnipaxos::messages::Message;
use omnipaxos::messages::sequence_paxos::PaxosMsg;
use omnipaxos::storage::{Snapshot, SnapshotType, Storage};
use omnipaxos::util::{LogEntry, LogSync};

use crate::GroupEntry;

/// Replaces a delta in a message by the snapshot that it makes of this node's decided state.
///
/// A delta in a Promise begins at the decided index of this node's Prepare, and one in an `AcceptSync`
/// at that of its Promise. Neither index moves before the engine takes the message, or drops it.
pub(super) fn make_whole<T, S>(paxos: &OmniPaxos<T, S>, message: &mut Message<T>)
where
    T: GroupEntry,
    S: Storage<T>,
{
    let Message::SequencePaxos(message) = message else {
        return;
    };
    let sync: Option<&mut LogSync<T>> = match &mut message.msg {
        PaxosMsg::AcceptSync(accept) => Some(&mut accept.log_sync),
        PaxosMsg::Promise(promise) => promise.log_sync.as_mut(),
        _ => None,
    };
    let Some(place) = sync.map(|sync| &mut sync.decided_snapshot) else {
        return;
    };
    *place = match place.take() {
        Some(SnapshotType::Delta(delta)) => {
            let mut whole = decided_state(paxos);
            whole.merge(delta);
            Some(SnapshotType::Complete(whole))
        }
        other => other,
    };
}

/// A snapshot of everything that this node knows to be decided.
fn decided_state<T, S>(paxos: &OmniPaxos<T, S>) -> T::Snapshot
where
    T: GroupEntry,
    S: Storage<T>,
{
    let mut base = None;
    let mut entries = Vec::new();
    let decided = paxos.read_entries(0..paxos.get_decided_idx());
    for entry in decided.unwrap_or_default() {
        match entry {
            LogEntry::Snapshotted(compacted) => base = Some(compacted.snapshot),
            LogEntry::Decided(entry) => entries.push(entry),
            LogEntry::Undecided(_) | LogEntry::Trimmed(_) | LogEntry::StopSign(..) => {}
        }
    }
    let rest = T::Snapshot::create(&entries);
    match base {
        Some(mut base) => {
            base.merge(rest);
            base
        }
        None => rest,
    }
}
