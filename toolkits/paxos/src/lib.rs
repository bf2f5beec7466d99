#![doc = include_str!("../README.md")]

mod ballot;
mod decided;
mod entry;
mod frame;
mod inbox;
mod leadership;
mod lease;
mod members;
#[cfg(feature = "rocksdb-storage")]
mod node;
mod progress;
mod runner;
mod sink;
pub mod storage;
mod times;

#[cfg(feature = "test-fakes")]
pub mod fakes;

pub use ballot::PaxosBallot;
pub use decided::{Apply, Decided, DecidedSender, DecidedStream, decided_channel};
pub use entry::{GroupEntry, RequestId};
pub use frame::{Body, Frame};
pub use leadership::Leadership;
pub use members::{Member, Members, MembersError, PID_MAX};
#[cfg(feature = "rocksdb-storage")]
pub use node::{PaxosNode, PaxosNodeError, PaxosNodeSettings, PrepareLinks};
pub use progress::{Barrier, BarrierError};
pub use runner::{
    AppendError, Appended, CompactError, Handle, HandoffError, HoldError, LeaseSettings, Limits,
    PaxosRunner, Proof, ProveError, ReconfigureError, RunnerError, RunnerSettings, Stalled,
    StartError,
};
pub use sink::{Attached, Inbound, MessageSink, NoRoom, TransportSink, attach};
pub use times::{GroupTimes, TimesError};
pub use tsoracle_lease::{BootClock, Clock, LeaseObserver};
