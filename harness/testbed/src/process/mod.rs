//! A node in a process of its own: the suite's program starts itself again and drives the node
//! over a pipe, so that kills, stops and disk faults are real.

mod answers;
mod child;
mod disk;
mod error;
mod parent;
mod pipe;
mod protocol;
mod remote;

pub use child::run_node_process_if_asked;
pub use disk::ProcessDisk;
pub use error::TestbedError;
pub use parent::ProcessNode;
pub(crate) use remote::RemoteLease;
