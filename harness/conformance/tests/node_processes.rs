//! What the testbed does to a node in a process of its own, tried on the reference driver.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::{Arguments, Trial};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tsoracle_conformance::reference::InMemory;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{
    Backend, Capabilities, Cluster, ClusterPlan, Node, NodeSpec, Patience, Placement, Timing,
    run_node_process_if_asked,
};

const LIMIT: Duration = Duration::from_secs(20);
/// Long enough for an answer of a node that runs, and not waited for in vain by one that does.
const NO_ANSWER: Duration = Duration::from_millis(200);

/// The reference, in a process whose standard output is not only ours.
#[derive(Default)]
struct Noisy(InMemory);

#[async_trait]
impl Backend for Noisy {
    fn name(&self) -> &str {
        "noisy"
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn timing(&self) -> Timing {
        self.0.timing()
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let mut out = std::io::stdout();
        let noise = b"opening \xff\xfe\nhalf a line, without an end";
        out.write_all(noise)
            .and_then(|()| out.flush())
            .map_err(ConsensusError::permanent)?;
        self.0.start(spec).await
    }
}

fn plan(dir: &TempDir) -> ClusterPlan {
    ClusterPlan {
        backend: Arc::new(Noisy::default()),
        size: 1,
        dir: dir.path().to_owned(),
        placement: Placement::Processes,
        seed: 1,
        decorate: Arc::new(|_, driver| driver),
    }
}

/// A driver may print as it likes.
async fn a_noisy_node_is_understood(plan: ClusterPlan) {
    let cluster = Cluster::start(&plan).await.unwrap();
    let leader = cluster.leader(Patience::new(LIMIT)).await.unwrap();
    assert_eq!(
        leader
            .driver
            .persist_high_water(7, leader.epoch)
            .await
            .unwrap(),
        7
    );
    assert_eq!(leader.driver.load_high_water().await.unwrap(), 7);
}

async fn a_frozen_node_answers_once_it_is_thawed(plan: ClusterPlan) {
    let cluster = Cluster::start(&plan).await.unwrap();
    let driver = cluster.nodes()[0].driver().unwrap();
    cluster.nodes()[0].freeze().unwrap();
    let mut load = driver.load_high_water();
    assert!(tokio::time::timeout(NO_ANSWER, &mut load).await.is_err());
    cluster.nodes()[0].thaw().unwrap();
    let answer = Patience::new(LIMIT)
        .wait_for("a thawed node's answer", load)
        .await;
    assert_eq!(answer.unwrap().unwrap(), 0);
}

/// Nobody knows what a killed node did with a call, and a new process answers the next one.
async fn a_killed_node_leaves_its_calls_unknown(plan: ClusterPlan) {
    let mut cluster = Cluster::start(&plan).await.unwrap();
    let driver = cluster.nodes()[0].driver().unwrap();
    cluster.nodes()[0].freeze().unwrap();
    let mut load = driver.load_high_water();
    assert!(tokio::time::timeout(NO_ANSWER, &mut load).await.is_err());
    cluster.node_mut(0).unwrap().kill().unwrap();
    let answer = Patience::new(LIMIT)
        .wait_for("the end of a call", load)
        .await
        .unwrap();
    assert!(
        matches!(answer, Err(ConsensusError::Transient(_))),
        "{answer:?}"
    );
    cluster.start_all().await.unwrap();
    cluster.leader(Patience::new(LIMIT)).await.unwrap();
}

async fn a_wiped_node_starts_on_an_empty_folder(plan: ClusterPlan) {
    let mut cluster = Cluster::start(&plan).await.unwrap();
    cluster.shutdown_all().await.unwrap();
    let node = cluster.node_mut(0).unwrap();
    std::fs::write(node.dir().join("store"), "of before").unwrap();
    node.wipe().unwrap();
    assert_eq!(std::fs::read_dir(node.dir()).unwrap().count(), 0);
    cluster.start_all().await.unwrap();
}

fn trial<F>(name: &str, test: fn(ClusterPlan) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    Trial::test(name, move || {
        let dir = tempfile::tempdir().unwrap();
        Runtime::new().unwrap().block_on(test(plan(&dir)));
        Ok(())
    })
}

fn main() -> ExitCode {
    if let Some(code) = run_node_process_if_asked(&[Arc::new(Noisy::default())]) {
        return code;
    }
    let trials = vec![
        trial("a_noisy_node_is_understood", a_noisy_node_is_understood),
        trial(
            "a_frozen_node_answers_once_it_is_thawed",
            a_frozen_node_answers_once_it_is_thawed,
        ),
        trial(
            "a_killed_node_leaves_its_calls_unknown",
            a_killed_node_leaves_its_calls_unknown,
        ),
        trial(
            "a_wiped_node_starts_on_an_empty_folder",
            a_wiped_node_starts_on_an_empty_folder,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
