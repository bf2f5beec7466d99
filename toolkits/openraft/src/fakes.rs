//! Fakes for tests: a log whose flushes are in the test's hands.

mod log;
mod state;

pub use log::MemoryLogStore;
