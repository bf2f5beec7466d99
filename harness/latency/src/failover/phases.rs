//! The time from a fault to the first answer after it, split by what the cluster was doing.

use serde::{Deserialize, Serialize};
use tsoracle_consensus::{BootInstant, Epoch};

use super::timeline::{Opening, Seen, Sight};

/// What a cluster does between a fault and the first answer after it, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// From the fault until the first survivor no longer follows the old leader.
    Detect,
    /// Until somebody shows the next epoch: a hint of it, or its leader.
    Elect,
    /// The part of electing and announcing during which the old lease was still valid.
    LeaseWait,
    /// Until the next leader shows itself: its opening command is applied and its lease is valid.
    Announce,
    /// Until its first load has ended.
    Load,
    /// Until its first persist is acknowledged.
    Persist,
    /// Until the first client is answered that had to find it.
    Redirect,
}

/// One phase, or several that the driver does not tell apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// What it covers: more than one kind where the driver shows no border between them.
    pub covers: Vec<PhaseKind>,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

/// A leader that fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fall {
    /// When the fault happened.
    pub at: BootInstant,
    /// The place of the leader.
    pub place: usize,
    /// Its epoch.
    pub epoch: Epoch,
    /// The end of its last lease, as far as it was seen; `None` if it had none or nobody saw it.
    pub lease_end: Option<BootInstant>,
    /// Whether the driver has leases.
    pub leases: bool,
}

/// Splits the time from a fall to the first answer after it. The phases add up to that time; one
/// that the driver does not expose is merged with the next. Empty if nobody led after the fall.
#[must_use]
pub fn phases(
    fall: &Fall,
    sights: &[Sight],
    openings: &[Opening],
    answered: BootInstant,
) -> Vec<Phase> {
    let after: Vec<&Sight> = sights.iter().filter(|sight| sight.at >= fall.at).collect();
    let leads = |sight: &&&Sight| {
        matches!(sight.state, Seen::Leader(epoch) if epoch > fall.epoch) && sight.at <= answered
    };
    // The one that served is the last to have shown itself before the answer.
    let Some(leader) = after.iter().rev().find(leads) else {
        return Vec::new();
    };
    let Seen::Leader(epoch) = leader.state else {
        return Vec::new();
    };
    let opening = openings
        .iter()
        .find(|opening| (opening.place, opening.epoch) == (leader.place, epoch));
    let borders = [
        (PhaseKind::Detect, detected(fall, &after)),
        (PhaseKind::Elect, elected(&after, epoch)),
        (PhaseKind::Announce, Some(leader.at)),
        (PhaseKind::Load, opening.and_then(|opening| opening.loaded)),
        (
            PhaseKind::Persist,
            opening.and_then(|opening| opening.persisted),
        ),
        (PhaseKind::Redirect, Some(answered)),
    ];
    spans(fall, &borders, answered)
}

/// When the first survivor no longer followed the old leader.
fn detected(fall: &Fall, after: &[&Sight]) -> Option<BootInstant> {
    let left = after
        .iter()
        .find(|sight| sight.place != fall.place && sight.state != Seen::Follower(Some(fall.epoch)));
    left.map(|sight| sight.at)
}

/// When the first follower named the next epoch. Its own leader shows it only when it announces
/// itself, so that without a hint before that the border is not exposed.
fn elected(after: &[&Sight], epoch: Epoch) -> Option<BootInstant> {
    let announced = after
        .iter()
        .find(|sight| sight.state == Seen::Leader(epoch))?;
    let hinted = after
        .iter()
        .find(|sight| sight.state == Seen::Follower(Some(epoch)))?;
    (hinted.at < announced.at).then_some(hinted.at)
}

fn spans(
    fall: &Fall,
    borders: &[(PhaseKind, Option<BootInstant>)],
    answered: BootInstant,
) -> Vec<Phase> {
    let mut phases = Vec::new();
    let (mut covers, mut begin) = (Vec::new(), fall.at);
    let mut waited_ms = 0.0;
    for (kind, border) in borders {
        covers.push(*kind);
        let hides_the_wait =
            *kind == PhaseKind::Announce && fall.leases && fall.lease_end.is_none();
        if hides_the_wait {
            covers.push(PhaseKind::LeaseWait);
            covers.sort_unstable();
        }
        let Some(end) = border.map(|end| end.clamp(begin, answered)) else {
            continue;
        };
        let mut ms = ms_between(begin, end);
        if matches!(kind, PhaseKind::Elect | PhaseKind::Announce) {
            let lease_end = fall.lease_end.unwrap_or(begin).clamp(begin, end);
            let wait_ms = ms_between(begin, lease_end);
            waited_ms += wait_ms;
            ms -= wait_ms;
        }
        let covered = std::mem::take(&mut covers);
        phases.push(Phase {
            covers: covered,
            ms,
        });
        begin = end;
        if *kind == PhaseKind::Announce && fall.lease_end.is_some() {
            let wait = Phase {
                covers: vec![PhaseKind::LeaseWait],
                ms: waited_ms,
            };
            phases.insert(phases.len() - 1, wait);
        }
    }
    phases
}

