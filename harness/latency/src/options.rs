use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tsoracle_testbed::{Capabilities, Network};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// How much time a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Some twenty seconds for a driver of one node on a slow disk, less on a fast one; longer where
    /// nodes take their time to elect.
    Quick,
    /// A few minutes: for figures that are published.
    Full,
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Quick => "quick",
            Self::Full => "full",
        })
    }
}

/// What to measure, and where.
#[derive(Clone)]
pub struct Options {
    /// How much time to spend.
    pub profile: Profile,
    /// Arrivals per second of the open loops, one loop each; an empty list leaves them out.
    pub rates_per_s: Vec<u32>,
    /// An existing folder on the disk to measure. The run makes a folder of its own in it, and
    /// removes that at its end.
    pub dir: PathBuf,
    /// Seed for what nodes randomize.
    pub seed: u64,
    /// The size of the cluster to measure, where the driver offers it; see
    /// [`cluster_size`](Self::cluster_size).
    pub nodes: usize,
    /// The network that the driver is built on: the way between its nodes is then part of the
    /// floors. Without it they are lower, and named accordingly.
    pub network: Option<Arc<dyn Network>>,
    /// What every link takes more, one measurement each, where links can be reached.
    pub link_delays: Vec<Duration>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = self.network.as_ref().map(|network| network.name());
        f.debug_struct("Options")
            .field("profile", &self.profile)
            .field("rates_per_s", &self.rates_per_s)
            .field("dir", &self.dir)
            .field("seed", &self.seed)
            .field("nodes", &self.nodes)
            .field("network", &network)
            .field("link_delays", &self.link_delays)
            .finish()
    }
}

impl Options {
    /// The size of cluster that is measured unless another one is asked for.
    pub const NODES: usize = 3;

    /// The profile's own rates, seed 1, three nodes, no network, and links that take 1 and 10 ms more.
    #[must_use]
    pub fn new(profile: Profile, dir: impl Into<PathBuf>) -> Self {
        let rates_per_s = match profile {
            Profile::Quick => vec![200, 1_000],
            Profile::Full => vec![50, 200, 1_000, 5_000],
        };
        Self {
            profile,
            rates_per_s,
            dir: dir.into(),
            seed: 1,
            nodes: Self::NODES,
            network: None,
            link_delays: vec![Duration::from_millis(1), Duration::from_millis(10)],
        }
    }

    /// The size of cluster to measure of a driver that declares this: the wanted one if it is
    /// offered, else the nearest one below, else the smallest that there is.
    #[must_use]
    pub fn cluster_size(&self, capabilities: &Capabilities) -> usize {
        let sizes = &capabilities.cluster_sizes;
        self.nodes.min(*sizes.end()).max(*sizes.start())
    }
}

/// How often one measurement and its floor take turns at most, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) pairs: u32,
    pub(crate) limit_ns: u64,
}

impl Budget {
    /// Blocks shrink on a disk so slow that fewer pairs than this would fit the time.
    const PAIRS_WANTED: u64 = 5;
    const LEAST_OPERATIONS: u64 = 10;

    /// The size of a block, at most `wanted`, when one operation takes about `operation_ns`.
    pub(crate) fn block_of(self, wanted: u32, operation_ns: u64) -> u32 {
        let fitting = self.limit_ns / (2 * Self::PAIRS_WANTED) / operation_ns.max(1);
        let fitting = fitting.max(Self::LEAST_OPERATIONS);
        u32::try_from(fitting).unwrap_or(u32::MAX).min(wanted)
    }
}

impl Profile {
    pub(crate) fn persist(self) -> Budget {
        self.budget(20, 5 * SECOND, 100, 60 * SECOND)
    }

    pub(crate) fn open_loop(self) -> Budget {
        self.budget(8, 2_500 * MS, 30, 20 * SECOND)
    }

    pub(crate) fn load(self) -> Budget {
        self.budget(50, SECOND, 200, 5 * SECOND)
    }

    pub(crate) fn concurrent(self) -> Budget {
        self.budget(8, 2_500 * MS, 40, 20 * SECOND)
    }

    pub(crate) fn grant(self) -> Budget {
        self.budget(20, SECOND, 100, 5 * SECOND)
    }

    pub(crate) fn call(self) -> Budget {
        self.budget(40, 4 * SECOND, 200, 20 * SECOND)
    }

    /// How many blocks of messages.
    pub(crate) fn messages(self) -> u32 {
        match self {
            Self::Quick => 5,
            Self::Full => 20,
        }
    }

    /// How many persists, and how many rounds of concurrent ones, are made to count syncs.
    pub(crate) fn counted(self) -> (u32, u32) {
        match self {
            Self::Quick => (100, 20),
            Self::Full => (500, 100),
        }
    }

    /// How many calls are timed while links are slow.
    pub(crate) fn delayed(self) -> u32 {
        match self {
            Self::Quick => 50,
            Self::Full => 400,
        }
    }

    /// For how long idle nodes are watched.
    pub(crate) fn idle(self) -> Duration {
        Duration::from_secs(match self {
            Self::Quick => 5,
            Self::Full => 20,
        })
    }

    /// How often a cluster is started, on nothing and again on its stores.
    pub(crate) fn starts(self) -> u32 {
        match self {
            Self::Quick => 3,
            Self::Full => 10,
        }
    }

    fn budget(self, quick: u32, quick_ns: u64, full: u32, full_ns: u64) -> Budget {
        let (pairs, limit_ns) = match self {
            Self::Quick => (quick, quick_ns),
            Self::Full => (full, full_ns),
        };
        Budget { pairs, limit_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_nodes_are_measured_where_they_are_offered() {
        let size = |nodes, offered| {
            let mut capabilities = Capabilities::single_durable_node();
            capabilities.cluster_sizes = offered;
            let mut options = Options::new(Profile::Quick, "target");
            assert_eq!(options.nodes, 3);
            options.nodes = nodes;
            options.cluster_size(&capabilities)
        };
        assert_eq!([size(3, 1..=7), size(3, 1..=1), size(3, 1..=2)], [3, 1, 2]);
        assert_eq!([size(3, 5..=7), size(5, 1..=7), size(7, 3..=5)], [5, 5, 5]);
    }

    #[test]
    fn a_slow_disk_gets_smaller_blocks() {
        let budget = Profile::Quick.persist();
        assert_eq!(budget.block_of(100, 100_000), 100);
        assert_eq!(budget.block_of(100, 4 * MS), 100);
        assert_eq!(budget.block_of(100, 40 * MS), 12);
        assert_eq!(budget.block_of(100, 10 * SECOND), 10);
        assert_eq!(budget.block_of(100, 0), 100);
    }
}
