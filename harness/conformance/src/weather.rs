//! Random faults of links and nodes, one after the other and some at once.

use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tokio::time::sleep;
use tsoracle_consensus::BootInstant;
use tsoracle_testbed::{Cluster, LinkFault};

use crate::Stop;
use crate::case::Case;
use crate::crowd::Crowd;
use crate::service;

const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What has been done so far, and what is still to be undone.
pub(crate) struct Weather {
    rng: ChaCha8Rng,
    down: Vec<usize>,
    /// Whether nodes can be killed and frozen.
    rough: bool,
    pub(crate) frames: u64,
    pub(crate) crashes: u64,
    pub(crate) freezes: u64,
}

impl Weather {
    pub(crate) fn new(rng: ChaCha8Rng, rough: bool) -> Self {
        Self {
            rng,
            down: Vec::new(),
            rough,
            frames: 0,
            crashes: 0,
            freezes: 0,
        }
    }

    /// One more fault, and some time with it.
    pub(crate) async fn worsen(
        &mut self,
        case: &Case,
        cluster: &mut Cluster,
        crowd: &Crowd,
    ) -> Result<(), Stop> {
        let nodes = cluster.nodes().len();
        let one = self.rng.random_range(0..nodes);
        let other = (one + self.rng.random_range(1..nodes)) % nodes;
        match self.rng.random_range(0..10) {
            0 => cluster.set_link(one, other, LinkFault::Drop).await?,
            1 => cluster.set_both(one, other, LinkFault::Drop).await?,
            2 => cluster.isolate(one).await?,
            3 => self.split(cluster).await?,
            4 => {
                let late = LinkFault::Delay(self.delay(case));
                self.set_around(cluster, one, late).await?;
            }
            5 => self.set_around(cluster, one, LOSSY).await?,
            6 => self.heal(cluster).await?,
            7 => self.crash(case, cluster, one).await?,
            8 => self.freeze(case, cluster, one).await?,
            _ => self.isolate_leader(cluster).await?,
        }
        crowd.look(cluster);
        self.pause(case).await;
        if self.rng.random_bool(0.5)
            && let Some(index) = self.down.pop()
        {
            service::start(case, cluster, index).await?;
            crowd.look(cluster);
        }
        Ok(())
    }

    /// Cuts every link until no lease is left, and not long enough for an election: the leader
    /// that comes back is the same one.
    pub(crate) async fn let_leases_lapse(
        &mut self,
        case: &Case,
        cluster: &mut Cluster,
    ) -> Result<(), Stop> {
        let leader = service::serving_leader(case, cluster).await?;
        for index in 0..cluster.nodes().len() {
            cluster.isolate(index).await?;
        }
        let lapsed = async {
            let now = BootInstant::now;
            loop {
                let deadline = cluster.nodes()[leader.index].lease_deadline().await?;
                if deadline.is_none_or(|deadline| deadline <= now()) {
                    return Ok::<(), Stop>(());
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let patience = case.patience(case.timing().lease.unwrap_or_default());
        patience.wait_for("the end of a lease", lapsed).await??;
        self.heal(cluster).await
    }

    /// Removes every fault.
    pub(crate) async fn clear(
        &mut self,
        case: &Case,
        cluster: &mut Cluster,
        crowd: &Crowd,
    ) -> Result<(), Stop> {
        self.heal(cluster).await?;
        for index in std::mem::take(&mut self.down) {
            service::start(case, cluster, index).await?;
        }
        crowd.look(cluster);
        Ok(())
    }

    fn delay(&self, case: &Case) -> Duration {
        case.timing().election_timeout / 4
    }

    /// Up to one and a half election timeouts.
    async fn pause(&mut self, case: &Case) {
        let longest = case.timing().election_timeout * 3 / 2;
        sleep(self.rng.random_range(Duration::ZERO..=longest)).await;
    }

    async fn split(&mut self, cluster: &mut Cluster) -> Result<(), Stop> {
        let mut nodes: Vec<usize> = (0..cluster.nodes().len()).collect();
        nodes.shuffle(&mut self.rng);
        let (these, those) = nodes.split_at(self.rng.random_range(1..nodes.len()));
        Ok(cluster.split(these, those).await?)
    }

    async fn set_around(
        &self,
        cluster: &mut Cluster,
        one: usize,
        fault: LinkFault,
    ) -> Result<(), Stop> {
        for other in (0..cluster.nodes().len()).filter(|other| *other != one) {
            cluster.set_both(one, other, fault).await?;
        }
        Ok(())
    }

    async fn isolate_leader(&self, cluster: &mut Cluster) -> Result<(), Stop> {
        match service::present_leader(cluster) {
            Some(leader) => Ok(cluster.isolate(leader.index).await?),
            None => Ok(()),
        }
    }

    /// Counts what went astray, and makes every link deliver.
    async fn heal(&mut self, cluster: &mut Cluster) -> Result<(), Stop> {
        for index in 0..cluster.nodes().len() {
            self.frames += cluster.disturbed_around(index).await?;
        }
        Ok(cluster.heal().await?)
    }

    /// Ends a node without a word if it can be, and a minority at most.
    async fn crash(&mut self, case: &Case, cluster: &mut Cluster, one: usize) -> Result<(), Stop> {
        let bears = (cluster.nodes().len() - 1) / 2;
        if self.down.contains(&one) || self.down.len() >= bears {
            return Ok(());
        }
        match self.rough {
            true => cluster.node_mut(one)?.kill()?,
            false => service::stop(case, cluster, one).await?,
        }
        self.down.push(one);
        self.crashes += 1;
        Ok(())
    }

    /// Lets a node stand still for up to three election timeouts.
    async fn freeze(&mut self, case: &Case, cluster: &mut Cluster, one: usize) -> Result<(), Stop> {
        if !self.rough || self.down.contains(&one) {
            return Ok(());
        }
        cluster.nodes()[one].freeze()?;
        self.pause(case).await;
        self.pause(case).await;
        cluster.nodes()[one].thaw()?;
        self.freezes += 1;
        Ok(())
    }
}

const LOSSY: LinkFault = LinkFault::Lossy {
    lose_per_mille: 300,
    duplicate_per_mille: 100,
    reorder_per_mille: 100,
};
