//! P3: an acknowledged value survives kill -9 of one node at any moment under load.

use futures_util::FutureExt;
use rand::RngExt;
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::crash::{start_and_check, strike_under_load};
use crate::ledger::Ledger;
use crate::verdict::guard;
use crate::{Call, Check, Level, Need, Outcome, Stop};

const ROUNDS: u64 = 4;

pub(super) const CHECK: Check = Check {
    name: "acknowledged_survives_kill",
    clause: "P3",
    level: Level::Single,
    needs: &[Need::Disk],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.processes().await?;
    let mut ledger = Ledger::default();
    let mut rng = case.rng();
    let (mut acknowledged, mut cut) = (0, 0);
    for round in 0..ROUNDS {
        let leader = start_and_check(case, &mut cluster, &mut ledger).await?;
        // In the first round the leader, later anybody.
        let victim = match round {
            0 => leader.index,
            _ => rng.random_range(0..cluster.nodes().len()),
        };
        let recording = case.recording().clone();
        let mut killed_ns = 0;
        let kill = |cluster: &mut Cluster| {
            killed_ns = recording.now_ns();
            Ok(cluster.node_mut(victim)?.kill()?)
        };
        recording.clear();
        let tally =
            strike_under_load(case, &mut cluster, &leader, &mut ledger, &mut rng, kill).await?;
        acknowledged += tally.acknowledged;
        cut += cut_short(&recording.calls(), killed_ns);
    }
    start_and_check(case, &mut cluster, &mut ledger).await?;
    guard!(cut > 0, "no call was under way at any of the kills");
    case.count("kills", ROUNDS);
    case.count("acknowledged persists", acknowledged);
    case.count("calls cut short", cut);
    Ok(())
}

/// Calls that had begun before the kill and have no answer.
fn cut_short(calls: &[Call], killed_ns: u64) -> u64 {
    let cut = calls
        .iter()
        .filter(|call| call.start_ns < killed_ns && matches!(call.outcome, Outcome::Unknown(_)));
    cut.count() as u64
}
