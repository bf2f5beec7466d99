//! What was not synced: written down before it happens, undone after the power is lost.

mod content;
mod names;
mod place;
mod record;
mod recorder;
mod replay;
mod restore;
#[cfg(test)]
mod tests;
mod undo;

pub(crate) use recorder::{Effect, Scope, WriteAt, is_recording, perform, start, stop, sync};
pub(crate) use undo::lose;
