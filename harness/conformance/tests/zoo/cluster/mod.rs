//! Replicated drivers: the simulated cluster with one rule taken away, or with a defect
//! around its nodes.

mod durable;
mod fence;
mod handoff;
mod hints;
mod identity;
mod lease;
mod members;
mod quorum;
mod reads;
mod snapshot;
mod stream;

use std::sync::Arc;

use tsoracle_conformance::reference::{Rules, SimulatedCluster};

use crate::exhibit::Exhibit;

/// Every exhibit of several nodes, and the checks that fail on it.
pub(crate) fn exhibits() -> Vec<Exhibit> {
    [
        quorum::exhibits(),
        reads::exhibits(),
        fence::exhibits(),
        durable::exhibits(),
        hints::exhibits(),
        stream::exhibits(),
        lease::exhibits(),
        snapshot::exhibits(),
        identity::exhibits(),
        handoff::exhibits(),
        members::exhibits(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The simulated cluster with other rules.
fn exhibit(name: &str, change: impl FnOnce(&mut Rules), fails: &'static [&'static str]) -> Exhibit {
    let mut rules = Rules::default();
    change(&mut rules);
    Exhibit {
        backend: Arc::new(SimulatedCluster::with_rules(name, rules)),
        fails,
    }
}
