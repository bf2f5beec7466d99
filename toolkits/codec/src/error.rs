//! What can be wrong with a value, or with bytes.

/// A value that has no encoding: its `Serialize` refused, or does not know its length in advance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value cannot be encoded: {why}")]
pub struct EncodeError {
    /// The refusal, as postcard puts it.
    pub why: String,
}

/// Bytes that are not one value of the expected version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There is not even a version byte.
    #[error("nothing to decode: the input is empty")]
    Empty,
    /// The bytes are of a version that the caller does not expect.
    #[error("version {found} instead of {expected}: written by another release")]
    Version {
        /// What the caller expects.
        expected: u8,
        /// The first byte of the input.
        found: u8,
    },
    /// The input ends inside the payload.
    #[error("cut off after {len} bytes, inside the payload")]
    Truncated {
        /// Bytes of the input, its version byte included.
        len: usize,
    },
    /// The payload is whole and more bytes follow.
    #[error("{extra} bytes too many behind the payload")]
    Trailing {
        /// How many follow.
        extra: usize,
    },
    /// The payload is no value of the type.
    #[error("the payload is not a value of its type: {why}")]
    Malformed {
        /// What is wrong with it, as postcard puts it.
        why: String,
    },
}
