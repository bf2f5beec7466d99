//! What became of every probe.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tsoracle_consensus::{BootInstant, Epoch};

/// One request of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// When it was to be sent; its time counts from here.
    pub intended: BootInstant,
    /// When it was answered, or given up.
    pub ended: BootInstant,
    /// The place and the epoch under which it was acknowledged; `None` for one that was given up.
    pub answer: Option<(usize, Epoch)>,
    /// The calls that it took, redirects among them.
    pub calls: u32,
}

/// The refusals of one class that the calls of probes met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorClass {
    /// A class of the contract; `Down` for a call to a node that does not run, `Unanswered` for one
    /// that was given up.
    pub class: String,
    /// How many.
    pub count: u64,
    /// The median time from the call to its refusal, in milliseconds.
    pub p50_ms: f64,
    /// The longest, in milliseconds.
    pub max_ms: f64,
}

impl ErrorClass {
    fn of(class: &str, mut took_ms: Vec<f64>) -> Self {
        took_ms.sort_by(f64::total_cmp);
        Self {
            class: class.to_owned(),
            count: took_ms.len() as u64,
            p50_ms: took_ms.get(took_ms.len() / 2).copied().unwrap_or_default(),
            max_ms: took_ms.last().copied().unwrap_or_default(),
        }
    }
}

/// One call of a probe that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When it ended.
    pub at: BootInstant,
    /// What it is counted as; see [`ErrorClass`].
    pub class: &'static str,
    /// From the call to its refusal.
    pub took: Duration,
}

/// What a prober saw.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    /// Every probe that has ended, in the order of their ends.
    pub probes: Vec<Probe>,
    /// Every call of theirs that was refused, in the same order.
    pub refusals: Vec<Refusal>,
}

impl Probes {
    /// The share of the probes intended in a span of time that were answered; `None` if there were
    /// none.
    #[must_use]
    pub fn availability(&self, from: BootInstant, until: BootInstant) -> Option<f64> {
        let intended = |probe: &&Probe| (from..until).contains(&probe.intended);
        let (mut all, mut answered) = (0_u32, 0_u32);
        for probe in self.probes.iter().filter(intended) {
            all += 1;
            answered += u32::from(probe.answer.is_some());
        }
        (all > 0).then(|| f64::from(answered) / f64::from(all))
    }

    /// What calls were refused with from a moment on, by class.
    #[must_use]
    pub fn errors(&self, from: BootInstant) -> Vec<ErrorClass> {
        let mut classes: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for refusal in self.refusals.iter().filter(|refusal| refusal.at >= from) {
            let took_ms = refusal.took.as_secs_f64() * 1e3;
            classes.entry(refusal.class).or_default().push(took_ms);
        }
        let of_class = |(class, took_ms)| ErrorClass::of(class, took_ms);
        classes.into_iter().map(of_class).collect()
    }
}

/// Where clients write down what they see.
#[derive(Debug, Default)]
pub(super) struct Record {
    probes: Mutex<Vec<Probe>>,
    refusals: Mutex<Vec<Refusal>>,
}

impl Record {
    pub(super) fn note(&self, probe: Probe) {
        lock(&self.probes).push(probe);
    }

    pub(super) fn refused(&self, class: &'static str, took: Duration) {
        let at = BootInstant::now();
        lock(&self.refusals).push(Refusal { at, class, took });
    }

    /// When probes were acknowledged since a moment, in order.
    pub(super) fn answered_since(&self, from: BootInstant) -> Vec<BootInstant> {
        let probes = lock(&self.probes);
        let since = probes.iter().rev().take_while(|probe| probe.ended >= from);
        let answered = since.filter(|probe| probe.answer.is_some());
        let mut answered: Vec<_> = answered.map(|probe| probe.ended).collect();
        answered.reverse();
        answered
    }

    pub(super) fn last_answer(&self) -> Option<Probe> {
        let probes = lock(&self.probes);
        probes
            .iter()
            .rev()
            .find(|probe| probe.answer.is_some())
            .copied()
    }

    pub(super) fn read(&self) -> Probes {
        Probes {
            probes: lock(&self.probes).clone(),
            refusals: lock(&self.refusals).clone(),
        }
    }
}

/// What it guards is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
