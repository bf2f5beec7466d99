#![doc = include_str!("../README.md")]

mod driver;
mod error;
mod identity;
mod record;
mod settings;
mod store;
mod writer;

pub use driver::FileDriver;
pub use error::FileStoreError;
pub use settings::FileSettings;
