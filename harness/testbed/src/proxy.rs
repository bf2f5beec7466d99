//! A TCP proxy per directed link, for drivers that have a network of their own.

mod door;
mod link;
mod pump;
mod worker;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tsoracle_consensus::{Member, NodeId};

use self::door::{Door, listen};
use self::link::{End, Link, mildest};
use self::worker::Worker;
use crate::{LinkFault, TestbedError};

/// Proxies between the members of a cluster, which give [`LinkFault`] its meaning for a driver that
/// reaches its peers by TCP at the `peer_endpoint`s that it is given.
///
/// On a connection that `i` opened to `j`, bytes to `j` obey the link from `i` to `j`, and bytes
/// to `i` the link from `j` to `i`; the end of a stream is a part of it. A fault acts on the
/// connections that exist as soon as it is set:
///
/// - `Drop`: what is read is thrown away. A stream that has lost something passes nothing more, and
///   when the link is healed its connection is reset, so that both ends see a break. A new
///   connection over a cut link is accepted, reaches nobody, and is reset when the link is healed.
/// - `Delay`: every read is handed over that much later, in order. Connecting takes no longer. One
///   stream holds 1 MiB at most; its writer waits for the rest.
/// - `Lossy`: an engine sees a lost, repeated or swapped frame of a byte stream as a break. Each
///   read resets its connection with the sum of the three probabilities. The decisions are seeded;
///   how a stream falls into reads is up to the machine.
///
/// Who opens a connection is told by the endpoint that was dialed. A driver must therefore dial
/// what its own start was given, and not an address that another member wrote into a log. For the
/// one case where it has to, a member that joins later, see [`announced`](Self::announced).
///
/// Dropping it closes every connection and every port.
#[derive(Debug)]
pub struct ProxyLinks {
    network: Mutex<Network>,
    worker: Worker,
}

#[derive(Debug)]
struct Network {
    seed: u64,
    nodes: BTreeSet<NodeId>,
    /// Where members are to listen, whether they do so yet or not.
    kept_free: HashSet<String>,
    links: HashMap<(End, End), Arc<Link>>,
    /// By who dials, and whom.
    doors: HashMap<(End, NodeId), Door>,
}

impl ProxyLinks {
    /// Proxies without a fault; `seed` decides what a lossy link breaks.
    ///
    /// # Errors
    /// [`TestbedError::System`] when there is no thread to be had.
    pub fn new(seed: u64) -> Result<Self, TestbedError> {
        let network = Network {
            seed,
            nodes: BTreeSet::new(),
            kept_free: HashSet::new(),
            links: HashMap::new(),
            doors: HashMap::new(),
        };
        Ok(Self {
            network: Mutex::new(network),
            worker: Worker::start()?,
        })
    }

    /// The members as `node` is to see them: itself as it is, every other one behind the proxy of
    /// the link from `node`. An endpoint that is a proxy already stands for the one behind it.
    ///
    /// # Errors
    /// [`TestbedError::System`] when no port is to be had.
    pub fn view(&self, node: NodeId, members: &[Member]) -> Result<Vec<Member>, TestbedError> {
        self.network().keep_free(members);
        let seen = members.iter().map(|member| self.seen_by(node, member));
        seen.collect()
    }

