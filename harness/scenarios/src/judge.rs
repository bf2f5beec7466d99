//! From what a run saw to its verdict.

use std::time::Duration;

use tsoracle_consensus::BootInstant;
use tsoracle_latency::failover::{
    Outage, Probe, Probes, longest_change, longest_outage, longest_service, phases,
};

use crate::run::Run;
use crate::safety::{acknowledged_within, contradiction};
use crate::{ScenarioResult, Stop, Verdict};

/// This many terms without a second of service are a livelock.
const LIVELOCK_TERMS: u64 = 3;
const SECOND: Duration = Duration::from_secs(1);

/// Fills in what a run found out. The probes are those of the whole run.
pub(crate) fn judge(
    run: &Run,
    probes: &Probes,
    ended: Result<(), Stop>,
    result: &mut ScenarioResult,
) {
    let until = BootInstant::now();
    let served = served(run, &probes.probes);
    if let Some(fault) = run.marks.fault {
        let outage = outage(run, &served, fault, until);
        let ms = outage.lasted.as_secs_f64() * 1e3;
        result.outage_ms = Some(ms);
        result.outage_t = Some(ms / result.election_timeout_ms);
        result.leader_changes = run.terms_since(fault);
        result.errors = probes.errors(fault);
        result.availability = probes.availability(fault, until);
        let by_the_fault = outage.begin.saturating_since(fault) < run.interruption();
        if let (Some(fall), Some(end), true) = (run.fall(), outage.end, by_the_fault) {
            let (sights, openings) = (run.timeline.sights(), run.timeline.openings());
            result.phases = phases(&fall, &sights, &openings, end);
        }
    }
    if run.capabilities.leases {
        result.overlap_ms = Some(run.leases.seen().overlap.as_secs_f64() * 1e3);
    }
    result.evidence.clone_from(&run.evidence);
    result.figures.clone_from(&run.figures);
    let (verdict, reason) = match (unsafe_reason(run), ended) {
        (Some(why), _) => (Verdict::Unsafe, Some(why)),
        (None, Err(Stop::Failed(why))) => (Verdict::Failed, Some(why)),
        (None, Err(Stop::Invalid(why))) => (Verdict::Invalid, Some(why)),
        (None, Ok(())) => of_service(run, &served, until),
    };
    (result.verdict, result.reason) = (verdict, reason);
}

/// The probes without what a leader that fell acknowledged late: its successor had found that in its
/// log. Such an answer is right, and nobody is served by its leader any more.
fn served(run: &Run, probes: &[Probe]) -> Vec<Probe> {
    let fallen = run
        .marks
        .fault
        .zip(run.marks.fallen)
        .filter(|(fault, led)| {
            let terms = run.timeline.terms(*fault, BootInstant::FAR_FUTURE);
            terms.iter().any(|(_, epoch)| *epoch > led.epoch)
        });
    let is_late = |probe: &Probe| {
        let took = probe.ended.saturating_since(probe.intended);
        took >= run.service().interruption
            && probe
                .answer
                .zip(fallen)
                .is_some_and(|((_, epoch), (fault, led))| epoch <= led.epoch && probe.ended > fault)
    };
    let served = probes.iter().filter(|probe| !is_late(probe));
    served.copied().collect()
}

/// Without a quorum the outage counts from its return; a planned change of leaders lasts from one
/// leader's last acknowledgement to the next one's first.
fn outage(run: &Run, probes: &[Probe], fault: BootInstant, until: BootInstant) -> Outage {
    if run.marks.is_planned {
        return longest_change(probes, fault);
    }
    match run.marks.quorum_back {
        Some(back) => {
            // The end of the first outage is what was waited for, not a later, longer one.
            let mut ends = probes.iter().filter(|probe| probe.answer.is_some());
            let end = ends
                .find(|probe| probe.ended > back)
                .map(|probe| probe.ended);
            let lasted = end.unwrap_or(until).saturating_since(back);
            Outage {
                begin: back,
                end,
                lasted,
            }
        }
        None => {
            let until = run.marks.healed.unwrap_or(until);
            longest_outage(probes, fault, until, run.service())
        }
    }
}

/// Every promise that was broken.
fn unsafe_reason(run: &Run) -> Option<String> {
    let calls = run.recording.history();
    let mut broken = Vec::new();
    broken.extend(contradiction(&calls));
    if let Some((from_ns, until_ns)) = run.marks.without_quorum {
        let acknowledged = acknowledged_within(&calls, from_ns, until_ns);
        if acknowledged > 0 {
            broken.push(format!(
                "{acknowledged} persists were acknowledged without a quorum"
            ));
        }
    }
    let leases = run.leases.seen();
    if let Some([(one, epoch), (other, other_epoch)]) = leases.first_overlap {
        broken.push(format!(
            "the lease of node {} of epoch {epoch} was valid, and so was that of node {} of epoch \
             {other_epoch}, for {:?} in all",
            one + 1,
            other + 1,
            leases.overlap
        ));
    }
    (!broken.is_empty()).then(|| broken.join("; "))
}

fn of_service(run: &Run, probes: &[Probe], until: BootInstant) -> (Verdict, Option<String>) {
    let Some(fault) = run.marks.fault else {
        return (Verdict::Invalid, Some("no fault was made".to_owned()));
    };
    if let Some(nothing) = run.evidence.iter().find(|noted| noted.count == 0) {
        let why = format!("nothing shows that the fault happened: no {}", nothing.what);
        return (Verdict::Invalid, Some(why));
    }
    if run.evidence.is_empty() {
        return (
            Verdict::Invalid,
            Some("nothing shows that a fault happened".to_owned()),
        );
    }
    if run.capabilities.leases && run.leases.seen().samples == run.marks.leases_read {
        let why = "no leases were read after the fault".to_owned();
        return (Verdict::Invalid, Some(why));
    }
    if run.marks.without_quorum.is_some() {
        return (Verdict::UnavailableByDesign, None);
    }
    let healed = run.marks.healed.unwrap_or(until);
    let terms = run.timeline.terms(fault, healed).len() as u64;
    let served = longest_service(probes, fault, healed, run.interruption());
    let is_long = healed.saturating_since(fault) >= SECOND;
    if is_long && terms >= LIVELOCK_TERMS && served < SECOND {
        let why = format!("{terms} leader changes, and at most {served:?} of service");
        return (Verdict::Livelock, Some(why));
    }
    let outage = longest_outage(probes, fault, healed, run.service());
    let is_over = match outage.end {
        Some(end) => end <= healed || run.marks.healed.is_none(),
        None => false,
    };
    if (is_over || outage.lasted < run.interruption()) && serves_at(run, probes, healed) {
        return (Verdict::Recovered, None);
    }
    (Verdict::StalledUntilHeal, None)
}

/// Whether no break in service was under way at a moment.
fn serves_at(run: &Run, probes: &[Probe], at: BootInstant) -> bool {
    let answered = probes.iter().filter(|probe| probe.answer.is_some());
    let before = answered
        .map(|probe| probe.ended)
        .filter(|ended| *ended <= at);
    before
        .max()
        .is_some_and(|last| at.saturating_since(last) < run.interruption())
}
