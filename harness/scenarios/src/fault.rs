//! The faults that scenarios make, and their removal.

use std::collections::BTreeSet;
use std::time::Duration;

use tsoracle_testbed::faultfs::{Rule, RuleId};
use tsoracle_testbed::{LinkFault, Patience, TestbedError, allowance};

use crate::{Run, Stop};

/// A hang, and no measure.
const START_WITHIN: Duration = Duration::from_secs(60);
/// What links with a fault did.
pub(crate) const DISTURBED: &str = "frames that did not go their usual way";

impl Run {
    /// Starts every node that does not run, and everyone takes notice.
    pub(crate) async fn start_all(&mut self) -> Result<(), Stop> {
        let resting: Vec<_> = (0..self.options.nodes)
            .filter(|place| !self.site.is_running(*place))
            .collect();
        let started = self.site.start_all();
        Patience::new(START_WITHIN)
            .wait_for("the start of nodes", started)
            .await??;
        for place in resting {
            self.follow(place)?;
        }
        Ok(())
    }

    /// Starts one node, and everyone takes notice.
    pub(crate) async fn start(&mut self, place: usize) -> Result<(), Stop> {
        let started = self.site.start(place);
        Patience::new(START_WITHIN)
            .wait_for("the start of a node", started)
            .await??;
        self.follow(place)
    }

    fn follow(&mut self, place: usize) -> Result<(), Stop> {
        let reach = self.site.reach(place)?;
        self.places.set(place, Some(reach.driver.clone()));
        self.leases.set(place, Some(reach));
        self.timeline.follow(&self.places, place);
        Ok(())
    }

    /// Ends a node without a word.
    pub(crate) async fn kill(&mut self, place: usize) -> Result<(), Stop> {
        self.leave(place);
        self.site.kill(place).await?;
        self.evidence("nodes killed", u64::from(!self.site.is_running(place)));
        Ok(())
    }

    /// Shuts a node down in good order.
    pub(crate) async fn stop(&mut self, place: usize) -> Result<(), Stop> {
        let limit = self.timing.deadline * 4 + Duration::from_secs(10);
        let stopped = self.site.stop(place);
        Patience::new(limit)
            .wait_for("the end of a shutdown", stopped)
            .await??;
        self.leave(place);
        Ok(())
    }

    fn leave(&mut self, place: usize) {
        self.places.set(place, None);
        self.leases.set(place, None);
        self.frozen.remove(&place);
    }

    /// Stops a node where it is.
    pub(crate) async fn freeze(&mut self, place: usize) -> Result<(), Stop> {
        self.leases.freeze(place, true);
        self.frozen.insert(place);
        Ok(self.site.freeze(place).await?)
    }

    /// Lets a while pass, in which a frozen node gives no value.
    pub(crate) async fn pass_while_frozen(&mut self, place: usize, time: Duration) {
        let over = tokio::time::Instant::now() + time;
        let silent = match self.places.driver(place) {
            Some(driver) => {
                let load = tokio::time::timeout_at(over, driver.load_high_water());
                !matches!(load.await, Ok(Ok(_)))
            }
            None => false,
        };
        tokio::time::sleep_until(over).await;
        self.evidence(
            "loads that a frozen node had no value for",
            u64::from(silent),
        );
    }

    /// Lets a frozen node go on.
    pub(crate) async fn thaw(&mut self, place: usize) -> Result<(), Stop> {
        self.site.thaw(place).await?;
        self.frozen.remove(&place);
        self.leases.freeze(place, false);
        Ok(())
    }

    /// Asks a node to stand for election now.
    pub(crate) async fn campaign(&self, place: usize) -> Result<(), Stop> {
        let asked = self.site.campaign(place);
        let patience = Patience::new(allowance(self.timing.deadline));
        Ok(patience.wait_for("the end of a hook", asked).await??)
    }

    /// Gives leadership from one node to another. Inside, whether it moved, or why not.
    pub(crate) async fn hand_off(
        &self,
        from: usize,
        to: usize,
    ) -> Result<Result<(), String>, Stop> {
        let handing_over = self.site.hand_off(from, to);
        let patience = Patience::new(allowance(self.timing.deadline + self.t(10.0)));
        Ok(patience
            .wait_for("the end of a handoff", handing_over)
            .await??)
    }

