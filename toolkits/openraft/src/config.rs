//! The times of a group, in one place, and the openraft config that the lease relies on.

use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, StepDownPolicy};
use tsoracle_lease::Drift;

/// The times that all nodes of a group share. openraft's config, the lease and the transport's
/// handshake are derived from them, so that nodes with other times refuse each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTimes {
    /// Between two heartbeats of a leader; openraft's clock ticks 13/64 as long. Whole
    /// milliseconds.
    pub heartbeat: Duration,
    /// A node without a leader campaigns after a time between this one and the next, drawn anew for
    /// each campaign.
    pub election_min: Duration,
    /// See `election_min`. A follower also refuses votes for this long after its leader's last sign
    /// of life, so that a failover takes this, and the time drawn.
    pub election_max: Duration,
    /// How long a grant of the lease binds. A failover takes at least the rest of one.
    pub grant: Duration,
    /// Between two rounds of the lease.
    pub interval: Duration,
    /// How far two clocks may run apart.
    pub drift: Drift,
}

impl Default for GroupTimes {
    /// Heartbeats every 40 ms, elections after 150 to 200 ms, grants of 150 ms every 45 ms.
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            heartbeat: ms(40),
            election_min: ms(150),
            election_max: ms(200),
            grant: ms(150),
            interval: ms(45),
            drift: Drift::default(),
        }
    }
}

/// A setting that the lease, or the log, could not be trusted with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// openraft itself refuses it.
    #[error("openraft refuses the config: {why}")]
    Engine {
        /// Its words.
        why: String,
    },
    /// The lease cannot be kept this way.
    #[error(transparent)]
    Lease(#[from] tsoracle_lease::TimingError),
    /// A value that breaks what this crate promises.
    #[error("{setting} must be {wanted}: {why}")]
    Unsafe {
        /// Which.
        setting: &'static str,
        /// What it has to be.
        wanted: &'static str,
        /// What goes wrong otherwise.
        why: &'static str,
    },
}

impl GroupTimes {
    /// The times of openraft's own defaults, with the lease of ours.
    #[must_use]
    pub fn of_openraft() -> Self {
        let config = Config::default();
        Self {
            heartbeat: Duration::from_millis(config.heartbeat_interval),
            election_min: Duration::from_millis(config.election_timeout_min),
            election_max: Duration::from_millis(config.election_timeout_max),
            ..Self::default()
        }
    }

    /// openraft's config, with everything set that the lease relies on. Change what else is needed,
    /// and pass it through [`checked`].
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn config(&self, cluster_name: &str) -> Result<Config, ConfigError> {
        let config = Config {
            cluster_name: cluster_name.to_owned(),
            heartbeat_interval: ms(self.heartbeat),
            election_timeout_min: ms(self.election_min),
            election_timeout_max: ms(self.election_max),
            enable_leader_restore: Some(false),
            enable_pre_vote: Some(true),
            // A leader without a quorum falls silent for at least one whole election, then tries.
            quorum_loss_probe_interval: Some(2 * ms(self.election_max)),
            removed_leader_step_down: StepDownPolicy::Never,
            allow_log_reversion: None,
            // Followers sync while the leader does: a commit costs the slower of the two.
            broadcast_submitted_on_append: Some(true),
            install_snapshot_timeout: 60_000,
            ..Config::default()
        };
        let config = config.validate().map_err(|error| ConfigError::Engine {
            why: error.to_string(),
        })?;
        self.lease()?;
        Ok(config)
    }

    /// The times of the lease. A candidate that is held tries again after its next election
    /// timeout, so this is how long its place is kept.
    ///
    /// # Errors
    /// [`ConfigError::Lease`].
    pub fn lease(&self) -> Result<tsoracle_lease::Timing, ConfigError> {
        let timing = tsoracle_lease::Timing::new(self.grant, self.interval, self.drift)?;
        Ok(timing.with_patience(self.election_max + self.election_min))
    }

    /// What the transport's handshake compares.
    #[must_use]
    pub fn handshake(&self) -> tsoracle_peer_transport::Timing {
        let parts = [
            self.heartbeat.as_nanos(),
            self.election_min.as_nanos(),
            self.election_max.as_nanos(),
            self.grant.as_nanos(),
            self.interval.as_nanos(),
            u128::from(self.drift.share_ppm),
            self.drift.slack.as_nanos(),
        ];
        tsoracle_peer_transport::Timing {
            election_timeout: self.election_max,
            lease: Some(self.grant),
            drift: self.grant.saturating_sub(self.drift.shorten(self.grant)),
            digest: digest(&parts),
        }
    }
}

