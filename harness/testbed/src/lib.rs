#![doc = include_str!("../README.md")]

mod backend;
mod cluster;
mod disk;
mod history;
mod hooks;
mod leases;
mod links;
mod network;
mod node;
mod patience;
mod process;
mod proxy;
mod recorder;
mod simulation;

pub use backend::{
    Backend, Capabilities, Damage, Durability, Links, NodeSpec, Reads, Time, Timing,
    UnnoticedDamage,
};
pub use cluster::{Cluster, ClusterPlan, Decorator, Leader, LeaseReader, Placement, TestNode};
pub use disk::DiskFaults;
pub use history::{Call, HistoryError, Operation, Outcome, check_history};
pub use hooks::{Hook, HookKind, Hooks};
pub use leases::{LeaseDeadlines, Term, valid_leases};
pub use links::{LinkFault, LinkFaults};
pub use network::{Network, NetworkPair};
pub use node::{Node, Traffic};
pub use patience::{Patience, TimedOut, allowance};
pub use process::{ProcessDisk, ProcessNode, TestbedError, run_node_process_if_asked};
pub use proxy::ProxyLinks;
pub use recorder::{Recorder, Recording};
pub use simulation::{Life, Machine, SimDisk, SimMachine, SimNetwork, run_in_virtual_time};
pub use tsoracle_faultfs as faultfs;
