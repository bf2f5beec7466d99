//! The harness's handle on a node process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tsoracle_consensus::{BootInstant, ConsensusDriver, ConsensusError};

use super::pipe::Pipe;
use super::protocol::{Answer, NODE_PROCESS_ENV, Request};
use super::remote::RemoteDriver;
use super::{ProcessDisk, TestbedError};
use crate::{NodeSpec, Patience, TimedOut};

const EXIT_POLL: Duration = Duration::from_millis(1);

/// A node in a process of its own. Dropping it kills the process.
#[derive(Debug)]
pub struct ProcessNode {
    child: Child,
    pipe: Arc<Pipe>,
    disk: ProcessDisk,
}

impl ProcessNode {
    /// Starts this program again as a node process of the backend called `backend`; the node
    /// itself waits for [`start`](Self::start), so that faults can be set up before it opens a
    /// file. Undo journals go to `journal_dir`.
    ///
    /// # Errors
    /// [`TestbedError::System`] when no process can be made.
    pub fn spawn(backend: &str, node: u64, journal_dir: &Path) -> Result<Self, TestbedError> {
        let failed = |source| TestbedError::system("cannot start a node process", source);
        let program = this_program().map_err(failed)?;
        let mut child = Command::new(program)
            .env(NODE_PROCESS_ENV, backend)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(TestbedError::Protocol(
                "a node process without pipes".into(),
            ));
        };
        let pipe = Pipe::new(node, requests, answers);
        let disk = ProcessDisk::new(Arc::clone(&pipe), journal_dir.to_owned());
        Ok(Self { child, pipe, disk })
    }

    /// Starts the node in its process; returns its service endpoint.
    ///
    /// # Errors
    /// [`TestbedError::Driver`] with the driver's own refusal.
    pub async fn start(&self, spec: NodeSpec) -> Result<String, TestbedError> {
        match self.pipe.call(Request::Start(spec)).await? {
            Answer::Started { service_endpoint } => Ok(service_endpoint),
            Answer::Driver(error) => Err(error.into()),
            other => Err(TestbedError::Protocol(format!("{other:?}"))),
        }
    }

    /// The node's driver, behind the same trait as any other.
    #[must_use]
    pub fn driver(&self) -> Arc<dyn ConsensusDriver> {
        Arc::new(RemoteDriver {
            pipe: Arc::clone(&self.pipe),
        })
    }

    /// Faults below the node's file calls.
    #[must_use]
    pub fn disk(&self) -> &ProcessDisk {
        &self.disk
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Until when the node's current lease is valid, if it leads and has one.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`].
    pub async fn lease_deadline(&self) -> Result<Option<BootInstant>, TestbedError> {
        match self.pipe.call(Request::LeaseDeadline).await? {
            Answer::Deadline(deadline) => Ok(deadline),
            other => Err(TestbedError::Protocol(format!("{other:?}"))),
        }
    }

    /// Shuts the node down in its process, which lives on.
    ///
    /// # Errors
    /// What the driver answers; `Transient` when the process is gone.
    pub async fn shutdown(&self) -> Result<(), ConsensusError> {
        match self.pipe.call(Request::Shutdown).await {
            Ok(Answer::Driver(error)) => Err(error),
            Ok(_) => Ok(()),
            Err(error) => Err(ConsensusError::transient(error)),
        }
    }

    /// SIGKILL, and waits until the process is gone.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn kill(&mut self) -> Result<ExitStatus, TestbedError> {
        let failed = |source| TestbedError::system("cannot kill a node process", source);
        self.child.kill().map_err(failed)?;
        self.child.wait().map_err(failed)
    }

    /// SIGSTOP: the process stands still until [`thaw`](Self::thaw).
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn freeze(&self) -> Result<(), TestbedError> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn thaw(&self) -> Result<(), TestbedError> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), TestbedError> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let Some(pid) = pid else {
            return Err(self.pipe.not_running());
        };
        kill_process(pid, signal)
            .map_err(|errno| TestbedError::system("cannot signal a node process", errno.into()))
    }

    /// Waits until the process has ended by itself, as it does at a crash rule.
    ///
    /// # Errors
    /// [`TimedOut`].
    pub async fn wait_for_exit(&mut self, limit: Duration) -> Result<ExitStatus, TimedOut> {
        let exited = async {
            loop {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return status;
                }
                tokio::time::sleep(EXIT_POLL).await;
            }
        };
        Patience::new(limit)
            .wait_for("the end of a node process", exited)
            .await
    }
}

/// This very program, also if its file has been replaced since it began.
fn this_program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    }
}

impl Drop for ProcessNode {
    fn drop(&mut self) {
        // A process that has ended already cannot be killed, and need not be.
        let _ = self.kill();
    }
}
