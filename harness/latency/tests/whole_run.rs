//! A whole run on one node: one that syncs, one that only says so.

mod common;

use std::sync::{Arc, Mutex};

use common::{Sectors, options};
use tsoracle_latency::{LatencyError, Options, Profile, SyncVerdict, measure};
use tsoracle_testbed::{Backend, faultfs};

#[test]
fn every_figure_of_a_driver_that_syncs_is_there() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let backend: Arc<dyn Backend> = Arc::new(Sectors::of_one_node());
    let steps = Mutex::new(Vec::new());
    let progress = |what: &str, done, total| {
        assert!(done <= total, "{what}: {done} of {total}");
        steps.lock().unwrap().push(what.to_owned());
    };
    let results = measure(&backend, &options(&dir), &progress).unwrap();
    for comparison in [
        &results.persist,
        &results.load,
        &results.concurrent.rounds,
        &results.persist_at_rate[0].comparison,
    ] {
        assert!(comparison.ratio.median > 0.0 && comparison.ratio.blocks > 0);
        assert!(comparison.measured.samples > 0 && comparison.floor.samples > 0);
    }
    if faultfs::supported() {
        assert_eq!(results.syncs.verdict, SyncVerdict::Enough);
        assert_eq!(results.syncs.per_operation(), Some(1.0));
        // This driver syncs for each persist of a round.
        assert_eq!(results.concurrent.syncs.most_per_operation, 64);
        assert_eq!(results.syncs.bytes_per_operation_and_node(), Some(512.0));
    }
    assert_eq!(results.sync_floor, None, "it is the floor of a persist");
    assert_eq!(
        results.sync_floor_p50_ns(),
        Some(results.persist.floor.p50_ns)
    );
    let costs = results.costs.as_ref().unwrap();
    assert!(costs.idle.watched_ms >= 5_000.0);
    assert_eq!(costs.starts.cold_ms.len(), 3);
    assert_eq!(costs.starts.warm_ms.len(), 3);
    if cfg!(target_os = "linux") {
        assert!(costs.idle.cpu_percent_per_node.is_some());
        assert!(costs.memory.is_some_and(|memory| memory.empty_bytes > 0));
    }
    let text = serde_json::to_string(&results).unwrap();
    assert_eq!(
        serde_json::from_str::<tsoracle_latency::LatencyResults>(&text).unwrap(),
        results
    );
    let steps = steps.into_inner().unwrap();
    for what in [
        "persist, closed loop",
        "persist, open loop, 1000 per second",
        "load",
        "starts",
    ] {
        assert!(steps.iter().any(|step| step == what), "{what} in {steps:?}");
    }
    assert_eq!(
        dir.path().read_dir().unwrap().count(),
        0,
        "the run's folder is gone"
    );
}

#[test]
fn a_figure_without_syncs_is_invalid() {
    if !faultfs::supported() {
        return;
    }
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let backend: Arc<dyn Backend> = Arc::new(Sectors {
        syncs: false,
        ..Sectors::of_one_node()
    });
    let mut options = options(&dir);
    options.rates_per_s.clear();
    let results = measure(&backend, &options, &|_, _, _| {}).unwrap();
    assert_eq!(results.syncs.verdict, SyncVerdict::TooFew);
    assert_eq!(results.concurrent.syncs.verdict, SyncVerdict::TooFew);
}

#[test]
fn what_cannot_be_measured_is_refused_with_a_reason() {
    let backend: Arc<dyn Backend> = Arc::new(Sectors::of_one_node());
    let nowhere = Options::new(Profile::Quick, "/nowhere/at/all");
    let refused = measure(&backend, &nowhere, &|_, _, _| {}).unwrap_err();
    assert!(refused.to_string().contains("/nowhere/at/all"), "{refused}");
    let mut never = nowhere;
    never.rates_per_s = vec![0];
    let refused = measure(&backend, &never, &|_, _, _| {}).unwrap_err();
    assert!(matches!(refused, LatencyError::Rate { rate_per_s: 0 }));
}
