use std::fmt;
use std::str::FromStr;

use thiserror::Error;

#[cfg(feature = "serde")]
mod wire;

/// Length of one half of the text, in hex digits.
const HALF_DIGITS: usize = 16;

/// The identity of one term of leadership: 128 bits whose order is the order of the terms.
///
/// What the bits mean is the consensus engine's business. Displayed and parsed as two zero-padded
/// halves of 16 lowercase hex digits, the upper half first: `0000000000000001-00000000000000ff`.
/// The order of the texts is the order of the epochs.
///
/// With feature `serde`, human-readable formats carry that text and binary formats the `u128`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u128);

impl Epoch {
    /// Below every term of leadership: nobody has led yet.
    pub const ZERO: Self = Self(0);

    /// The epoch with the number `value`.
    #[must_use]
    pub const fn new(value: u128) -> Self {
        Self(value)
    }

    /// The epoch's number.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The least epoch above this one, or `None` after the last.
    #[must_use]
    pub const fn checked_next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = self.0 & u128::from(u64::MAX);
        write!(f, "{:016x}-{low:016x}", self.0 >> 64)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({self})")
    }
}

impl FromStr for Epoch {
    type Err = ParseEpochError;

    /// Reads exactly what `Display` writes, so that equal epochs have equal texts.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (high, low) = text.split_once('-').ok_or(ParseEpochError(()))?;
        Ok(Self((parse_half(high)? << 64) | parse_half(low)?))
    }
}

/// `from_str_radix` alone would let a sign, capitals and missing zeros pass.
fn parse_half(digits: &str) -> Result<u128, ParseEpochError> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != HALF_DIGITS || !digits.bytes().all(is_digit) {
        return Err(ParseEpochError(()));
    }
    u128::from_str_radix(digits, 16).map_err(|_| ParseEpochError(()))
}

/// The text is not an epoch as [`Epoch`] displays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an epoch is 16 lowercase hex digits, a hyphen and 16 more digits")]
pub struct ParseEpochError(());
