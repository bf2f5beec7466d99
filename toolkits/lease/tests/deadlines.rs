//! The arithmetic of deadlines, on random schedules and random clocks: while a leader holds its
//! lease, a write quorum holds back every rival.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{TestBallot, ballot, nanos, node, voters};
use proptest::collection::vec;
use proptest::prelude::*;
use tsoracle_lease::{Drift, Grant, LeaseNode, Reading, Round, Stored, Timing};

const LEADER: TestBallot = ballot(1, 1);
const RIVAL: TestBallot = ballot(2, 9);
const VOTERS: usize = 5;
const TICKS: usize = 80;

/// Rates of 6 to 8 a tick: a share of a quarter.
fn timing(grant: u64) -> Timing {
    let drift = Drift {
        share_ppm: 250_000,
        slack: Duration::ZERO,
    };
    Timing::new(nanos(grant), nanos(grant / 4), drift).unwrap()
}

#[derive(Clone, Debug)]
struct Schedule {
    grant: u64,
    /// What each clock shows at the start, and how far it goes in each tick.
    offsets: Vec<u64>,
    rates: Vec<Vec<u64>>,
    /// Per round: when it is sent, and its way to each peer.
    rounds: Vec<(usize, Vec<Way>)>,
}

/// Ticks until a round arrives, and until its grant is back; `None` if one is lost.
type Way = Option<(usize, usize)>;

fn schedules() -> impl Strategy<Value = Schedule> {
    let steady = (6_u64..=8).prop_map(|rate| vec![rate; TICKS]);
    let rate = prop_oneof![steady, vec(6_u64..=8, TICKS)];
    let way = prop::option::weighted(0.8, (0..20_usize, 0..20_usize));
    let round = (0..TICKS, vec(way, VOTERS - 1));
    let offsets = vec(0..1_000_000_u64, VOTERS);
    (40..160_u64, offsets, vec(rate, VOTERS), vec(round, 1..12)).prop_map(
        |(grant, offsets, rates, mut rounds)| {
            rounds.sort_by_key(|(sent, _)| *sent);
            Schedule {
                grant,
                offsets,
                rates,
                rounds,
            }
        },
    )
}

struct Cluster {
    schedule: Schedule,
    nodes: Vec<LeaseNode<TestBallot>>,
    sent: Vec<Option<Round<TestBallot>>>,
    grants: Vec<(usize, usize, Grant<TestBallot>)>,
}

impl Cluster {
    fn new(schedule: Schedule) -> Self {
        let timing = timing(schedule.grant);
        let mut nodes: Vec<_> = (1..=VOTERS)
            .map(|pid| {
                let longest = timing.grant();
                let stored = Stored {
                    promise: None,
                    admitted: None,
                    longest,
                };
                let pid = node(u8::try_from(pid).unwrap());
                let mut node = LeaseNode::start(pid, timing, stored, Reading::ZERO).unwrap();
                node.promised(LEADER);
                node
            })
            .collect();
        nodes[0].lead(LEADER, voters(&[1, 2, 3, 4, 5])).unwrap();
        let sent = vec![None; schedule.rounds.len()];
        let grants = Vec::new();
        Self {
            schedule,
            nodes,
            sent,
            grants,
        }
    }

    fn clock(&self, node: usize, tick: usize) -> Reading {
        let gone: u64 = self.schedule.rates[node][..tick].iter().sum();
        Reading::from_nanos(self.schedule.offsets[node] + gone)
    }

    fn pass(&mut self, tick: usize) {
        for (number, (sent, ways)) in self.schedule.rounds.clone().into_iter().enumerate() {
            if sent == tick {
                let now = self.clock(0, tick);
                self.sent[number] = self.nodes[0].round(now);
            }
            let Some(round) = self.sent[number] else {
                continue;
            };
            for (peer, way) in ways.into_iter().enumerate() {
                let Some((there, back)) = way.filter(|(there, _)| sent + there == tick) else {
                    continue;
                };
                let now = self.clock(peer + 1, tick);
                if let Ok(grant) = self.nodes[peer + 1].grant(&round, now) {
                    self.grants.push((sent + there + back, peer + 1, grant));
                }
            }
        }
        for (_, from, grant) in self.grants.extract_if(.., |(due, _, _)| *due <= tick) {
            let from = node(u8::try_from(from + 1).unwrap());
            self.nodes[0].granted(from, &grant);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_write_quorum_holds_back_every_rival_of_a_lease(schedule in schedules()) {
        let mut cluster = Cluster::new(schedule);
        let mut deadline = None;
        for tick in 0..TICKS {
            cluster.pass(tick);
            let leader = &cluster.nodes[0];
            prop_assert!(leader.deadline() >= deadline);
            deadline = leader.deadline();
            if leader.is_valid_at(cluster.clock(0, tick)) {
                let holds = (0..VOTERS).filter(|i| {
                    !cluster.nodes[*i].admits_probe(RIVAL, cluster.clock(*i, tick))
                });
                let holds = holds.count();
                prop_assert!(holds > VOTERS / 2, "{holds} hold in tick {tick}");
            }
        }
    }

    #[test]
    fn a_lease_fits_its_grant_whatever_the_rates(
        grant in 1_u64..4_000_000_000_000,
        rho_ppm in 0_u32..400_000,
    ) {
        // With every rate in [1 - rho, 1 + rho], a share of 2 rho / (1 + rho) is what it takes.
        let share_ppm = (2_000_000 * u64::from(rho_ppm)).div_ceil(1_000_000 + u64::from(rho_ppm));
        let share_ppm = u32::try_from(share_ppm).unwrap();
        let drift = Drift { share_ppm, slack: Duration::ZERO };
        let lease = u128::from(u64::try_from(drift.shorten(nanos(grant)).as_nanos()).unwrap());
        let (slow, fast) = (u128::from(1_000_000 - rho_ppm), u128::from(1_000_000 + rho_ppm));
        // lease / slow <= grant / fast
        prop_assert!(lease * fast <= u128::from(grant) * slow);
    }

    #[test]
    fn no_settings_panic(grant: Duration, interval: Duration, share_ppm: u32, slack: Duration) {
        let drift = Drift { share_ppm, slack };
        prop_assert!(drift.shorten(grant) <= grant);
        if let Ok(timing) = Timing::new(grant, interval, drift) {
            prop_assert!(timing.lease() < timing.grant() || slack.is_zero());
            prop_assert!(2 * timing.interval() <= timing.lease());
        }
    }
}
