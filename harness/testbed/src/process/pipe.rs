//! The parent's end of the pipe: requests out, answers matched to them, states published.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tsoracle_consensus::{LeaderState, LeadershipPublisher};

use super::TestbedError;
use super::protocol::{Answer, Envelope, FromNode, NodeRequest, Request, from_line, to_line};

/// How many requests may wait for a process that does not read them.
const MAX_UNWRITTEN: usize = 4_096;

/// The process reads or it does not: a caller is never held up by a pipe that is full, since a
/// thread of its own writes to it.
#[derive(Debug)]
pub(super) struct Pipe {
    node: u64,
    next_id: AtomicU64,
    /// Lines for the thread that writes; `None` once the process has ended.
    unwritten: Mutex<Option<SyncSender<String>>>,
    /// `None` once the process has ended.
    waiting: Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>,
    pub(super) leadership: LeadershipPublisher,
}

impl Pipe {
    pub(super) fn new(
        node: u64,
        requests: ChildStdin,
        answers: ChildStdout,
    ) -> std::io::Result<Arc<Self>> {
        let (unwritten, lines) = sync_channel(MAX_UNWRITTEN);
        let pipe = Arc::new(Self {
            node,
            next_id: AtomicU64::new(1),
            unwritten: Mutex::new(Some(unwritten)),
            waiting: Mutex::new(Some(HashMap::new())),
            leadership: LeadershipPublisher::new(LeaderState::NoLeader),
        });
        let reader = Arc::clone(&pipe);
        // Both end with the process: a dead one's pipes are closed at its ends.
        let thread = |name: String| std::thread::Builder::new().name(name);
        thread(format!("from node {node}")).spawn(move || reader.read_until_the_end(answers))?;
        thread(format!("to node {node}")).spawn(move || write_until_the_end(requests, &lines))?;
        Ok(pipe)
    }

    /// Sends one request and awaits its answer. There is no deadline here: the node's process has
    /// its own, and a process that ends fails every call that waits for it. A panic of the driver
    /// goes on in the caller, as it would in one process.
    pub(super) async fn call(&self, request: Request) -> Result<Answer, TestbedError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let line = to_line(&Envelope { id, request })
            .map_err(|error| TestbedError::Protocol(error.to_string()))?;
        let (answer, answered) = oneshot::channel();
        match lock(&self.waiting).as_mut() {
            Some(waiting) => waiting.insert(id, answer),
            None => return Err(self.not_running()),
        };
        if let Err(refusal) = self.enqueue(line) {
            lock(&self.waiting).as_mut().map(|calls| calls.remove(&id));
            return Err(refusal);
        }
        match answered.await {
            Ok(Answer::Panicked(text)) => std::panic::resume_unwind(Box::new(text)),
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.not_running()),
        }
    }

    /// As [`call`](Self::call), of the node that runs.
    pub(super) async fn ask(&self, request: NodeRequest) -> Result<Answer, TestbedError> {
        self.call(Request::Node(request)).await
    }

    pub(super) fn not_running(&self) -> TestbedError {
        TestbedError::NotRunning { node: self.node }
    }

    fn enqueue(&self, line: String) -> Result<(), TestbedError> {
        let unwritten = lock(&self.unwritten);
        let queue = unwritten.as_ref().ok_or_else(|| self.not_running())?;
        queue.try_send(line).map_err(|refused| match refused {
            TrySendError::Full(_) => TestbedError::StandsStill {
                node: self.node,
                waiting: MAX_UNWRITTEN,
            },
            TrySendError::Disconnected(_) => self.not_running(),
        })
    }

    fn read_until_the_end(&self, answers: ChildStdout) {
        for line in BufReader::new(answers).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            match from_line::<FromNode>(&line) {
                Some(Ok(FromNode::Answer { id, answer })) => self.settle(id, answer),
                Some(Ok(FromNode::State(state))) => self.leadership.publish(state),
                Some(Ok(FromNode::StreamEnded)) => self.leadership.end(LeaderState::NoLeader),
                // A line cut short by a kill, or the driver's own output.
                Some(Err(_)) => {}
                None if line.is_empty() => {}
                // Whether anybody reads it does not matter here.
                None => drop(writeln!(std::io::stderr(), "{line}")),
            }
        }
        lock(&self.unwritten).take();
        lock(&self.waiting).take();
        self.leadership.end(LeaderState::NoLeader);
    }

    fn settle(&self, id: u64, answer: Answer) {
        let waiting = lock(&self.waiting)
            .as_mut()
            .and_then(|waiting| waiting.remove(&id));
        if let Some(waiting) = waiting {
            // A dropped receiver is a cancelled call.
            let _ = waiting.send(answer);
        }
    }
}

fn write_until_the_end(mut requests: ChildStdin, lines: &Receiver<String>) {
    for line in lines {
        if requests.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

/// What the locks of this module guard stays whole across a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
