//! The runner: the engine on a thread of its own, and what its owner holds.

mod ask;
mod deliver;
mod engine;
mod error;
mod gate;
mod handle;
mod handoff;
mod outbound;
mod pending;
mod receive;
mod rounds;
mod settings;
mod start;
mod stranded;
mod whole;

pub(crate) use ask::{Append, Command};
pub use error::{
    AppendError, CompactError, HandoffError, HoldError, ProveError, ReconfigureError, RunnerError,
    Stalled, StartError,
};
pub use handle::{Appended, Handle, Proof};
pub use settings::{LeaseSettings, Limits, RunnerSettings};
pub use start::PaxosRunner;
