//! Each node in turn is shut down and started again while clients go on.

use crate::scenario::ANY_SIZE;
use crate::{Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "rolling_restart",
    about: "each node in turn is shut down in good order and started again",
    sizes: ANY_SIZE,
    needs: &[],
    repeats: Repeats::Timed,
    needs_journal: false,
    run: |run| Box::pin(rolling_restart(run)),
};

async fn rolling_restart(run: &mut Run) -> Result<(), Stop> {
    run.begin_fault(None);
    for place in 0..run.options.nodes {
        run.stop(place).await?;
        run.start_all().await?;
        run.evidence("nodes restarted", 1);
        run.serve_again("service after a restart").await?;
    }
    let probes = run.prober.probes().probes;
    let failed = probes.iter().filter(|probe| probe.answer.is_none()).count();
    run.figure(
        "requests that failed, in percent",
        failed as f64 * 100.0 / probes.len().max(1) as f64,
    );
    Ok(())
}
