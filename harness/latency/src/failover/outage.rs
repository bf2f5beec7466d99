//! The time without service, from the acknowledgements around it.

use std::time::Duration;

use tsoracle_consensus::{BootInstant, Epoch};

use super::probes::Probe;

/// A time without service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The last acknowledgement before it, or the fault.
    pub begin: BootInstant,
    /// The first acknowledgement after it; `None` if there was none.
    pub end: Option<BootInstant>,
    /// From one to the other, or as far as probes were made.
    pub lasted: Duration,
}

/// What is a break in service, and what is service between two breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// What is longer than this without an acknowledgement is a break.
    pub interruption: Duration,
    /// What is shorter between two breaks is none: they are one outage.
    pub least: Duration,
}

/// The longest time without service that began in a span of time, wherever it ended.
#[must_use]
pub fn longest_outage(
    probes: &[Probe],
    from: BootInstant,
    until: BootInstant,
    service: Service,
) -> Outage {
    let answered = answered_after(probes, from);
    let last = probes.iter().map(|probe| probe.ended).max().unwrap_or(from);
    let mut longest = Outage::between(from, None, from);
    let mut broken: Option<Outage> = None;
    let ends = answered.iter().copied().map(Some).chain([None]);
    let mut begin = from;
    for end in ends {
        if begin >= until {
            break;
        }
        let mut outage = Outage::between(begin, end, last);
        if outage.lasted > service.interruption {
            let before = broken.filter(|before| {
                let served = before.end.map(|end| begin.saturating_since(end));
                served.is_some_and(|served| served < service.least)
            });
            if let Some(before) = before {
                outage = Outage::between(before.begin, end, last);
            }
            broken = Some(outage);
        }
        if outage.lasted > longest.lasted {
            longest = outage;
        }
        begin = end.unwrap_or(last);
    }
    longest
}

/// The longest time between the last acknowledgement under one epoch and the first under a later one.
#[must_use]
pub fn longest_change(probes: &[Probe], from: BootInstant) -> Outage {
    let ended = |probe: &Probe| Some((probe.ended, probe.answer?.1));
    let mut answered: Vec<_> = probes.iter().filter_map(ended).collect();
    answered.sort_unstable();
    let mut longest = Outage::between(from, None, from);
    let mut latest: Option<(BootInstant, Epoch)> = None;
    for (at, epoch) in answered {
        if let Some((last, known)) = latest
            && known < epoch
            && at > from
        {
            let change = Outage::between(last.max(from), Some(at), at);
            if change.lasted > longest.lasted {
                longest = change;
            }
        }
        // One of an older epoch is late, and nobody is served by its leader any more.
        if latest.is_none_or(|(_, known)| known <= epoch) {
            latest = Some((at, epoch));
        }
    }
    longest
}

impl Outage {
    fn between(begin: BootInstant, end: Option<BootInstant>, last: BootInstant) -> Self {
        let lasted = end.unwrap_or(last).saturating_since(begin);
        Self { begin, end, lasted }
    }
}

/// The longest service in a span of time in which no two acknowledgements lay further apart than
/// `interruption`.
#[must_use]
pub fn longest_service(
    probes: &[Probe],
    from: BootInstant,
    until: BootInstant,
    interruption: Duration,
) -> Duration {
    let mut answered = answered_after(probes, from);
    answered.retain(|at| *at <= until);
    let (mut longest, mut begin) = (Duration::ZERO, answered.first().copied().unwrap_or(from));
    let mut last = begin;
    for at in answered {
        if at.saturating_since(last) > interruption {
            begin = at;
        }
        last = at;
        longest = longest.max(last.saturating_since(begin));
    }
    longest
}

fn answered_after(probes: &[Probe], from: BootInstant) -> Vec<BootInstant> {
    let answered = probes.iter().filter(|probe| probe.answer.is_some());
    let mut answered: Vec<_> = answered
        .map(|probe| probe.ended)
        .filter(|ended| *ended > from)
        .collect();
    answered.sort_unstable();
    answered
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const SERVICE: Service = Service {
        interruption: Duration::from_millis(50),
        least: Duration::from_millis(5),
    };

    fn at(ms: u64) -> BootInstant {
        BootInstant::from_nanos(ms * MS)
    }

    fn answered(ends_ms: &[u64]) -> Vec<Probe> {
        let probe = |ms: &u64| Probe {
            intended: at(0),
            ended: at(*ms),
            answer: Some((0, Epoch::new(1))),
            calls: 1,
        };
        ends_ms.iter().map(probe).collect()
    }

    #[test]
    fn the_longest_gap_is_the_outage_wherever_it_ends() {
        let probes = answered(&[5, 12, 14, 400, 410, 900]);
        let outage = longest_outage(&probes, at(10), at(420), SERVICE);
        assert_eq!((outage.begin, outage.end), (at(410), Some(at(900))));
        let outage = longest_outage(&probes, at(10), at(410), SERVICE);
        assert_eq!((outage.begin, outage.end), (at(14), Some(at(400))));
        assert_eq!(outage.lasted, Duration::from_millis(386));
    }

    #[test]
    fn an_outage_that_does_not_end_has_no_end() {
        let mut probes = answered(&[12]);
        probes.push(Probe {
            answer: None,
            ..answered(&[700])[0]
        });
        let outage = longest_outage(&probes, at(10), at(600), SERVICE);
        assert_eq!((outage.begin, outage.end), (at(12), None));
        assert_eq!(outage.lasted, Duration::from_millis(688));
        let never = longest_outage(&[], at(10), at(600), SERVICE);
        assert_eq!((never.end, never.lasted), (None, Duration::ZERO));
    }

    #[test]
    fn breaks_with_hardly_any_service_between_them_are_one_outage() {
        let probes = answered(&[5, 100, 103, 200, 210, 240]);
        let of = |least| {
            let service = Service {
                least: Duration::from_millis(least),
                ..SERVICE
            };
            longest_outage(&probes, at(10), at(220), service)
        };
        assert_eq!((of(5).begin, of(5).end), (at(10), Some(at(200))));
        assert_eq!((of(3).begin, of(3).end), (at(103), Some(at(200))));
        // A gap that is no break is never joined to one.
        assert_eq!(of(50).end, Some(at(200)));
    }

    #[test]
    fn a_change_lasts_from_one_epoch_to_the_next() {
        let under = |ms, epoch| Probe {
            answer: Some((0, Epoch::new(epoch))),
            ..answered(&[ms])[0]
        };
        let mut probes = vec![under(5, 1), under(300, 1), under(307, 2), under(309, 1)];
        probes.extend([under(700, 2), under(704, 3)]);
        let change = longest_change(&probes, at(2));
        assert_eq!((change.begin, change.end), (at(300), Some(at(307))));
        let later = longest_change(&probes, at(310));
        assert_eq!(later.lasted, Duration::from_millis(4));
        assert_eq!(longest_change(&probes[..2], at(2)).end, None);
    }

    #[test]
    fn service_counts_between_interruptions() {
        let probes = answered(&[10, 20, 30, 200, 210, 220, 230, 240]);
        let of =
            |from, until| longest_service(&probes, at(from), at(until), Duration::from_millis(50));
        assert_eq!(of(0, 1_000), Duration::from_millis(40));
        assert_eq!(of(0, 150), Duration::from_millis(20));
        assert_eq!(of(300, 400), Duration::ZERO);
    }
}
