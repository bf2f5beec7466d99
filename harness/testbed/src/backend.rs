//! What a driver's author implements so that the harness can run nodes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tsoracle_consensus::{ConsensusError, Member, NodeId};

use crate::{HookKind, LinkFault, Machine, Node};

/// A driver under test: how to start a node of it, and what it declares of itself.
///
/// What is declared here is never guessed: a check that does not apply is reported as not offered,
/// by name and with the reason.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// A short name, unique among the backends of one run: it names results and directories.
    fn name(&self) -> &str;

    /// What the driver can do.
    fn capabilities(&self) -> Capabilities;

    /// The times that the driver is configured with; bounds of checks are derived from them.
    fn timing(&self) -> Timing;

    /// The crates that the driver is made of, as (name, version); they stand in every result.
    fn crates(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What else it is configured with, as (setting, value): figures of one configuration are known
    /// by a hash of it.
    fn settings(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The driver that this one is, but for how it is set up: a quick comparison leaves it out.
    fn variant_of(&self) -> Option<&str> {
        None
    }

    /// Whether this configuration is for no service: fault scenarios show what the settings buy that
    /// it lacks, and a comparison asks nothing else of it.
    fn is_experiment(&self) -> bool {
        false
    }

    /// Starts, or starts again, one node on its directory. Returns when the node runs; it need not
    /// have elected anyone yet.
    ///
    /// # Errors
    /// `Permanent` for a store that is damaged (S2) or held by somebody else (S1).
    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError>;

    /// Whose time passes while its nodes run.
    fn time(&self) -> Time {
        Time::Real
    }

    /// The simulated machine below one node; `None` for a driver that runs on real ones.
    fn machine(&self, _spec: &NodeSpec) -> Option<Arc<dyn Machine>> {
        None
    }
}

/// Whose time passes while the nodes of a backend run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// The machine's.
    Real,
    /// That of [`run_in_virtual_time`](crate::run_in_virtual_time): nodes are tasks of one thread,
    /// wait on tokio's timers only, and are the same in every run with one seed.
    Virtual,
}

/// One node of a cluster that the harness wants to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeSpec {
    /// The cluster's own number: the same for all members, another for another cluster (S4).
    pub cluster: u64,
    /// Which member this node is.
    pub node: NodeId,
    /// Every member, this one included.
    pub members: Vec<Member>,
    /// The cluster exists already: a fresh store waits until its members have added this node,
    /// and has no say before that.
    pub joining: bool,
    /// The node's own directory. It exists; on a first start it is empty.
    pub dir: PathBuf,
    /// Seed for whatever the node randomizes.
    pub seed: u64,
    /// What its links do from the first frame on; one that is not named here delivers. For
    /// backends whose links are [`Links::Node`].
    pub link_faults: BTreeMap<NodeId, LinkFault>,
}

/// What a driver declares of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Capabilities {
    /// The sizes of cluster that the driver can form. `single` checks run on the smallest.
    pub cluster_sizes: RangeInclusive<usize>,
    /// How far its store reaches.
    pub durability: Durability,
    /// Whether its leaders hold leases; false means `Lease::absent()` and no L7.
    pub leases: bool,
    /// Damage that one copy of its store cannot notice. Printed in the report (S2).
    pub unnoticed_damage: Vec<UnnoticedDamage>,
    /// How faults reach the links between its nodes.
    #[serde(default)]
    pub links: Links,
    /// What a load asks while its leader's lease is valid: its latency is held against the least
    /// that this can cost.
    #[serde(default)]
    pub reads: Reads,
    /// Whether its nodes implement `Handoff` (H1, H2).
    #[serde(default)]
    pub handoff: bool,
    /// Whether its nodes implement `Membership` (M1, M2).
    #[serde(default)]
    pub membership: bool,
    /// The hooks that its nodes offer.
    #[serde(default)]
    pub hooks: BTreeSet<HookKind>,
}

