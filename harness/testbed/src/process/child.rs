//! The node process itself: it reads requests from its standard input until that ends.

use std::any::Any;
use std::io::{BufRead, Write};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use futures_util::{FutureExt, StreamExt};
use tokio::runtime::{Builder, Runtime};
use tsoracle_consensus::{ConsensusError, LeadershipStream};

use super::answers;
use super::protocol::{
    Answer, Envelope, FaultRequest, FromNode, NODE_PROCESS_ENV, Request, from_line, to_line,
};
use crate::{Backend, Node, NodeSpec};

/// Runs a node of one of `backends` and returns its exit code, if this process was started to be
/// one; `None` otherwise. A program that uses process nodes calls this first in its `main`.
#[must_use]
pub fn run_node_process_if_asked(backends: &[Arc<dyn Backend>]) -> Option<ExitCode> {
    let name = std::env::var(NODE_PROCESS_ENV).ok()?;
    let Some(backend) = backends.iter().find(|backend| backend.name() == name) else {
        eprintln!("no backend is called {name:?} in this program");
        return Some(ExitCode::from(2));
    };
    let runtime = match Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("a node process cannot start its runtime: {error}");
            return Some(ExitCode::from(3));
        }
    };
    let child = Arc::new(NodeProcess {
        backend: Arc::clone(backend),
        node: OnceLock::new(),
    });
    child.serve(&runtime);
    // What a node left running must not keep the process.
    runtime.shutdown_background();
    Some(ExitCode::SUCCESS)
}

struct NodeProcess {
    backend: Arc<dyn Backend>,
    node: OnceLock<Arc<dyn Node>>,
}

impl NodeProcess {
    fn serve(self: &Arc<Self>, runtime: &Runtime) {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let Some(Ok(Envelope { id, request })) = from_line(&line) else {
                continue;
            };
            let child = Arc::clone(self);
            runtime.spawn(async move {
                let answer = AssertUnwindSafe(child.answer(request)).catch_unwind();
                let answer = answer
                    .await
                    .unwrap_or_else(|panic| Answer::Panicked(panic_text(&*panic)));
                send(&FromNode::Answer { id, answer });
            });
        }
    }

    async fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Start(spec) => self.start(spec).await,
            Request::Fault(fault) => answer_fault(fault).await,
            Request::Node(request) => match self.node.get() {
                Some(node) => answers::answer(node.as_ref(), request).await,
                None => Answer::NotStarted,
            },
        }
    }

    async fn start(&self, spec: NodeSpec) -> Answer {
        let node = match self.backend.start(spec).await {
            Ok(node) => node,
            Err(error) => return Answer::Driver(error),
        };
        let service_endpoint = node.service_endpoint();
        tokio::spawn(forward(node.driver().leadership_events()));
        match self.node.set(node) {
            Ok(()) => Answer::Started { service_endpoint },
            Err(_) => Answer::Driver(ConsensusError::permanent("this process has a node already")),
        }
    }
}

async fn forward(mut states: LeadershipStream) {
    while let Some(state) = states.next().await {
        send(&FromNode::State(state));
    }
    send(&FromNode::StreamEnded);
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "without a message".to_owned())
}

async fn answer_fault(request: FaultRequest) -> Answer {
    let done = tokio::task::spawn_blocking(move || apply_fault(request)).await;
    match done {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Answer::Fault(error.to_string()),
        Err(error) => Answer::Fault(error.to_string()),
    }
}

fn apply_fault(request: FaultRequest) -> Result<Answer, tsoracle_faultfs::Error> {
    Ok(match request {
        FaultRequest::Install(rule) => Answer::Rule(tsoracle_faultfs::install(rule)?),
        FaultRequest::Remove(id) => {
            tsoracle_faultfs::remove(id)?;
            Answer::Done
        }
        FaultRequest::WaitForHits {
            id,
            at_least,
            limit,
        } => Answer::Value(tsoracle_faultfs::wait_for_hits(id, at_least, limit)?),
        FaultRequest::Counts(id) => Answer::Counts(tsoracle_faultfs::counts(id)?),
        FaultRequest::Trace(id) => Answer::Trace(tsoracle_faultfs::trace(id)?),
        FaultRequest::Record {
            prefix,
            journal_dir,
        } => {
            tsoracle_faultfs::record_unsynced(&prefix, &journal_dir)?;
            Answer::Done
        }
    })
}

/// Writes one line. A parent that is gone ends this process through its standard input.
fn send(message: &FromNode) {
    if let Ok(line) = to_line(message) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}
