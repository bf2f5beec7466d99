//! One run of one check: its backend, directory, seed, limits, and what it has seen so far.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::time::sleep;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch};
use tsoracle_testbed::{
    Backend, Capabilities, Cluster, ClusterPlan, Decorator, Leader, Patience, Placement, Timing,
};

use crate::verdict::Evidence;
use crate::{Recorder, Recording, RunOptions, Stop};

const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What a check works with.
pub(crate) struct Case {
    backend: Arc<dyn Backend>,
    dir: PathBuf,
    options: RunOptions,
    recording: Recording,
    evidence: Vec<Evidence>,
    clusters: usize,
}

impl Case {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        dir: &Path,
        options: &RunOptions,
        recording: Recording,
    ) -> Self {
        Self {
            backend,
            dir: dir.to_owned(),
            options: options.clone(),
            recording,
            evidence: Vec::new(),
            clusters: 0,
        }
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    pub(crate) fn timing(&self) -> Timing {
        self.backend.timing()
    }

    /// How many nodes the check runs on.
    pub(crate) fn nodes(&self) -> usize {
        self.options.nodes
    }

    /// Seeded choices; the same ones for the same seed.
    pub(crate) fn rng(&self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.options.seed)
    }

    /// For choices that are made elsewhere.
    pub(crate) fn seed(&self) -> u64 {
        self.options.seed
    }

    /// Every call that was made through this case's clusters.
    pub(crate) fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Notes how often something was tried or seen; what is noted again adds up.
    pub(crate) fn count(&mut self, what: impl Into<String>, count: u64) {
        let what = what.into();
        match self.evidence.iter_mut().find(|noted| noted.what == what) {
            Some(noted) => noted.count = noted.count.saturating_add(count),
            None => self.evidence.push(Evidence { what, count }),
        }
    }

    pub(crate) fn take_evidence(&mut self) -> Vec<Evidence> {
        std::mem::take(&mut self.evidence)
    }

    /// The limit that belongs to a bound of the contract.
    pub(crate) fn patience(&self, bound: Duration) -> Patience {
        Patience::new(self.options.limit(bound))
    }

    /// The limit on one call of the driver, a shutdown included.
    pub(crate) fn call_patience(&self) -> Patience {
        self.patience(self.timing().deadline)
    }

    /// The limit on getting from a healthy start to a leader.
    pub(crate) fn election_patience(&self) -> Patience {
        let timing = self.timing();
        self.patience(timing.election_timeout * 10 + timing.lease.unwrap_or_default())
    }

    /// A plan for a cluster in a directory of its own, with every call recorded.
    pub(crate) fn plan(&mut self, placement: Placement) -> ClusterPlan {
        self.clusters += 1;
        let recording = self.recording.clone();
        let decorate: Decorator =
            Arc::new(move |node, driver| Arc::new(Recorder::new(node, driver, recording.clone())));
        ClusterPlan {
            backend: Arc::clone(&self.backend),
            size: self.options.nodes,
            dir: self.dir.join(format!("cluster-{}", self.clusters)),
            placement,
            seed: self.options.seed,
            decorate,
        }
    }

    /// As [`plan`](Self::plan), for a cluster of another size.
    pub(crate) fn plan_of_size(&mut self, placement: Placement, size: usize) -> ClusterPlan {
        ClusterPlan {
            size,
            ..self.plan(placement)
        }
    }

    /// Starts a fresh cluster in this process.
    pub(crate) async fn cluster(&mut self) -> Result<Cluster, Stop> {
        self.start(Placement::InProcess).await
    }

    /// Starts a fresh cluster, each node in a process of its own.
    pub(crate) async fn processes(&mut self) -> Result<Cluster, Stop> {
        self.start(Placement::Processes).await
    }

    async fn start(&mut self, placement: Placement) -> Result<Cluster, Stop> {
        let plan = self.plan(placement);
        let started = Cluster::start(&plan);
        Ok(self
            .election_patience()
            .wait_for("the start of a cluster", started)
            .await??)
    }

    /// Shuts every running node down, each within the limit of a call.
    pub(crate) async fn shut_down(&self, cluster: &mut Cluster) -> Result<(), Stop> {
        let mut first = Ok(());
        for index in 0..cluster.nodes().len() {
            let node = cluster.node_mut(index)?;
            if node.is_running() {
                let shutdown = node.shutdown();
                let patience = self.call_patience();
                let stopped = patience.wait_for("the end of a shutdown", shutdown).await;
                first = first.and(stopped.map_err(Stop::from).and_then(|end| Ok(end?)));
            }
        }
        first
    }

    /// Starts every node that does not run, and waits for a leader.
    pub(crate) async fn start_again(&self, cluster: &mut Cluster) -> Result<Leader, Stop> {
        self.election_patience()
            .wait_for("the start of a cluster", cluster.start_all())
            .await??;
        self.leader(cluster).await
    }

    /// Shuts every node down, starts it again on its store, and waits for a leader.
    pub(crate) async fn restart(&self, cluster: &mut Cluster) -> Result<Leader, Stop> {
        self.shut_down(cluster).await?;
        self.start_again(cluster).await
    }

    /// The cluster's leader, once there is one.
    pub(crate) async fn leader(&self, cluster: &Cluster) -> Result<Leader, Stop> {
        Ok(cluster.leader(self.election_patience()).await?)
    }

    /// A leader of a later epoch, once there is one with a valid lease, if the driver has leases.
    pub(crate) async fn successor(&self, cluster: &Cluster, of: &Leader) -> Result<Leader, Stop> {
        let leases = self.capabilities().leases;
        let what = format!("a leader after epoch {}", of.epoch);
        let successor = cluster.leader_where(self.election_patience(), &what, |leader| {
            let has_lease = leader.lease.is_absent() || leader.lease.is_valid();
            leader.epoch > of.epoch && (has_lease || !leases)
        });
        Ok(successor.await?)
    }

    /// The places of all nodes but one.
    pub(crate) fn others(&self, index: usize) -> Vec<usize> {
        (0..self.nodes()).filter(|other| *other != index).collect()
    }

    /// So many nodes are a minority, whatever the size: the largest one.
    pub(crate) fn minority(&self) -> usize {
        (self.nodes() - 1) / 2
    }

    /// Waits until the lease of a leader that is cut off has ended; at once if there are no leases.
    pub(crate) async fn wait_for_lapse(&self, leader: &Leader) -> Result<(), Stop> {
        if leader.lease.is_absent() {
            return Ok(());
        }
        let lapse = async {
            while leader.lease.is_valid() {
                sleep(LOOK_EVERY).await;
            }
        };
        let patience = self.patience(self.timing().lease.unwrap_or_default());
        Ok(patience.wait_for("the end of a lease", lapse).await?)
    }

    /// Loads from the leader; it must succeed.
    pub(crate) async fn load(&self, leader: &Leader) -> Result<u64, Stop> {
        let load = || leader.driver.load_high_water();
        self.until_answered("a load", load).await
    }

    /// Persists under the leader's own epoch; it must succeed.
    pub(crate) async fn persist(&self, leader: &Leader, at_least: u64) -> Result<u64, Stop> {
        let persist = || leader.driver.persist_high_water(at_least, leader.epoch);
        self.until_answered("a persist", persist).await
    }

    /// Each call within its limit. The leader of several nodes may ask to try again: a busy machine
    /// can cost it its lease for a moment.
    async fn until_answered<C>(&self, what: &str, call: impl Fn() -> C) -> Result<u64, Stop>
    where
        C: Future<Output = Result<u64, ConsensusError>>,
    {
        let what = format!("the answer to {what}");
        let patience = self.election_patience();
        loop {
            let answer = self.call_patience().wait_for(&what, call()).await?;
            let asks_to_retry = matches!(answer, Err(ConsensusError::Transient(_)));
            if !asks_to_retry || self.nodes() == 1 || patience.left().is_zero() {
                return Ok(answer?);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Persists under some epoch; the driver must refuse, and this returns how.
    pub(crate) async fn refusal(
        &self,
        driver: &dyn ConsensusDriver,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<ConsensusError, Stop> {
        let persist = driver.persist_high_water(at_least, epoch);
        let answer = self
            .call_patience()
            .wait_for("the answer to a persist", persist)
            .await?;
        match answer {
            Ok(value) => Err(Stop::Failed(format!(
                "a persist of {at_least} in epoch {epoch} returned {value}"
            ))),
            Err(refusal) => Ok(refusal),
        }
    }

    /// Persists under the leader's own epoch; the answer may be an error, but it must come.
    pub(crate) async fn try_persist(
        &self,
        leader: &Leader,
        at_least: u64,
    ) -> Result<Result<u64, ConsensusError>, Stop> {
        let persist = leader.driver.persist_high_water(at_least, leader.epoch);
        Ok(self
            .call_patience()
            .wait_for("the answer to a persist", persist)
            .await?)
    }

    /// A moment's patience for what is expected to take no time worth measuring.
    pub(crate) fn brief_patience(&self) -> Patience {
        self.patience(Duration::from_millis(100))
    }
}
