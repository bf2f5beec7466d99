//! What a node is started with.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tsoracle_peer_transport::{Settings as LinkSettings, Transport};

use crate::{GroupTimes, LeaseSettings, Limits};

/// Looks at a node's links before anything goes over them.
pub type PrepareLinks = Arc<dyn Fn(&Transport) + Send + Sync>;

/// What a [`PaxosNode`](crate::PaxosNode) is started with.
#[derive(Clone)]
pub struct PaxosNodeSettings {
    /// The cluster's number, alike on all nodes.
    pub cluster: u64,
    /// This node's number.
    pub node: u64,
    /// The directory of its store. It is made if it is not there.
    pub dir: PathBuf,
    /// `host:port` to listen on for peers.
    pub listen: String,
    /// The members of the first configuration, this node included, each with `host:port` for its
    /// peers.
    pub members: BTreeMap<u64, String>,
    /// The times that all nodes share.
    pub times: GroupTimes,
    /// The leader lease; `None` for none. Alike on all nodes.
    pub lease: Option<LeaseSettings>,
    /// Bounds of the runner's queues.
    pub limits: Limits,
    /// Seeds the jitter of the links and their faults.
    pub seed: u64,
    /// How long the store may take to open.
    pub open_within: Duration,
    /// Called with the links before anything goes over them, to set faults for a test.
    pub on_links: Option<PrepareLinks>,
}

impl PaxosNodeSettings {
    /// Settings of a node that knows nobody yet, with defaults for the rest.
    #[must_use]
    pub fn new(cluster: u64, node: u64, dir: impl Into<PathBuf>) -> Self {
        Self {
            cluster,
            node,
            dir: dir.into(),
            listen: "127.0.0.1:0".to_owned(),
            members: BTreeMap::new(),
            times: GroupTimes::default(),
            lease: Some(LeaseSettings::default()),
            limits: Limits::default(),
            seed: 0,
            open_within: Duration::from_secs(30),
            on_links: None,
        }
    }

    /// The settings of the links that these imply.
    pub(super) fn links(&self, links: LinkSettings) -> LinkSettings {
        LinkSettings {
            timing: self
                .times
                .handshake(self.lease.is_some(), self.members.keys().copied()),
            seed: self.seed,
            ..links
        }
    }
}

impl Debug for PaxosNodeSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaxosNodeSettings")
            .field("cluster", &self.cluster)
            .field("node", &self.node)
            .field("dir", &self.dir)
            .field("listen", &self.listen)
            .field("members", &self.members)
            .field("times", &self.times)
            .field("lease", &self.lease.is_some())
            .finish_non_exhaustive()
    }
}
