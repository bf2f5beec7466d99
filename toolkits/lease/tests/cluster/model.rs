//! The cluster as a model for stateright.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::scenario::Scenario;
use crate::step::Step;
use crate::world::World;

impl Model for Scenario {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::first(self)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        steps.extend(world.steps(self));
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        world.after(step, self)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(OVERLAP, |_, world: &World| world.leases() <= 1),
            Property::always(OUTVOTED, |_, world: &World| !world.elects_above_a_lease()),
            Property::always(DISORDER, |_, world: &World| !world.disorder),
            Property::always(STARVED, |scenario: &Self, world: &World| {
                let longest = scenario.longest_wait;
                longest.is_none_or(|longest| world.longest_wait_since(0) <= longest)
            }),
            Property::sometimes("another leader gets a lease", |_, world: &World| {
                world.pids().any(|pid| pid > 1 && world.has_lease(pid))
            }),
        ]
    }
}

/// Two nodes hold a valid lease.
pub(crate) const OVERLAP: &str = "one lease";
/// A ballot is elected above one whose lease is valid.
pub(crate) const OUTVOTED: &str = "nobody is elected above a lease";
/// A lower ballot is shown to lead after a higher one.
pub(crate) const DISORDER: &str = "shown in order";
/// Something was held for too long.
pub(crate) const STARVED: &str = "nothing waits for ever";

/// Visits every world, and finds nothing wrong in any.
pub(crate) fn holds(name: &str, scenario: Scenario) {
    let begun = Instant::now();
    let checker = scenario.checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} worlds, {} steps deep, {:.1} s",
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f64()
    );
    checker.assert_properties();
}

/// Finds a world in which this property is broken.
pub(crate) fn breaks(name: &str, property: &'static str, scenario: Scenario) {
    let begun = Instant::now();
    let checker = scenario
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join();
    let worlds = checker.unique_state_count();
    let seconds = begun.elapsed().as_secs_f64();
    let Some(path) = checker.discovery(property) else {
        panic!("without {name}, {property} held in all of {worlds} worlds");
    };
    let steps = path.into_actions();
    println!("without {name}: {worlds} worlds, {seconds:.1} s, then {steps:?}");
}
