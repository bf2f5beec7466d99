//! The syncs and bytes behind acknowledged operations, counted below the nodes' file calls.

use std::path::PathBuf;

use tsoracle_testbed::Durability;
use tsoracle_testbed::faultfs::{self, Action, Op, Rule, RuleId};

use crate::{LatencyError, SyncVerdict, Syncs};

/// Whose syncs are counted, and how many an operation needs.
#[derive(Debug)]
pub(crate) struct Watched {
    /// The folder of each node's store.
    pub(crate) stores: Vec<PathBuf>,
    pub(crate) durability: Durability,
}

/// Runs so many operations and counts the syncs and the written bytes of each node.
pub(crate) fn count_syncs(
    watched: &Watched,
    operations: u32,
    mut operation: impl FnMut() -> Result<(), LatencyError>,
) -> Result<Syncs, LatencyError> {
    if watched.durability == Durability::Process {
        return Ok(uncounted(
            SyncVerdict::NotDurable,
            "the store ends with its process",
        ));
    }
    if !faultfs::supported() {
        let reason = "file calls cannot be interposed on this system";
        return Ok(uncounted(SyncVerdict::NotCounted, reason));
    }
    let counter = match Counter::start(&watched.stores) {
        Ok(counter) => counter,
        Err(error) => return Ok(uncounted(SyncVerdict::NotCounted, &error.to_string())),
    };
    let (mut before, bytes_before) = (counter.syncs(), counter.bytes());
    let first = before.clone();
    let mut most_per_operation = 0;
    for _ in 0..operations {
        operation()?;
        let after = counter.syncs();
        let of_this = since(&before, &after).into_iter().max().unwrap_or(0);
        most_per_operation = most_per_operation.max(of_this);
        before = after;
    }
    let per_node = since(&first, &before);
    let judged = judge(u64::from(operations), per_node, most_per_operation);
    Ok(Syncs {
        bytes_per_node: since(&bytes_before, &counter.bytes()),
        ..judged
    })
}

/// Each operation that a majority of the nodes made durable needs a sync on each of them.
fn judge(operations: u64, per_node: Vec<u64>, most_per_operation: u64) -> Syncs {
    let quorum = per_node.len() as u64 / 2 + 1;
    // What one node syncs beyond that makes nothing durable on another.
    let got: u64 = per_node.iter().map(|syncs| operations.min(*syncs)).sum();
    let needed = operations * quorum;
    let enough = got >= needed;
    let reason = (!enough).then(|| {
        format!("{got} syncs stand behind {operations} operations; a quorum needs {needed}")
    });
    Syncs {
        verdict: if enough {
            SyncVerdict::Enough
        } else {
            SyncVerdict::TooFew
        },
        reason,
        operations,
        per_node,
        most_per_operation,
        bytes_per_node: Vec::new(),
    }
}

fn uncounted(verdict: SyncVerdict, reason: &str) -> Syncs {
    Syncs {
        verdict,
        reason: Some(reason.to_owned()),
        operations: 0,
        per_node: Vec::new(),
        most_per_operation: 0,
        bytes_per_node: Vec::new(),
    }
}

fn since(before: &[u64], after: &[u64]) -> Vec<u64> {
    let pairs = after.iter().zip(before);
    pairs.map(|(after, before)| after - before).collect()
}

/// Two counting rules per store, taken out of force when this is dropped.
struct Counter {
    syncs: Vec<RuleId>,
    writes: Vec<RuleId>,
}

impl Counter {
    fn start(stores: &[PathBuf]) -> Result<Self, faultfs::Error> {
        let mut counter = Self {
            syncs: Vec::new(),
            writes: Vec::new(),
        };
        for store in stores {
            let rule = Rule::new(store, Action::Count);
            let syncs = rule.clone().ops(Op::SYNCS);
            counter.syncs.push(faultfs::install(syncs)?);
            counter
                .writes
                .push(faultfs::install(rule.ops([Op::Write]))?);
        }
        Ok(counter)
    }

    fn syncs(&self) -> Vec<u64> {
        let hits = self.syncs.iter().map(|rule| faultfs::hits(*rule));
        // A rule of ours is there until the drop; were it not, too few syncs make the figure
        // invalid.
        hits.map(|hits| hits.unwrap_or(0)).collect()
    }

    /// What the write calls that succeeded have written.
    fn bytes(&self) -> Vec<u64> {
        let counts = self.writes.iter().map(|rule| faultfs::counts(*rule));
        counts
            .map(|counts| counts.map_or(0, |counts| counts.bytes_written))
            .collect()
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        for rule in self.syncs.iter().chain(&self.writes) {
            let _ = faultfs::remove(*rule);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn watched(dir: &tempfile::TempDir) -> Watched {
        Watched {
            stores: vec![dir.path().to_owned()],
            durability: Durability::Disk,
        }
    }

    #[test]
    fn each_sync_below_the_store_counts() {
        if !faultfs::supported() {
            return;
        }
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut file = std::fs::File::create(dir.path().join("record")).unwrap();
        let other = std::fs::File::create(elsewhere.path().join("floor")).unwrap();
        let mut made = 0;
        let syncs = count_syncs(&watched(&dir), 10, || {
            made += 1;
            file.write_all(b"value").unwrap();
            file.sync_data().unwrap();
            if made == 4 {
                file.sync_all().unwrap();
            }
            other.sync_data().unwrap();
            Ok(())
        })
        .unwrap();
        assert_eq!(syncs.per_node, [11]);
        assert_eq!(
            (syncs.verdict, syncs.most_per_operation),
            (SyncVerdict::Enough, 2)
        );
        assert_eq!(syncs.per_operation(), Some(1.1));
        assert_eq!(syncs.bytes_per_node, [50]);
        assert_eq!(syncs.bytes_per_operation_and_node(), Some(5.0));
    }

    #[test]
    fn a_driver_that_does_not_sync_is_found_out() {
        if !faultfs::supported() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let syncs = count_syncs(&watched(&dir), 10, || Ok(())).unwrap();
        assert_eq!(syncs.verdict, SyncVerdict::TooFew);
        assert!(
            syncs
                .reason
                .unwrap()
                .contains("0 syncs stand behind 10 operations")
        );
    }

    #[test]
    fn a_quorum_is_a_majority_of_the_nodes() {
        assert_eq!(judge(10, vec![10, 10, 0], 1).verdict, SyncVerdict::Enough);
        assert_eq!(judge(10, vec![10, 5, 4], 1).verdict, SyncVerdict::TooFew);
        assert_eq!(judge(10, vec![10], 1).verdict, SyncVerdict::Enough);
        // What the leader syncs twice is on no second node.
        assert_eq!(judge(10, vec![20, 0, 0], 2).verdict, SyncVerdict::TooFew);
    }
}
