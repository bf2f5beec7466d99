//! Nothing is wrong but that the processor is busy: nobody should be elected.

use tokio::time::sleep;
use tsoracle_testbed::Time;

use crate::busy::Busy;
use crate::scenario::ANY_SIZE;
use crate::{Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "no_false_election",
    about: "soak: clients, and a processor that is busy for 8 of every 10 ms; any election is a false one",
    sizes: ANY_SIZE,
    needs: &[],
    repeats: Repeats::Once,
    needs_journal: false,
    run: |run| Box::pin(no_false_election(run)),
};

async fn no_false_election(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let busy = match run.time {
        Time::Real => Busy::start(),
        // Virtual time waits for whoever is slow.
        Time::Virtual => Busy::none(),
    };
    let from = run.begin_fault(Some(leader));
    sleep(run.options.soak).await;
    run.evidence("seconds under load", run.options.soak.as_secs());
    let false_elections = run.terms_since(from);
    run.figure("false elections", false_elections as f64);
    run.figure("busy threads", busy.threads() as f64);
    drop(busy);
    if false_elections > 0 {
        let why = format!("{false_elections} leaders were elected while nothing was wrong");
        return Err(Stop::Failed(why));
    }
    run.serve_again("service after the load").await
}
