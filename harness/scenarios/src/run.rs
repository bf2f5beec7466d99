//! A run under way: its site, everyone who uses and watches it, and what was noted so far.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::time::sleep;
use tsoracle_consensus::{BootInstant, Epoch};
use tsoracle_core::Clock;
use tsoracle_latency::failover::{Fall, Pace, Places, Prober, Service, Timeline};
use tsoracle_testbed::{Capabilities, Patience, Recording, Time, Timing, allowance};

use crate::leases::LeaseWatch;
use crate::load::{Loyal, Readers};
use crate::result::{Evidence, Figure};
use crate::values::Values;
use crate::{Effort, Options, Site, Stop};

/// What a scenario works with: the faults stand in this type's methods, and waiting is counted in T.
pub struct Run {
    pub(crate) site: Box<dyn Site>,
    pub(crate) places: Places,
    pub(crate) timeline: Timeline,
    pub(crate) leases: LeaseWatch,
    pub(crate) prober: Prober,
    pub(crate) values: Arc<Values>,
    pub(crate) recording: Recording,
    pub(crate) timing: Timing,
    pub(crate) capabilities: Capabilities,
    pub(crate) options: Options,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) marks: Marks,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) faulty_links: BTreeSet<(usize, usize)>,
    /// What was counted of each link.
    pub(crate) counted: BTreeMap<(usize, usize), u64>,
    pub(crate) frozen: BTreeSet<usize>,
    pub(crate) loyal: Option<Loyal>,
    /// Whose time passes.
    pub(crate) time: Time,
    _readers: Readers,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("options", &self.options)
            .field("marks", &self.marks)
            .finish_non_exhaustive()
    }
}

/// A leader that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Led {
    pub(crate) place: usize,
    pub(crate) epoch: Epoch,
}

/// The moments that a verdict is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    /// The fault, on the clock of the probes.
    pub(crate) fault: Option<BootInstant>,
    /// The leader that fell, if one did.
    pub(crate) fallen: Option<Led>,
    /// When the fault was removed. A fault that ends by itself has none.
    pub(crate) healed: Option<BootInstant>,
    /// From when to when nobody may acknowledge anything, on the clock of the calls.
    pub(crate) without_quorum: Option<(u64, u64)>,
    /// When a quorum was back.
    pub(crate) quorum_back: Option<BootInstant>,
    /// Whether the fault is a change of leaders that was asked for.
    pub(crate) is_planned: bool,
    /// How often all leases had been read when the fault came.
    pub(crate) leases_read: u64,
}

/// Service without a break for so many T is service, but for no less than a livelock may serve.
const STEADY_T: f64 = 5.0;
const STEADY: Duration = Duration::from_secs(1);
/// A fault that may be survived is held no longer than this.
const LONGEST_HOLD_T: f64 = 30.0;
/// A livelock shows in no less.
const LEAST_HOLD: Duration = Duration::from_secs(4);

impl Run {
    /// Everyone takes their place around a site on which nothing runs yet.
    pub(crate) fn new(
        site: Box<dyn Site>,
        capabilities: Capabilities,
        timing: Timing,
        time: Time,
        options: &Options,
        recording: Recording,
    ) -> Self {
        let places = Places::new(site.endpoints());
        let values = Arc::new(Values::default());
        let pace = Pace::of(&timing);
        let clock = Arc::clone(&values) as Arc<dyn Clock>;
        Self {
            prober: Prober::start(&places, pace, Arc::clone(&clock)),
            timeline: Timeline::new(clock),
            leases: LeaseWatch::start(pace.interval / 2),
            _readers: Readers::start(&places, pace.interval * 2),
            site,
            places,
            values,
            recording,
            timing,
            capabilities,
            options: options.clone(),
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            marks: Marks::default(),
            evidence: Vec::new(),
            figures: Vec::new(),
            faulty_links: BTreeSet::new(),
            counted: BTreeMap::new(),
            frozen: BTreeSet::new(),
            loyal: None,
            time,
        }
    }

    /// Probes so often from now on, and forgets the probes before: for gaps that are no longer than
    /// the usual interval.
    pub(crate) fn probe_every(&mut self, interval: Duration) {
        let pace = Pace {
            interval,
            ..Pace::of(&self.timing)
        };
        let clock = Arc::clone(&self.values) as Arc<dyn Clock>;
        self.prober = Prober::start(&self.places, pace, clock);
    }

    /// So many T.
    pub(crate) fn t(&self, times: f64) -> Duration {
        self.timing.election_timeout.mul_f64(times)
    }

    /// Waits so many T, whatever happens.
    pub(crate) async fn hold(&self, times: f64) {
        sleep(self.t(times)).await;
    }

    /// Waits as long as a livelock needs to show itself.
    pub(crate) async fn hold_all(&self) {
        sleep(self.t(LONGEST_HOLD_T).max(LEAST_HOLD)).await;
    }

    /// One length for a quick run, another for a full one.
    pub(crate) fn lasting(&self, quick: Duration, full: Duration) -> Duration {
        match self.options.effort {
            Effort::Quick => quick,
            Effort::Full => full,
        }
    }

    /// For how long clients are served without a break before that counts as service.
    fn steady(&self) -> Duration {
        self.t(STEADY_T).max(STEADY + self.interruption())
    }

