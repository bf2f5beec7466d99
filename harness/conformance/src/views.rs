//! What the nodes of a cluster show, written down as it comes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use tokio::task::JoinSet;
use tsoracle_consensus::{Epoch, LeaderHint, LeaderState, Lease};
use tsoracle_testbed::Cluster;

use crate::Stop;

/// One state that a node showed to one subscription.
struct Shown {
    index: usize,
    /// Whether the node may have shown it before it was read.
    may_be_old: bool,
    /// Whether a term begins with it: the state before was not `Leader` of the same epoch.
    begins_term: bool,
    state: LeaderState,
}

/// One term of leadership, as one node showed it.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// The node's place.
    pub(crate) index: usize,
    /// Its epoch.
    pub(crate) epoch: Epoch,
    /// Its lease.
    pub(crate) lease: Lease,
    /// Whether the node may have led before it was read.
    pub(crate) may_be_old: bool,
}

/// Reads the streams of nodes all the time, each in a task of its own; dropping it stops that.
pub(crate) struct Views {
    shown: Arc<Mutex<Vec<Shown>>>,
    readers: JoinSet<()>,
}

impl Views {
    /// Begins to read every running node.
    pub(crate) fn of(cluster: &Cluster) -> Result<Self, Stop> {
        let mut views = Self {
            shown: Arc::default(),
            readers: JoinSet::new(),
        };
        for (index, node) in cluster.nodes().iter().enumerate() {
            if node.is_running() {
                views.read(cluster, index, true)?;
            }
        }
        Ok(views)
    }

    /// Begins to read a node that has just been started.
    pub(crate) fn follow(&mut self, cluster: &Cluster, index: usize) -> Result<(), Stop> {
        self.read(cluster, index, false)
    }

    fn read(&mut self, cluster: &Cluster, index: usize, has_run: bool) -> Result<(), Stop> {
        let mut states = cluster.nodes()[index].driver()?.leadership_events();
        let shown = Arc::clone(&self.shown);
        self.readers.spawn(async move {
            let (mut may_be_old, mut led_with) = (has_run, None);
            while let Some(state) = states.next().await {
                let leads_with = state.leading_epoch();
                let next = Shown {
                    index,
                    may_be_old,
                    begins_term: leads_with.is_some() && leads_with != led_with,
                    state,
                };
                lock(&shown).push(next);
                (may_be_old, led_with) = (false, leads_with);
            }
        });
        Ok(())
    }

    /// Every term so far, in the order in which they came. Leadership that a node goes on to show
    /// under one epoch is one term; leadership that it shows again is another.
    pub(crate) fn terms(&self) -> Vec<Term> {
        let term = |shown: &Shown| match &shown.state {
            LeaderState::Leader { epoch, lease } if shown.begins_term => Some(Term {
                index: shown.index,
                epoch: *epoch,
                lease: lease.clone(),
                may_be_old: shown.may_be_old,
            }),
            _ => None,
        };
        lock(&self.shown).iter().filter_map(term).collect()
    }

    /// Every hint so far, each with the place of the node that showed it.
    pub(crate) fn hints(&self) -> Vec<(usize, LeaderHint)> {
        let hint = |shown: &Shown| match &shown.state {
            LeaderState::Follower { leader } => Some((shown.index, leader.clone()?)),
            _ => None,
        };
        lock(&self.shown).iter().filter_map(hint).collect()
    }
}

/// What it guards is whole between any two statements.
fn lock(shown: &Mutex<Vec<Shown>>) -> MutexGuard<'_, Vec<Shown>> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}