/// Refuses a config that would break what this crate promises; what else is set is the owner's.
///
/// # Errors
/// [`ConfigError`].
pub fn checked(config: Config) -> Result<Arc<Config>, ConfigError> {
    let config = config.validate().map_err(|error| ConfigError::Engine {
        why: error.to_string(),
    })?;
    let rules = [
        (
            config.enable_leader_restore == Some(false),
            "enable_leader_restore",
            "Some(false)",
            "a restarted leader would go on in its old term without entries that it lost, and commit others under their log ids",
        ),
        (
            config.enable_pre_vote == Some(true),
            "enable_pre_vote",
            "Some(true)",
            "a node that cannot win would raise the term of those that can serve",
        ),
        (
            config.removed_leader_step_down == StepDownPolicy::Never,
            "removed_leader_step_down",
            "Never",
            "openraft would hand leadership over while the lease is valid",
        ),
        (
            config.allow_log_reversion != Some(true),
            "allow_log_reversion",
            "None or Some(false)",
            "a node that lost its log would count as one that has it",
        ),
        (
            config.quorum_loss_probe_interval.is_some(),
            "quorum_loss_probe_interval",
            "set",
            "a leader without a quorum would keep the nodes that it reaches from electing another",
        ),
    ];
    for (holds, setting, wanted, why) in rules {
        if !holds {
            return Err(ConfigError::Unsafe {
                setting,
                wanted,
                why,
            });
        }
    }
    Ok(Arc::new(config))
}

/// A config that [`checked`] refuses, for experiments that measure what a setting buys. No service
/// runs with one: each gives up something that this crate promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Experiment {
    /// The curated config without pre-vote: a node that cannot win raises the term of those that
    /// can serve.
    WithoutPreVote,
    /// The curated config without the quorum probe: a leader that lost its quorum keeps the nodes
    /// that it reaches from electing another.
    WithoutProbe,
    /// openraft's own defaults, but for the cluster's name: neither of the two, a restarted leader
    /// that goes on in its old term, and a removed one that hands over under a valid lease. Its
    /// times are [`GroupTimes::of_openraft`], and the lease is kept all the same.
    Upstream,
}

impl Experiment {
    /// The engine's config for the experiment, from the curated one.
    ///
    /// # Errors
    /// [`ConfigError::Engine`] when openraft itself refuses it.
    pub fn config(self, curated: Config) -> Result<Arc<Config>, ConfigError> {
        let config = match self {
            Self::WithoutPreVote => Config {
                enable_pre_vote: Some(false),
                ..curated
            },
            Self::WithoutProbe => Config {
                quorum_loss_probe_interval: None,
                ..curated
            },
            Self::Upstream => Config {
                cluster_name: curated.cluster_name,
                ..Config::default()
            },
        };
        let config = config.validate().map_err(|error| ConfigError::Engine {
            why: error.to_string(),
        })?;
        Ok(Arc::new(config))
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// FNV-1a over the numbers' bytes: the same on every machine.
fn digest(parts: &[u128]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curated_config_is_accepted() {
        let times = GroupTimes::default();
        let config = checked(times.config("test").unwrap()).unwrap();
        assert_eq!(config.enable_leader_restore, Some(false));
        assert!(times.lease().unwrap().patience() > times.election_max);
    }

    #[test]
    fn what_breaks_a_promise_is_refused_by_name() {
        let curated = GroupTimes::default().config("test").unwrap();
        type Break = (&'static str, fn(&mut Config));
        let breaks: [Break; 5] = [
            ("enable_leader_restore", |c| c.enable_leader_restore = None),
            ("enable_pre_vote", |c| c.enable_pre_vote = None),
            ("removed_leader_step_down", |c| {
                c.removed_leader_step_down = StepDownPolicy::After(1);
            }),
            ("allow_log_reversion", |c| {
                c.allow_log_reversion = Some(true);
            }),
            ("quorum_loss_probe_interval", |c| {
                c.quorum_loss_probe_interval = None;
            }),
        ];
        for (named, breaks) in breaks {
            let mut config = curated.clone();
            breaks(&mut config);
            let error = checked(config).unwrap_err();
            assert!(matches!(error, ConfigError::Unsafe { setting, .. } if setting == named));
        }
    }

    #[test]
    fn an_experiment_changes_one_thing_and_is_refused_where_services_start() {
        let curated = GroupTimes::default().config("test").unwrap();
        let of = |experiment: Experiment| experiment.config(curated.clone()).unwrap();
        for (experiment, restored) in [
            (
                Experiment::WithoutPreVote,
                Config {
                    enable_pre_vote: Some(true),
                    ..(*of(Experiment::WithoutPreVote)).clone()
                },
            ),
            (
                Experiment::WithoutProbe,
                Config {
                    quorum_loss_probe_interval: curated.quorum_loss_probe_interval,
                    ..(*of(Experiment::WithoutProbe)).clone()
                },
            ),
        ] {
            assert_eq!(
                format!("{restored:?}"),
                format!("{curated:?}"),
                "{experiment:?}"
            );
            assert!(checked((*of(experiment)).clone()).is_err());
        }
        let upstream = of(Experiment::Upstream);
        assert_eq!(
            upstream.election_timeout_max,
            ms(GroupTimes::of_openraft().election_max)
        );
        assert!(checked((*upstream).clone()).is_err());
        assert!(GroupTimes::of_openraft().lease().is_ok());
    }

    #[test]
    fn other_times_have_another_digest() {
        let times = GroupTimes::default();
        let mut other = times;
        other.interval += Duration::from_millis(1);
        assert_ne!(times.handshake(), other.handshake());
        other = times;
        other.heartbeat += Duration::from_millis(1);
        assert_ne!(times.handshake(), other.handshake());
    }
}