    /// Cuts the link from one node to another.
    pub(crate) async fn cut_one_way(&mut self, from: usize, to: usize) -> Result<(), Stop> {
        self.set_link(from, to, LinkFault::Drop).await
    }

    /// Cuts both links between two nodes.
    pub(crate) async fn cut(&mut self, one: usize, other: usize) -> Result<(), Stop> {
        self.cut_one_way(one, other).await?;
        self.cut_one_way(other, one).await
    }

    /// Cuts a node off from all others.
    pub(crate) async fn isolate(&mut self, place: usize) -> Result<(), Stop> {
        for other in (0..self.options.nodes).filter(|other| *other != place) {
            self.cut(place, other).await?;
        }
        Ok(())
    }

    /// Cuts every pair of nodes but these.
    pub(crate) async fn keep_only(&mut self, kept: &[(usize, usize)]) -> Result<(), Stop> {
        for one in 0..self.options.nodes {
            for other in one + 1..self.options.nodes {
                if !kept.contains(&(one, other)) && !kept.contains(&(other, one)) {
                    self.cut(one, other).await?;
                }
            }
        }
        Ok(())
    }

    /// Gives every link between two nodes the same fault.
    pub(crate) async fn set_all_links(&mut self, fault: LinkFault) -> Result<(), Stop> {
        for from in 0..self.options.nodes {
            for to in (0..self.options.nodes).filter(|to| *to != from) {
                self.set_link(from, to, fault).await?;
            }
        }
        Ok(())
    }

    /// Sets what one link does, and remembers it until [`heal_links`](Self::heal_links).
    pub(crate) async fn set_link(
        &mut self,
        from: usize,
        to: usize,
        fault: LinkFault,
    ) -> Result<(), Stop> {
        self.site.set_link(from, to, fault).await?;
        self.faulty_links.insert((from, to));
        Ok(())
    }

    /// Counts what links with a fault have done since they were last counted: the evidence of their
    /// faults.
    pub(crate) async fn count_disturbed_frames(&mut self, what: &str) -> Result<(), Stop> {
        let mut frames = 0;
        for link in self.faulty_links.clone() {
            if self.site.is_running(link.0) && !self.frozen.contains(&link.0) {
                let disturbed = match self.site.disturbed(link.0, link.1).await {
                    Err(TestbedError::NotRunning { .. }) => continue,
                    disturbed => disturbed?,
                };
                let before = self.counted.insert(link, disturbed).unwrap_or(0);
                // A node that has started again counts from the beginning.
                frames += disturbed.checked_sub(before).unwrap_or(disturbed);
            }
        }
        self.evidence(what, frames);
        Ok(())
    }

    /// Makes every link deliver, after counting what was lost.
    pub(crate) async fn heal_links(&mut self) -> Result<(), Stop> {
        if self.faulty_links.is_empty() {
            return Ok(());
        }
        self.count_disturbed_frames(DISTURBED).await?;
        for (from, to) in std::mem::take(&mut self.faulty_links) {
            self.site.set_link(from, to, LinkFault::Deliver).await?;
        }
        Ok(())
    }

    /// Puts a rule below a node's file calls in force.
    pub(crate) async fn spoil_disk(&mut self, place: usize, rule: Rule) -> Result<RuleId, Stop> {
        Ok(self.site.disk(place)?.install(rule).await?)
    }

    /// How often a rule has acted, and takes it out of force.
    pub(crate) async fn mend_disk(&mut self, place: usize, rule: RuleId) -> Result<(), Stop> {
        let disk = self.site.disk(place)?;
        let hits = disk.wait_for_hits(rule, 0, Duration::ZERO).await?;
        disk.remove(rule).await?;
        self.evidence("file calls that the fault acted on", hits);
        Ok(())
    }

    /// Removes whatever is wrong: frozen nodes go on, links deliver, nodes that were killed start
    /// again. Service must come back.
    pub(crate) async fn mend(&mut self) -> Result<(), Stop> {
        self.begin_healing();
        let frozen: BTreeSet<usize> = self.frozen.clone();
        for place in frozen {
            self.thaw(place).await?;
        }
        self.heal_links().await?;
        self.start_all().await?;
        self.serve_again("service after the fault was removed")
            .await
    }
}
