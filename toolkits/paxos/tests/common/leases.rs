//! Every node's lease, as it is told and as it leaves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tsoracle_lease::{LeaseMessage, Reading};
use tsoracle_paxos_toolkit::{
    Body, BootClock, Clock, Frame, LeaseObserver, MessageSink, PaxosBallot, TransportSink,
};

use super::Command;

/// What became of a lease, in the order in which it was told or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Renewed,
    Ended,
    /// The release was handed to the transport.
    Released,
}

/// Every node's lease, as its observer was told; two at one time are a violation.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: Mutex<BTreeMap<u64, (PaxosBallot, Reading)>>,
    pub(crate) log: Mutex<Vec<(u64, PaxosBallot, Told)>>,
    pub(crate) violations: Mutex<Vec<String>>,
}

impl Leases {
    pub(crate) fn is_valid(&self, node: u64) -> bool {
        let held = self.held.lock().unwrap();
        held.get(&node)
            .is_some_and(|(_, until)| BootClock.now() < *until)
    }

    /// The end of a node's lease, if it was told one.
    pub(crate) fn deadline(&self, node: u64) -> Option<Reading> {
        self.held
            .lock()
            .unwrap()
            .get(&node)
            .map(|(_, until)| *until)
    }

    fn tell(&self, node: u64, ballot: PaxosBallot, told: Told) {
        let mut log = self.log.lock().unwrap();
        if log.last() != Some(&(node, ballot, told)) {
            log.push((node, ballot, told));
        }
    }

    pub(crate) fn check(&self) {
        let violations = self.violations.lock().unwrap();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) node: u64,
    pub(crate) leases: Arc<Leases>,
}

impl LeaseObserver<PaxosBallot> for Observer {
    fn renewed(&self, ballot: PaxosBallot, deadline: Reading) {
        let mut held = self.leases.held.lock().unwrap();
        let now = BootClock.now();
        for (other, (theirs, until)) in &*held {
            if *other != self.node && now < *until && now < deadline {
                let both = format!("{ballot} beside {theirs} of node {other}");
                self.leases.violations.lock().unwrap().push(both);
            }
        }
        held.insert(self.node, (ballot, deadline));
        self.leases.tell(self.node, ballot, Told::Renewed);
    }

    fn ended(&self, ballot: PaxosBallot) {
        self.leases.held.lock().unwrap().remove(&self.node);
        self.leases.tell(self.node, ballot, Told::Ended);
    }
}

/// Notes the releases that leave.
#[derive(Debug)]
pub(crate) struct Tap {
    pub(crate) node: u64,
    pub(crate) leases: Arc<Leases>,
    pub(crate) sink: TransportSink,
}

impl MessageSink<Command> for Tap {
    fn send(&mut self, to: u64, frame: Frame<Command>) {
        if let Body::Lease(LeaseMessage::Release(release)) = &frame.body {
            self.leases.tell(self.node, release.ballot, Told::Released);
        }
        self.sink.send(to, frame);
    }
}
