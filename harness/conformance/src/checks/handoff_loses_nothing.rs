//! H1: leadership goes to each node in turn while clients are busy: the target leads, everything
//! that was acknowledged is there, no two leases overlap, and no client sees an error that a mere
//! change of leaders does not explain. Nobody hands off to itself or to a stranger.

use futures_util::FutureExt;
use tsoracle_consensus::{HandoffError, NodeId};
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::crowd::Crowd;
use crate::held::Leases;
use crate::service::{self, asks_to_retry};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop, check_history};

const CLIENTS: u64 = 6;
const ROUNDS: u64 = 2;
const BETWEEN: u64 = 10;
/// On a slow machine leadership may move by itself meanwhile.
const TRIES: usize = 5;
const STRANGER: NodeId = 999;

pub(super) const CHECK: Check = Check {
    name: "handoff_loses_nothing",
    clause: "H1",
    level: Level::Cluster,
    needs: &[Need::Handoff],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut leases = Leases::default();
    service::persist(case, &cluster, 1).await?;
    refuse_bad_targets(case, &cluster).await?;
    let crowd = Crowd::start(case, &cluster, CLIENTS, 1);
    let mut handoffs = 0;
    for _ in 0..ROUNDS {
        for index in 0..case.nodes() {
            let busy = crowd.wait_for(BETWEEN, case.election_patience());
            leases.sample_during(&cluster, busy).await?;
            handoffs += hand_off(case, &mut cluster, &crowd, &mut leases, index).await?;
        }
    }
    let told = crowd.finish(case.election_patience()).await?;
    ensure!(
        told.unexpected.is_empty(),
        "clients were told {:?}",
        told.unexpected
    );
    guard!(handoffs >= ROUNDS, "{handoffs} handoffs took place");
    check_history(0, &case.recording().calls())
        .map_err(|contradiction| Stop::Failed(contradiction.to_string()))?;
    case.count("handoffs", handoffs);
    case.count("acknowledged persists", told.acknowledged);
    case.count("refusals meanwhile", told.refused);
    case.count("looks at all leases", leases.samples());
    Ok(())
}

/// Gives leadership to one node, unless it leads already. Returns how many handoffs that took.
async fn hand_off(
    case: &Case,
    cluster: &mut Cluster,
    crowd: &Crowd,
    leases: &mut Leases,
    index: usize,
) -> Result<u64, Stop> {
    let to = cluster.nodes()[index].spec().node;
    for _ in 0..TRIES {
        let old = service::serving_leader(case, cluster).await?;
        if old.index == index {
            return Ok(0);
        }
        let before = crowd.told().highest_returned;
        let answer = ask(case, cluster, leases, &old, to).await?;
        let next = leases
            .sample_during(cluster, service::load(case, cluster))
            .await;
        let (next, loaded) = next?;
        ensure!(
            loaded >= before,
            "{before} was returned, and after a handoff {next:?} loads {loaded}"
        );
        match answer {
            Ok(()) if next.index == index => {
                ensure!(
                    next.epoch > old.epoch,
                    "{old:?} handed off to {next:?}, whose epoch is not greater"
                );
                return Ok(1);
            }
            // Somebody else was elected since.
            Ok(()) => ensure!(
                next.epoch > old.epoch && next.index != old.index,
                "{old:?} said that node {to} leads, and {next:?} serves"
            ),
            Err(HandoffError::Consensus(refusal)) if asks_to_retry(&refusal) => {}
            Err(error) => {
                return Err(Stop::Failed(format!("{old:?} did not hand off: {error}")));
            }
        }
    }
    Err(Stop::Failed(format!(
        "node {to} did not lead after {TRIES} handoffs to it"
    )))
}

async fn ask(
    case: &Case,
    cluster: &Cluster,
    leases: &mut Leases,
    old: &Leader,
    to: NodeId,
) -> Result<Result<(), HandoffError>, Stop> {
    let handoff = cluster.nodes()[old.index].handoff()?;
    let patience = case.election_patience();
    let asked = async {
        let answer = handoff.hand_off(to);
        Ok(patience.wait_for("the end of a handoff", answer).await?)
    };
    leases.sample_during(cluster, asked).await
}

async fn refuse_bad_targets(case: &Case, cluster: &Cluster) -> Result<(), Stop> {
    let mut leases = Leases::default();
    for is_stranger in [false, true] {
        let leader = service::serving_leader(case, cluster).await?;
        let to = match is_stranger {
            true => STRANGER,
            false => cluster.nodes()[leader.index].spec().node,
        };
        match ask(case, cluster, &mut leases, &leader, to).await? {
            Err(HandoffError::BadTarget { .. }) => {}
            other => {
                return Err(Stop::Failed(format!(
                    "{leader:?} was asked to hand off to node {to}, and answered {other:?}"
                )));
            }
        }
        service::persist(case, cluster, 1).await?;
    }
    Ok(())
}
