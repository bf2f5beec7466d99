//! A link that comes and goes.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tsoracle_testbed::LinkFault;

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "flapping_link",
    about: "the link between the leader and one follower is cut every other second",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(flapping_link(run)),
};

const PHASE: Duration = Duration::from_secs(1);
const QUICK: Duration = Duration::from_secs(8);
const FULL: Duration = Duration::from_secs(60);

async fn flapping_link(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let follower = run.others(leader.place)[0];
    let (began, lasting) = (Instant::now(), run.lasting(QUICK, FULL));
    run.begin_fault(Some(leader));
    while began.elapsed() < lasting {
        for fault in [LinkFault::Drop, LinkFault::Deliver] {
            run.set_link(leader.place, follower, fault).await?;
            run.set_link(follower, leader.place, fault).await?;
            sleep(PHASE).await;
        }
    }
    run.mend().await
}
