//! Where the faults of one link act: on each frame, after it got its number.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::{Instant, Sleep};

use super::{FaultCell, LinkFault};

/// Frames under way on a link with a fault.
#[derive(Debug)]
pub(crate) struct Gate<T> {
    cell: Arc<FaultCell>,
    rng: ChaCha8Rng,
    /// In order of departure.
    under_way: VecDeque<(Instant, T)>,
    /// Waits for the next frame, which overtakes it.
    overtaken: Option<T>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<T: Clone> Gate<T> {
    pub(crate) fn new(cell: Arc<FaultCell>, seed: u64) -> Self {
        Self {
            cell,
            rng: ChaCha8Rng::seed_from_u64(seed),
            under_way: VecDeque::new(),
            overtaken: None,
            timer: None,
        }
    }

    /// Whether frames may pass it by.
    pub(crate) fn is_open(&self) -> bool {
        !self.cell.is_on() && self.under_way.is_empty() && self.overtaken.is_none()
    }

    /// Takes a frame on its way.
    pub(crate) fn push(&mut self, frame: T) {
        let fault = self.cell.get();
        if fault.cut || self.happens(fault.lose_per_mille) {
            self.cell.disturb(1);
            return;
        }
        if self.overtaken.is_none() && self.happens(fault.reorder_per_mille) {
            self.overtaken = Some(frame);
            self.cell.disturb(1);
            return;
        }
        if self.happens(fault.duplicate_per_mille) {
            self.depart(frame.clone(), &fault);
            self.cell.disturb(1);
        }
        self.depart(frame, &fault);
        if let Some(overtaken) = self.overtaken.take() {
            self.depart(overtaken, &fault);
        }
    }

    /// The next frame that arrives.
    pub(crate) fn poll_pop(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        if self.under_way.is_empty() {
            return Poll::Pending;
        }
        if self.cell.get().cut {
            self.cell.disturb(self.under_way.len() as u64);
            self.under_way.clear();
            return Poll::Pending;
        }
        let now = Instant::now();
        let due = self.under_way.front().map_or(now, |(due, _)| *due);
        if due > now {
            let mut timer = Box::pin(tokio::time::sleep_until(due));
            let pending = timer.as_mut().poll(cx).is_pending();
            self.timer = Some(timer);
            if pending {
                return Poll::Pending;
            }
        }
        match self.under_way.pop_front() {
            Some((_, frame)) => Poll::Ready(frame),
            None => Poll::Pending,
        }
    }

    fn depart(&mut self, frame: T, fault: &LinkFault) {
        let due = Instant::now() + fault.delay;
        self.cell.disturb(u64::from(!fault.delay.is_zero()));
        let last = self.under_way.back().map_or(due, |(last, _)| *last);
        self.under_way.push_back((due.max(last), frame));
    }

    fn happens(&mut self, per_mille: u16) -> bool {
        per_mille > 0 && self.rng.random_range(0..1_000) < per_mille
    }
}
