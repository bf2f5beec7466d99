//! Bytes to values.

use serde::Deserialize;

use crate::DecodeError;

/// The value of `version` that `bytes` hold, all of them.
///
/// # Errors
/// [`DecodeError`]: empty, of another version, truncated, with bytes behind it, or no such value.
pub fn decode<'a, T: Deserialize<'a>>(version: u8, bytes: &'a [u8]) -> Result<T, DecodeError> {
    let (value, rest) = decode_prefix(version, bytes)?;
    match rest.len() {
        0 => Ok(value),
        extra => Err(DecodeError::Trailing { extra }),
    }
}

/// The value of `version` at the start of `bytes`, and the bytes behind it: for records in a row.
///
/// # Errors
/// As [`decode`], except that bytes may follow.
pub fn decode_prefix<'a, T: Deserialize<'a>>(
    version: u8,
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), DecodeError> {
    let (found, payload) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if *found != version {
        return Err(DecodeError::Version {
            expected: version,
            found: *found,
        });
    }
    postcard::take_from_bytes(payload).map_err(|error| match error {
        postcard::Error::DeserializeUnexpectedEnd => DecodeError::Truncated { len: bytes.len() },
        other => DecodeError::Malformed {
            why: other.to_string(),
        },
    })
}

/// The version that `bytes` say they are of, for a reader that knows several.
///
/// # Errors
/// [`DecodeError::Empty`].
pub fn version_of(bytes: &[u8]) -> Result<u8, DecodeError> {
    bytes.first().copied().ok_or(DecodeError::Empty)
}
