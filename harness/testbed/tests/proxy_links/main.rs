//! Proxies between peers that know nothing of them: what arrives, what does not, and what is
//! noticed of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod connections;
mod cuts;
mod joiners;
mod lossy;
mod peers;
