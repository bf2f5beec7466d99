#![doc = include_str!("../README.md")]

mod decode;
mod encode;
mod error;

pub use decode::{decode, decode_prefix, version_of};
pub use encode::{encode, encode_into};
pub use error::{DecodeError, EncodeError};
