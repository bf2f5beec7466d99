//! M1: while clients persist and load, members are added, removed, replaced, and the leader with
//! them: no epoch comes twice, no lease overlaps, and everything that was told fits one register
//! that only rises.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use tsoracle_consensus::{Epoch, NodeId};
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::crowd::Crowd;
use crate::held::Leases;
use crate::members::{Change, carry_out, start_joiner};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop, check_history, service};

const CLIENTS: u64 = 6;
const BETWEEN: u64 = 10;

pub(super) const CHECK: Check = Check {
    name: "members_change_under_load",
    clause: "M1",
    level: Level::Cluster,
    needs: &[Need::Membership],
    run: |case| run(case).boxed(),
};

#[derive(Clone, Copy, Debug)]
enum Step {
    Add,
    ReplaceFollower,
    ReplaceLeader,
    RemoveFollower,
    RemoveLeader,
}

/// As many leave as come, so that the last cluster has the size of the first.
const STEPS: [Step; 6] = [
    Step::Add,
    Step::ReplaceFollower,
    Step::RemoveLeader,
    Step::ReplaceLeader,
    Step::Add,
    Step::RemoveFollower,
];

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut leases = Leases::default();
    let mut terms = Terms::default();
    let mut running: Vec<usize> = (0..case.nodes()).collect();
    service::persist(case, &cluster, 1).await?;
    let crowd = Crowd::start(case, &cluster, CLIENTS, 1);
    for step in STEPS {
        let patience = case.election_patience();
        leases
            .sample_during(&cluster, crowd.wait_for(BETWEEN, patience))
            .await?;
        let before = crowd.told().highest_returned;
        let joiner = match step {
            Step::Add | Step::ReplaceFollower | Step::ReplaceLeader => {
                Some(start_joiner(case, &mut cluster).await?)
            }
            Step::RemoveFollower | Step::RemoveLeader => None,
        };
        crowd.look(&cluster);
        let leader = service::serving_leader(case, &cluster).await?;
        terms.note(&cluster)?;
        let follower = running.iter().copied().find(|index| *index != leader.index);
        let gone = match step {
            Step::Add => None,
            Step::RemoveLeader | Step::ReplaceLeader => Some(leader.index),
            Step::RemoveFollower | Step::ReplaceFollower => follower,
        };
        let old = gone.map(|index| cluster.nodes()[index].spec().node);
        let change = match (old, &joiner) {
            (None, Some((_, new))) => Change::Add(new.clone()),
            (Some(old), Some((_, new))) => Change::Replace(old, new.clone()),
            (Some(old), None) => Change::Remove(old),
            (None, None) => continue,
        };
        leases
            .sample_during(&cluster, carry_out(case, &cluster, &change))
            .await?;
        running.extend(joiner.map(|(index, _)| index));
        running.retain(|index| Some(*index) != gone);
        if let Some(gone) = gone {
            service::stop(case, &mut cluster, gone).await?;
        }
        crowd.look(&cluster);
        let (_, loaded) = service::load(case, &cluster).await?;
        ensure!(
            loaded >= before,
            "{before} was returned, and after {change} {loaded} was loaded"
        );
        terms.note(&cluster)?;
    }
    let told = crowd.finish(case.election_patience()).await?;
    ensure!(
        told.unexpected.is_empty(),
        "clients were told {:?}",
        told.unexpected
    );
    guard!(
        told.acknowledged >= BETWEEN * STEPS.len() as u64,
        "hardly any client was served"
    );
    check_history(0, &case.recording().calls())
        .map_err(|contradiction| Stop::Failed(contradiction.to_string()))?;
    case.count("changes of members", STEPS.len() as u64);
    case.count("acknowledged persists", told.acknowledged);
    case.count("looks at all leases", leases.samples());
    Ok(())
}

/// Who showed which epoch.
#[derive(Default)]
struct Terms(BTreeMap<Epoch, NodeId>);

impl Terms {
    fn note(&mut self, cluster: &Cluster) -> Result<(), Stop> {
        for leader in cluster.leaders() {
            let node = cluster.nodes()[leader.index].spec().node;
            let first = *self.0.entry(leader.epoch).or_insert(node);
            ensure!(
                first == node,
                "epoch {} was shown by node {first} and by node {node}",
                leader.epoch
            );
        }
        Ok(())
    }
}
