//! P3: an acknowledged value survives kill -9 of every node at once, also when they are killed
//! again as soon as they are back.

use futures_util::FutureExt;

use crate::case::Case;
use crate::crash::{kill_all, start_and_check, strike_under_load};
use crate::ledger::Ledger;
use crate::{Check, Level, Need, Stop};

const ROUNDS: u64 = 3;

pub(super) const CHECK: Check = Check {
    name: "acknowledged_survives_kill_of_all",
    clause: "P3",
    level: Level::Both,
    needs: &[Need::Disk],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.processes().await?;
    let mut ledger = Ledger::default();
    let mut rng = case.rng();
    let mut acknowledged = 0;
    for _ in 0..ROUNDS {
        let leader = start_and_check(case, &mut cluster, &mut ledger).await?;
        let tally =
            strike_under_load(case, &mut cluster, &leader, &mut ledger, &mut rng, kill_all).await?;
        acknowledged += tally.acknowledged;
        start_and_check(case, &mut cluster, &mut ledger).await?;
        kill_all(&mut cluster)?;
    }
    start_and_check(case, &mut cluster, &mut ledger).await?;
    case.count("kills of all", 2 * ROUNDS);
    case.count("acknowledged persists", acknowledged);
    Ok(())
}
