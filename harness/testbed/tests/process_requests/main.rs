//! What a node offers beyond its driver, used from another process.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot run has failed"
)]

mod backend;
mod capabilities;
mod frozen;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tsoracle_testbed::{
    Backend, Cluster, ClusterPlan, Patience, Placement, run_node_process_if_asked,
};

use backend::{Able, Bare};

const LIMIT: Duration = Duration::from_secs(20);

async fn start(backend: impl Backend, dir: &TempDir) -> Cluster {
    let plan = ClusterPlan {
        backend: Arc::new(backend),
        size: 2,
        dir: dir.path().to_owned(),
        placement: Placement::Processes,
        seed: 1,
        decorate: Arc::new(|_, driver| driver),
    };
    Cluster::start(&plan).await.unwrap()
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    Patience::new(LIMIT).wait_for(what, future).await.unwrap()
}

fn trial<F>(name: &str, test: fn(TempDir) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    Trial::test(name, move || {
        let dir = tempfile::tempdir().unwrap();
        Runtime::new().unwrap().block_on(test(dir));
        Ok(())
    })
}

macro_rules! trials {
    ($($module:ident::$test:ident),* $(,)?) => {
        vec![$(trial(stringify!($test), $module::$test)),*]
    };
}

fn main() -> ExitCode {
    if let Some(code) = run_node_process_if_asked(&[Arc::new(Able), Arc::new(Bare)]) {
        return code;
    }
    let mut trials = trials![
        capabilities::hooks_are_called_with_their_arguments,
        capabilities::only_declared_hooks_are_offered,
        capabilities::a_handoff_answers_as_it_does_there,
        capabilities::members_change_there,
        capabilities::links_follow_over_restarts,
        capabilities::a_service_is_where_the_node_said,
        capabilities::a_node_without_a_capability_lacks_it,
        capabilities::a_process_that_ends_leaves_its_calls_unknown,
        frozen::a_frozen_node_holds_up_no_caller,
    ];
    let counted = trial(
        "the_threads_of_a_pipe_end_with_its_node",
        frozen::the_threads_of_a_pipe_end_with_its_node,
    );
    trials.push(counted.with_ignored_flag(!cfg!(target_os = "linux")));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
