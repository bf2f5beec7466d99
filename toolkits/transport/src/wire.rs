//! What travels on a link.
//!
//! A gRPC message from the sender of a link is a [`Head`] and, for `Head::Frames`, frames in a row
//! behind it. Its frames are numbered on from `first`, so no frame carries a number of its own; the
//! sender's incarnation and the session stand in the `Hello` of the stream and hold for all of it.
//! A gRPC message back to the sender is a [`Notice`].

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};
use tsoracle_codec::{DecodeError, EncodeError};

use crate::{EndReason, GroupId, Me, PeerId, Refusal, Timing};

/// The version of everything here: nodes with another one refuse each other.
pub(crate) const PROTOCOL: u8 = 1;

/// Large payloads that a session may have under way at a time.
pub(crate) const TRANSFERS_MAX: usize = 4;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Head {
    /// Opens a session. Repeated until it is answered.
    Hello(Hello),
    /// Frames follow, this one first.
    Frames { first: u64 },
    /// The sender refuses the receiver, which has shown who it is.
    Refused(Refusal),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) me: Me,
    pub(crate) timing: Timing,
    /// The node that was dialed.
    pub(crate) to: PeerId,
    pub(crate) session: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Notice {
    /// The session is open; this is who answered.
    Accepted(Me, Timing),
    Refused(Refusal),
    /// A sign of life was seen.
    Alive,
    /// The session is over.
    Ended(EndReason),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Frame<'a> {
    /// A sign of life.
    Beat,
    /// A whole payload.
    Whole {
        head: PayloadHead,
        #[serde(serialize_with = "as_bytes")]
        payload: &'a [u8],
    },
    /// A request without an answer.
    Failure { call: u64, failure: Failure },
    /// A payload that comes in parts.
    Open {
        transfer: u32,
        head: PayloadHead,
        total: u64,
    },
    /// The next part of it.
    Part {
        transfer: u32,
        #[serde(serialize_with = "as_bytes")]
        bytes: &'a [u8],
    },
}

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum PayloadHead {
    Message {
        group: GroupId,
    },
    Request {
        group: GroupId,
        call: u64,
        within_us: u64,
    },
    Answer {
        call: u64,
    },
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Failure {
    NoHandler(GroupId),
    Handler(String),
    Unanswered,
    TooLarge { size: u64, limit: u64 },
}

fn as_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    tsoracle_codec::encode(PROTOCOL, value)
}

pub(crate) fn encode_into<T: Serialize>(
    value: &T,
    buffer: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    tsoracle_codec::encode_into(PROTOCOL, value, buffer)
}

pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    tsoracle_codec::decode(PROTOCOL, bytes)
}

pub(crate) fn decode_prefix<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), DecodeError> {
    tsoracle_codec::decode_prefix(PROTOCOL, bytes)
}

/// The head of a message, and what stands behind it. Only `Frames` may have something behind it.
pub(crate) fn decode_head(message: &Bytes) -> Result<(Head, Bytes), DecodeError> {
    let (head, rest) = decode_prefix::<Head>(message)?;
    if !rest.is_empty() && !matches!(head, Head::Frames { .. }) {
        return Err(DecodeError::Trailing { extra: rest.len() });
    }
    Ok((head, message.slice_ref(rest)))
}

/// What a refusal to read an opening means.
pub(crate) fn unreadable(error: &DecodeError) -> Refusal {
    match *error {
        DecodeError::Version { expected, found } => Refusal::Protocol {
            here: expected,
            there: found,
        },
        ref other => Refusal::Malformed {
            why: other.to_string(),
        },
    }
}
