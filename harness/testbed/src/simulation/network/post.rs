//! What a network has under way, and what it has handed over.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::mpsc;
use tsoracle_consensus::NodeId;

use super::digest::Digest;
use crate::LinkFault;
use crate::simulation::since_begin;

/// Tokio's timers go by milliseconds.
const TICK: Duration = Duration::from_millis(1);
/// What a message takes on a healthy link at most: one may overtake another.
const MOST_LATENCY_TICKS: u32 = 2;
/// A node that does not read keeps so many messages; later ones are lost.
pub(super) const MAILBOX: usize = 10_000;

/// The state of a network.
#[derive(Debug)]
pub(super) struct Post<M> {
    rng: ChaCha8Rng,
    attachments: u64,
    mailboxes: BTreeMap<NodeId, Mailbox<M>>,
    links: BTreeMap<(NodeId, NodeId), Link<M>>,
    digest: Digest,
    pub(super) deliveries: u64,
    pub(super) overflowed: u64,
}

#[derive(Debug)]
struct Mailbox<M> {
    attachment: u64,
    letters: mpsc::Sender<(NodeId, M)>,
}

#[derive(Debug)]
struct Link<M> {
    fault: LinkFault,
    disturbed: u64,
    /// Waits for the next one to go first.
    swapped: Option<Letter<M>>,
}

/// A message on its way to one attachment of its receiver.
#[derive(Clone, Debug)]
pub(super) struct Letter<M> {
    from: NodeId,
    to: NodeId,
    attachment: u64,
    message: M,
}

/// Letters that leave now, each with the time that it takes.
pub(super) type Departures<M> = Vec<(Duration, Letter<M>)>;

impl<M> Default for Link<M> {
    fn default() -> Self {
        Self {
            fault: LinkFault::Deliver,
            disturbed: 0,
            swapped: None,
        }
    }
}

impl<M: Clone + Debug> Post<M> {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            attachments: 0,
            mailboxes: BTreeMap::new(),
            links: BTreeMap::new(),
            digest: Digest::new(),
            deliveries: 0,
            overflowed: 0,
        }
    }

    pub(super) fn attach(&mut self, node: NodeId) -> mpsc::Receiver<(NodeId, M)> {
        let (letters, inbox) = mpsc::channel(MAILBOX);
        self.attachments += 1;
        let attachment = self.attachments;
        let mailbox = Mailbox {
            attachment,
            letters,
        };
        self.mailboxes.insert(node, mailbox);
        let links = self.links.iter_mut();
        for (_, link) in links.filter(|((from, _), _)| *from == node) {
            link.disturbed = 0;
        }
        inbox
    }

    pub(super) fn detach(&mut self, node: NodeId) {
        self.mailboxes.remove(&node);
    }

    /// A message leaves its sender.
    pub(super) fn post(&mut self, from: NodeId, to: NodeId, message: M) -> Departures<M> {
        let Some(mailbox) = self.mailboxes.get(&to) else {
            return Vec::new();
        };
        let letter = Letter {
            from,
            to,
            attachment: mailbox.attachment,
            message,
        };
        let latency = self.latency();
        let link = self.link(from, to);
        match link.fault {
            LinkFault::Deliver => vec![(latency, letter)],
            LinkFault::Drop => {
                link.disturbed += 1;
                Vec::new()
            }
            LinkFault::Delay(time) => {
                link.disturbed += 1;
                vec![(time.saturating_add(latency), letter)]
            }
            LinkFault::Lossy {
                lose_per_mille,
                duplicate_per_mille,
                reorder_per_mille,
            } => {
                let per_mille = [lose_per_mille, duplicate_per_mille, reorder_per_mille];
                let strikes = per_mille.map(|of| self.rng.random_range(0..1_000) < of);
                self.post_by_luck(letter, latency, strikes)
            }
        }
    }

    /// A message leaves over a link that loses, repeats or swaps it, as said.
    fn post_by_luck(
        &mut self,
        letter: Letter<M>,
        latency: Duration,
        [lose, repeat, swap]: [bool; 3],
    ) -> Departures<M> {
        let again = self.latency();
        let link = self.link(letter.from, letter.to);
        let swap = swap && link.swapped.is_none();
        link.disturbed += u64::from(lose || repeat || swap);
        if lose {
            return Vec::new();
        }
        if swap {
            link.swapped = Some(letter);
            return Vec::new();
        }
        let overtaken = link.swapped.take();
        let mut departures = Vec::new();
        if repeat {
            departures.push((again, letter.clone()));
        }
        departures.push((latency, letter));
        departures.extend(overtaken.map(|earlier| (latency + TICK, earlier)));
        departures
    }

    /// Sets what a link does from now on. What waited for a next message leaves.
    pub(super) fn set(&mut self, from: NodeId, to: NodeId, fault: LinkFault) -> Departures<M> {
        let link = self.link(from, to);
        link.fault = fault;
        let waited = link.swapped.take().into_iter();
        waited.map(|letter| (self.latency(), letter)).collect()
    }

    /// A message arrives. A cut severs what is on its way.
    pub(super) fn deliver(&mut self, letter: Letter<M>) {
        let Letter {
            from,
            to,
            attachment,
            message,
        } = letter;
        let link = self.link(from, to);
        if link.fault == LinkFault::Drop {
            link.disturbed += 1;
            return;
        }
        let mailbox = self.mailboxes.get(&to);
        let Some(mailbox) = mailbox.filter(|mailbox| mailbox.attachment == attachment) else {
            return;
        };
        match mailbox.letters.try_reserve() {
            Ok(place) => {
                self.deliveries += 1;
                let now = u64::try_from(since_begin().as_nanos()).unwrap_or(u64::MAX);
                for number in [now, from, to] {
                    self.digest.add(&number.to_le_bytes());
                }
                // A digest takes any text.
                let _ = write!(self.digest, "{message:?}");
                place.send((from, message));
            }
            Err(mpsc::error::TrySendError::Full(())) => self.overflowed += 1,
            Err(mpsc::error::TrySendError::Closed(())) => {}
        }
    }

    pub(super) fn disturbed(&self, from: NodeId, to: NodeId) -> u64 {
        self.links.get(&(from, to)).map_or(0, |link| link.disturbed)
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest.value()
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link<M> {
        self.links.entry((from, to)).or_default()
    }

    fn latency(&mut self) -> Duration {
        TICK * self.rng.random_range(0..=MOST_LATENCY_TICKS)
    }
}
