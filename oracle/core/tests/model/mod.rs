//! Leaders that follow each other over one durable high water, beside a model in plain arithmetic.
#![expect(clippy::expect_used, reason = "in the set-up of tests")]

use std::num::NonZeroU32;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use tsoracle_core::{
    CommitError, Extension, GrantError, LOGICAL_BITS, PHYSICAL_MS_MAX, PrepareError,
    TimestampRange, WindowAllocator,
};

/// One thing that happens to the cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The leader is asked for so many timestamps.
    Grant(NonZeroU32),
    /// The clock jumps by so many milliseconds.
    MoveClock(i64),
    /// The leader reads nonsense from its clock, once.
    MisreadClock(u64),
    /// The leader prepares an extension by a window and for a count.
    Prepare(u64, NonZeroU32),
    /// One of the extensions becomes durable; its leader has not heard of it yet.
    Persist(Index),
    /// The present leader commits one of the durable extensions, its own or not, again or not.
    Commit(Index),
    /// Another leader loads the high water and starts.
    TakeOver,
}

pub(crate) struct Cluster {
    leader: WindowAllocator,
    term: u64,
    now_ms: u64,
    durable_ms: u64,
    prepared: Vec<(u64, Extension)>,
    persisted: Vec<(u64, Extension, u64)>,
    /// All timestamps up to and with this one are spent: wider than a timestamp, to overflow never.
    spent: u128,
    bound_ms: u64,
}

impl Cluster {
    pub(crate) fn new(start_ms: u64) -> Self {
        Self {
            leader: WindowAllocator::seed(start_ms).expect("a start before the end of time"),
            term: 0,
            now_ms: start_ms,
            durable_ms: start_ms,
            prepared: Vec::new(),
            persisted: Vec::new(),
            spent: end_of(start_ms),
            bound_ms: start_ms,
        }
    }

    pub(crate) fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Grant(count) => self.grant(self.now_ms, count)?,
            Step::MoveClock(by_ms) => self.now_ms = self.now_ms.saturating_add_signed(by_ms),
            Step::MisreadClock(now_ms) => self.grant(now_ms, NonZeroU32::MIN)?,
            Step::Prepare(window_ms, count) => self.prepare(window_ms, count)?,
            Step::Persist(index) => self.persist(index),
            Step::Commit(index) => self.commit(index)?,
            Step::TakeOver => self.take_over()?,
        }
        prop_assert_eq!(self.leader.bound_ms(), self.bound_ms);
        prop_assert!(self.bound_ms <= self.durable_ms);
        Ok(())
    }

    fn grant(&mut self, now_ms: u64, count: NonZeroU32) -> Result<(), TestCaseError> {
        let (first, last) = self.place(now_ms, count);
        match self.leader.grant(now_ms, count) {
            Ok(range) => {
                self.check_range(now_ms, count, range)?;
                prop_assert_eq!(u128::from(range.first().as_u64()), first);
                self.spent = last;
            }
            Err(GrantError::NeedsExtension) => {
                prop_assert!(last <= end_of(PHYSICAL_MS_MAX));
                prop_assert!(last > end_of(self.bound_ms));
            }
            Err(GrantError::Exhausted(error)) => self.check_exhausted(count, error.left())?,
            Err(GrantError::ClockOutOfRange(error)) => {
                self.check_clock(now_ms, count, error.now_ms)?;
            }
        }
        Ok(())
    }

    fn prepare(&mut self, window_ms: u64, count: NonZeroU32) -> Result<(), TestCaseError> {
        let (_, last) = self.place(self.now_ms, count);
        match self.leader.prepare(self.now_ms, window_ms, count) {
            Ok(extension) => {
                let at_least_ms = extension.at_least_ms();
                prop_assert!(at_least_ms <= PHYSICAL_MS_MAX);
                prop_assert!(at_least_ms >= self.bound_ms);
                prop_assert!(end_of(at_least_ms) >= last);
                self.prepared.push((self.term, extension));
            }
            Err(PrepareError::Exhausted(error)) => self.check_exhausted(count, error.left())?,
            Err(PrepareError::ClockOutOfRange(error)) => {
                self.check_clock(self.now_ms, count, error.now_ms)?;
            }
        }
        Ok(())
    }

    fn persist(&mut self, index: Index) {
        if self.prepared.is_empty() {
            return;
        }
        let (term, extension) = self.prepared.swap_remove(index.index(self.prepared.len()));
        // Fenced: a command of an earlier leader has no effect.
        if term == self.term {
            self.durable_ms = self.durable_ms.max(extension.at_least_ms());
            self.persisted.push((term, extension, self.durable_ms));
        }
    }

    fn commit(&mut self, index: Index) -> Result<(), TestCaseError> {
        if self.persisted.is_empty() {
            return Ok(());
        }
        let (term, extension, durable_ms) = self.persisted[index.index(self.persisted.len())];
        let committed = self.leader.commit(extension, durable_ms);
        if term == self.term {
            prop_assert_eq!(committed, Ok(()));
            self.bound_ms = self.bound_ms.max(extension.at_least_ms());
        } else {
            prop_assert_eq!(committed, Err(CommitError::Foreign));
        }
        Ok(())
    }

    fn take_over(&mut self) -> Result<(), TestCaseError> {
        match WindowAllocator::seed(self.durable_ms) {
            Ok(leader) => {
                self.leader = leader;
                self.term += 1;
                self.spent = end_of(self.durable_ms);
                self.bound_ms = self.durable_ms;
            }
            Err(_) => prop_assert_eq!(self.durable_ms, PHYSICAL_MS_MAX),
        }
        Ok(())
    }

    fn place(&self, now_ms: u64, count: NonZeroU32) -> (u128, u128) {
        let first = (self.spent + 1).max(u128::from(now_ms) << LOGICAL_BITS);
        (first, first + u128::from(count.get()) - 1)
    }

    fn check_range(
        &self,
        now_ms: u64,
        count: NonZeroU32,
        range: TimestampRange,
    ) -> Result<(), TestCaseError> {
        prop_assert_eq!(range.len(), count.get());
        prop_assert!(u128::from(range.first().as_u64()) > self.spent);
        prop_assert!(range.first().physical_ms() >= now_ms);
        prop_assert!(range.last().physical_ms() <= self.bound_ms);
        prop_assert!(range.last().physical_ms() <= self.durable_ms);
        Ok(())
    }

    fn check_exhausted(&self, count: NonZeroU32, left: u64) -> Result<(), TestCaseError> {
        prop_assert_eq!(u128::from(left), end_of(PHYSICAL_MS_MAX) - self.spent);
        prop_assert!(left < u64::from(count.get()));
        Ok(())
    }

    fn check_clock(
        &self,
        now_ms: u64,
        count: NonZeroU32,
        reported_ms: u64,
    ) -> Result<(), TestCaseError> {
        prop_assert_eq!(reported_ms, now_ms);
        prop_assert!(end_of(PHYSICAL_MS_MAX) - self.spent >= u128::from(count.get()));
        let (_, last) = self.place(now_ms, count);
        prop_assert!(last > end_of(PHYSICAL_MS_MAX));
        Ok(())
    }
}

/// The last packed timestamp of a millisecond.
fn end_of(physical_ms: u64) -> u128 {
    ((u128::from(physical_ms) + 1) << LOGICAL_BITS) - 1
}
