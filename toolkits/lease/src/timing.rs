//! How long a grant binds, how long a lease lasts, and what lies between the two.

use std::time::Duration;

/// How far two clocks may run apart while a lease lasts.
///
/// The leader's clock must advance by at least `d - (d * share + slack)` while any granter's clock
/// advances by `d`. With every clock's rate in `[1 - rho, 1 + rho]` that holds if
/// `(1 - rho) / (1 + rho) >= 1 - share`: the default of 1% allows each clock half a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drift {
    /// The share of a grant that the leader does not use, in millionths.
    pub share_ppm: u32,
    /// What it leaves unused besides: granularity of readings.
    pub slack: Duration,
}

impl Default for Drift {
    /// 1% and 1 ms.
    fn default() -> Self {
        Self {
            share_ppm: 10_000,
            slack: Duration::from_millis(1),
        }
    }
}

impl Drift {
    /// What a leader may use of a grant of this length; zero when nothing is left. Rounded down.
    #[must_use]
    pub fn shorten(self, grant: Duration) -> Duration {
        let lost = grant
            .as_nanos()
            .saturating_mul(u128::from(self.share_ppm))
            .div_ceil(1_000_000)
            .saturating_add(self.slack.as_nanos());
        let left = grant.as_nanos().saturating_sub(lost);
        Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX))
    }
}

/// The lengths that one node works with. All nodes of a cluster should have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timing {
    grant: Duration,
    interval: Duration,
    drift: Drift,
    patience: Duration,
}

impl Timing {
    /// The longest grant there can be.
    pub const LONGEST: Duration = Duration::from_secs(3600);

    /// Grants of `grant`, asked for every `interval`. A failover takes at least what is left of a
    /// grant; a lease survives one lost round.
    ///
    /// # Errors
    /// [`TimingError`] when no lease could be kept this way.
    pub fn new(grant: Duration, interval: Duration, drift: Drift) -> Result<Self, TimingError> {
        let usable = drift.shorten(grant);
        if grant > Self::LONGEST {
            return Err(TimingError::TooLong { grant });
        }
        if usable.is_zero() {
            return Err(TimingError::NothingLeft { grant, drift });
        }
        if interval.is_zero() {
            return Err(TimingError::NoInterval);
        }
        if interval.saturating_mul(2) > usable {
            return Err(TimingError::Lapses { interval, usable });
        }
        Ok(Self {
            grant,
            interval,
            drift,
            patience: grant,
        })
    }

    /// How long after the end of a hold this node still refuses rounds, so that what was held can
    /// come in: longer than the engine takes to try again, where it drops what is held. The default
    /// is the length of a grant.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long a grant binds, on the granter's clock, from the receipt of the round.
    #[must_use]
    pub const fn grant(&self) -> Duration {
        self.grant
    }

    /// How long a lease lasts, on the leader's clock, from the sending of the round.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.drift.shorten(self.grant)
    }

    /// How long after a round the next one is due.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// See [`with_patience`](Self::with_patience).
    #[must_use]
    pub const fn patience(&self) -> Duration {
        self.patience
    }
}

/// Lengths that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    /// Beyond [`Timing::LONGEST`].
    #[error("a grant of {grant:?} is longer than {:?}", Timing::LONGEST)]
    TooLong {
        /// What was asked for.
        grant: Duration,
    },
    /// The drift uses up the grant.
    #[error("a grant of {grant:?} leaves no lease after a drift of {} ppm and {:?}", .drift.share_ppm, .drift.slack)]
    NothingLeft {
        /// What was asked for.
        grant: Duration,
        /// What is taken off it.
        drift: Drift,
    },
    /// Rounds without a pause between them.
    #[error("rounds need an interval above zero")]
    NoInterval,
    /// One lost round would end the lease.
    #[error(
        "rounds every {interval:?} let a lease of {usable:?} lapse when one is lost; use at most half"
    )]
    Lapses {
        /// What was asked for.
        interval: Duration,
        /// The lease that a grant leaves.
        usable: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_lease_is_shorter_than_its_grant() {
        let timing = Timing::new(150 * MS, 50 * MS, Drift::default()).unwrap();
        assert_eq!(timing.lease(), Duration::from_micros(147_500));
        assert_eq!(timing.patience(), timing.grant());
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let refused = |grant, interval| Timing::new(grant, interval, Drift::default()).unwrap_err();
        assert_eq!(refused(150 * MS, Duration::ZERO), TimingError::NoInterval);
        assert!(matches!(
            refused(150 * MS, 74 * MS),
            TimingError::Lapses { .. }
        ));
        assert!(matches!(refused(MS, MS), TimingError::NothingLeft { .. }));
        assert!(matches!(
            refused(Duration::MAX, MS),
            TimingError::TooLong { .. }
        ));
        let all = Drift {
            share_ppm: u32::MAX,
            slack: Duration::MAX,
        };
        assert_eq!(all.shorten(Duration::MAX), Duration::ZERO);
    }

    #[test]
    fn shortening_rounds_down() {
        let drift = Drift {
            share_ppm: 1,
            slack: Duration::ZERO,
        };
        assert_eq!(
            drift.shorten(Duration::from_nanos(10)),
            Duration::from_nanos(9)
        );
    }
}
