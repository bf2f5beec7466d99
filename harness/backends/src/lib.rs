#![doc = include_str!("../README.md")]

#[cfg(any(feature = "openraft", feature = "paxos"))]
mod closing;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "network")]
mod links;
#[cfg(feature = "network")]
mod network;
#[cfg(feature = "openraft")]
mod openraft;
#[cfg(feature = "paxos")]
mod paxos;
#[cfg(any(feature = "openraft", feature = "paxos"))]
mod traffic;

use std::sync::Arc;

#[cfg(feature = "openraft")]
use tsoracle_openraft_toolkit::Experiment;
use tsoracle_testbed::{Backend, Network};

#[cfg(feature = "file")]
pub use file::FileBackend;
#[cfg(feature = "network")]
pub use links::TransportLinks;
#[cfg(feature = "network")]
pub use network::PeerTransport;
#[cfg(feature = "openraft")]
pub use openraft::{OpenraftBackend, OpenraftPiggybackBackend};
#[cfg(feature = "paxos")]
pub use paxos::{PaxosBackend, PaxosPiggybackBackend};

/// Every driver that this build contains, in the order of the reports.
#[must_use]
pub fn all() -> Vec<Arc<dyn Backend>> {
    vec![
        #[cfg(feature = "file")]
        Arc::new(FileBackend::default()),
        #[cfg(feature = "openraft")]
        Arc::new(OpenraftBackend::default()),
        #[cfg(feature = "openraft")]
        Arc::new(OpenraftBackend::reading_by_quorum()),
        #[cfg(feature = "openraft")]
        Arc::new(OpenraftPiggybackBackend::default()),
        #[cfg(feature = "paxos")]
        Arc::new(PaxosBackend::default()),
        #[cfg(feature = "paxos")]
        Arc::new(PaxosBackend::without_lease()),
        #[cfg(feature = "paxos")]
        Arc::new(PaxosPiggybackBackend::default()),
        #[cfg(feature = "openraft")]
        Arc::new(OpenraftBackend::experiment(Experiment::WithoutPreVote)),
        #[cfg(feature = "openraft")]
        Arc::new(OpenraftBackend::experiment(Experiment::WithoutProbe)),
        #[cfg(feature = "openraft")]
        Arc::new(OpenraftBackend::experiment(Experiment::Upstream)),
    ]
}

/// The network that the replicated drivers share, if this build contains it.
#[must_use]
pub fn network() -> Option<Arc<dyn Network>> {
    #[cfg(feature = "network")]
    {
        Some(Arc::new(PeerTransport))
    }
    #[cfg(not(feature = "network"))]
    {
        None
    }
}
