//! What nodes of a group tell each other: requests and their answers by calls, the lease by
//! messages.

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};
use tsoracle_codec::{DecodeError, EncodeError};
use tsoracle_lease::LeaseMessage;

use crate::{LogId, RaftBallot, RaftTypes, SnapshotMeta, Vote};

/// The version of everything here.
const PROTOCOL: u8 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) enum Request<C: RaftTypes> {
    Append(AppendEntriesRequest<C>),
    Vote(VoteRequest<C>),
    PreVote(VoteRequest<C>),
    Transfer(TransferLeaderRequest<C>),
    /// How much of this snapshot is there?
    SnapshotOpen {
        vote: Vote,
        id: SnapshotId,
    },
    /// The chunk's bytes stand behind it.
    SnapshotChunk {
        id: SnapshotId,
        at: u64,
    },
    SnapshotInstall {
        vote: Vote,
        id: SnapshotId,
        meta: SnapshotMeta<C>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) enum Answer<C: RaftTypes> {
    Append(AppendEntriesResponse<C>),
    Vote(VoteResponse<C>),
    Transfer(TransferLeaderResponse<C>),
    Snapshot(SnapshotAnswer),
}

/// Which snapshot: two with the same id have the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotId {
    pub(crate) last: Option<LogId>,
    pub(crate) bytes: u64,
    pub(crate) checksum: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum SnapshotAnswer {
    /// This many bytes are there.
    Have(u64),
    /// Nothing of it is there, or not enough of it: open it again.
    Missing,
    /// There is no room for it.
    NoRoom,
    /// What came is not what was announced. It was dropped.
    Damaged,
    /// Installed, or refused: the receiver's vote tells.
    Answered(Vote),
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Bytes, EncodeError> {
    tsoracle_codec::encode(PROTOCOL, value).map(Bytes::from)
}

/// A value, and bytes behind it.
pub(crate) fn encode_with<T: Serialize>(value: &T, bytes: &[u8]) -> Result<Bytes, EncodeError> {
    let mut buffer = Vec::with_capacity(64 + bytes.len());
    tsoracle_codec::encode_into(PROTOCOL, value, &mut buffer)?;
    buffer.extend_from_slice(bytes);
    Ok(buffer.into())
}

pub(crate) fn encode_message(message: &LeaseMessage<RaftBallot>) -> Result<Bytes, EncodeError> {
    encode(message)
}

pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    tsoracle_codec::decode(PROTOCOL, bytes)
}

/// A request, and the bytes behind it, which only a chunk has.
pub(crate) fn decode_request<C: RaftTypes>(
    bytes: &Bytes,
) -> Result<(Request<C>, Bytes), DecodeError> {
    let (request, rest) = tsoracle_codec::decode_prefix::<Request<C>>(PROTOCOL, bytes)?;
    if !rest.is_empty() && !matches!(request, Request::SnapshotChunk { .. }) {
        return Err(DecodeError::Trailing { extra: rest.len() });
    }
    let rest = bytes.slice_ref(rest);
    Ok((request, rest))
}
