//! P4: as soon as `Leader` is shown, before the new leader persists anything, a late command of its
//! predecessor is without effect.

use futures_util::FutureExt;
use tsoracle_consensus::AdvancePayload;
use tsoracle_testbed::HookKind;

use crate::case::Case;
use crate::failover::{Strike, depose, mend};
use crate::late::inject;
use crate::service::{load, persist};
use crate::verdict::ensure;
use crate::{Check, Level, Need, Stop};

const FAR: u64 = 1_000_000;

pub(super) const CHECK: Check = Check {
    name: "opening_command_fences",
    clause: "P4",
    level: Level::Cluster,
    needs: &[Need::Hook(HookKind::Inject)],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut value = 0;
    for strike in Strike::all(case) {
        value += 10;
        let (old, _) = persist(case, &cluster, value).await?;
        depose(case, &mut cluster, &old, strike).await?;
        let (at_least, epoch) = (FAR + value, old.epoch);
        let leader = inject(case, &cluster, AdvancePayload { at_least, epoch }).await?;
        let (_, loaded) = load(case, &cluster).await?;
        ensure!(
            loaded == value,
            "{value} was stored, epoch {} opened, a late command of epoch {epoch} followed, and \
             {loaded} was loaded",
            leader.epoch
        );
        mend(case, &mut cluster).await?;
    }
    Ok(())
}
