#![doc = include_str!("../README.md")]

mod types;

pub use types::{
    Entry, LeaderId, LogId, Members, Payload, RaftTypes, Snapshot, SnapshotMeta, SnapshotPayload,
    StoredMembership, Vote,
};

#[doc(hidden)]
pub use openraft;
