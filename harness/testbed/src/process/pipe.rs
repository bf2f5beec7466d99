//! The parent's end of the pipe: requests out, answers matched to them, states published.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tsoracle_consensus::{LeaderState, LeadershipPublisher};

use super::TestbedError;
use super::protocol::{Answer, Envelope, FromNode, Request, from_line, to_line};

#[derive(Debug)]
pub(super) struct Pipe {
    node: AtomicU64,
    next_id: AtomicU64,
    requests: Mutex<ChildStdin>,
    /// `None` once the process has ended.
    waiting: Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>,
    pub(super) leadership: LeadershipPublisher,
}

impl Pipe {
    pub(super) fn new(node: u64, requests: ChildStdin, answers: ChildStdout) -> Arc<Self> {
        let pipe = Arc::new(Self {
            node: AtomicU64::new(node),
            next_id: AtomicU64::new(1),
            requests: Mutex::new(requests),
            waiting: Mutex::new(Some(HashMap::new())),
            leadership: LeadershipPublisher::new(LeaderState::NoLeader),
        });
        let reader = Arc::clone(&pipe);
        std::thread::spawn(move || reader.read_until_the_end(answers));
        pipe
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
        let sent = lock(&self.requests).write_all(line.as_bytes());
        sent.map_err(|_| self.not_running())?;
        match answered.await {
            Ok(Answer::Panicked(text)) => std::panic::resume_unwind(Box::new(text)),
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.not_running()),
        }
    }

    pub(super) fn not_running(&self) -> TestbedError {
        TestbedError::NotRunning {
            node: self.node.load(Ordering::Relaxed),
        }
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

/// What the locks of this module guard stays whole across a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
