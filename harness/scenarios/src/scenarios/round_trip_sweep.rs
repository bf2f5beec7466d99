//! Links that take their time: up to where the default settings keep one leader.

use std::time::Duration;

use tokio::time::sleep;
use tsoracle_consensus::BootInstant;
use tsoracle_testbed::LinkFault;

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "round_trip_sweep",
    about: "all links are slow, from 0.1 to 200 ms there and back",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Once,
    needs_journal: false,
    run: |run| Box::pin(round_trip_sweep(run)),
};

/// There and back, in microseconds.
const ROUND_TRIPS_US: [u64; 5] = [100, 2_000, 20_000, 80_000, 200_000];
const QUICK: Duration = Duration::from_secs(4);
const FULL: Duration = Duration::from_secs(20);

async fn round_trip_sweep(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    run.begin_fault(Some(leader));
    let mut largest_ms = 0.0;
    for round_trip_us in ROUND_TRIPS_US {
        let one_way = LinkFault::Delay(Duration::from_micros(round_trip_us / 2));
        run.set_all_links(one_way).await?;
        // What the change itself disturbs is not the point.
        run.hold(5.0).await;
        let from = BootInstant::now();
        sleep(run.lasting(QUICK, FULL)).await;
        let (until, round_trip_ms) = (BootInstant::now(), round_trip_us as f64 / 1e3);
        let terms = run.timeline.terms(from, until).len();
        let served = run
            .prober
            .probes()
            .availability(from, until)
            .unwrap_or_default();
        run.figure(
            format!("leader changes at {round_trip_ms} ms"),
            terms as f64,
        );
        run.figure(format!("availability at {round_trip_ms} ms"), served);
        // A shorter one at which the machine was busy does not count against a longer one.
        if terms == 0 && served > 0.0 {
            largest_ms = round_trip_ms;
        }
    }
    run.figure("largest round trip with one leader, in ms", largest_ms);
    // Being slow is no outage: what is judged is that service is there when the links are fast again.
    run.begin_fault(None);
    run.heal_links().await?;
    run.serve_again("service over fast links").await
}
