//! What a node in another process offers, behind the same traits.

mod driver;
mod handoff;
mod hooks;
mod lease;
mod membership;

pub(super) use driver::RemoteDriver;
pub(super) use handoff::RemoteHandoff;
pub(super) use hooks::remote_hooks;
pub(crate) use lease::RemoteLease;
pub(super) use membership::RemoteMembership;
