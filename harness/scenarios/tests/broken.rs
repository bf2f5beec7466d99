//! Drivers that break a promise, and faults that do not happen: the verdict must say so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot run has failed"
)]

mod common;

use std::sync::Arc;

use async_trait::async_trait;
use common::{broken, reference, run_named};
use tsoracle_conformance::reference::Rules;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, NodeId};
use tsoracle_scenarios::Verdict;
use tsoracle_testbed::{
    Backend, Capabilities, LinkFault, LinkFaults, Machine, Node, NodeSpec, Time, Timing,
};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// A rule that is missing, a scenario in which that must show, and what the reason must name.
type Broken = (&'static str, fn(&mut Rules), &'static str, &'static str);

/// Each must be noticed with one of a few seeds.
const BROKEN: &[Broken] = &[
    (
        "grants_bind_nobody",
        |rules| rules.keeps_grants = false,
        "leader_isolated_rival",
        "lease",
    ),
    (
        "lease_without_quorum",
        |rules| rules.leases_need_a_quorum = false,
        "leader_isolated",
        "",
    ),
    (
        "quorum_of_one",
        |rules| rules.quorum = |_| 1,
        "minority_split_leader_few",
        "",
    ),
    (
        "syncs_too_late",
        |rules| rules.syncs_before_it_speaks = false,
        "crash_of_all_power_loss",
        "",
    ),
    (
        "answers_before_commit",
        |rules| rules.answers_once_committed = false,
        "no_quorum",
        "",
    ),
];

#[test]
fn a_broken_promise_is_unsafe() {
    for (name, breaks, scenario, named) in BROKEN {
        let backend = broken(name, *breaks);
        let mut caught = None;
        for seed in SEEDS {
            let result = run_named(&backend, scenario, seed);
            println!(
                "{name}, {scenario}, seed {seed}: {} {:?}",
                result.verdict, result.reason
            );
            if result.verdict == Verdict::Unsafe {
                caught = result.reason;
                break;
            }
        }
        let reason = caught.unwrap_or_else(|| panic!("{scenario} did not notice {name}"));
        assert!(reason.contains(named), "{reason}");
        for seed in SEEDS {
            let honest = run_named(&reference(), scenario, seed);
            assert!(honest.verdict.is_good(), "{honest:#?}");
        }
    }
}

#[test]
fn a_fault_that_does_not_happen_is_invalid() {
    let backend: Arc<dyn Backend> = Arc::new(Unreachable(reference()));
    for scenario in ["leader_isolated", "chained", "loss_30"] {
        let result = run_named(&backend, scenario, 1);
        assert_eq!(result.verdict, Verdict::Invalid, "{result:#?}");
    }
}

#[test]
fn a_driver_that_never_serves_has_failed() {
    let backend = broken("nobody_is_elected", |rules| {
        rules.quorum = |voters| voters + 1;
    });
    let result = run_named(&backend, "leader_crash", 1);
    assert_eq!(result.verdict, Verdict::Failed, "{result:#?}");
    assert!(result.reason.unwrap().contains("service before the fault"));
}

/// A driver whose links pretend to obey.
struct Unreachable(Arc<dyn Backend>);

struct UnreachableNode(Arc<dyn Node>);

struct Deaf;

impl LinkFaults for Deaf {
    fn set(&self, _: NodeId, _: LinkFault) {}

    fn disturbed(&self, _: NodeId) -> u64 {
        0
    }
}

#[async_trait]
impl Backend for Unreachable {
    fn name(&self) -> &str {
        "unreachable"
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn timing(&self) -> Timing {
        self.0.timing()
    }

    fn time(&self) -> Time {
        self.0.time()
    }

    fn machine(&self, spec: &NodeSpec) -> Option<Arc<dyn Machine>> {
        self.0.machine(spec)
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        Ok(Arc::new(UnreachableNode(self.0.start(spec).await?)))
    }
}

#[async_trait]
impl Node for UnreachableNode {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        self.0.driver()
    }

    fn service_endpoint(&self) -> String {
        self.0.service_endpoint()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.0.shutdown().await
    }

    fn links(&self) -> Option<Arc<dyn LinkFaults>> {
        Some(Arc::new(Deaf))
    }
}
