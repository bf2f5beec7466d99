//! Links between nodes in memory, under a paused clock.

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod faults;
mod hostile;
mod life;
mod messages;
mod queues;
mod refusals;
mod schedules;
