//! R3: an empty store loads 0, whatever other stores hold, until something is persisted.

use futures_util::FutureExt;
use tsoracle_testbed::Leader;

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

pub(super) const CHECK: Check = Check {
    name: "fresh_store_loads_zero",
    clause: "R3",
    level: Level::Single,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let used = case.cluster().await?;
    let leader = case.leader(&used).await?;
    ensure_zero(case, &leader, "when it was fresh").await?;
    case.persist(&leader, 5_000).await?;

    let mut fresh = case.cluster().await?;
    let leader = case.leader(&fresh).await?;
    ensure_zero(case, &leader, "beside a used store").await?;
    let leader = case.restart(&mut fresh).await?;
    ensure_zero(case, &leader, "after an idle restart").await?;
    let returned = case.persist(&leader, 0).await?;
    ensure!(
        returned == 0,
        "persist 0 on a fresh store returned {returned}"
    );
    ensure_zero(case, &leader, "after a persist of 0").await?;
    case.count("loads of an empty store", 4);
    Ok(())
}

async fn ensure_zero(case: &Case, leader: &Leader, when: &str) -> Result<(), Stop> {
    let loaded = case.load(leader).await?;
    ensure!(loaded == 0, "an empty store loaded {loaded} {when}");
    Ok(())
}
