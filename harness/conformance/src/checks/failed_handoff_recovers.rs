//! H2: a handoff to a node that was cut off, hears but cannot speak, or has just died ends with an
//! error within a bound, and service returns within a bound, with all that was acknowledged.

use futures_util::FutureExt;
use tsoracle_testbed::{Cluster, LinkFault};

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
}

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    let mut leases = Leases::default();
    let mut failed = 0;
    for target in [Target::CutOff, Target::Mute, Target::Down] {
        for choice in 0..2 {
            let leader = kept.raise(case, &cluster).await?;
            let others = case.others(leader.index);
            let to = others[choice % others.len()];
            match target {
                Target::CutOff => cluster.isolate(to).await?,
                Target::Mute => mute(&mut cluster, to).await?,
                Target::Down => service::stop(case, &mut cluster, to).await?,
            }
            failed += hand_off(case, &cluster, &mut leases, &leader, to).await?;
            let service = service::persist(case, &cluster, 1);
            leases.sample_during(&cluster, service).await?;
            kept.ensure_kept(case, &cluster, "after a handoff that failed")
                .await?;
            if target != Target::Down {
                let lost = cluster.disturbed_around(to).await?;
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
    leader: &tsoracle_testbed::Leader,
    to: usize,
) -> Result<u64, Stop> {
    let node = cluster.nodes()[to].spec().node;
    let handoff = cluster.nodes()[leader.index].handoff()?;
    let patience = case.call_patience();
    let asked = async {
        let answer = handoff.hand_off(node);
        Ok(patience
            .wait_for("the end of a handoff that cannot succeed", answer)
            .await?)
    };
    let answer = leases.sample_during(cluster, asked).await?;
    ensure!(
        answer.is_err(),
        "{leader:?} says that node {node} leads, which nobody can have heard"
    );
    Ok(1)
}
