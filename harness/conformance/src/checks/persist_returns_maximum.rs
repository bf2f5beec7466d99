//! P1: a persist returns the durable value, `max(stored, at_least)`.

use futures_util::FutureExt;
use tsoracle_consensus::PHYSICAL_MS_MAX;

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

pub(super) const CHECK: Check = Check {
    name: "persist_returns_maximum",
    clause: "P1",
    level: Level::Single,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    let requests = [
        0,
        1_000,
        400,
        1_000,
        0,
        1_001,
        PHYSICAL_MS_MAX - 1,
        7,
        PHYSICAL_MS_MAX,
        0,
    ];
    let mut stored = 0;
    for at_least in requests {
        let returned = case.persist(&leader, at_least).await?;
        let expected = at_least.max(stored);
        ensure!(
            returned == expected,
            "persist {at_least} on {stored} returned {returned} instead of {expected}"
        );
        stored = expected;
        let loaded = case.load(&leader).await?;
        ensure!(
            loaded == stored,
            "persist returned {stored}, and a load then {loaded}"
        );
    }
    let leader = case.restart(&mut cluster).await?;
    let loaded = case.load(&leader).await?;
    ensure!(
        loaded == stored,
        "{stored} was the durable value, and a load after a restart returned {loaded}"
    );
    case.count("persists", requests.len() as u64);
    Ok(())
}
