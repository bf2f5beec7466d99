//! Drivers of a few lines: the first node rewrites a sector of every node for each persist.

use std::fs::{File, create_dir_all};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::{
    BootInstant, ConsensusDriver, ConsensusError, Epoch, LeaderState, LeadershipPublisher,
    LeadershipStream, LeaseHolder, NodeId,
};
use tsoracle_latency::{Options, Profile};
use tsoracle_testbed::{
    Backend, Capabilities, LinkFault, LinkFaults, Links, Node, NodeSpec, Reads, Timing, Traffic,
};

/// Enough of a driver to be measured.
pub(crate) struct Sectors {
    pub(crate) sizes: RangeInclusive<usize>,
    pub(crate) syncs: bool,
    pub(crate) reads: Reads,
    /// Whether links can be made slow: a persist then waits for one round trip.
    pub(crate) links: Links,
}

impl Sectors {
    pub(crate) fn of_one_node() -> Self {
        Self {
            sizes: 1..=1,
            syncs: true,
            reads: Reads::Memory,
            links: Links::None,
        }
    }
}

struct Stored {
    files: Vec<File>,
    value: u64,
    sent: Traffic,
}

struct SectorNode {
    leads: bool,
    stored: Mutex<Stored>,
    syncs: bool,
    links: Option<Arc<SlowLinks>>,
    leadership: LeadershipPublisher,
    _lease: LeaseHolder,
}

/// The slowest link out of a node, in nanoseconds.
#[derive(Default)]
struct SlowLinks(AtomicU64);

impl LinkFaults for SlowLinks {
    fn set(&self, _: NodeId, fault: LinkFault) {
        let delay = match fault {
            LinkFault::Delay(by) => by,
            _ => Duration::ZERO,
        };
        let ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.0.store(ns, Ordering::SeqCst);
    }

    fn disturbed(&self, _: NodeId) -> u64 {
        0
    }
}

const EPOCH: Epoch = Epoch::new(1);
const SECTOR: usize = 512;

#[async_trait]
impl Backend for Sectors {
    fn name(&self) -> &str {
        "sectors"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            cluster_sizes: self.sizes.clone(),
            reads: self.reads,
            links: self.links,
            ..Capabilities::single_durable_node()
        }
    }

    fn timing(&self) -> Timing {
        Timing {
            election_timeout: Duration::ZERO,
            lease: None,
            deadline: Duration::from_secs(1),
        }
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let cluster = spec.dir.parent().unwrap_or(&spec.dir);
        let file = |node: u64| {
            let dir = cluster.join(format!("node-{node}"));
            create_dir_all(&dir)?;
            File::create(dir.join("sector"))
        };
        let nodes = spec.members.iter().map(|member| member.node);
        let files = nodes.map(file).collect::<Result<_, _>>();
        let leads = spec.node == 1;
        let lease = LeaseHolder::until(BootInstant::FAR_FUTURE);
        let state = if leads {
            let lease = lease.lease();
            LeaderState::Leader {
                epoch: EPOCH,
                lease,
            }
        } else {
            LeaderState::Follower { leader: None }
        };
        Ok(Arc::new(Shared(Arc::new(SectorNode {
            leads,
            stored: Mutex::new(Stored {
                files: files.map_err(ConsensusError::permanent)?,
                value: 0,
                sent: Traffic::default(),
            }),
            syncs: self.syncs,
            links: (self.links != Links::None).then(Arc::default),
            leadership: LeadershipPublisher::new(state),
            _lease: lease,
        }))))
    }
}

impl SectorNode {
    fn stored(&self) -> Result<MutexGuard<'_, Stored>, ConsensusError> {
        if self.leads {
            Ok(self.stored.lock().unwrap_or_else(PoisonError::into_inner))
        } else {
            Err(ConsensusError::NotLeader { leader: None })
        }
    }
}

#[async_trait]
impl ConsensusDriver for SectorNode {
    fn leadership_events(&self) -> LeadershipStream {
        self.leadership.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        Ok(self.stored()?.value)
    }

    async fn persist_high_water(&self, at_least: u64, _: Epoch) -> Result<u64, ConsensusError> {
        if let Some(links) = &self.links {
            let one_way = Duration::from_nanos(links.0.load(Ordering::SeqCst));
            std::thread::sleep(one_way * 2);
        }
        let mut stored = self.stored()?;
        let mut sector = [0; SECTOR];
        sector[..8].copy_from_slice(&at_least.to_le_bytes());
        for file in &stored.files {
            let written = file.write_all_at(&sector, 0);
            let synced = written.and_then(|()| if self.syncs { file.sync_data() } else { Ok(()) });
            synced.map_err(ConsensusError::permanent)?;
        }
        stored.sent.frames += 1;
        stored.sent.bytes += SECTOR as u64;
        stored.value = stored.value.max(at_least);
        Ok(stored.value)
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

    fn links(&self) -> Option<Arc<dyn LinkFaults>> {
        let links = self.0.links.clone()?;
        Some(links)
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.0.leadership.end(LeaderState::NoLeader);
        Ok(())
    }

    fn traffic(&self) -> Option<Traffic> {
        let stored = self.0.stored.lock();
        Some(stored.unwrap_or_else(PoisonError::into_inner).sent)
    }
}

pub(crate) fn options(dir: &tempfile::TempDir) -> Options {
    Options {
        rates_per_s: vec![1_000],
        ..Options::new(Profile::Quick, dir.path())
    }
}
