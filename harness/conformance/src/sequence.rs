//! One client of an oracle whose clock is set by hand.

use std::num::NonZeroU32;
use std::sync::Arc;

use tsoracle_core::{Clock, ManualClock, Timestamp};
use tsoracle_testbed::Leader;

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Oracle, OracleError, Stop};

/// Timestamps that are asked for one after the other, each above the one before.
pub(crate) struct Sequence {
    pub(crate) clock: ManualClock,
    oracle: Oracle,
    last: Timestamp,
    granted: u64,
}

impl Sequence {
    /// Begins on a leader, with the clock at `now_ms`.
    pub(crate) async fn open(case: &Case, leader: &Leader, now_ms: u64) -> Result<Self, Stop> {
        let clock = ManualClock::new(now_ms);
        Ok(Self {
            oracle: open(case, leader, &clock).await?,
            clock,
            last: Timestamp::MIN,
            granted: 0,
        })
    }

    /// Goes on with a new leader; the clock and the timestamps so far stay.
    pub(crate) async fn go_on(&mut self, case: &Case, leader: &Leader) -> Result<(), Stop> {
        self.oracle = open(case, leader, &self.clock).await?;
        Ok(())
    }

    /// Asks for one timestamp, which must be greater than every earlier one.
    pub(crate) async fn next(&mut self, case: &Case) -> Result<Timestamp, Stop> {
        self.next_batch(case, NonZeroU32::MIN).await
    }

    /// Asks for `count` timestamps, which must be greater than every earlier one; returns the
    /// first.
    pub(crate) async fn next_batch(
        &mut self,
        case: &Case,
        count: NonZeroU32,
    ) -> Result<Timestamp, Stop> {
        let grant = self.oracle.grant(count);
        let range = case
            .call_patience()
            .wait_for("a timestamp", grant)
            .await??;
        ensure!(
            range.first() > self.last,
            "{} was granted after {}, with the clock at {} ms",
            range.first(),
            self.last,
            self.clock.now_ms()
        );
        self.last = range.last();
        self.granted += 1;
        Ok(range.first())
    }

    /// Asks for one timestamp at a reading at which there is none; returns the refusal.
    pub(crate) async fn refusal(&mut self, case: &Case) -> Result<OracleError, Stop> {
        let grant = self.oracle.grant(NonZeroU32::MIN);
        let answer = case.call_patience().wait_for("a refusal", grant).await?;
        answer.err().ok_or_else(|| {
            Stop::Failed("a clock beyond the last millisecond was granted a timestamp".into())
        })
    }

    /// How many requests were granted.
    pub(crate) fn granted(&self) -> u64 {
        self.granted
    }
}

async fn open(case: &Case, leader: &Leader, clock: &ManualClock) -> Result<Oracle, Stop> {
    let (driver, lease) = (Arc::clone(&leader.driver), leader.lease.clone());
    let open = Oracle::open(driver, Arc::new(clock.clone()), leader.epoch, lease);
    let patience = case.call_patience();
    Ok(patience.wait_for("the opening load", open).await??)
}
