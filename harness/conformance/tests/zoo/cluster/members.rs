//! M1, M2: changes of members that only look like it, or look at nothing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tsoracle_conformance::reference::SimulatedCluster;
use tsoracle_consensus::{
    ConsensusDriver, ConsensusError, Handoff, Member, Membership, MembershipError, NodeId,
};
use tsoracle_testbed::{
    Backend, Capabilities, Hooks, LinkFaults, Machine, Node, NodeSpec, Time, Timing, Traffic,
};

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit(
            "removed_leader_leads_on",
            |rules| {
                rules.ends_its_lease_before_it_is_removed = false;
                rules.removed_leaders_step_down = false;
            },
            &[
                "configuration_change_ends_lease",
                "removed_leader_makes_way",
            ],
        ),
        exhibit(
            "change_that_loses_the_quorum",
            |rules| rules.counts_who_is_left = false,
            &["losing_the_quorum_is_refused"],
        ),
        with_a_table(
            "members_added_to_a_table_only",
            Forgets::Additions,
            &[
                "added_member_counts",
                "members_change_under_load",
                "losing_the_quorum_is_refused",
            ],
        ),
        with_a_table(
            "members_removed_from_a_table_only",
            Forgets::Removals,
            &[
                "configuration_change_ends_lease",
                "removed_member_does_not_count",
                "removed_leader_makes_way",
                "losing_the_quorum_is_refused",
            ],
        ),
    ]
}

/// What the driver writes into a table of its own, and does not tell the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forgets {
    Additions,
    Removals,
}

/// A cluster with the table of its members beside it.
struct WithATable {
    honest: SimulatedCluster,
    forgets: Forgets,
    name: &'static str,
    table: Table,
}

type Table = Arc<Mutex<Vec<Entry>>>;

/// A change that the engine was not told of, in the cluster of this folder.
#[derive(Clone)]
struct Entry {
    cluster: PathBuf,
    added: Option<Member>,
    removed: Option<NodeId>,
}

fn with_a_table(name: &'static str, forgets: Forgets, fails: &'static [&'static str]) -> Exhibit {
    Exhibit {
        backend: Arc::new(WithATable {
            honest: SimulatedCluster::default(),
            forgets,
            name,
            table: Table::default(),
        }),
        fails,
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Backend for WithATable {
    fn name(&self) -> &str {
        self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.honest.capabilities()
    }

    fn timing(&self) -> Timing {
        self.honest.timing()
    }

    fn crates(&self) -> Vec<(String, String)> {
        self.honest.crates()
    }

    fn time(&self) -> Time {
        self.honest.time()
    }

    fn machine(&self, spec: &NodeSpec) -> Option<Arc<dyn Machine>> {
        self.honest.machine(spec)
    }

    fn settings(&self) -> Vec<(String, String)> {
        self.honest.settings()
    }

    fn variant_of(&self) -> Option<&str> {
        self.honest.variant_of()
    }

    fn is_experiment(&self) -> bool {
        self.honest.is_experiment()
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let cluster = spec.dir.parent().unwrap_or(&spec.dir).to_owned();
        Ok(Arc::new(TableNode {
            honest: self.honest.start(spec).await?,
            forgets: self.forgets,
            table: Arc::clone(&self.table),
            cluster,
        }))
    }
}

struct TableNode {
    honest: Arc<dyn Node>,
    forgets: Forgets,
    table: Table,
    cluster: PathBuf,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Node for TableNode {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        self.honest.driver()
    }

    fn service_endpoint(&self) -> String {
        self.honest.service_endpoint()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.honest.shutdown().await
    }

    fn hooks(&self) -> Hooks {
        self.honest.hooks()
    }

    fn handoff(&self) -> Option<Arc<dyn Handoff>> {
        self.honest.handoff()
    }

    fn membership(&self) -> Option<Arc<dyn Membership>> {
        Some(Arc::new(TableMembership {
            honest: self.honest.membership()?,
            forgets: self.forgets,
            table: Arc::clone(&self.table),
            cluster: self.cluster.clone(),
        }))
    }

    fn links(&self) -> Option<Arc<dyn LinkFaults>> {
        self.honest.links()
    }

    fn traffic(&self) -> Option<Traffic> {
        self.honest.traffic()
    }
}

struct TableMembership {
    honest: Arc<dyn Membership>,
    forgets: Forgets,
    table: Table,
    cluster: PathBuf,
}

impl TableMembership {
    fn note(&self, added: Option<Member>, removed: Option<NodeId>) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.push(Entry {
            cluster: self.cluster.clone(),
            added,
            removed,
        });
    }

    fn entries(&self) -> Vec<Entry> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let own = table.iter().filter(|entry| entry.cluster == self.cluster);
        own.cloned().collect()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Membership for TableMembership {
    async fn members(&self) -> Result<Vec<Member>, MembershipError> {
        let mut members = self.honest.members().await?;
        for Entry { added, removed, .. } in self.entries() {
            members.extend(added);
            members.retain(|member| Some(member.node) != removed);
        }
        Ok(members)
    }

    async fn add(&self, member: Member) -> Result<(), MembershipError> {
        let known = self.members().await?;
        if self.forgets == Forgets::Additions && known.iter().all(|other| other.node != member.node)
        {
            self.note(Some(member), None);
            return Ok(());
        }
        self.honest.add(member).await
    }

    async fn remove(&self, node: NodeId) -> Result<(), MembershipError> {
        let known = self.members().await?;
        if self.forgets == Forgets::Removals && known.iter().any(|member| member.node == node) {
            self.note(None, Some(node));
            return Ok(());
        }
        self.honest.remove(node).await
    }

    async fn replace(&self, old: NodeId, new: Member) -> Result<(), MembershipError> {
        self.honest.replace(old, new).await
    }
}
