#![doc = include_str!("../README.md")]

mod backend;
mod cluster;
mod disk;
mod hooks;
mod links;
mod node;
mod patience;
mod process;

pub use backend::{Backend, Capabilities, Damage, Durability, NodeSpec, Timing, UnnoticedDamage};
pub use cluster::{Cluster, ClusterPlan, Decorator, Leader, Placement, TestNode};
pub use disk::DiskFaults;
pub use hooks::{Hook, Hooks};
pub use links::{LinkFault, LinkFaults};
pub use node::Node;
pub use patience::{Patience, TimedOut, allowance};
pub use process::{ProcessDisk, ProcessNode, TestbedError, run_node_process_if_asked};
pub use tsoracle_faultfs as faultfs;
