//! What a check is.

use futures_util::future::BoxFuture;
use tsoracle_testbed::{Capabilities, HookKind};

use crate::Stop;
use crate::case::Case;

/// One property of the contract, and how it is tried.
#[derive(Clone, Copy)]
pub struct Check {
    /// Named after what it asserts.
    pub name: &'static str,
    /// The clause that it comes from, for example `P3`.
    pub clause: &'static str,
    /// The size of cluster that it needs.
    pub level: Level,
    /// What a backend must have beyond a driver; anything missing makes the check not offered.
    pub needs: &'static [Need],
    /// The check itself.
    pub(crate) run: for<'a> fn(&'a mut Case) -> BoxFuture<'a, Result<(), Stop>>,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {:?})", self.name, self.clause, self.level)
    }
}

/// The size of cluster that a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The smallest cluster that the backend declares.
    Single,
    /// Both the smallest cluster and a larger one have something to show.
    Both,
    /// Three nodes or more.
    Cluster,
}

/// The size of a cluster where nothing else is said.
const USUAL_CLUSTER: usize = 3;

impl Level {
    /// The sizes to run on: the smallest cluster, a larger one, or both. `nodes` is the larger one,
    /// three if nothing is said; a backend that forms none runs on the smallest alone.
    #[must_use]
    pub fn sizes(self, capabilities: &Capabilities, nodes: Option<usize>) -> Vec<usize> {
        let smallest = capabilities.smallest_cluster();
        let larger = nodes.unwrap_or(USUAL_CLUSTER);
        match self {
            Self::Single => vec![smallest],
            Self::Cluster => vec![larger],
            Self::Both if larger > smallest && capabilities.cluster_sizes.contains(&larger) => {
                vec![smallest, larger]
            }
            Self::Both => vec![smallest],
        }
    }
}

/// What a check needs of a backend and of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A store that outlives its process.
    Disk,
    /// Leases.
    Leases,
    /// Disk faults inside a node process.
    DiskFaults,
    /// Nodes that can be killed and frozen without a word.
    Processes,
    /// Faults on the links between nodes.
    Links,
    /// Leadership that is moved on purpose.
    Handoff,
    /// Members that change.
    Membership,
    /// A way into the engine.
    Hook(HookKind),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::sync::Arc;

    use tsoracle_consensus::contract;
    use tsoracle_testbed::Backend;

    use crate::reference::SimulatedCluster;
    use crate::{ALL, Level, RunOptions, run_check};

    #[test]
    fn every_check_is_named_after_its_file_and_no_other_has_the_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/checks");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let names: BTreeSet<String> = ALL.iter().map(|check| check.name.to_owned()).collect();
        assert_eq!(names, files);
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn every_clause_exists_and_they_stand_in_the_order_of_the_contract() {
        let clauses: Vec<&str> = contract::clauses().map(|(id, _)| id).collect();
        let places = ALL.iter().map(|check| {
            let place = clauses.iter().position(|id| *id == check.clause);
            place.unwrap_or_else(|| panic!("{check:?}: no such clause"))
        });
        assert!(places.is_sorted());
    }

    #[test]
    fn one_seed_gives_one_run_of_every_cluster_check() {
        for check in ALL.iter().filter(|check| check.level == Level::Cluster) {
            let [one, other] = [(), ()].map(|()| {
                let simulated = Arc::new(SimulatedCluster::default());
                let backend: Arc<dyn Backend> = simulated.clone();
                let dir = tempfile::tempdir().unwrap();
                let options = RunOptions::new(7, 3, dir.path().to_owned());
                let result = run_check(&backend, check, &options);
                let schedule = simulated.schedule(dir.path());
                (result.verdict, result.reason, result.evidence, schedule)
            });
            assert_eq!(one, other, "{check:?}");
            assert!(!one.3.is_empty(), "{check:?} sent no message");
        }
    }
}
