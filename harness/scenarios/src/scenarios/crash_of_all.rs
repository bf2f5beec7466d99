//! Every node ends at once, with and without the loss of what was never synced.

use std::time::Duration;

use tokio::time::Instant;
use tsoracle_testbed::faultfs::{Action, Op, Rule};

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const KILL: Scenario = Scenario {
    name: "crash_of_all",
    about: "all processes are killed, and start again at once",
    sizes: ANY_SIZE,
    needs: &[Need::Processes],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(crash_of_all(run, false)),
};

pub(super) const POWER_LOSS: Scenario = Scenario {
    name: "crash_of_all_power_loss",
    about: "all machines lose power with syncs under way, and start again without what was never synced",
    sizes: ANY_SIZE,
    needs: &[Need::Processes, Need::DiskFaults],
    repeats: Repeats::Verdict,
    needs_journal: true,
    run: |run| Box::pin(crash_of_all(run, true)),
};

async fn crash_of_all(run: &mut Run, power_loss: bool) -> Result<(), Stop> {
    let leader = run.leader().await?;
    if power_loss {
        hang_all_syncs(run).await?;
    }
    run.begin_fault(Some(leader));
    for place in 0..run.options.nodes {
        run.kill(place).await?;
    }
    if power_loss {
        let mut lost = 0;
        for place in 0..run.options.nodes {
            lost += run.site.lose_unsynced(place)?;
        }
        run.evidence("files that lost what was never synced", lost);
    }
    let starting = Instant::now();
    run.start_all().await?;
    let took_ms = starting.elapsed().as_secs_f64() * 1e3;
    run.figure("of these, until all nodes had started, in ms", took_ms);
    run.serve_again("service after all nodes had crashed").await
}

/// What is written from now on stays without a sync. Returns once the leader has some of it.
async fn hang_all_syncs(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?.place;
    for place in 0..run.options.nodes {
        let hang = Action::Stall { at_most: None };
        let rule = Rule::new(run.site.dir(place), hang).ops(Op::SYNCS);
        let rule = run.spoil_disk(place, rule).await?;
        if place == leader {
            let disk = run.site.disk(place)?;
            let hanging = disk.wait_for_hits(rule, 1, Duration::from_secs(2)).await?;
            run.evidence("syncs under way when the power went", hanging);
        }
    }
    Ok(())
}
