//! L1: subscribing to a sitting leader yields `Leader`, not an older state and then `Leader`.

use futures_util::{FutureExt, StreamExt};

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const SUBSCRIPTIONS: u64 = 20;

pub(super) const CHECK: Check = Check {
    name: "first_item_is_current",
    clause: "L1",
    level: Level::Single,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    for _ in 0..SUBSCRIPTIONS {
        let mut states = leader.driver.leadership_events();
        let patience = case.brief_patience();
        let first = patience
            .wait_for("the first item of a subscription", states.next())
            .await?;
        let epoch = first.as_ref().and_then(|state| state.leading_epoch());
        ensure!(
            epoch == Some(leader.epoch),
            "a sitting leader of epoch {} showed {first:?} first",
            leader.epoch
        );
    }
    case.count("subscriptions", SUBSCRIPTIONS);
    Ok(())
}
