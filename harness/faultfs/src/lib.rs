#![doc = include_str!("../README.md")]

mod counts;
mod error;
#[cfg_attr(
    not(all(
        target_os = "linux",
        target_env = "gnu",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    path = "absent.rs"
)]
mod interposed;
mod loss;
mod matching;
mod rule;
mod table;

pub use counts::{Call, Counts};
pub use error::Error;
pub use interposed::{
    clear_all, counts, hits, install, lose_unsynced, record_unsynced, release, remove,
    stop_recording, supported, trace, wait_for_hits,
};
pub use loss::{Loss, LostContent, LostName, NameChange};
pub use matching::resolve;
pub use rule::{Action, Errno, Name, Only, Op, Rule, RuleId, Trigger, When};
pub use table::{Decision, RuleTable};
