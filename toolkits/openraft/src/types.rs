//! The types of a group: openraft's own, with 64-bit ids and several leaders per term.

use std::fmt::Debug;

use bytes::Bytes;
use openraft::alias::{AppDataOf, NodeOf, OneshotReceiverOf, WriteResponderOf};
use openraft::impls::{TokioRuntime, leader_id_adv};
use openraft::raft::ClientWriteResult;
use openraft::{EntryPayload, Membership, RaftTypeConfig};

/// Who leads, and since when: a term and a node. Two nodes may lead in one term, one after the
/// other; the order is (term, node).
pub type LeaderId = leader_id_adv::LeaderId<u64, u64>;

/// A position in the log, and the leader that filled it.
pub type LogId = openraft::LogId<LeaderId>;

/// What a node has promised: the highest leader it voted for, and whether a quorum did too.
pub type Vote = openraft::Vote<LeaderId>;

/// One entry of the log.
pub type Entry<C> = openraft::Entry<LeaderId, Payload<C>>;

/// What an entry carries: nothing, a command, or a membership.
pub type Payload<C> = EntryPayload<AppDataOf<C>, u64, NodeOf<C>>;

/// A membership and where it stands in the log.
pub type StoredMembership<C> = openraft::StoredMembership<LeaderId, u64, NodeOf<C>>;

/// The voters, the learners, and how each is reached.
pub type Members<C> = Membership<u64, NodeOf<C>>;

/// What a snapshot covers.
pub type SnapshotMeta<C> = openraft::SnapshotMeta<LeaderId, u64, NodeOf<C>>;

/// A snapshot: what it covers, and the state.
pub type Snapshot<C> = openraft::Snapshot<LeaderId, u64, NodeOf<C>, <C as RaftTypes>::SnapshotData>;

/// The types that this crate works on: declare them with
/// [`declare_raft_types_ext!`](crate::declare_raft_types_ext).
///
/// `C: RaftTypes` is all that the stores, the network and the state machines ask of a type config.
pub trait RaftTypes:
    RaftTypeConfig<
        D: Clone,
        NodeId = u64,
        Term = u64,
        LeaderId = LeaderId,
        Vote = Vote,
        Payload = EntryPayload<<Self as RaftTypeConfig>::D, u64, <Self as RaftTypeConfig>::Node>,
        Entry = openraft::Entry<
            LeaderId,
            EntryPayload<<Self as RaftTypeConfig>::D, u64, <Self as RaftTypeConfig>::Node>,
        >,
        AsyncRuntime = TokioRuntime,
    >
{
    /// The state that a snapshot carries.
    type SnapshotData: SnapshotPayload;

    /// A responder for one write, and where its answer comes: for `Raft::write`, which alone can be
    /// told under which leader the command may enter the log.
    fn responder() -> (WriteResponderOf<Self>, WriteAnswer<Self>);
}

/// The answer to a write, once it is applied or known to fail.
pub type WriteAnswer<C> = OneshotReceiverOf<C, ClientWriteResult<C>>;

/// A snapshot's state as bytes: what is stored, and what goes over the wire.
///
/// Both ways are cheap: whoever encodes a state does so when it builds the snapshot, off the
/// threads of the engine.
pub trait SnapshotPayload: Clone + Debug + Send + Sync + 'static {
    /// The bytes.
    fn into_bytes(self) -> Bytes;

    /// The state of `bytes`, which come from [`into_bytes`](Self::into_bytes), here or on a peer.
    fn from_bytes(bytes: Bytes) -> Self;
}

impl SnapshotPayload for Bytes {
    fn into_bytes(self) -> Bytes {
        self
    }

    fn from_bytes(bytes: Bytes) -> Self {
        bytes
    }
}

impl SnapshotPayload for Vec<u8> {
    fn into_bytes(self) -> Bytes {
        self.into()
    }

    fn from_bytes(bytes: Bytes) -> Self {
        bytes.into()
    }
}

/// Declares the type config of a group, as openraft's `declare_raft_types!` does, with the choices
/// of this crate, and implements [`RaftTypes`] for it.
///
/// The user names the command, its answer, the node's description and the snapshot's state, in
/// this order:
///
/// ```
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// pub struct Put {
///     pub key: String,
///     pub value: String,
/// }
///
/// impl std::fmt::Display for Put {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         write!(f, "put {}", self.key)
///     }
/// }
///
/// tsoracle_openraft_toolkit::declare_raft_types_ext!(
///     /// A key-value store.
///     pub KeyValue:
///         D = Put,
///         R = Option<String>,
///         Node = openraft::BasicNode,
///         SnapshotData = Vec<u8>,
/// );
/// ```
///
/// Chosen for the user: node ids and terms of 64 bits; `leader_id_adv`, so that two candidates of
/// one term are ordered instead of splitting the votes; openraft's own entries and votes; an
/// answer over a oneshot channel, where openraft's default also reports the commit; the Tokio
/// runtime.
#[macro_export]
macro_rules! declare_raft_types_ext {
    (
        $(#[$outer:meta])* $visibility:vis $id:ident:
        D = $command:ty,
        R = $answer:ty,
        Node = $node:ty,
        SnapshotData = $snapshot:ty $(,)?
    ) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, Default, Eq, PartialEq, Ord, PartialOrd)]
        $visibility struct $id {}

        impl $crate::openraft::RaftTypeConfig for $id {
            type D = $command;
            type R = $answer;
            type NodeId = u64;
            type Node = $node;
            type Term = u64;
            type LeaderId = $crate::LeaderId;
            type Vote = $crate::Vote;
            type Payload = $crate::openraft::EntryPayload<$command, u64, $node>;
            type Entry = $crate::openraft::Entry<$crate::LeaderId, Self::Payload>;
            type AsyncRuntime = $crate::openraft::impls::TokioRuntime;
            type Responder<T>
                = $crate::openraft::impls::OneshotResponder<Self, T>
            where
                T: $crate::openraft::OptionalSend + 'static;
            type Batch<T>
                = $crate::openraft::impls::InlineBatch<T>
            where
                T: $crate::openraft::OptionalSend + 'static;
            type ErrorSource = $crate::openraft::impls::BoxedErrorSource;
        }

        impl $crate::RaftTypes for $id {
            type SnapshotData = $snapshot;

            fn responder() -> (
                $crate::openraft::alias::WriteResponderOf<Self>,
                $crate::WriteAnswer<Self>,
            ) {
                $crate::openraft::impls::OneshotResponder::new_pair()
            }
        }
    };
}
