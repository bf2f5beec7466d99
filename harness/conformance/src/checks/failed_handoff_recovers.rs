//! H2: a handoff to a node that was cut off, hears but cannot speak, or has just died ends with an
//! error within a bound; one to a node that lags, or that the leader cannot hear, ends somehow.
//! Service returns within a bound, with all that was acknowledged and without two leases at once.

use futures_util::FutureExt;
use tsoracle_consensus::HandoffError;
use tsoracle_testbed::{Cluster, Leader, LinkFault};

use crate::case::Case;
use crate::held::Leases;
use crate::kept::Kept;
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop, service};

pub(super) const CHECK: Check = Check {
    name: "failed_handoff_recovers",
    clause: "H2",
    level: Level::Cluster,
    needs: &[Need::Handoff, Need::Links],
    run: |case| run(case).boxed(),
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    CutOff,
    Mute,
    Down,
    /// It lacks what was acknowledged last.
    Behind,
    /// All but the leader hear it.
    UnheardByLeader,
}

impl Target {
    /// Whether it can lead at all.
    fn is_able(self) -> bool {
        matches!(self, Self::Behind | Self::UnheardByLeader)
    }
}

const TARGETS: [Target; 5] = [
    Target::CutOff,
    Target::Mute,
    Target::Down,
    Target::Behind,
    Target::UnheardByLeader,
];

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    let mut leases = Leases::default();
    let mut failed = 0;
    for target in TARGETS {
        for choice in 0..2 {
            let leader = kept.raise(case, &cluster).await?;
            let others = case.others(leader.index);
            let to = others[choice % others.len()];
            let mut lost = 0;
            match target {
                Target::CutOff => cluster.isolate(to).await?,
                Target::Mute => mute(&mut cluster, to).await?,
                Target::Down => service::stop(case, &mut cluster, to).await?,
                Target::Behind => {
                    cluster.isolate(to).await?;
                    kept.raise(case, &cluster).await?;
                    kept.raise(case, &cluster).await?;
                    lost = cluster.disturbed_around(to).await?;
                    cluster.heal().await?;
                }
                Target::UnheardByLeader => {
                    cluster.set_link(to, leader.index, LinkFault::Drop).await?;
                }
            }
            let answer = hand_off(case, &cluster, &mut leases, &leader, to).await?;
            ensure!(
                answer.is_err() || target.is_able(),
                "{leader:?} says that node {} leads, which is {target:?}",
                to + 1
            );
            failed += u64::from(answer.is_err());
            let service = service::persist(case, &cluster, 1);
            leases.sample_during(&cluster, service).await?;
            kept.ensure_kept(case, &cluster, "after a handoff that failed")
                .await?;
            if target != Target::Down {
                lost = lost.max(cluster.disturbed_around(to).await?);
                guard!(lost > 0, "no frame of the target was lost");
                case.count("frames lost around targets", lost);
            }
            cluster.heal().await?;
            case.start_again(&mut cluster).await?;
            kept.ensure_kept(case, &cluster, "with the target back")
                .await?;
        }
    }
    guard!(failed > 0, "no leader was asked to hand off");
    case.count("handoffs that failed", failed);
    case.count("looks at all leases", leases.samples());
    Ok(())
}

async fn mute(cluster: &mut Cluster, index: usize) -> Result<(), Stop> {
    for other in (0..cluster.nodes().len()).filter(|other| *other != index) {
        cluster.set_link(index, other, LinkFault::Drop).await?;
    }
    Ok(())
}

async fn hand_off(
    case: &Case,
    cluster: &Cluster,
    leases: &mut Leases,
    leader: &Leader,
    to: usize,
) -> Result<Result<(), HandoffError>, Stop> {
    let node = cluster.nodes()[to].spec().node;
    let handoff = cluster.nodes()[leader.index].handoff()?;
    let patience = case.call_patience();
    let asked = async {
        let answer = handoff.hand_off(node);
        Ok(patience.wait_for("the end of a handoff", answer).await?)
    };
    leases.sample_during(cluster, asked).await
}
