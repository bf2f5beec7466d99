//! One seed twice gives the same verdicts, the same evidence and the same messages.

use std::path::Path;
use std::sync::Arc;

use tsoracle_conformance::reference::SimulatedCluster;
use tsoracle_conformance::{ALL, Check, CheckResult, RunOptions, run_check};
use tsoracle_testbed::Backend;

const SEED: u64 = 7;
const NODES: usize = 3;

#[test]
fn every_check_on_the_simulated_cluster_is_the_same_in_every_run() {
    for check in ALL {
        let [first, second] = [(); 2].map(|()| run(check).unwrap());
        assert_eq!(first, second, "{}", check.name);
    }
}

fn run(check: &Check) -> std::io::Result<String> {
    let memory = Path::new("/dev/shm");
    let temporary = std::env::temp_dir();
    let place = if memory.is_dir() { memory } else { &temporary };
    let dir = tempfile::tempdir_in(place)?;
    let cluster = Arc::new(SimulatedCluster::default());
    let backend = Arc::clone(&cluster) as Arc<dyn Backend>;
    let options = RunOptions::new(SEED, NODES, dir.path().to_owned());
    let result = run_check(&backend, check, &options);
    let CheckResult {
        verdict,
        reason,
        evidence,
        ..
    } = result;
    let schedule = cluster.schedule(dir.path());
    Ok(format!("{verdict} {reason:?} {evidence:?} {schedule:?}"))
}
