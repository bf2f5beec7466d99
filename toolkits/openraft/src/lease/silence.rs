//! When a leader that no quorum answers falls silent.
//!
//! Under a grant a node lets no pre-vote pass. A leader that lost its quorum, and still reaches some
//! nodes, would bind those for ever by its rounds, though they could elect another with nodes that it
//! does not reach. openraft mutes the heartbeats of such a leader by turns
//! ([`Config::quorum_loss_probe_interval`]); its rounds keep the same turns.

use std::time::Duration;

use openraft::Config;
use tsoracle_lease::Reading;

use super::state::Confirmed;

/// The turns of a leader without a quorum: silent first, then not, for so long each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    /// How old the first unanswered round is when the first silence begins.
    after: Duration,
    /// The length of a turn.
    turn: Duration,
}

/// The first of the rounds that no quorum has granted yet, and when it was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unanswered {
    round: Confirmed,
    sent: Reading,
}

impl Silence {
    /// The turns of the engine's heartbeats; none if it does not mute them.
    pub(super) fn of(config: &Config) -> Option<Self> {
        let turn = Duration::from_millis(config.quorum_loss_probe_interval?);
        let after = Duration::from_millis(config.election_timeout_max);
        (!turn.is_zero()).then_some(Self { after, turn })
    }

    /// When the silence of this moment is over; `None` if this is none.
    pub(super) fn until(&self, unanswered: &Unanswered, now: Reading) -> Option<Reading> {
        let begins = unanswered.sent.saturating_add(self.after);
        let silent_for = now.saturating_since(begins);
        let turns = silent_for.as_nanos() / self.turn.as_nanos();
        if now < begins || turns % 2 == 1 {
            return None;
        }
        let left = u32::try_from(turns + 1).ok();
        let end = left.and_then(|turns| self.turn.checked_mul(turns));
        Some(begins.saturating_add(end.unwrap_or(Duration::MAX)))
    }
}

impl Unanswered {
    /// What is unanswered once `round` was sent too.
    pub(super) fn and(earlier: Option<Self>, round: Confirmed, sent: Reading) -> Self {
        let of_this_leader = |earlier: &Self| earlier.round.ballot == round.ballot;
        earlier
            .filter(of_this_leader)
            .unwrap_or(Self { round, sent })
    }

    /// Whether that is still so, with this round the newest that a quorum has granted.
    pub(super) fn stands(&self, confirmed: Option<Confirmed>) -> bool {
        !confirmed.is_some_and(|newest| {
            newest.ballot == self.round.ballot && newest.round >= self.round.round
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RaftBallot;

    const SILENCE: Silence = Silence {
        after: Duration::from_millis(200),
        turn: Duration::from_millis(400),
    };

    fn at(ms: u64) -> Reading {
        Reading::from_nanos(ms * 1_000_000)
    }

    fn round(round: u64) -> Confirmed {
        let ballot = RaftBallot { term: 1, node: 1 };
        Confirmed { ballot, round }
    }

    #[test]
    fn silence_comes_late_and_by_turns() {
        let unanswered = Unanswered::and(None, round(3), at(1_000));
        for (now, until) in [
            (1_000, None),
            (1_199, None),
            (1_200, Some(1_600)),
            (1_599, Some(1_600)),
            (1_600, None),
            (1_999, None),
            (2_000, Some(2_400)),
        ] {
            assert_eq!(SILENCE.until(&unanswered, at(now)), until.map(at), "{now}");
        }
    }

    #[test]
    fn the_first_unanswered_round_counts_until_it_is_granted() {
        let first = Unanswered::and(None, round(3), at(1_000));
        let both = Unanswered::and(Some(first), round(4), at(1_045));
        assert_eq!(both.sent, at(1_000));
        assert!(both.stands(Some(round(2))));
        assert!(!both.stands(Some(round(3))));
    }
}
