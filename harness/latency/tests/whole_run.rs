//! A whole run on drivers of a few lines: one that syncs, one that only says so.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::{
    BootInstant, ConsensusDriver, ConsensusError, Epoch, LeaderState, LeadershipPublisher,
    LeadershipStream, LeaseHolder,
};
use tsoracle_latency::{LatencyError, Options, Profile, SyncVerdict, measure};
use tsoracle_testbed::{Backend, Capabilities, Node, NodeSpec, Timing, faultfs};

/// One sector, rewritten by each persist; enough of a driver to be measured.
struct Sector {
    syncs: bool,
}

struct SectorNode {
    file: Mutex<(File, u64)>,
    syncs: bool,
    leadership: LeadershipPublisher,
    _lease: LeaseHolder,
}

const EPOCH: Epoch = Epoch::new(1);

#[async_trait]
impl Backend for Sector {
    fn name(&self) -> &str {
        "sector"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::single_durable_node()
    }

    fn timing(&self) -> Timing {
        Timing {
            election_timeout: Duration::ZERO,
            lease: None,
            deadline: Duration::from_secs(1),
        }
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let file = File::create(spec.dir.join("sector")).map_err(ConsensusError::permanent)?;
        let lease = LeaseHolder::until(BootInstant::FAR_FUTURE);
        let leader = LeaderState::Leader {
            epoch: EPOCH,
            lease: lease.lease(),
        };
        Ok(Arc::new(Shared(Arc::new(SectorNode {
            file: Mutex::new((file, 0)),
            syncs: self.syncs,
            leadership: LeadershipPublisher::new(leader),
            _lease: lease,
        }))))
    }
}

impl SectorNode {
    fn stored(&self) -> MutexGuard<'_, (File, u64)> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ConsensusDriver for SectorNode {
    fn leadership_events(&self) -> LeadershipStream {
        self.leadership.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        Ok(self.stored().1)
    }

    async fn persist_high_water(&self, at_least: u64, _: Epoch) -> Result<u64, ConsensusError> {
        let mut stored = self.stored();
        let mut sector = [0; 512];
        sector[..8].copy_from_slice(&at_least.to_le_bytes());
        let written = stored.0.write_all_at(&sector, 0);
        let synced = written.and_then(|()| {
            if self.syncs {
                stored.0.sync_data()
            } else {
                Ok(())
            }
        });
        synced.map_err(ConsensusError::permanent)?;
        stored.1 = stored.1.max(at_least);
        Ok(stored.1)
    }
}

struct Shared(Arc<SectorNode>);

#[async_trait]
impl Node for Shared {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        Arc::clone(&self.0) as Arc<dyn ConsensusDriver>
    }

    fn service_endpoint(&self) -> String {
        "127.0.0.1:1".into()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.0.leadership.end(LeaderState::NoLeader);
        Ok(())
    }
}

fn options(dir: &tempfile::TempDir) -> Options {
    Options {
        rates_per_s: vec![1_000],
        ..Options::new(Profile::Quick, dir.path())
    }
}

#[test]
fn every_figure_of_a_driver_that_syncs_is_there() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let backend: Arc<dyn Backend> = Arc::new(Sector { syncs: true });
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
    let backend: Arc<dyn Backend> = Arc::new(Sector { syncs: false });
    let mut options = options(&dir);
    options.rates_per_s.clear();
    let results = measure(&backend, &options, &|_, _, _| {}).unwrap();
    assert_eq!(results.syncs.verdict, SyncVerdict::TooFew);
    assert_eq!(results.concurrent.syncs.verdict, SyncVerdict::TooFew);
}

#[test]
fn what_cannot_be_measured_is_refused_with_a_reason() {
    let backend: Arc<dyn Backend> = Arc::new(Sector { syncs: true });
    let nowhere = Options::new(Profile::Quick, "/nowhere/at/all");
    let refused = measure(&backend, &nowhere, &|_, _, _| {}).unwrap_err();
    assert!(refused.to_string().contains("/nowhere/at/all"), "{refused}");
    let mut never = nowhere;
    never.rates_per_s = vec![0];
    let refused = measure(&backend, &never, &|_, _, _| {}).unwrap_err();
    assert!(matches!(refused, LatencyError::Rate { rate_per_s: 0 }));
}
