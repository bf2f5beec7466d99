//! From what a run saw to its verdict.

use std::time::Duration;

use tsoracle_consensus::BootInstant;
use tsoracle_latency::failover::{Outage, Probes, longest_outage, longest_service, phases};

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
    if let Some(fault) = run.marks.fault {
        let outage = outage(run, probes, fault, until);
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
        (None, Ok(())) => of_service(run, probes, until),
    };
    (result.verdict, result.reason) = (verdict, reason);
}

/// Without a quorum the outage counts from its return.
fn outage(run: &Run, probes: &Probes, fault: BootInstant, until: BootInstant) -> Outage {
    match run.marks.quorum_back {
        Some(back) => {
            // The end of the first outage is what was waited for, not a later, longer one.
            let mut ends = probes.probes.iter().filter(|probe| probe.answer.is_some());
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
        None => longest_outage(&probes.probes, fault, run.marks.healed.unwrap_or(until)),
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

fn of_service(run: &Run, probes: &Probes, until: BootInstant) -> (Verdict, Option<String>) {
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
    if run.capabilities.leases && run.leases.seen().samples == 0 {
        return (Verdict::Invalid, Some("no lease was read".to_owned()));
    }
    if run.marks.without_quorum.is_some() {
        return (Verdict::UnavailableByDesign, None);
    }
    let healed = run.marks.healed.unwrap_or(until);
    let terms = run.timeline.terms(fault, healed).len() as u64;
    let served = longest_service(&probes.probes, fault, healed, run.interruption());
    let is_long = healed.saturating_since(fault) >= SECOND;
    if is_long && terms >= LIVELOCK_TERMS && served < SECOND {
        let why = format!("{terms} leader changes, and at most {served:?} of service");
        return (Verdict::Livelock, Some(why));
    }
    let outage = longest_outage(&probes.probes, fault, healed);
    match outage.end {
        Some(end) if end <= healed || run.marks.healed.is_none() => (Verdict::Recovered, None),
        _ if outage.lasted < run.interruption() => (Verdict::Recovered, None),
        _ => (Verdict::StalledUntilHeal, None),
    }
}
