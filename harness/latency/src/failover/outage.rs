//! The time without service, from the acknowledgements around it.

use std::time::Duration;

use tsoracle_consensus::BootInstant;

use super::probes::Probe;

/// A time without an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The last acknowledgement before it, or the fault.
    pub begin: BootInstant,
    /// The first acknowledgement after it; `None` if there was none.
    pub end: Option<BootInstant>,
    /// From one to the other, or as far as probes were made.
    pub lasted: Duration,
}

/// The longest time without an acknowledgement that began in a span of time, wherever it ended.
#[must_use]
pub fn longest_outage(probes: &[Probe], from: BootInstant, until: BootInstant) -> Outage {
    let answered = answered_after(probes, from);
    let last = probes.iter().map(|probe| probe.ended).max().unwrap_or(from);
    let mut longest = Outage {
        begin: from,
        end: None,
        lasted: Duration::ZERO,
    };
    let ends = answered.iter().copied().map(Some).chain([None]);
    let mut begin = from;
    for end in ends {
        if begin >= until {
            break;
        }
        let lasted = end.unwrap_or(last).saturating_since(begin);
        if lasted > longest.lasted {
            longest = Outage { begin, end, lasted };
        }
        begin = end.unwrap_or(last);
    }
    longest
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
    use tsoracle_consensus::Epoch;

    use super::*;

    const MS: u64 = 1_000_000;

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
        let outage = longest_outage(&probes, at(10), at(420));
        assert_eq!((outage.begin, outage.end), (at(410), Some(at(900))));
        let outage = longest_outage(&probes, at(10), at(410));
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
        let outage = longest_outage(&probes, at(10), at(600));
        assert_eq!((outage.begin, outage.end), (at(12), None));
        assert_eq!(outage.lasted, Duration::from_millis(688));
        let never = longest_outage(&[], at(10), at(600));
        assert_eq!((never.end, never.lasted), (None, Duration::ZERO));
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
