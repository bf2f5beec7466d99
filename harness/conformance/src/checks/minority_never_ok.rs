//! C2: a leader that is left with a minority acknowledges nothing, before its lease ends and after,
//! and neither does any other node on its side; the majority goes on.

use futures_util::FutureExt;
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

const TRIES: u64 = 3;

pub(super) const CHECK: Check = Check {
    name: "minority_never_ok",
    clause: "C2",
    level: Level::Cluster,
    needs: &[Need::Links],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let old = case.leader(&cluster).await?;
    case.persist(&old, 10).await?;

    let majority: Vec<usize> = case.others(old.index).split_off(case.minority() - 1);
    let minority: Vec<usize> = (0..case.nodes())
        .filter(|index| !majority.contains(index))
        .collect();
    cluster.split(&minority, &majority).await?;
    for round in 1..=TRIES {
        persist_on_all(case, &cluster, &minority, 100 * round).await?;
    }
    let new = case.successor(&cluster, &old).await?;
    ensure!(
        majority.contains(&new.index),
        "node {} leads with a minority",
        new.index + 1
    );
    for round in 1..=TRIES {
        case.persist(&new, 10 + round).await?;
        persist_on_all(case, &cluster, &minority, 1_000 * round).await?;
    }
    let lost = cluster.disturbed_around(old.index).await?;
    guard!(lost > 0, "no frame of the old leader was lost");
    case.count(
        "persists on the minority's side",
        2 * TRIES * minority.len() as u64,
    );
    case.count("frames lost around the old leader", lost);
    Ok(())
}

/// Under the epoch that the node shows, or one that it never had; no answer may be a value.
async fn persist_on_all(
    case: &Case,
    cluster: &Cluster,
    nodes: &[usize],
    at_least: u64,
) -> Result<(), Stop> {
    for index in nodes {
        let shown = cluster
            .leaders()
            .into_iter()
            .find(|leader| leader.index == *index);
        let epoch = shown.map(|leader| leader.epoch).unwrap_or_default();
        let driver = cluster.nodes()[*index].driver()?;
        case.refusal(&*driver, at_least, epoch).await?;
    }
    Ok(())
}
