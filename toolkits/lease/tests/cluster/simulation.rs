//! Long random runs of five nodes: many elections, restarts, handoffs, a change of voters, lost and
//! late messages, clocks whose rates change all the time.
//!
//! A run depends on its seed alone. `LEASE_SEED=n` repeats one; `LEASE_SEEDS=n` runs more.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tsoracle_lease::Timing;

use crate::common::nanos;
use crate::scenario::{Broken, DRIFT, Scenario};
use crate::step::Step;
use crate::world::World;

const STEPS: usize = 4000;
/// The fastest clock's advance in a tick; the slowest one's is three quarters of it.
const FAST: u64 = 40;
const SLOW: u64 = 30;
/// Ticks of the slowest clock until a grant has ended.
const GRANT_TICKS: u16 = 27;

fn scenario(rng: &mut ChaCha8Rng) -> Scenario {
    let extremes = rng.random_bool(0.5);
    let rate = |rng: &mut ChaCha8Rng| match extremes {
        true if rng.random_bool(0.5) => SLOW,
        true => FAST,
        false => rng.random_range(SLOW..=FAST),
    };
    let row = |rng: &mut ChaCha8Rng| (0..5).map(|_| rate(rng)).collect::<Vec<_>>();
    let rows = if rng.random_bool(0.5) { 1 } else { 6 };
    let rates = (0..rows).map(|_| row(rng)).collect();
    let voters: [(&[u8], Option<&[u8]>); 6] = [
        (&[1, 2, 3, 4, 5], None),
        (&[1, 2, 3], Some(&[1, 2, 3, 4, 5])),
        (&[1, 2, 3], Some(&[3, 4, 5])),
        (&[1, 2, 3, 4], Some(&[1, 4, 5])),
        (&[1], Some(&[1, 2, 3, 4, 5])),
        (&[1, 2, 3, 4, 5], Some(&[1, 2])),
    ];
    let (old, new) = voters[rng.random_range(0..voters.len())];
    Scenario {
        nodes: 5,
        ticks: u16::MAX,
        rates,
        timing: Timing::new(nanos(20 * FAST), nanos(5 * FAST), DRIFT).unwrap(),
        rounds: (u16::MAX, u16::MAX),
        candidates: vec![1, 2, 3, 4, 5],
        campaigns: 200,
        restarts: 200,
        resumes_campaign: rng.random_bool(0.5),
        queued: rng.random_bool(0.5),
        follows: true,
        learns: rng.random_bool(0.5),
        handoff: true,
        longest_wait: Some(u16::MAX),
        old: BTreeSet::from_iter(old.iter().copied()),
        new: new.map(|new| BTreeSet::from_iter(new.iter().copied())),
        ..Scenario::of_three()
    }
}

fn weight(world: &World, step: &Step) -> u32 {
    let in_flight = u32::try_from(world.network.len()).unwrap();
    match step {
        Step::Tick(_) => 60,
        Step::Deliver(_) => (1000 / (in_flight + 1)).max(20),
        Step::Emit(_) | Step::Retry(..) | Step::Handle(_) | Step::Stamp(_) => 200,
        Step::Round(pid) => {
            let due = world.node(*pid).lease.next_round();
            u32::from(due <= Some(world.clock(*pid))) * 300
        }
        Step::Campaign(_) | Step::Learn(..) => 2,
        Step::Restart(_) | Step::HandOff(_) | Step::BeginChange(_) => 1,
        Step::Install(_) => 50,
    }
}

fn choose(world: &World, scenario: &Scenario, rng: &mut ChaCha8Rng) -> Step {
    let steps = world.steps(scenario);
    let weights = steps.iter().map(|step| weight(world, step));
    let mut at = rng.random_range(0..weights.clone().sum());
    for (step, weight) in steps.iter().zip(weights) {
        if at < weight {
            return *step;
        }
        at -= weight;
    }
    steps[0]
}

fn lose_some(world: &mut World, rng: &mut ChaCha8Rng) {
    let share = if world.network.len() > 30 { 0.1 } else { 0.005 };
    world.network.retain(|_| !rng.random_bool(share));
}

fn broken_property(world: &World) -> Option<&'static str> {
    let leases = world.leases();
    [
        (leases > 1, crate::model::OVERLAP),
        (world.elects_above_a_lease(), crate::model::OUTVOTED),
        (world.disorder, crate::model::DISORDER),
    ]
    .into_iter()
    .find_map(|(broken, property)| broken.then_some(property))
}

struct Run {
    leaders: usize,
    ticks: u16,
    leased_ticks: u16,
    world: World,
    scenario: Scenario,
}

