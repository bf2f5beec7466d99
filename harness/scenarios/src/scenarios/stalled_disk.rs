//! The leader's disk hangs while its network is fine: a gray failure.

use std::time::Duration;

use tokio::time::sleep;
use tsoracle_testbed::faultfs::{Action, Op, Rule};

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "stalled_disk",
    about: "no sync of the leader ends for 30 s, while its network is fine",
    sizes: ANY_SIZE,
    needs: &[Need::DiskFaults],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(stalled_disk(run)),
};

const QUICK: Duration = Duration::from_secs(8);
const FULL: Duration = Duration::from_secs(30);

async fn stalled_disk(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    run.begin_fault(Some(leader));
    let hang = Action::Stall { at_most: None };
    let rule = Rule::new(run.site.dir(leader.place), hang).ops(Op::SYNCS);
    let rule = run.spoil_disk(leader.place, rule).await?;
    sleep(run.lasting(QUICK, FULL)).await;
    run.begin_healing();
    run.mend_disk(leader.place, rule).await?;
    run.serve_again("service after the disk went on").await
}
