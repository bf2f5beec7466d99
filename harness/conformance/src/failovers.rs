//! Ways for a leader to lose its leadership while its oracle is still asked for timestamps.

use std::sync::Arc;

use tokio::sync::Mutex;
use tsoracle_consensus::Epoch;
use tsoracle_core::ManualClock;
use tsoracle_testbed::{Cluster, Leader, Links};

use crate::case::Case;
use crate::grants::{Clients, Grants, Pace};
use crate::service;
use crate::verdict::guard;
use crate::{Oracle, Stop};

const GRANTS_PER_TERM: usize = 60;
const CLIENTS: u64 = 4;
/// On a slow machine a leader may be deposed before it has granted enough.
const TRIES: u64 = 5;

/// What happens to a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failover {
    Isolation,
    Freeze,
    Kill,
    Restart,
    Handoff,
}

impl Failover {
    /// Those that this cluster can suffer.
    pub(crate) fn offered(case: &Case, cluster: &Cluster) -> Vec<Self> {
        let capabilities = case.capabilities();
        let can_kill = cluster.nodes().iter().all(|node| node.is_spawned());
        let all = [
            (Self::Isolation, capabilities.links != Links::None),
            (Self::Freeze, can_kill),
            (Self::Kill, can_kill),
            (Self::Restart, true),
            (Self::Handoff, capabilities.handoff),
        ];
        let offered = all.into_iter().filter(|(_, offered)| *offered);
        offered.map(|(failover, _)| failover).collect()
    }

    fn evidence(self) -> &'static str {
        match self {
            Self::Isolation => "leaders isolated",
            Self::Freeze => "leaders frozen and thawed",
            Self::Kill => "leaders killed",
            Self::Restart => "leaders restarted",
            Self::Handoff => "leaders that handed off",
        }
    }
}

/// Oracles of several leaders at once: nobody tells their clients who leads.
pub(crate) struct Oracles<'a> {
    pub(crate) clock: &'a ManualClock,
    pub(crate) grants: &'a Grants,
    asked: Vec<Clients>,
    /// An epoch has one window, so there is one oracle for it.
    newest: Option<(Epoch, Arc<Mutex<Oracle>>)>,
    opened: u64,
}

impl<'a> Oracles<'a> {
    pub(crate) fn new(clock: &'a ManualClock, grants: &'a Grants) -> Self {
        Self {
            clock,
            grants,
            asked: Vec::new(),
            newest: None,
            opened: 0,
        }
    }

    /// One failover: the present leader's oracle is asked before, through it and after it, beside
    /// that of its successor.
    pub(crate) async fn fail_over(
        &mut self,
        case: &mut Case,
        cluster: &mut Cluster,
        failover: Failover,
    ) -> Result<(), Stop> {
        let old = self.serve(case, cluster).await?;
        match failover {
            Failover::Isolation => {
                cluster.isolate(old.index).await?;
                campaign(cluster, &old).await?;
            }
            Failover::Freeze => cluster.nodes()[old.index].freeze()?,
            Failover::Kill => cluster.node_mut(old.index)?.kill()?,
            Failover::Restart => {
                service::stop(case, cluster, old.index).await?;
                service::start(case, cluster, old.index).await?;
            }
            Failover::Handoff => hand_off(case, cluster, &old).await?,
        }
        case.successor(cluster, &old).await?;
        self.serve(case, cluster).await?;
        match failover {
            Failover::Isolation => {
                let lost = cluster.disturbed_around(old.index).await?;
                guard!(lost > 0, "no frame of the leader was lost");
                cluster.heal().await?;
            }
            Failover::Freeze => cluster.nodes()[old.index].thaw()?,
            Failover::Kill => service::start(case, cluster, old.index).await?,
            Failover::Restart | Failover::Handoff => {}
        }
        // Whoever leads now, the old one's clients meet it awake and connected.
        self.serve(case, cluster).await?;
        case.count(failover.evidence(), 1);
        for clients in std::mem::take(&mut self.asked) {
            clients.finish(case.call_patience()).await?;
        }
        Ok(())
    }

    /// Opens an oracle on whoever leads, and waits until its clients were granted enough.
    async fn serve(&mut self, case: &Case, cluster: &Cluster) -> Result<Leader, Stop> {
        let mut last = Stop::Invalid("no oracle was opened".into());
        for _ in 0..TRIES {
            let leader = service::serving_leader(case, cluster).await?;
            self.ask(case, &leader).await?;
            let patience = case.patience(case.timing().deadline * 4);
            match self.grants.wait_for(GRANTS_PER_TERM, patience).await {
                Ok(()) => return Ok(leader),
                Err(stop) => last = stop,
            }
        }
        Err(last)
    }

    /// Lets clients loose on the oracle of this leader's epoch, if it can be opened.
    async fn ask(&mut self, case: &Case, leader: &Leader) -> Result<(), Stop> {
        let is_open = self
            .newest
            .as_ref()
            .filter(|(epoch, _)| *epoch == leader.epoch);
        let oracle = match is_open {
            Some((_, oracle)) => Arc::clone(oracle),
            None => {
                let (driver, lease) = (Arc::clone(&leader.driver), leader.lease.clone());
                let clock = Arc::new(self.clock.clone());
                let open = Oracle::open(driver, clock, leader.epoch, lease);
                let opened = case.call_patience().wait_for("the opening load", open);
                // A leader may be deposed before it is asked.
                let Ok(oracle) = opened.await? else {
                    return Ok(());
                };
                Arc::new(Mutex::new(oracle))
            }
        };
        self.newest = Some((leader.epoch, Arc::clone(&oracle)));
        self.opened += 1;
        let seed = case.seed() + self.opened;
        let clients = Clients::start(
            (CLIENTS, Pace::CALM),
            &oracle,
            self.clock,
            self.grants,
            seed,
        );
        self.asked.push(clients);
        Ok(())
    }
}

/// The next node in turn asks to be elected at once, if it can be told to: while the old lease is
/// valid, nobody may help it.
async fn campaign(cluster: &Cluster, leader: &Leader) -> Result<(), Stop> {
    let next = (leader.index + 1) % cluster.nodes().len();
    match cluster.nodes()[next].hooks()?.campaign {
        Some(campaign) => Ok(campaign(()).await?),
        None => Ok(()),
    }
}

/// To the next node in turn; if it does not happen, somebody is elected.
async fn hand_off(case: &Case, cluster: &Cluster, leader: &Leader) -> Result<(), Stop> {
    let next = (leader.index + 1) % cluster.nodes().len();
    let to = cluster.nodes()[next].spec().node;
    let handoff = cluster.nodes()[leader.index].handoff()?;
    let patience = case.election_patience();
    let _ = patience
        .wait_for("the end of a handoff", handoff.hand_off(to))
        .await?;
    Ok(())
}
