//! What calls take while the links between nodes are slow: loopback hides how many round trips a
//! persist waits for.

use std::time::Duration;

use tokio::runtime::Runtime;
use tsoracle_testbed::{LinkFault, Links, Reads};

use super::{Bench, WARM_UP, patience};
use crate::batch::closed_loop;
use crate::distribution::Distribution;
use crate::progress::Progress;
use crate::spinner::Spinning;
use crate::{Delayed, LatencyError, Options};

const WHAT: &str = "slow links";

impl Bench {
    /// One measurement for each delay, and fast links again at the end. A delay under which nobody
    /// answers is named in its own result, and costs no other figure.
    pub(crate) fn delayed(
        &mut self,
        options: &Options,
        runtime: &Runtime,
        progress: &Progress,
    ) -> Vec<Delayed> {
        let reachable = self.backend.capabilities().links != Links::None;
        if !reachable || self.cluster.nodes().len() < 2 {
            return Vec::new();
        }
        let _spinning = Spinning::start();
        let delays = options.link_delays.iter().enumerate();
        let measured = delays.map(|(done, by)| {
            progress.step(WHAT, done as u64, options.link_delays.len() as u64);
            let times = self.at_delay(*by, options.profile.delayed(), runtime);
            let missing = times.as_ref().err().map(ToString::to_string);
            let (persist, load) = times.ok().unzip();
            Delayed {
                link_delay_ms: by.as_secs_f64() * 1e3,
                persist,
                load: load.flatten(),
                missing,
            }
        });
        let measured = measured.collect();
        // The nodes are about to end; if one does not take it, nothing comes after it.
        let _ = runtime.block_on(self.cluster.heal());
        measured
    }

    fn at_delay(
        &mut self,
        by: Duration,
        samples: u32,
        runtime: &Runtime,
    ) -> Result<(Distribution, Option<Distribution>), LatencyError> {
        let nodes = self.cluster.nodes().len();
        runtime
            .block_on(async {
                for from in 0..nodes {
                    for to in (0..nodes).filter(|to| *to != from) {
                        let fault = LinkFault::Delay(by);
                        self.cluster.set_link(from, to, fault).await?;
                    }
                }
                Ok(())
            })
            .map_err(|source| LatencyError::testbed(self.backend.name(), source))?;
        self.follow_the_leader(runtime)?;
        // A leader that was found as the links became slow may be about to go.
        let settling = patience(self.backend.timing());
        while let Err(refused) = self.subject.start_above_stored(&self.time) {
            if settling.left().is_zero() {
                return Err(refused);
            }
            self.follow_the_leader(runtime)?;
        }
        let persist = || self.subject.persist_now(&self.time, WHAT);
        closed_loop(&self.time, WARM_UP, 1, persist)?;
        let persists = closed_loop(&self.time, samples, 1, persist)?;
        let loads = match self.reads {
            Reads::Memory => None,
            Reads::Quorum | Reads::Log => Some(closed_loop(&self.time, samples, 1, || {
                self.subject.load(&self.time, WHAT).map(drop)
            })?),
        };
        Ok((Distribution::of(persists), loads.map(Distribution::of)))
    }
}
