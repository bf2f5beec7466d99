//! The form of every record in a store: a version byte and a postcard payload.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tsoracle_codec::{DecodeError, EncodeError};

/// The version that this release writes, and the only one that it reads.
const VERSION: u8 = 1;

/// A record that is not what it ought to be.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Its bytes are not a value of its type: it is damaged, or another release wrote it.
    #[error(
        "{family}, key {}: {source}; restore the store, or replace this member",
        hex(key)
    )]
    Unreadable {
        /// The family of the store.
        family: &'static str,
        /// The record's key.
        key: Vec<u8>,
        /// What is wrong with the bytes.
        source: DecodeError,
    },
    /// A record that others depend on is not there.
    #[error(
        "{family}, key {}: missing; restore the store, or replace this member",
        hex(key)
    )]
    Missing {
        /// The family of the store.
        family: &'static str,
        /// The record's key.
        key: Vec<u8>,
    },
    /// Two records contradict each other.
    #[error(
        "{family}, key {}: {why}; restore the store, or replace this member",
        hex(key)
    )]
    Contradiction {
        /// The family of the store.
        family: &'static str,
        /// The record's key.
        key: Vec<u8>,
        /// What does not fit.
        why: String,
    },
}

/// The bytes of a record.
pub(crate) fn encode<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    tsoracle_codec::encode(VERSION, value).map_err(refused)
}

/// Appends the bytes of a record to `buffer`.
pub(crate) fn encode_into<T: Serialize>(value: &T, buffer: &mut Vec<u8>) -> io::Result<()> {
    tsoracle_codec::encode_into(VERSION, value, buffer).map_err(refused)
}

/// The value of the record that stands at `key` in `family`.
pub(crate) fn decode<T: DeserializeOwned>(
    family: &'static str,
    key: &[u8],
    bytes: &[u8],
) -> io::Result<T> {
    tsoracle_codec::decode(VERSION, bytes).map_err(|source| {
        let key = key.to_vec();
        damaged(RecordError::Unreadable {
            family,
            key,
            source,
        })
    })
}

/// The same as an error of the engine's storage.
pub(crate) fn damaged(error: RecordError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn refused(error: EncodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
