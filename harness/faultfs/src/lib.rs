#![doc = include_str!("../README.md")]

mod control;
mod counts;
mod error;
mod loss;
mod rule;

pub use control::{
    clear_all, counts, hits, install, lose_unsynced, record_unsynced, release, remove,
    stop_recording, supported, trace, wait_for_hits,
};
pub use counts::{Call, Counts};
pub use error::Error;
pub use loss::{Loss, LostContent, LostName, NameChange};
pub use rule::{Action, Errno, Name, Only, Op, Rule, RuleId, Trigger, When};
