//! How a node ends: in order, abruptly, by itself; and how it stands still.

use std::time::Duration;

use tsoracle_consensus::ConsensusError;

use super::{Running, TestNode};
use crate::{Patience, TestbedError};

const CRASH_POLL: Duration = Duration::from_millis(1);

impl TestNode {
    /// Asks the running node to shut down and leaves it in place, for checks of shutdown itself.
    ///
    /// # Errors
    /// The driver's answer, or [`TestbedError::NotRunning`].
    pub async fn request_shutdown(&self) -> Result<(), TestbedError> {
        let answer: Result<(), ConsensusError> = match self.running()? {
            Running::Here(node) => node.shutdown().await,
            Running::Elsewhere { process, .. } => process.shutdown().await,
        };
        answer.map_err(TestbedError::Driver)
    }

    /// Shuts the node down and lets go of it; a process of its own ends.
    ///
    /// # Errors
    /// The driver's answer, or [`TestbedError::NotRunning`].
    pub async fn shutdown(&mut self) -> Result<(), TestbedError> {
        let answer = self.request_shutdown().await;
        self.running = None;
        answer
    }

    /// SIGKILL to the node's process, and waits until it is gone.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`], [`TestbedError::NotRunning`].
    pub fn kill(&mut self) -> Result<(), TestbedError> {
        match (&self.machine, &mut self.running) {
            (_, None) => self.running().map(drop),
            (Some(machine), _) => {
                machine.kill();
                self.running = None;
                Ok(())
            }
            (None, Some(Running::Elsewhere { process, .. })) => {
                process.kill()?;
                self.running = None;
                Ok(())
            }
            (None, Some(Running::Here(_))) => Err(self.needs_process()),
        }
    }

    /// Ends the node as abruptly as its placement allows: SIGKILL for a process, dropped without a
    /// shutdown in this one.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`], [`TestbedError::System`].
    pub fn crash(&mut self) -> Result<(), TestbedError> {
        if self.is_spawned() {
            return self.kill();
        }
        self.running()?;
        self.running = None;
        Ok(())
    }

    /// Waits until the node's process has ended by itself, as it does at a crash rule.
    ///
    /// # Errors
    /// [`TestbedError::System`] when it lives on.
    pub async fn wait_for_crash(&mut self, limit: Duration) -> Result<(), TestbedError> {
        let needs_process = self.needs_process();
        let ended = match (&self.machine, &mut self.running) {
            (Some(machine), _) => {
                let dead = async {
                    while !machine.is_dead() {
                        tokio::time::sleep(CRASH_POLL).await;
                    }
                };
                let patience = Patience::new(limit);
                patience.wait_for("the end of a machine", dead).await
            }
            (None, Some(Running::Elsewhere { process, .. })) => {
                process.wait_for_exit(limit).await.map(drop)
            }
            (None, _) => return Err(needs_process),
        };
        self.running = None;
        ended.map_err(|timed_out| {
            TestbedError::system("a crash rule", std::io::Error::other(timed_out))
        })
    }

    /// SIGSTOP to the node's process.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`], [`TestbedError::NotRunning`].
    pub fn freeze(&self) -> Result<(), TestbedError> {
        match (&self.machine, self.running()?) {
            (Some(machine), _) => machine.freeze(),
            (None, Running::Elsewhere { process, .. }) => process.freeze()?,
            (None, Running::Here(_)) => return Err(self.needs_process()),
        }
        Ok(())
    }

    /// SIGCONT to the node's process.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`], [`TestbedError::NotRunning`].
    pub fn thaw(&self) -> Result<(), TestbedError> {
        match (&self.machine, self.running()?) {
            (Some(machine), _) => machine.thaw(),
            (None, Running::Elsewhere { process, .. }) => process.thaw()?,
            (None, Running::Here(_)) => return Err(self.needs_process()),
        }
        Ok(())
    }
}