impl Capabilities {
    /// A driver of one durable node with a lease, which notices all damage.
    #[must_use]
    pub fn single_durable_node() -> Self {
        Self {
            cluster_sizes: 1..=1,
            durability: Durability::Disk,
            leases: true,
            unnoticed_damage: Vec::new(),
            links: Links::None,
            reads: Reads::Memory,
            handoff: false,
            membership: false,
            hooks: BTreeSet::new(),
        }
    }

    /// What it offers beyond the three methods, in words: capabilities, link faults, hooks.
    #[must_use]
    pub fn extras(&self) -> Vec<String> {
        let mut extras = Vec::new();
        if self.handoff {
            extras.push("handoff".to_owned());
        }
        if self.membership {
            extras.push("membership".to_owned());
        }
        match self.links {
            Links::None => {}
            Links::Node => extras.push("link faults".to_owned()),
            Links::Proxy => extras.push("link faults by proxies".to_owned()),
        }
        match self.reads {
            Reads::Memory => {}
            Reads::Quorum => extras.push("loads that ask a quorum".to_owned()),
            Reads::Log => extras.push("loads through the log".to_owned()),
        }
        match self.hooks.len() {
            0 => {}
            1 => extras.push("1 hook".to_owned()),
            hooks => extras.push(format!("{hooks} hooks")),
        }
        extras
    }

    /// The size of the smallest cluster.
    #[must_use]
    pub fn smallest_cluster(&self) -> usize {
        *self.cluster_sizes.start()
    }
}

/// How faults reach the links between the nodes of a driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Links {
    /// They do not: it has one node, or a network that nobody can reach into.
    #[default]
    None,
    /// Through [`Node::links`].
    Node,
    /// Through [`ProxyLinks`](crate::ProxyLinks): its nodes reach each other by TCP at the
    /// `peer_endpoint`s that they are given.
    Proxy,
}

/// What a load asks while its leader's lease is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// Nobody: it reads the leader's memory under the lease.
    #[default]
    Memory,
    /// A quorum, by a round of messages for every load.
    Quorum,
    /// The log: every load is an entry of it, as durable as a persist.
    Log,
}

/// How far a driver's store reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The store outlives a node, and ends with its process.
    Process,
    /// The store outlives kill -9 of every process and the loss of what was not synced.
    Disk,
}

/// A kind of damage that the suite does to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// One byte changed.
    Flip,
    /// The end cut off.
    Truncate,
    /// The whole file, or one 512-byte block of it, set to zero bytes.
    Zero,
    /// The file removed.
    Remove,
}

/// Damage that a driver declares it cannot notice, with the cause.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnnoticedDamage {
    /// The file's name, without its folder; a `*` at the end stands for any rest.
    pub file: String,
    /// What is done to it.
    pub damage: Damage,
    /// Why one copy cannot tell.
    pub cause: String,
}

impl UnnoticedDamage {
    /// Whether this declaration covers `damage` to the file called `name`.
    #[must_use]
    pub fn covers(&self, name: &str, damage: Damage) -> bool {
        let file_matches = match self.file.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == self.file,
        };
        file_matches && damage == self.damage
    }
}

/// The times that a driver is configured with.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Timing {
    /// How long a silent leader is waited for; zero for a driver that never elects.
    pub election_timeout: Duration,
    /// The lease time; `None` for a lease that ends only with its leader, or for no leases.
    pub lease: Option<Duration>,
    /// The deadline of every call (R4, P8).
    pub deadline: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_covers_its_file_and_damage_only() {
        let declared = UnnoticedDamage {
            file: "journal-*".into(),
            damage: Damage::Truncate,
            cause: "a lost tail looks like a write that was never synced".into(),
        };
        assert!(declared.covers("journal-7", Damage::Truncate));
        assert!(!declared.covers("journal-7", Damage::Flip));
        assert!(!declared.covers("journal", Damage::Truncate));
    }
}
