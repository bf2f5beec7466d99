//! Faults on the links out of a node, set while it runs.

mod gate;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::PeerId;
use crate::counters::Counter;
pub(crate) use gate::Gate;

/// What a directed link does to each frame. The default does nothing.
///
/// It acts below sessions. A frame that is lost or overtaken reaches an engine as the end of the
/// session; one that comes twice is dropped by the receiver; a delay keeps the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFault {
    /// Loses every frame, openings included, those under way too; and the notices of the receiver
    /// on this link, which travel against its direction.
    pub cut: bool,
    /// Hands each frame over this much later. From `times.silence` on, setting it may end the
    /// session, and from `times.handshake` and `times.silence` together on, none comes up.
    pub delay: Duration,
    /// Frames lost, of a thousand.
    pub lose_per_mille: u16,
    /// Frames sent twice, of a thousand.
    pub duplicate_per_mille: u16,
    /// Frames swapped with the next, of a thousand.
    pub reorder_per_mille: u16,
}

impl LinkFault {
    /// No fault.
    pub const NONE: Self = Self {
        cut: false,
        delay: Duration::ZERO,
        lose_per_mille: 0,
        duplicate_per_mille: 0,
        reorder_per_mille: 0,
    };

    /// Loses everything.
    pub const CUT: Self = Self {
        cut: true,
        ..Self::NONE
    };

    /// Delays everything.
    #[must_use]
    pub const fn delay(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::NONE
        }
    }

    /// Loses, repeats or swaps some frames, of a thousand each.
    #[must_use]
    pub const fn lossy(lose: u16, duplicate: u16, reorder: u16) -> Self {
        Self {
            lose_per_mille: lose,
            duplicate_per_mille: duplicate,
            reorder_per_mille: reorder,
            ..Self::NONE
        }
    }
}

/// The faults on the links out of one node, by the peer at their other end.
///
/// With the link to `j` cut, this node's messages and requests to `j` are lost, and its answers to
/// requests of `j`; the link from `j` works on. While no fault is set for a link, it costs one
/// relaxed load for each batch of frames.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    cells: Arc<Mutex<HashMap<PeerId, Arc<FaultCell>>>>,
}

impl Faults {
    /// Sets the link to `to`, whether or not it is a peer yet, from the next frame on.
    pub fn set(&self, to: PeerId, fault: LinkFault) {
        self.cell(to).set(fault);
    }

    /// The fault of the link to `to`.
    #[must_use]
    pub fn of(&self, to: PeerId) -> LinkFault {
        self.cell(to).get()
    }

    /// How many frames to `to` the faults have lost, delayed, repeated or swapped since the transport
    /// started, whether or not it is a peer still.
    #[must_use]
    pub fn disturbed(&self, to: PeerId) -> u64 {
        self.cell(to).disturbed.read()
    }

    /// Sets every link that has a fault back to none.
    pub fn heal(&self) {
        for cell in self.lock().values() {
            cell.set(LinkFault::NONE);
        }
    }

    pub(crate) fn cell(&self, to: PeerId) -> Arc<FaultCell> {
        Arc::clone(self.lock().entry(to).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PeerId, Arc<FaultCell>>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fault of one link.
#[derive(Debug, Default)]
pub(crate) struct FaultCell {
    on: AtomicBool,
    fault: Mutex<LinkFault>,
    disturbed: Counter,
}

impl FaultCell {
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self) -> LinkFault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disturb(&self, frames: u64) {
        self.disturbed.add(frames);
    }

    fn set(&self, fault: LinkFault) {
        let mut now = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        *now = fault;
        self.on.store(fault != LinkFault::NONE, Ordering::Relaxed);
    }
}
