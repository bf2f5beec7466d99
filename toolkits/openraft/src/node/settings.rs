//! What a node is started with.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};
use tsoracle_peer_transport::Transport;

use crate::{
    ConfigError, Experiment, GroupTimes, LeaseObserver, NetworkSettings, RaftBallot, TailLimits,
    checked,
};

/// How a node begins on an empty store. On any other it goes on where it left off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin<N> {
    /// With a new group of these voters; each of them is told the same.
    With(BTreeMap<u64, N>),
    /// In an existing group, whose leader will add it; these nodes are in it.
    Joining(BTreeMap<u64, N>),
}

impl<N> Begin<N> {
    /// The nodes that it names.
    #[must_use]
    pub const fn nodes(&self) -> &BTreeMap<u64, N> {
        match self {
            Self::With(nodes) | Self::Joining(nodes) => nodes,
        }
    }
}

/// Looks at a node's links before anything goes over them.
pub type PrepareLinks = Arc<dyn Fn(&Transport) + Send + Sync>;

/// What a [`RaftNode`](crate::RaftNode) is started with.
#[derive(Clone)]
pub struct RaftNodeSettings<N> {
    /// The cluster's number, alike on all nodes.
    pub cluster: u64,
    /// This node's number.
    pub node: u64,
    /// The directory of its store. It is made if it is not there.
    pub dir: PathBuf,
    /// `host:port` to listen on for peers.
    pub listen: String,
    /// How it begins on an empty store, and whom it links to.
    pub begin: Begin<N>,
    /// The times that all nodes share.
    pub times: GroupTimes,
    /// After how many entries a snapshot is taken, and the log before it purged.
    pub snapshot_every: Option<u64>,
    /// How many entries that a snapshot covers are kept for followers that lag.
    pub kept_entries: u64,
    /// How much of the log's end is kept in memory.
    pub tail: TailLimits,
    /// Times and bounds of the network.
    pub network: NetworkSettings,
    /// Who is told of this node's own lease.
    pub observer: Arc<dyn LeaseObserver<RaftBallot>>,
    /// Seeds the jitter of the links and their faults.
    pub seed: u64,
    /// How long the store may take to open.
    pub open_within: Duration,
    /// A config that is not for services, to measure what its settings buy; `None` for one that
    /// passes [`checked`].
    pub experiment: Option<Experiment>,
    /// Called with the links before anything goes over them, to set faults for a test.
    pub on_links: Option<PrepareLinks>,
}

impl<N> RaftNodeSettings<N> {
    /// Settings of a node that is alone in its world, with defaults for the rest.
    #[must_use]
    pub fn new(cluster: u64, node: u64, dir: impl Into<PathBuf>) -> Self {
        Self {
            cluster,
            node,
            dir: dir.into(),
            listen: "127.0.0.1:0".to_owned(),
            begin: Begin::With(BTreeMap::new()),
            times: GroupTimes::default(),
            snapshot_every: Some(10_000),
            kept_entries: 1_000,
            tail: TailLimits::default(),
            network: NetworkSettings::default(),
            observer: Arc::new(()),
            seed: 0,
            open_within: Duration::from_secs(30),
            experiment: None,
            on_links: None,
        }
    }

    /// The engine's config, refused where it breaks a promise and is no experiment.
    pub(super) fn engine(&self) -> Result<Arc<Config>, ConfigError> {
        let config = self.config()?;
        match self.experiment {
            Some(experiment) => experiment.config(config),
            None => checked(config),
        }
    }

    fn config(&self) -> Result<Config, ConfigError> {
        let config = self.times.config(&self.cluster.to_string())?;
        let policy = self.snapshot_every.map(SnapshotPolicy::LogsSinceLast);
        Ok(Config {
            snapshot_policy: policy.unwrap_or(SnapshotPolicy::Never),
            max_in_snapshot_log_to_keep: self.kept_entries,
            ..config
        })
    }
}

impl<N: Debug> Debug for RaftNodeSettings<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftNodeSettings")
            .field("cluster", &self.cluster)
            .field("node", &self.node)
            .field("dir", &self.dir)
            .field("listen", &self.listen)
            .field("begin", &self.begin)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}