    /// One member as `node` is to see it.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn seen_by(&self, node: NodeId, member: &Member) -> Result<Member, TestbedError> {
        self.behind_door(End::Node(node), member)
    }

    /// A member that joins later, as every node that runs already is to learn of it: all are told
    /// one and the same endpoint, so that nobody can tell who dials it.
    ///
    /// Connections to it obey the mildest fault of all links into the joiner, and what comes back
    /// the mildest of all links out of it: a joiner that is cut off from everyone is cut off, but a
    /// link between it and one other node is cut only on the connections that the joiner opened.
    /// Reads that these connections lose count as disturbed on each of those links.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn announced(&self, member: &Member) -> Result<Member, TestbedError> {
        self.behind_door(End::Anyone, member)
    }

    /// Sets what the link does.
    pub fn set(&self, from: NodeId, to: NodeId, fault: LinkFault) {
        let mut network = self.network();
        let link = network.link(End::Node(from), End::Node(to));
        link.set(fault);
        network.settle_shared_links();
    }

    /// How many reads on the link were lost, came late, or broke their connection. A connection
    /// that was kept from its target counts as one.
    #[must_use]
    pub fn disturbed(&self, from: NodeId, to: NodeId) -> u64 {
        let network = self.network();
        let (from, to) = (End::Node(from), End::Node(to));
        [(from, to), (from, End::Anyone), (End::Anyone, to)]
            .iter()
            .filter_map(|ends| network.links.get(ends))
            .map(|link| link.disturbed())
            .sum()
    }

    fn behind_door(&self, dialer: End, member: &Member) -> Result<Member, TestbedError> {
        let mut network = self.network();
        network.keep_free(std::slice::from_ref(member));
        let target = network.endpoint_behind(&member.peer_endpoint);
        let peer_endpoint = if dialer == End::Node(member.node) {
            target
        } else {
            network.door(&self.worker, dialer, member.node, target)?
        };
        if let End::Node(node) = dialer {
            network.nodes.insert(node);
        }
        network.nodes.insert(member.node);
        network.settle_shared_links();
        Ok(Member {
            peer_endpoint,
            ..member.clone()
        })
    }

    fn network(&self) -> MutexGuard<'_, Network> {
        // It stays whole across a panic.
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Network {
    fn link(&mut self, from: End, to: End) -> Arc<Link> {
        let link = self.links.entry((from, to));
        Arc::clone(link.or_insert_with(|| Arc::new(Link::new(self.seed, from, to))))
    }

    fn keep_free(&mut self, members: &[Member]) {
        for member in members {
            let endpoints = [&member.peer_endpoint, &member.service_endpoint];
            self.kept_free.extend(endpoints.map(String::clone));
        }
    }

    fn endpoint_behind(&self, endpoint: &str) -> String {
        let door = self.doors.values().find(|door| door.endpoint() == endpoint);
        door.map_or_else(|| endpoint.to_owned(), Door::target)
    }

    /// Opens a door, or gives an open one its target; returns where it is.
    fn door(
        &mut self,
        worker: &Worker,
        dialer: End,
        node: NodeId,
        target: String,
    ) -> Result<String, TestbedError> {
        if let Some(door) = self.doors.get(&(dialer, node)) {
            door.lead_to(target);
            return Ok(door.endpoint().to_owned());
        }
        let there = self.link(dialer, End::Node(node));
        let back = self.link(End::Node(node), dialer);
        let failed = |source| TestbedError::system("no port for a proxy", source);
        let listener = listen(|endpoint| !self.kept_free.contains(endpoint)).map_err(failed)?;
        let door = Door::open(worker, listener, target, there, back).map_err(failed)?;
        let endpoint = door.endpoint().to_owned();
        self.doors.insert((dialer, node), door);
        Ok(endpoint)
    }

    /// A link that many nodes share does what all of theirs have in common.
    fn settle_shared_links(&self) {
        for ((from, to), link) in &self.links {
            let fault = match (from, to) {
                (End::Anyone, _) => self.mildest_of(|node| (node, *to)),
                (_, End::Anyone) => self.mildest_of(|node| (*from, node)),
                _ => continue,
            };
            link.set(fault);
        }
    }

    fn mildest_of(&self, link_of: impl Fn(End) -> (End, End)) -> LinkFault {
        let links = self.nodes.iter().map(|node| link_of(End::Node(*node)));
        let faults = links.filter(|(from, to)| from != to).map(|ends| {
            let link = self.links.get(&ends);
            link.map_or(LinkFault::Deliver, |link| link.fault())
        });
        faults.reduce(mildest).unwrap_or(LinkFault::Deliver)
    }
}
