//! What a scenario is.

use futures_util::future::BoxFuture;
use tsoracle_testbed::{Backend, Durability, HookKind, Links, Time, faultfs};

use crate::{Run, Stop};

/// One fault, and how it is made.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Named after the fault.
    pub name: &'static str,
    /// The fault in a sentence.
    pub about: &'static str,
    /// The sizes of cluster that it is written for.
    pub sizes: &'static [usize],
    /// What a driver must have; anything missing makes the scenario not offered.
    pub needs: &'static [Need],
    /// How often it is run for a report.
    pub repeats: Repeats,
    /// Whether nodes keep a journal of what they have not synced.
    pub(crate) needs_journal: bool,
    /// The scenario itself, on a cluster that serves.
    pub(crate) run: for<'a> fn(&'a mut Run) -> BoxFuture<'a, Result<(), Stop>>,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {:?}", self.name, self.sizes)
    }
}

/// How often a scenario is run for a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Often enough for an interval around its median.
    Figure,
    /// A few times, for its verdict and a figure: nothing may run beside it.
    Timed,
    /// A few times, for its verdict.
    Verdict,
    /// Once: a long run.
    Once,
}

impl Repeats {
    /// How many runs a full report takes.
    #[must_use]
    pub fn in_full(self) -> u64 {
        match self {
            Self::Figure => 30,
            Self::Timed | Self::Verdict => 3,
            Self::Once => 1,
        }
    }
}

/// What a scenario needs of a driver and of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nodes that can be frozen, with a store that outlives them.
    Processes,
    /// Disk faults below a node.
    DiskFaults,
    /// Faults on the links between nodes.
    Links,
    /// Leadership that is moved on purpose.
    Handoff,
    /// A way into the engine.
    Hook(HookKind),
}

/// Any size that the reports compare.
pub(crate) const ANY_SIZE: &[usize] = &[3, 5, 7];

impl Scenario {
    /// Why the scenario is not offered for this driver at this size, if it is not.
    #[must_use]
    pub fn lacking(&self, backend: &dyn Backend, nodes: usize) -> Option<String> {
        if !self.sizes.contains(&nodes) {
            let sizes: Vec<_> = self.sizes.iter().map(usize::to_string).collect();
            return Some(format!("it needs {} nodes", sizes.join(" or ")));
        }
        if !backend.capabilities().cluster_sizes.contains(&nodes) {
            return Some(format!("the driver forms no cluster of {nodes} nodes"));
        }
        self.needs.iter().find_map(|need| lacks(backend, *need))
    }
}

fn lacks(backend: &dyn Backend, need: Need) -> Option<String> {
    let capabilities = backend.capabilities();
    let is_real = backend.time() == Time::Real;
    match need {
        Need::Processes | Need::DiskFaults if capabilities.durability == Durability::Process => {
            Some("its store ends with its process".to_owned())
        }
        Need::DiskFaults if is_real && !faultfs::supported() => {
            Some("file calls cannot be interposed on this system".to_owned())
        }
        Need::Links if capabilities.links == Links::None => {
            Some("its links cannot be reached".to_owned())
        }
        Need::Handoff if !capabilities.handoff => Some("it has no Handoff".to_owned()),
        Need::Hook(kind) if !capabilities.hooks.contains(&kind) => {
            Some(format!("it has no hook {kind:?}"))
        }
        _ => None,
    }
}
