//! Leadership is moved on purpose: the gap is what a planned restart costs.

use std::time::Duration;

use tsoracle_consensus::BootInstant;

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "handoff",
    about: "the leader hands over to another node",
    sizes: ANY_SIZE,
    needs: &[Need::Handoff],
    repeats: Repeats::Figure,
    needs_journal: false,
    run: |run| Box::pin(handoff(run)),
};

/// Well below the gap that is to be told.
const PROBE_EVERY: Duration = Duration::from_millis(2);

/// A target may have yet to catch up.
const TRIES: u32 = 3;

async fn handoff(run: &mut Run) -> Result<(), Stop> {
    run.probe_every(PROBE_EVERY);
    run.serve_again("service of all probes").await?;
    let (mut refusal, mut first) = (String::new(), None);
    for failed in 0..TRIES {
        let leader = run.leader().await?;
        let target = run.others(leader.place)[0];
        let from = run.begin_fault(Some(leader));
        run.marks.is_planned = true;
        // What a try that failed has cost counts too.
        run.marks.fault = Some(*first.get_or_insert(from));
        match run.hand_off(leader.place, target).await? {
            Ok(()) => {
                run.figure("handoffs that did not happen", f64::from(failed));
                run.settle().await;
                let terms = run.timeline.terms(from, BootInstant::FAR_FUTURE);
                let took_over = terms.iter().filter(|(place, _)| *place == target).count();
                run.evidence("terms of the node that was to take over", took_over as u64);
                return run.serve_again("service after the handoff").await;
            }
            Err(why) => refusal = why,
        }
        run.serve_again("service after a handoff that did not happen")
            .await?;
    }
    Err(Stop::Invalid(format!("no handoff happened: {refusal}")))
}