    /// Whether clients have been served without a break for long enough.
    fn is_steady(&self) -> bool {
        let (now, span) = (BootInstant::now(), self.steady());
        let span_ns = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let from = BootInstant::from_nanos(now.as_nanos().saturating_sub(span_ns));
        let mut borders = self.prober.answered_since(from);
        borders.push(now);
        let mut last = from;
        borders.into_iter().all(|border| {
            let gap = border.saturating_since(std::mem::replace(&mut last, border));
            gap < self.interruption()
        })
    }

    /// What is longer than this is a break in service.
    pub(crate) fn interruption(&self) -> Duration {
        self.t(0.5).max(Duration::from_millis(20))
    }

    /// What is a break in service, and what is service between two breaks.
    pub(crate) fn service(&self) -> Service {
        Service {
            interruption: self.interruption(),
            least: self.t(1.0),
        }
    }

    /// Waits until clients have been served for a while, or the fault has been held long enough.
    pub(crate) async fn settle(&self) {
        let longest = self.t(LONGEST_HOLD_T).max(LEAST_HOLD);
        let begun = tokio::time::Instant::now();
        sleep(self.steady()).await;
        while begun.elapsed() < longest && !self.is_steady() {
            self.hold(0.25).await;
        }
    }

    /// Waits until clients are served again, as they must be once nothing is wrong.
    pub(crate) async fn serve_again(&self, what: &str) -> Result<(), Stop> {
        self.serve_within(what, self.back_within()).await
    }

    /// The limit on a service that nothing keeps from coming back.
    fn back_within(&self) -> Duration {
        allowance(self.t(10.0) + self.timing.lease.unwrap_or_default() + self.timing.deadline)
    }

    /// As [`serve_again`](Self::serve_again), within a limit of the caller's.
    pub(crate) async fn serve_within(&self, what: &str, limit: Duration) -> Result<(), Stop> {
        let steady = async {
            // What came before does not count.
            sleep(self.steady()).await;
            while !self.is_steady() {
                self.hold(0.25).await;
            }
        };
        Ok(Patience::new(limit).wait_for(what, steady).await?)
    }

    /// The leader that serves now, once there is one.
    pub(crate) async fn leader(&self) -> Result<Led, Stop> {
        let serving = async {
            loop {
                let last = self.prober.last_answer();
                let now = BootInstant::now();
                let recent = last.filter(|last| now.saturating_since(last.ended) < self.t(0.25));
                if let Some((place, epoch)) = recent.and_then(|last| last.answer) {
                    return Led { place, epoch };
                }
                self.hold(0.05).await;
            }
        };
        let patience = Patience::new(self.back_within());
        Ok(patience.wait_for("an acknowledgement", serving).await?)
    }

    /// Returns once so many more probes were acknowledged.
    pub(crate) async fn acknowledged(&self, more: usize) -> Result<(), Stop> {
        let from = BootInstant::now();
        let reached = async {
            while self.prober.answered_since(from).len() < more {
                self.hold(0.05).await;
            }
        };
        let patience = Patience::new(self.back_within());
        Ok(patience.wait_for("more acknowledgements", reached).await?)
    }

    /// All places but one, in a seeded order.
    pub(crate) fn others(&mut self, place: usize) -> Vec<usize> {
        let mut others: Vec<_> = (0..self.options.nodes)
            .filter(|other| *other != place)
            .collect();
        others.shuffle(&mut self.rng);
        others
    }

    /// Waits a seeded part of a time.
    pub(crate) async fn hold_some_of(&mut self, time: Duration) {
        let some = self.rng.random_range(Duration::ZERO..=time);
        sleep(some).await;
    }

    /// The fault comes now, and returns when that is. A leader that it makes fall keeps one of its clients.
    pub(crate) fn begin_fault(&mut self, fallen: Option<Led>) -> BootInstant {
        let now = BootInstant::now();
        self.marks.fault = Some(now);
        self.marks.fallen = fallen;
        self.marks.leases_read = self.leases.seen().samples;
        let driver = fallen.and_then(|led| self.places.driver(led.place));
        if let (Some(led), Some(driver)) = (fallen, driver) {
            let values = Arc::clone(&self.values) as Arc<dyn Clock>;
            let every = self.t(0.25);
            self.loyal = Some(Loyal::start(driver, led.epoch, values, every));
        }
        now
    }

    /// The fault is removed from now on: what comes back later was kept away by it.
    pub(crate) fn begin_healing(&mut self) {
        self.marks.healed = Some(BootInstant::now());
    }

    /// Notes something that shows that the fault happened. A count of 0 makes the run invalid.
    pub(crate) fn evidence(&mut self, what: &str, count: u64) {
        match self.evidence.iter_mut().find(|noted| noted.what == what) {
            Some(noted) => noted.count += count,
            None => self.evidence.push(Evidence {
                what: what.to_owned(),
                count,
            }),
        }
    }

    /// Notes something that was measured.
    pub(crate) fn figure(&mut self, what: impl Into<String>, value: f64) {
        let what = what.into();
        self.figures.push(Figure { what, value });
    }

    /// Terms of leadership that began since a moment.
    pub(crate) fn terms_since(&self, from: BootInstant) -> u64 {
        self.timeline.terms(from, BootInstant::FAR_FUTURE).len() as u64
    }

    /// What is known of the leader that fell.
    pub(crate) fn fall(&self) -> Option<Fall> {
        let (at, led) = (self.marks.fault?, self.marks.fallen?);
        Some(Fall {
            at,
            place: led.place,
            epoch: led.epoch,
            lease_end: self.leases.latest((led.place, led.epoch)),
            leases: self.capabilities.leases,
        })
    }
}
