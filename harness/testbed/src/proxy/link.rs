//! The state of one directed link.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::watch;
use tsoracle_consensus::NodeId;

use crate::LinkFault;

/// Who is at one end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    Node(NodeId),
    /// Somebody who cannot be told from the others.
    Anyone,
}

/// What a link does now, and how often it did it.
#[derive(Debug)]
pub(super) struct Link {
    fault: watch::Sender<LinkFault>,
    disturbed: AtomicU64,
    /// Shared by its connections.
    dice: Mutex<ChaCha8Rng>,
}

impl Link {
    pub(super) fn new(seed: u64, from: End, to: End) -> Self {
        Self {
            fault: watch::Sender::new(LinkFault::Deliver),
            disturbed: AtomicU64::new(0),
            dice: Mutex::new(dice(seed, from, to)),
        }
    }

    pub(super) fn set(&self, fault: LinkFault) {
        self.fault
            .send_if_modified(|current| std::mem::replace(current, fault) != fault);
    }

    pub(super) fn fault(&self) -> LinkFault {
        *self.fault.borrow()
    }

    /// Follows what the link does.
    pub(super) fn follow(&self) -> watch::Receiver<LinkFault> {
        self.fault.subscribe()
    }

    pub(super) fn is_cut(&self) -> bool {
        self.fault() == LinkFault::Drop
    }

    pub(super) fn disturbed(&self) -> u64 {
        self.disturbed.load(Ordering::Relaxed)
    }

    pub(super) fn count_disturbed(&self, reads: u64) {
        self.disturbed.fetch_add(reads, Ordering::Relaxed);
    }

    /// Whether this read is one of those.
    pub(super) fn hits(&self, per_mille: u16) -> bool {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        dice.random_range(0..1_000) < per_mille
    }
}

/// The one of two faults that disturbs less.
pub(super) fn mildest(one: LinkFault, other: LinkFault) -> LinkFault {
    if rank(one) <= rank(other) { one } else { other }
}

fn rank(fault: LinkFault) -> (u8, u128) {
    match fault {
        LinkFault::Deliver => (0, 0),
        LinkFault::Delay(delay) => (1, delay.as_nanos()),
        LinkFault::Lossy { .. } => (2, breaks_per_mille(fault).into()),
        LinkFault::Drop => (3, 0),
    }
}

/// How many of a thousand reads break their connection.
pub(super) fn breaks_per_mille(fault: LinkFault) -> u16 {
    match fault {
        LinkFault::Lossy {
            lose_per_mille,
            duplicate_per_mille,
            reorder_per_mille,
        } => lose_per_mille
            .saturating_add(duplicate_per_mille)
            .saturating_add(reorder_per_mille),
        _ => 0,
    }
}

fn dice(seed: u64, from: End, to: End) -> ChaCha8Rng {
    let words = [seed, number(from), number(to), 0];
    let mut bytes = [0; 32];
    for (part, word) in bytes.chunks_exact_mut(8).zip(words) {
        part.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(bytes)
}

fn number(end: End) -> u64 {
    match end {
        End::Node(node) => node,
        End::Anyone => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn hits(seed: u64, to: NodeId) -> Vec<bool> {
        let link = Link::new(seed, End::Node(1), End::Node(to));
        (0..1_000).map(|_| link.hits(100)).collect()
    }

    #[test]
    fn one_seed_decides_alike_and_links_differ() {
        assert_eq!(hits(7, 2), hits(7, 2));
        assert_ne!(hits(7, 2), hits(7, 3));
        assert_ne!(hits(7, 2), hits(8, 2));
        let share = hits(7, 2).iter().filter(|hit| **hit).count();
        assert!(
            (50..200).contains(&share),
            "{share} of 1000 at 100 per mille"
        );
    }

    #[test]
    fn of_two_faults_the_milder_is_taken() {
        let (short, long) = (Duration::from_millis(1), Duration::from_millis(2));
        let lossy = LinkFault::Lossy {
            lose_per_mille: 1,
            duplicate_per_mille: 0,
            reorder_per_mille: 0,
        };
        let ordered = [
            LinkFault::Deliver,
            LinkFault::Delay(short),
            LinkFault::Delay(long),
            lossy,
            LinkFault::Drop,
        ];
        for pair in ordered.windows(2) {
            assert_eq!(mildest(pair[0], pair[1]), pair[0]);
            assert_eq!(mildest(pair[1], pair[0]), pair[0]);
        }
    }
}