/// One run, or the property that it broke.
fn run(seed: u64, broken: Option<Broken>) -> Result<Run, String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut scenario = scenario(&mut rng);
    scenario.broken = broken;
    scenario.queued |= broken == Some(Broken::GrantsPastUnsettled);
    scenario.learns |= broken == Some(Broken::LearnsAsPassed);
    let mut world = World::first(&scenario);
    let mut leased_ticks = 0;
    for count in 0..STEPS {
        let step = choose(&world, &scenario, &mut rng);
        if let Some(after) = world.after(step, &scenario) {
            world = after;
        }
        lose_some(&mut world, &mut rng);
        leased_ticks += u16::from(matches!(step, Step::Tick(_)) && world.leases() == 1);
        if let Some(property) = broken_property(&world) {
            let tick = world.tick;
            return Err(format!(
                "seed {seed}: \"{property}\" is broken by step {count}, {step:?}, in tick {tick} of {scenario:?}"
            ));
        }
    }
    Ok(Run {
        leaders: world.shown.len(),
        ticks: world.tick,
        leased_ticks,
        world,
        scenario,
    })
}

/// No more faults: everything arrives, and one voter campaigns when nobody has led for a while.
/// Returns the ticks until a lease is valid.
fn heal(run: &Run, seed: u64) -> u16 {
    let Run { scenario, .. } = run;
    let mut world = run.world.clone();
    let begun = world.tick;
    let mut last_lease = begun;
    loop {
        let calm = |step: &Step| match step {
            Step::Deliver(_) | Step::Emit(_) | Step::Retry(..) | Step::Handle(_) => true,
            Step::Round(_) => weight(&world, step) > 0,
            _ => false,
        };
        let step = world.steps(scenario).into_iter().find(calm);
        let stale = world.tick - last_lease > 3 * GRANT_TICKS;
        let candidate = *scenario.members(world.changed).first().unwrap();
        let step = match step {
            Some(step) => step,
            None if stale => {
                last_lease = world.tick;
                Step::Campaign(candidate)
            }
            None => Step::Tick(0),
        };
        world = world.after(step, scenario).unwrap_or(world);
        assert_eq!(broken_property(&world), None, "seed {seed}");
        let longest_hold = GRANT_TICKS + 1;
        let waits = world.longest_wait_since(begun);
        assert!(waits <= longest_hold, "seed {seed}: held for {waits} ticks");
        if world.leases() == 1 && world.network.is_empty() {
            return world.tick - begun;
        }
        let limit = begun + 20 * GRANT_TICKS;
        assert!(world.tick < limit, "seed {seed}: no lease after {limit}");
    }
}

fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("LEASE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LEASE_SEEDS").unwrap_or(default),
    }
}

#[test]
fn random_runs_have_one_lease_and_heal() {
    let (mut leaders, mut ticks, mut leased, mut slowest) = (0, 0, 0, 0);
    for seed in seeds(200) {
        let run = run(seed, None).unwrap_or_else(|failure| panic!("{failure}"));
        slowest = slowest.max(heal(&run, seed));
        leaders += run.leaders;
        ticks += u64::from(run.ticks);
        leased += u64::from(run.leased_ticks);
    }
    println!(
        "{leaders} leaders in {ticks} ticks, {leased} of them under a lease; the slowest run had a lease {slowest} ticks after the last fault"
    );
    assert!(
        leased * 5 > ticks,
        "leases are rare: {leased} of {ticks} ticks"
    );
}

#[test]
fn a_seed_is_a_run() {
    let one = run(7, None).unwrap_or_else(|failure| panic!("{failure}"));
    let two = run(7, None).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(one.world, two.world);
}

#[test]
fn random_runs_notice_what_is_left_out() {
    let rules = [
        Broken::StampsLate,
        Broken::GrantsUnpromised,
        Broken::GrantsPastUnsettled,
        Broken::CachedClock,
        Broken::AdmitsAtOnce,
        Broken::EmitsAtOnce,
        Broken::LearnsAsPassed,
        Broken::ReleasesFirst,
        Broken::ForgetsGrants,
        Broken::ResumesBallot,
        Broken::KeepsLease,
        Broken::OldSetOnly,
    ];
    for rule in rules {
        let failure = (0..2_000).find_map(|seed| run(seed, Some(rule)).err());
        let failure = failure.unwrap_or_else(|| panic!("nobody notices that {rule:?}"));
        println!(
            "{rule:?}: {}",
            failure.split(", in tick").next().unwrap_or("")
        );
    }
}
