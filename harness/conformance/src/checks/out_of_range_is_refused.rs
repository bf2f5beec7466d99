//! P6: an advance above the last millisecond is refused before it reaches a log, and harms no later
//! call.

use futures_util::FutureExt;
use tsoracle_consensus::{AdvanceOutOfRange, ConsensusError, PHYSICAL_MS_MAX};

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

/// Just above, at the bits above, and all the way up.
const OUT_OF_RANGE: [u64; 6] = [
    PHYSICAL_MS_MAX + 1,
    PHYSICAL_MS_MAX + 2_000,
    1 << 47,
    (1 << 63) + 2_000,
    u64::MAX - 1,
    u64::MAX,
];

pub(super) const CHECK: Check = Check {
    name: "out_of_range_is_refused",
    clause: "P6",
    level: Level::Single,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    let mut value = case.persist(&leader, 1_000).await?;
    for asked in OUT_OF_RANGE {
        let driver = leader.driver.as_ref();
        let refusal = case.refusal(driver, asked, leader.epoch).await?;
        ensure!(
            matches!(
                &refusal,
                ConsensusError::AdvanceOutOfRange(AdvanceOutOfRange { at_least }) if *at_least == asked
            ),
            "persist {asked} was refused with {refusal:?}"
        );
        let loaded = case.load(&leader).await?;
        let returned = case.persist(&leader, value + 1).await?;
        ensure!(
            loaded == value && returned == value + 1,
            "{value} was stored and persist {asked} refused; then a load returned {loaded}, and \
             persist {} returned {returned}",
            value + 1
        );
        value = returned;
    }
    let leader = case.restart(&mut cluster).await?;
    let loaded = case.load(&leader).await?;
    ensure!(
        loaded == value,
        "{value} was stored, and {loaded} loaded after a restart"
    );
    case.count("advances out of range", OUT_OF_RANGE.len() as u64);
    Ok(())
}
