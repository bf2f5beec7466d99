//! How far a run is, told from the measuring thread to the caller's.

use std::sync::mpsc::Sender;

use crate::options::Budget;

/// What is being measured, and how much of it is done.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) what: String,
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// The way back to the caller.
#[derive(Debug)]
pub(crate) struct Progress(Option<Sender<Step>>);

/// One measurement of a run.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    progress: &'a Progress,
    what: String,
    budget: Budget,
}

impl Progress {
    pub(crate) fn to(listener: Sender<Step>) -> Self {
        Self(Some(listener))
    }

    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        Self(None)
    }

    pub(crate) fn task(&self, what: impl Into<String>, budget: Budget) -> Task<'_> {
        Task {
            progress: self,
            what: what.into(),
            budget,
        }
    }

    pub(crate) fn step(&self, what: &str, done: u64, total: u64) {
        if let Some(listener) = &self.0 {
            let what = what.to_owned();
            // A caller that no longer listens does not stop the measurement.
            let _ = listener.send(Step { what, done, total });
        }
    }
}

impl Task<'_> {
    const TOTAL: u64 = 100;

    /// In percent of the count or of the time, whichever is nearer to its end.
    pub(crate) fn done(&self, spent_ns: u64, pairs: u64) {
        let share = |part: u64, whole: u64| part.saturating_mul(Self::TOTAL) / whole.max(1);
        let by_time = share(spent_ns, self.budget.limit_ns);
        let by_count = share(pairs, u64::from(self.budget.pairs));
        let done = by_time.max(by_count).min(Self::TOTAL);
        self.progress.step(&self.what, done, Self::TOTAL);
    }

    pub(crate) fn finished(&self) {
        self.progress.step(&self.what, Self::TOTAL, Self::TOTAL);
    }
}
