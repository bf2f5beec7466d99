//! The harness's handle on a node process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tsoracle_consensus::{
    BootInstant, ConsensusDriver, ConsensusError, Handoff, Membership, NodeId,
};

use super::pipe::Pipe;
use super::protocol::{Answer, NODE_PROCESS_ENV, NodeRequest, Request};
use super::remote::{RemoteDriver, RemoteHandoff, RemoteLease, RemoteMembership, remote_hooks};
use super::{ProcessDisk, TestbedError};
use crate::{HookKind, Hooks, LeaseReader, LinkFault, NodeSpec, Patience, TimedOut};

const EXIT_POLL: Duration = Duration::from_millis(1);

/// A node in a process of its own. Dropping it kills the process.
#[derive(Debug)]
pub struct ProcessNode {
    child: Child,
    pipe: Arc<Pipe>,
    disk: ProcessDisk,
    service_endpoint: OnceLock<String>,
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
        let pipe = Pipe::new(node, requests, answers).map_err(failed)?;
        let disk = ProcessDisk::new(Arc::clone(&pipe), journal_dir.to_owned());
        Ok(Self {
            child,
            pipe,
            disk,
            service_endpoint: OnceLock::new(),
        })
    }

    /// Starts the node in its process; returns its service endpoint.
    ///
    /// # Errors
    /// [`TestbedError::Driver`] with the driver's own refusal.
    pub async fn start(&self, spec: NodeSpec) -> Result<String, TestbedError> {
        match self.pipe.call(Request::Start(spec)).await? {
            Answer::Started { service_endpoint } => {
                let told = self.service_endpoint.get_or_init(|| service_endpoint);
                Ok(told.clone())
            }
            other => Err(other.into_error()),
        }
    }

    /// The node's driver, behind the same trait as any other.
    #[must_use]
    pub fn driver(&self) -> Arc<dyn ConsensusDriver> {
        Arc::new(RemoteDriver::new(&self.pipe))
    }

    /// Where the node said that its service is; empty before its start.
    #[must_use]
    pub fn service_endpoint(&self) -> String {
        self.service_endpoint.get().cloned().unwrap_or_default()
    }

    /// The hooks of these kinds, called in the node's process.
    #[must_use]
    pub fn hooks(&self, offered: &BTreeSet<HookKind>) -> Hooks {
        remote_hooks(&self.pipe, offered)
    }

    /// The node's `Handoff`; refused there if it has none.
    #[must_use]
    pub fn handoff(&self) -> Arc<dyn Handoff> {
        Arc::new(RemoteHandoff::new(&self.pipe))
    }

    /// The node's `Membership`; refused there if it has none.
    #[must_use]
    pub fn membership(&self) -> Arc<dyn Membership> {
        Arc::new(RemoteMembership::new(&self.pipe))
    }

    /// Sets what the link to another node does.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`], [`TestbedError::Lacks`].
    pub async fn set_link(&self, to: NodeId, fault: LinkFault) -> Result<(), TestbedError> {
        match self.pipe.ask(NodeRequest::SetLink { to, fault }).await? {
            Answer::Done => Ok(()),
            other => Err(other.into_error()),
        }
    }

    /// How many frames to another node did not go their usual way.
    ///
    /// # Errors
    /// As [`set_link`](Self::set_link).
    pub async fn disturbed(&self, to: NodeId) -> Result<u64, TestbedError> {
        match self.pipe.ask(NodeRequest::Disturbed(to)).await? {
            Answer::Value(frames) => Ok(frames),
            other => Err(other.into_error()),
        }
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
        RemoteLease::new(&self.pipe).deadline().await
    }

    /// What reads the node's lease while others act on it.
    pub(crate) fn lease_reader(&self) -> LeaseReader {
        LeaseReader::elsewhere(RemoteLease::new(&self.pipe))
    }

    /// Shuts the node down in its process, which lives on.
    ///
    /// # Errors
    /// What the driver answers; `Transient` when the process is gone.
    pub async fn shutdown(&self) -> Result<(), ConsensusError> {
        match self.pipe.ask(NodeRequest::Shutdown).await {
            Ok(Answer::Done | Answer::NotStarted) => Ok(()),
            Ok(other) => Err(other.into_error().into_consensus()),
            Err(error) => Err(error.into_consensus()),
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
