//! A network that exists in virtual time: seeded latencies, and faults on its directed links.

mod digest;
mod post;

use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use tsoracle_consensus::NodeId;

use post::{Departures, Post};

use super::lock;
use crate::{LinkFault, LinkFaults};

/// The network between simulated nodes. One seed, and one schedule of tasks, give one schedule of
/// messages.
///
/// A message takes 0, 1 or 2 ms on a healthy link, so that one may overtake another. What was sent
/// before a fault was set is not touched by it, except that whatever arrives while its link is cut
/// is lost, and so is what was on its way to an attachment that has been replaced since. A node
/// that does not read keeps its first 10,000 messages.
pub struct SimNetwork<M> {
    post: Arc<Mutex<Post<M>>>,
}

impl<M: Clone + Debug + Send + 'static> SimNetwork<M> {
    /// A network without nodes, on which every link delivers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let post = Arc::new(Mutex::new(Post::new(seed)));
        Self { post }
    }

    /// Connects a node that starts: what is sent to it from now on arrives here, each message with
    /// its sender, and its links count what they disturb from zero. What they do stays as it was.
    #[must_use]
    pub fn attach(&self, node: NodeId) -> mpsc::Receiver<(NodeId, M)> {
        lock(&self.post).attach(node)
    }

    /// Disconnects a node: what is sent to it, or on its way, is lost.
    pub fn detach(&self, node: NodeId) {
        lock(&self.post).detach(node);
    }

    /// Sends a message. Nobody learns whether it arrives.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn send(&self, from: NodeId, to: NodeId, message: M) {
        let departures = lock(&self.post).post(from, to, message);
        self.dispatch(departures);
    }

    /// Faults on the links out of a node.
    #[must_use]
    pub fn links(&self, from: NodeId) -> Arc<dyn LinkFaults> {
        let network = self.clone();
        Arc::new(SimLinks { network, from })
    }

    /// How many messages were handed over.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        lock(&self.post).deliveries
    }

    /// How many messages were lost because their receiver had too many.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        lock(&self.post).overflowed
    }

    /// A hash over every delivery so far: its virtual instant, its two ends and the message. The
    /// fingerprint of a run.
    #[must_use]
    pub fn digest(&self) -> u64 {
        lock(&self.post).digest()
    }

    fn dispatch(&self, departures: Departures<M>) {
        for (time, letter) in departures {
            if time.is_zero() {
                lock(&self.post).deliver(letter);
                continue;
            }
            let post = Arc::clone(&self.post);
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                lock(&post).deliver(letter);
            });
        }
    }
}

impl<M> Clone for SimNetwork<M> {
    fn clone(&self) -> Self {
        let post = Arc::clone(&self.post);
        Self { post }
    }
}

impl<M: Debug> Debug for SimNetwork<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimNetwork")
            .field(&*lock(&self.post))
            .finish()
    }
}

struct SimLinks<M> {
    network: SimNetwork<M>,
    from: NodeId,
}

impl<M: Clone + Debug + Send + 'static> LinkFaults for SimLinks<M> {
    fn set(&self, to: NodeId, fault: LinkFault) {
        let departures = lock(&self.network.post).set(self.from, to, fault);
        self.network.dispatch(departures);
    }

    fn disturbed(&self, to: NodeId) -> u64 {
        lock(&self.network.post).disturbed(self.from, to)
    }
}

#[cfg(test)]
mod tests;
