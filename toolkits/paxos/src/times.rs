//! The times of a group, in one place.

use std::time::Duration;

use omnipaxos::ServerConfig;
use tsoracle_lease::Drift;

/// The times that all nodes of a group share. The engine's clocks, the lease and the transport's
/// handshake are derived from them, so that nodes with other times refuse each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTimes {
    /// The unit of the engine's clocks. Nothing that a caller waits for is due to a tick.
    pub tick: Duration,
    /// Ticks from one round of heartbeats to the next. A heartbeat that takes longer is not
    /// counted, so a round must outlast a round trip and a sync. A leader that falls silent is
    /// followed by a campaign after two to three rounds.
    pub election_ticks: u64,
    /// Ticks after which the engine repeats what was not answered.
    pub resend_ticks: u64,
    /// How long a grant of the lease binds. A failover takes at least the rest of one.
    pub grant: Duration,
    /// Between two rounds of the lease.
    pub interval: Duration,
    /// How far two clocks may run apart.
    pub drift: Drift,
}

impl Default for GroupTimes {
    /// A failover within 250 ms where a sync and a round trip take a few: heartbeats every 50 ms,
    /// grants of 150 ms every 45 ms.
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            tick: ms(10),
            election_ticks: 5,
            resend_ticks: 5,
            grant: ms(150),
            interval: ms(45),
            drift: Drift::default(),
        }
    }
}

/// Times that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimesError {
    /// The lease cannot be kept this way.
    #[error(transparent)]
    Lease(#[from] tsoracle_lease::TimingError),
    /// A clock that stands still.
    #[error("times.{setting} must be above zero")]
    Zero {
        /// Which.
        setting: &'static str,
    },
}

impl GroupTimes {
    /// From one round of heartbeats to the next.
    #[must_use]
    pub fn heartbeat(&self) -> Duration {
        let ticks = u32::try_from(self.election_ticks).unwrap_or(u32::MAX);
        self.tick.saturating_mul(ticks)
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// [`TimesError`].
    pub fn check(&self) -> Result<(), TimesError> {
        let zero = [
            ("tick", self.tick.is_zero()),
            ("election_ticks", self.election_ticks == 0),
            ("resend_ticks", self.resend_ticks == 0),
        ];
        for (setting, is_zero) in zero {
            if is_zero {
                return Err(TimesError::Zero { setting });
            }
        }
        self.lease().map(|_| ())
    }

    /// The times of the lease. A Prepare that is held stays with the runner, or comes again with
    /// the engine's next repetition.
    ///
    /// # Errors
    /// [`TimesError::Lease`].
    pub fn lease(&self) -> Result<tsoracle_lease::Timing, TimesError> {
        let timing = tsoracle_lease::Timing::new(self.grant, self.interval, self.drift)?;
        let ticks = u32::try_from(self.resend_ticks).unwrap_or(u32::MAX);
        let repeated = self.tick.saturating_mul(ticks).saturating_mul(3);
        Ok(timing.with_patience(repeated.max(self.grant)))
    }

    /// What the transport's handshake compares; `leases` says whether the group has a lease, and
    /// `members` who is in it: nodes that go by different lists do not hear each other.
    #[must_use]
    pub fn handshake(
        &self,
        leases: bool,
        members: impl IntoIterator<Item = u64>,
    ) -> tsoracle_peer_transport::Timing {
        let parts = [
            self.tick.as_nanos(),
            u128::from(self.election_ticks),
            u128::from(self.resend_ticks),
            self.grant.as_nanos(),
            self.interval.as_nanos(),
            u128::from(self.drift.share_ppm),
            self.drift.slack.as_nanos(),
        ];
        tsoracle_peer_transport::Timing {
            election_timeout: self.heartbeat(),
            lease: leases.then_some(self.grant),
            drift: self.grant.saturating_sub(self.drift.shorten(self.grant)),
            digest: digest(parts.into_iter().chain(members.into_iter().map(u128::from))),
        }
    }

    /// The engine's own settings of one node. Batching by time is off: the runner gathers.
    pub(crate) fn server(&self, pid: u64, leader_priority: u32) -> ServerConfig {
        ServerConfig {
            pid,
            election_tick_timeout: self.election_ticks,
            resend_message_tick_timeout: self.resend_ticks,
            buffer_size: 1_024,
            batch_size: 1,
            flush_batch_tick_timeout: u64::MAX,
            leader_priority,
        }
    }
}

/// FNV-1a over the numbers' bytes: the same on every machine.
fn digest(parts: impl Iterator<Item = u128>) -> u64 {
    let bytes = parts.flat_map(u128::to_le_bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        assert_eq!(GroupTimes::default().check(), Ok(()));
        let stopped = GroupTimes {
            tick: Duration::ZERO,
            ..GroupTimes::default()
        };
        assert_eq!(stopped.check(), Err(TimesError::Zero { setting: "tick" }));
        let lapses = GroupTimes {
            interval: Duration::from_millis(100),
            ..GroupTimes::default()
        };
        assert!(matches!(lapses.check(), Err(TimesError::Lease(_))));
    }

    #[test]
    fn other_times_have_another_handshake() {
        let times = GroupTimes::default();
        let changes: [fn(&mut GroupTimes); 7] = [
            |times| times.tick *= 2,
            |times| times.election_ticks += 1,
            |times| times.resend_ticks += 1,
            |times| times.grant *= 2,
            |times| times.interval += Duration::from_nanos(1),
            |times| times.drift.share_ppm += 1,
            |times| times.drift.slack *= 2,
        ];
        for change in changes {
            let mut other = times;
            change(&mut other);
            assert_ne!(times.handshake(true, [1, 2]), other.handshake(true, [1, 2]));
        }
        assert_ne!(
            times.handshake(true, [1, 2]),
            times.handshake(false, [1, 2])
        );
        assert_ne!(
            times.handshake(true, [1, 2]),
            times.handshake(true, [1, 2, 3])
        );
    }
}
