//! Probes at intended times, whether or not the earlier ones have ended.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tsoracle_consensus::BootInstant;
use tsoracle_core::Clock;
use tsoracle_testbed::Timing;

use super::client::Clients;
use super::places::Places;
use super::probes::{Probe, Probes, Record};

/// How often there is a probe, and how patient it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two intended sends.
    pub interval: Duration,
    /// After this long without an answer another node is asked too.
    pub hedge: Duration,
    /// A probe that was not acknowledged by then counts as failed.
    pub give_up: Duration,
}

impl Pace {
    /// A probe every twentieth of the election timeout, that asks elsewhere after half of one and
    /// gives up at the driver's own deadline.
    #[must_use]
    pub fn of(timing: &Timing) -> Self {
        let election = timing.election_timeout;
        Self {
            interval: (election / 20).max(Duration::from_millis(1)),
            hedge: election / 2,
            give_up: timing.deadline.max(election),
        }
    }
}

/// An open loop of persists at whoever leads. Dropping it ends its probes where they are.
///
/// Each probe asks for what the next reading of a clock says. Its time counts from its *intended*
/// moment, redirects included, so that probes which a stall delayed count in full.
#[derive(Debug)]
pub struct Prober {
    record: Arc<Record>,
    stop: watch::Sender<bool>,
    schedule: JoinSet<()>,
}

impl Prober {
    /// Begins at once; runs on the current runtime.
    #[must_use]
    pub fn start(places: &Places, pace: Pace, values: Arc<dyn Clock>) -> Self {
        let record = Arc::new(Record::default());
        let clients = Arc::new(Clients {
            places: places.clone(),
            pace,
            believed: AtomicUsize::new(0),
            record: Arc::clone(&record),
        });
        let (stop, stopped) = watch::channel(false);
        let mut schedule = JoinSet::new();
        schedule.spawn(keep_probing(clients, values, stopped));
        Self {
            record,
            stop,
            schedule,
        }
    }

    /// What it saw so far.
    #[must_use]
    pub fn probes(&self) -> Probes {
        self.record.read()
    }

    /// When its probes were acknowledged since a moment, in order.
    #[must_use]
    pub fn answered_since(&self, from: BootInstant) -> Vec<BootInstant> {
        self.record.answered_since(from)
    }

    /// The probe that was acknowledged last.
    #[must_use]
    pub fn last_answer(&self) -> Option<Probe> {
        self.record.last_answer()
    }

    /// Sends no more, and waits for what is under way: as long as one probe is patient at most.
    pub async fn finish(mut self) -> Probes {
        self.stop.send_replace(true);
        // A panic of the driver was told by whoever called it; the record is whole.
        while self.schedule.join_next().await.is_some() {}
        self.record.read()
    }
}

async fn keep_probing(
    clients: Arc<Clients>,
    values: Arc<dyn Clock>,
    mut stopped: watch::Receiver<bool>,
) {
    let (begin, begin_boot) = (Instant::now(), BootInstant::now());
    let mut probes = JoinSet::new();
    for number in 1_u32.. {
        let offset = clients.pace.interval * number;
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            () = sleep_until(begin + offset) => {}
        }
        let intended = begin_boot.saturating_add(offset);
        probes.spawn(Arc::clone(&clients).probe(values.now_ms(), intended));
        while probes.try_join_next().is_some() {}
    }
    while probes.join_next().await.is_some() {}
}
