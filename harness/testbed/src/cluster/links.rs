//! Faults on the links of a cluster, by place.

use super::Cluster;
use crate::{LinkFault, TestbedError};

impl Cluster {
    /// Sets what the link from one node to another does; it stays so over their restarts.
    ///
    /// # Errors
    /// [`TestbedError::Lacks`] when the backend's links cannot be reached.
    pub async fn set_link(
        &mut self,
        from: usize,
        to: usize,
        fault: LinkFault,
    ) -> Result<(), TestbedError> {
        let to = self.node_mut(to)?.spec().node;
        let sender = self.node_mut(from)?.spec().node;
        if let Some(proxies) = &self.proxies {
            proxies.set(sender, to, fault);
            return Ok(());
        }
        self.node_mut(from)?.set_link(to, fault).await
    }

    /// Sets both directions between two nodes.
    ///
    /// # Errors
    /// As [`set_link`](Self::set_link).
    pub async fn set_both(
        &mut self,
        one: usize,
        other: usize,
        fault: LinkFault,
    ) -> Result<(), TestbedError> {
        self.set_link(one, other, fault).await?;
        self.set_link(other, one, fault).await
    }

    /// Cuts one node off from all others, both ways.
    ///
    /// # Errors
    /// As [`set_link`](Self::set_link).
    pub async fn isolate(&mut self, index: usize) -> Result<(), TestbedError> {
        for other in (0..self.nodes.len()).filter(|other| *other != index) {
            self.set_both(index, other, LinkFault::Drop).await?;
        }
        Ok(())
    }

    /// Cuts every link between two groups, both ways.
    ///
    /// # Errors
    /// As [`set_link`](Self::set_link).
    pub async fn split(&mut self, these: &[usize], those: &[usize]) -> Result<(), TestbedError> {
        for one in these {
            for other in those {
                self.set_both(*one, *other, LinkFault::Drop).await?;
            }
        }
        Ok(())
    }

    /// Makes every link deliver.
    ///
    /// # Errors
    /// As [`set_link`](Self::set_link).
    pub async fn heal(&mut self) -> Result<(), TestbedError> {
        for from in 0..self.nodes.len() {
            for to in (0..self.nodes.len()).filter(|to| *to != from) {
                self.set_link(from, to, LinkFault::Deliver).await?;
            }
        }
        Ok(())
    }

    /// How many frames from one node to another did not go their usual way: the evidence that a
    /// fault happened.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`], [`TestbedError::Lacks`].
    pub async fn disturbed(&self, from: usize, to: usize) -> Result<u64, TestbedError> {
        let [from_node, to_node] = [from, to].map(|place| self.nodes[place].spec().node);
        match &self.proxies {
            Some(proxies) => Ok(proxies.disturbed(from_node, to_node)),
            None => self.nodes[from].disturbed(to_node).await,
        }
    }

    /// The frames that went astray on any link into or out of one node whose sender runs.
    ///
    /// # Errors
    /// [`TestbedError::Lacks`].
    pub async fn disturbed_around(&self, index: usize) -> Result<u64, TestbedError> {
        let mut frames = 0;
        for other in (0..self.nodes.len()).filter(|other| *other != index) {
            for (from, to) in [(index, other), (other, index)] {
                if self.nodes[from].is_running() {
                    frames += self.disturbed(from, to).await?;
                }
            }
        }
        Ok(frames)
    }
}
