//! P4: a command of an older epoch that reaches the log after a newer epoch was opened has no
//! effect on any node, nor after a snapshot, a purge, a restart of all, and on later leaders.

use futures_util::FutureExt;
use tsoracle_consensus::AdvancePayload;
use tsoracle_testbed::{Cluster, Hook, HookKind};

use crate::case::Case;
use crate::failover::{Strike, depose, mend};
use crate::late::inject;
use crate::service::{load, persist};
use crate::verdict::ensure;
use crate::{Check, Level, Need, Stop};

const ROUNDS: u64 = 2;
const FAR: u64 = 1_000_000;

pub(super) const CHECK: Check = Check {
    name: "late_commit_of_old_epoch_has_no_effect",
    clause: "P4",
    level: Level::Cluster,
    needs: &[Need::Hook(HookKind::Inject)],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let (mut value, mut earlier) = (0, Vec::new());
    for round in 0..ROUNDS {
        value += 10;
        let (old, _) = persist(case, &cluster, value).await?;
        earlier.push(old.epoch);
        depose(case, &mut cluster, &old, Strike::Crash).await?;
        mend(case, &mut cluster).await?;
        value += 10;
        persist(case, &cluster, value).await?;
        for (&epoch, at_least) in earlier.iter().zip(FAR + round..) {
            inject(case, &cluster, AdvancePayload { at_least, epoch }).await?;
            ensure_loads(case, &cluster, value, "").await?;
        }
        shows_no_effect_later(case, &mut cluster, value).await?;
    }
    case.count("late commands of older epochs", ROUNDS * (ROUNDS + 1) / 2);
    Ok(())
}

async fn shows_no_effect_later(
    case: &mut Case,
    cluster: &mut Cluster,
    value: u64,
) -> Result<(), Stop> {
    for index in 0..case.nodes() {
        let hooks = cluster.nodes()[index].hooks()?;
        call(case, hooks.snapshot_now).await?;
        call(case, hooks.purge_now).await?;
    }
    ensure_loads(case, cluster, value, " after a snapshot").await?;
    case.restart(cluster).await?;
    ensure_loads(case, cluster, value, " after a restart of all").await?;
    for _ in 0..case.minority() {
        let (leader, _) = load(case, cluster).await?;
        depose(case, cluster, &leader, Strike::Crash).await?;
        ensure_loads(case, cluster, value, " by another leader").await?;
    }
    mend(case, cluster).await
}

async fn call(case: &Case, hook: Option<Hook>) -> Result<(), Stop> {
    match hook {
        Some(hook) => {
            let patience = case.call_patience();
            Ok(patience.wait_for("the end of a hook", hook(())).await??)
        }
        None => Ok(()),
    }
}

async fn ensure_loads(case: &Case, cluster: &Cluster, value: u64, when: &str) -> Result<(), Stop> {
    let (_, loaded) = load(case, cluster).await?;
    ensure!(
        loaded == value,
        "{value} was stored, a late command of an older epoch followed, and {loaded} was \
         loaded{when}"
    );
    Ok(())
}
