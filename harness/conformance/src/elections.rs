//! Elections that are made to happen, one after another.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tsoracle_consensus::Epoch;
use tsoracle_testbed::{Cluster, Durability, Leader, Placement};

use crate::Stop;
use crate::case::Case;
use crate::verdict::guard;
use crate::views::Views;

/// What is done to a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fall {
    /// All its links are cut, until another node leads.
    Cut,
    /// It ends without a word, and comes back when another node leads.
    Crash,
    /// It is shut down and started at once.
    Restart,
    /// It stands still until another node leads. In processes only.
    Freeze,
}

/// A cluster whose leaders fall one after another, while every node's stream is read.
pub(crate) struct Elections {
    pub(crate) cluster: Cluster,
    pub(crate) views: Views,
    pub(crate) leader: Leader,
    falls: Vec<Fall>,
    rng: ChaCha8Rng,
    /// The terms whose leader has fallen.
    fallen: Vec<(usize, Epoch)>,
    frames_lost: u64,
}

impl Elections {
    /// In processes of their own where the backend can have them.
    pub(crate) async fn anywhere(case: &mut Case) -> Result<Self, Stop> {
        let placement = match case.capabilities().durability {
            Durability::Disk => Placement::Processes,
            Durability::Process => Placement::InProcess,
        };
        Self::begin(case, placement).await
    }

    /// On a fresh cluster.
    pub(crate) async fn begin(case: &mut Case, placement: Placement) -> Result<Self, Stop> {
        let (cluster, falls) = match placement {
            Placement::InProcess => {
                let falls = vec![Fall::Cut, Fall::Crash, Fall::Restart];
                (case.cluster().await?, falls)
            }
            Placement::Processes => {
                let falls = vec![Fall::Cut, Fall::Crash, Fall::Restart, Fall::Freeze];
                (case.processes().await?, falls)
            }
        };
        Ok(Self {
            views: Views::of(&cluster)?,
            leader: case.leader(&cluster).await?,
            cluster,
            falls,
            rng: case.rng(),
            fallen: Vec::new(),
            frames_lost: 0,
        })
    }

    /// How many leaders have fallen.
    pub(crate) fn fallen(&self) -> u64 {
        self.fallen.len() as u64
    }

    /// The next leader falls, in a way that the seed has chosen.
    pub(crate) async fn next(&mut self, case: &Case) -> Result<(), Stop> {
        let fall = self.falls[self.rng.random_range(0..self.falls.len())];
        self.fall(case, fall).await
    }

    /// The leader falls; returns when another leads, which may be the same node again, and the
    /// fault is over.
    pub(crate) async fn fall(&mut self, case: &Case, fall: Fall) -> Result<(), Stop> {
        let index = self.leader.index;
        self.fallen.push((index, self.leader.epoch));
        let node = self.cluster.node_mut(index)?;
        match fall {
            Fall::Cut => self.cluster.isolate(index).await?,
            Fall::Crash => node.crash()?,
            Fall::Restart => {
                let patience = case.call_patience();
                let shutdown = patience.wait_for("the end of a shutdown", node.shutdown());
                shutdown.await??;
                self.start(case, index).await?;
            }
            Fall::Freeze => node.freeze()?,
        }
        campaign_on_all_but(&self.cluster, index).await?;
        let next = self.next_leader(case, fall).await;
        match fall {
            Fall::Cut => {
                self.frames_lost += self.cluster.disturbed_around(index).await?;
                self.cluster.heal().await?;
            }
            Fall::Crash => self.start(case, index).await?,
            Fall::Restart => {}
            Fall::Freeze => self.cluster.nodes()[index].thaw()?,
        }
        self.leader = next?;
        Ok(())
    }

    /// A node that shows `Leader` and is not one of those that fell and have not noticed yet. That
    /// a later term is a greater one is for checks to say.
    async fn next_leader(&self, case: &Case, fall: Fall) -> Result<Leader, Stop> {
        let still_shows = matches!(fall, Fall::Cut | Fall::Freeze);
        let just_fell = self.fallen.last().filter(|_| still_shows);
        let is_new = |leader: &Leader| {
            let term = (leader.index, leader.epoch);
            let has_fallen = self.fallen.contains(&term) && !leader.lease.is_valid();
            just_fell != Some(&term) && !has_fallen
        };
        let patience = case.election_patience();
        let next = self
            .cluster
            .leader_where(patience, "another leader", is_new)
            .await;
        Ok(next?)
    }

    async fn start(&mut self, case: &Case, index: usize) -> Result<(), Stop> {
        let patience = case.election_patience();
        let start = self.cluster.node_mut(index)?.start();
        patience.wait_for("the start of a node", start).await??;
        self.views.follow(&self.cluster, index)
    }

    /// Notes what happened; a cut that no frame ran into was none.
    pub(crate) fn note(&self, case: &mut Case) -> Result<(), Stop> {
        case.count("leaders that fell", self.fallen());
        case.count("frames lost around a leader", self.frames_lost);
        guard!(self.frames_lost > 0, "no frame of a leader was lost");
        Ok(())
    }
}

/// Asks every running node but one to campaign.
pub(crate) async fn campaign_on_all_but(cluster: &Cluster, index: usize) -> Result<(), Stop> {
    for other in (0..cluster.nodes().len()).filter(|other| *other != index) {
        campaign(cluster, other).await?;
    }
    Ok(())
}

/// Asks a node to campaign, if it runs and has a hook for that; whether it may is for the driver to
/// say.
pub(crate) async fn campaign(cluster: &Cluster, index: usize) -> Result<(), Stop> {
    let node = &cluster.nodes()[index];
    if !node.is_running() {
        return Ok(());
    }
    if let Some(campaign) = node.hooks()?.campaign {
        let _ = campaign(()).await;
    }
    Ok(())
}
