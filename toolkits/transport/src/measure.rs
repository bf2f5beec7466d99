//! The transport beside the floor that it is held against, both on loopback and in one process.
//!
//! Start a [`Floor`] and a [`Pair`] on the same runtime, and take samples of both in turns, so that
//! whatever the machine does meets both alike.

mod floor;
mod pair;

use std::time::Duration;

use crate::{CallError, StartError};
pub use floor::Floor;
pub use pair::Pair;

/// A measurement that could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// A node did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The bare server or client failed.
    #[error("the floor failed: {0}")]
    Floor(String),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Messages did not arrive in time, or not all of them.
    #[error("of {sent} messages, {received} arrived")]
    Lost {
        /// Messages sent.
        sent: u64,
        /// Messages that arrived.
        received: u64,
    },
}

/// Times of so many bare unary tonic calls with a payload of so many bytes, one after the other.
///
/// # Errors
/// [`MeasureError`].
pub async fn round_trip_floor(
    payload: usize,
    samples: usize,
) -> Result<Vec<Duration>, MeasureError> {
    Floor::start().await?.round_trips(payload, samples).await
}

/// Times of so many calls over the transport with a payload of so many bytes, one after the other.
///
/// # Errors
/// [`MeasureError`].
pub async fn transport_call(payload: usize, samples: usize) -> Result<Vec<Duration>, MeasureError> {
    Pair::start().await?.calls(payload, samples).await
}
