//! Disks on which every sync hangs.

use std::time::Duration;

use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::faultfs::{Action, Op, Rule, RuleId};
use tsoracle_testbed::{Cluster, Leader, TestNode};

use crate::Stop;
use crate::case::Case;
use crate::ledger::Ledger;
use crate::verdict::guard;

/// A pause between two tries.
const RETRY: Duration = Duration::from_millis(2);

/// Syncs of some nodes hang until this is lifted.
pub(crate) struct Stall {
    rules: Vec<(usize, RuleId)>,
}

impl Stall {
    /// On every node.
    pub(crate) async fn everywhere(cluster: &Cluster) -> Result<Self, Stop> {
        let mut rules = Vec::new();
        for (index, node) in cluster.nodes().iter().enumerate() {
            rules.push((index, install(node).await?));
        }
        Ok(Self { rules })
    }

    /// On one node.
    pub(crate) async fn on(cluster: &Cluster, index: usize) -> Result<Self, Stop> {
        let rules = vec![(index, install(&cluster.nodes()[index]).await?)];
        Ok(Self { rules })
    }

    /// Waits until a sync of this node hangs; a check that sees none shows nothing.
    pub(crate) async fn wait_until_it_hangs(
        &self,
        case: &Case,
        cluster: &Cluster,
        index: usize,
    ) -> Result<(), Stop> {
        for (_, rule) in self.rules.iter().filter(|(at, _)| *at == index) {
            let disk = cluster.nodes()[index].disk()?;
            let hits = disk
                .wait_for_hits(*rule, 1, case.call_patience().left())
                .await?;
            guard!(hits > 0, "a persist was sent, and no sync hangs");
        }
        Ok(())
    }

    /// How many syncs hang.
    pub(crate) async fn hits(&self, cluster: &Cluster) -> Result<u64, Stop> {
        let mut hits = 0;
        for (index, rule) in &self.rules {
            let disk = cluster.nodes()[*index].disk()?;
            hits += disk.wait_for_hits(*rule, 0, Duration::ZERO).await?;
        }
        Ok(hits)
    }

    /// Lets every sync go on.
    pub(crate) async fn lift(self, cluster: &Cluster) -> Result<(), Stop> {
        for (index, rule) in self.rules {
            cluster.nodes()[index].disk()?.remove(rule).await?;
        }
        Ok(())
    }
}

async fn install(node: &TestNode) -> Result<RuleId, Stop> {
    let rule = Rule::new(node.dir(), Action::Stall { at_most: None }).ops(Op::SYNCS);
    Ok(node.disk()?.install(rule).await?)
}

/// Persists a new value again and again until the cluster serves, as it has to once no sync hangs.
pub(crate) async fn persist_until_it_works(
    case: &Case,
    cluster: &Cluster,
    ledger: &mut Ledger,
) -> Result<Leader, Stop> {
    let at_least = ledger.propose();
    let served = async {
        loop {
            let leader = case.leader(cluster).await?;
            let answer = case.try_persist(&leader, at_least).await?;
            ledger.note(&answer);
            match answer {
                Ok(_) => return Ok(leader),
                Err(ConsensusError::Permanent(why)) => {
                    return Err(Stop::Failed(format!("the disk is well again, and: {why}")));
                }
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    };
    case.election_patience()
        .wait_for("a persist after the disk is well again", served)
        .await?
}
