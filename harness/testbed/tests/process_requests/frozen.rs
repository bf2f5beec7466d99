//! A process that reads nothing.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tempfile::TempDir;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::ProcessNode;

use crate::backend::Able;
use crate::{start, within};

/// More than a pipe and the queue before it take.
const REQUESTS: usize = 10_000;

pub(crate) async fn a_frozen_node_holds_up_no_caller(dir: TempDir) {
    let cluster = start(Able, &dir).await;
    let driver = cluster.nodes()[0].driver().unwrap();
    cluster.nodes()[0].freeze().unwrap();
    let (asked, all_asked) = tokio::sync::oneshot::channel();
    // On another thread: one that is held up could not tell.
    let answers = tokio::spawn(async move {
        let mut loads: Vec<_> = (0..REQUESTS).map(|_| driver.load_high_water()).collect();
        let mut refusals = Vec::new();
        loads.retain_mut(|load| {
            let refusal = load.now_or_never().map(Result::unwrap_err);
            let waits = refusal.is_none();
            refusals.extend(refusal);
            waits
        });
        asked.send(refusals).unwrap();
        join_all(loads).await
    });
    let refusals = within("10,000 requests", all_asked).await.unwrap();
    assert!(refusals.iter().all(stands_still), "{:?}", refusals.last());
    assert!(
        (1..REQUESTS).contains(&refusals.len()),
        "{}",
        refusals.len()
    );

    cluster.nodes()[0].thaw().unwrap();
    let answers = within("the answers of a thawed node", answers).await;
    let answers = answers.unwrap();
    assert_eq!(answers.len() + refusals.len(), REQUESTS);
    assert!(answers.iter().all(Result::is_ok), "{:?}", answers.last());
}

fn stands_still(refusal: &ConsensusError) -> bool {
    matches!(refusal, ConsensusError::Transient(cause) if cause.to_string().contains("stands still"))
}

pub(crate) async fn the_threads_of_a_pipe_end_with_its_node(dir: TempDir) {
    const NODE: u64 = 771;
    let node = ProcessNode::spawn("able", NODE, dir.path()).unwrap();
    let driver = node.driver();
    wait_for_threads(NODE, 2).await;
    drop(node);
    wait_for_threads(NODE, 0).await;
    assert!(driver.load_high_water().await.is_err());
}

async fn wait_for_threads(node: u64, count: usize) {
    let reached = async {
        while threads_of(node) != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within("the threads of a pipe", reached).await;
}

fn threads_of(node: u64) -> usize {
    let name_of = |task: PathBuf| std::fs::read_to_string(task.join("comm")).unwrap_or_default();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| Some(name_of(task.ok()?.path())))
        .filter(|name| name.trim().ends_with(&format!(" node {node}")))
        .count()
}
