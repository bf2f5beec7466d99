//! A complete consensus driver of a third party: one node on an append-only journal.
//!
//! It is a model to copy from, and the subject of `docs/adding-a-driver.md`. The journal is never
//! compacted: 32 bytes a persist, or about 340 MB a year for an oracle with windows of 3 seconds.

mod backend;
mod driver;
mod journal;

pub use backend::JournalBackend;
pub use driver::JournalDriver;
