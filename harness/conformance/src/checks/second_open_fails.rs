//! S1: a store that another driver holds, in this process or another, is refused at once and the
//! holder is named; it opens again once the first is gone, also by SIGKILL.

use futures_util::FutureExt;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, Durability, NodeSpec};

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

pub(super) const CHECK: Check = Check {
    name: "second_open_fails",
    clause: "S1",
    level: Level::Single,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    refuse_second(case, &spec(&cluster), std::process::id()).await?;
    case.restart(&mut cluster).await?;
    case.count("refused while a driver of this process held the store", 1);

    if case.capabilities().durability == Durability::Disk {
        let mut cluster = case.processes().await?;
        let holder = cluster.nodes()[0].pid()?;
        refuse_second(case, &spec(&cluster), holder).await?;
        cluster.node_mut(0)?.kill()?;
        cluster.start_all().await?;
        case.count("refused while another process held the store", 1);
    }
    Ok(())
}

fn spec(cluster: &Cluster) -> NodeSpec {
    cluster.nodes()[0].spec().clone()
}

async fn refuse_second(case: &Case, spec: &NodeSpec, holder: u32) -> Result<(), Stop> {
    let second = case.backend().start(spec.clone());
    let second = case
        .brief_patience()
        .wait_for("the refusal of a second open", second)
        .await?;
    match second {
        Ok(_) => Err(Stop::Failed(
            "a store that is held was opened a second time".into(),
        )),
        Err(ConsensusError::Permanent(refusal)) => {
            let refusal = refusal.to_string();
            let named = refusal.contains(&holder.to_string());
            ensure!(
                named,
                "the refusal does not name process {holder}: {refusal}"
            );
            Ok(())
        }
        Err(other) => Err(Stop::Failed(format!(
            "refused with {}: {other}",
            other.class()
        ))),
    }
}
