//! Failover as clients see it: an open-loop prober at the driver, the phases that the time without
//! service falls into, and what repetitions of one fault say together.
//!
//! Everything here waits on tokio's timers and reads [`BootInstant`](tsoracle_consensus::BootInstant),
//! so that it runs in virtual time too.

mod bootstrap;
mod client;
mod outage;
mod phases;
mod places;
mod prober;
mod probes;
mod timeline;

pub use bootstrap::Estimate;
pub use outage::{Outage, Service, longest_change, longest_outage, longest_service};
pub use phases::{Fall, Phase, PhaseKind, phases};
pub use places::Places;
pub use prober::{Pace, Prober};
pub use probes::{ErrorClass, Probe, Probes, Refusal};
pub use timeline::{Opening, Seen, Sight, Timeline};
