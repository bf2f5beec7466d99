#![doc = include_str!("../README.md")]

mod alternate;
mod batch;
mod bench;
mod costs;
mod distribution;
mod error;
pub mod failover;
mod floor;
mod grant;
mod idle;
mod measure;
mod network;
mod open_loop;
mod options;
mod process;
mod progress;
mod results;
mod spinner;
mod starts;
mod subject;
mod syncs;
#[cfg(test)]
mod testing;
mod time;
mod timed_floor;
mod wire;

pub use costs::{Costs, Idle, Memory, Starts, TrafficRate};
pub use distribution::{Bucket, Distribution};
pub use error::LatencyError;
pub use grant::measure_grants;
pub use measure::measure;
pub use network::measure_network;
pub use options::{Options, Profile};
pub use results::{
    AllocatorResults, Comparison, Concurrent, Delayed, FloorKind, Grant, LatencyResults,
    NetworkResults, OpenLoop, Ratio, Sends, SpinnerPolicy, Spinners, SyncVerdict, Syncs,
};
pub use timed_floor::TimedFloor;