fn ms_between(from: BootInstant, until: BootInstant) -> f64 {
    until.saturating_since(from).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Epoch = Epoch::new(1);
    const NEW: Epoch = Epoch::new(2);

    fn at(ms: u64) -> BootInstant {
        BootInstant::from_nanos(ms * 1_000_000)
    }

    fn sight(ms: u64, place: usize, state: Seen) -> Sight {
        Sight {
            at: at(ms),
            place,
            state,
        }
    }

    fn fall(lease_end_ms: Option<u64>) -> Fall {
        Fall {
            at: at(100),
            place: 0,
            epoch: OLD,
            lease_end: lease_end_ms.map(at),
            leases: true,
        }
    }

    fn opened() -> Opening {
        Opening {
            place: 2,
            epoch: NEW,
            loaded: Some(at(425)),
            persisted: Some(at(430)),
        }
    }

    fn of(phases: &[Phase], kind: PhaseKind) -> f64 {
        let phase = phases.iter().find(|phase| phase.covers == [kind]);
        phase.map_or(-1.0, |phase| phase.ms)
    }

    #[test]
    fn a_driver_that_shows_all_borders_has_all_phases() {
        let sights = [
            sight(50, 1, Seen::Follower(Some(OLD))),
            sight(101, 0, Seen::NoLeader),
            sight(250, 1, Seen::Candidate),
            sight(300, 1, Seen::Follower(Some(NEW))),
            sight(420, 2, Seen::Leader(NEW)),
        ];
        let phases = phases(&fall(Some(280)), &sights, &[opened()], at(433));
        assert_eq!(of(&phases, PhaseKind::Detect), 150.0);
        assert_eq!(of(&phases, PhaseKind::LeaseWait), 30.0);
        assert_eq!(of(&phases, PhaseKind::Elect), 20.0);
        assert_eq!(of(&phases, PhaseKind::Announce), 120.0);
        assert_eq!(of(&phases, PhaseKind::Load), 5.0);
        assert_eq!(of(&phases, PhaseKind::Persist), 5.0);
        assert_eq!(of(&phases, PhaseKind::Redirect), 3.0);
        assert_eq!(phases.iter().map(|phase| phase.ms).sum::<f64>(), 333.0);
    }

    #[test]
    fn what_is_not_exposed_is_merged_with_what_comes_next() {
        use PhaseKind::{Announce, Detect, Elect, LeaseWait, Load, Persist, Redirect};
        let sights = [sight(420, 2, Seen::Leader(NEW))];
        let phases = phases(&fall(None), &sights, &[], at(433));
        let covers: Vec<_> = phases.iter().map(|phase| phase.covers.clone()).collect();
        // The new leader itself is the first survivor that is seen not to follow.
        assert_eq!(
            covers,
            [
                vec![Detect],
                vec![Elect, LeaseWait, Announce],
                vec![Load, Persist, Redirect]
            ]
        );
        assert_eq!(phases.iter().map(|phase| phase.ms).sum::<f64>(), 333.0);
    }

    #[test]
    fn a_probe_that_was_faster_than_the_opening_ends_the_phases() {
        let sights = [
            sight(200, 1, Seen::NoLeader),
            sight(420, 2, Seen::Leader(NEW)),
        ];
        let phases = phases(&fall(Some(90)), &sights, &[opened()], at(422));
        assert_eq!(of(&phases, PhaseKind::LeaseWait), 0.0);
        assert_eq!(
            (
                of(&phases, PhaseKind::Load),
                of(&phases, PhaseKind::Persist)
            ),
            (2.0, 0.0)
        );
        assert_eq!(phases.iter().map(|phase| phase.ms).sum::<f64>(), 322.0);
    }

    #[test]
    fn without_a_next_leader_there_are_no_phases() {
        assert_eq!(phases(&fall(None), &[], &[], at(433)), []);
    }
}
