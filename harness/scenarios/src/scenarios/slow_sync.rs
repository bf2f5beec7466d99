//! Syncs that take longer on one node.

use std::time::Duration;

use tsoracle_testbed::faultfs::{Action, Op, Rule};

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const LEADER_20: Scenario = Scenario {
    name: "slow_sync_20_ms_leader",
    about: "every sync of the leader takes 20 ms longer",
    sizes: ANY_SIZE,
    needs: &[Need::DiskFaults],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(slow_sync(run, 20, true)),
};

pub(super) const FOLLOWER_20: Scenario = Scenario {
    name: "slow_sync_20_ms_follower",
    about: "every sync of one follower takes 20 ms longer",
    sizes: ANY_SIZE,
    needs: &[Need::DiskFaults],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(slow_sync(run, 20, false)),
};

pub(super) const LEADER_200: Scenario = Scenario {
    name: "slow_sync_200_ms_leader",
    about: "every sync of the leader takes 200 ms longer",
    sizes: ANY_SIZE,
    needs: &[Need::DiskFaults],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(slow_sync(run, 200, true)),
};

pub(super) const FOLLOWER_200: Scenario = Scenario {
    name: "slow_sync_200_ms_follower",
    about: "every sync of one follower takes 200 ms longer",
    sizes: ANY_SIZE,
    needs: &[Need::DiskFaults],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(slow_sync(run, 200, false)),
};

async fn slow_sync(run: &mut Run, ms: u64, on_leader: bool) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let place = match on_leader {
        true => leader.place,
        false => run.others(leader.place)[0],
    };
    run.begin_fault(Some(leader));
    let slow = Action::Delay(Duration::from_millis(ms));
    let rule = Rule::new(run.site.dir(place), slow).ops(Op::SYNCS);
    let rule = run.spoil_disk(place, rule).await?;
    run.hold_all().await;
    run.begin_healing();
    run.mend_disk(place, rule).await?;
    run.serve_again("service after the disk was fast again")
        .await
}
