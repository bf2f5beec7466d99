#![doc = include_str!("../README.md")]

mod busy;
mod fault;
mod judge;
mod leases;
mod load;
mod options;
mod result;
mod run;
mod runner;
mod safety;
mod scenario;
mod scenarios;
mod settings;
mod site;
mod summary;
mod values;
mod verdict;

pub use options::{Effort, Options};
pub use result::{Evidence, Figure, ScenarioResult};
pub use run::Run;
pub use runner::run_scenario;
pub use scenario::{Need, Repeats, Scenario};
pub use scenarios::{ALL, SOAKS, named};
pub use settings::settings_hash;
pub use site::{ClusterSite, Reach, Site};
pub use summary::ScenarioSummary;
pub use verdict::{Stop, Verdict};
