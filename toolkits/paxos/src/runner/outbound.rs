//! Frames that wait for the sync of their turn.

use std::collections::BTreeSet;

use crate::{Body, Frame, GroupEntry, MessageSink};

/// What one turn sends, in order.
#[derive(Debug)]
pub(super) struct Outbound<T: GroupEntry> {
    configuration: u32,
    queue: Vec<(u64, Body<T>)>,
}

impl<T: GroupEntry> Outbound<T> {
    pub(super) fn new(configuration: u32) -> Self {
        let queue = Vec::new();
        Self {
            configuration,
            queue,
        }
    }

    pub(super) fn push(&mut self, to: u64, body: Body<T>) {
        self.queue.push((to, body));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Sends what may leave before the sync. To each peer order is kept: the first frame that must
    /// wait holds those behind it.
    pub(super) fn send_early(&mut self, sink: &mut dyn MessageSink<T>) {
        let mut waits = BTreeSet::new();
        let mut later = Vec::new();
        for (to, body) in self.queue.drain(..) {
            if body.may_leave_early() && !waits.contains(&to) {
                send(sink, self.configuration, to, body);
            } else {
                waits.insert(to);
                later.push((to, body));
            }
        }
        self.queue = later;
    }

    pub(super) fn send_all(&mut self, sink: &mut dyn MessageSink<T>) {
        for (to, body) in self.queue.drain(..) {
            send(sink, self.configuration, to, body);
        }
    }
}

fn send<T: GroupEntry>(sink: &mut dyn MessageSink<T>, configuration: u32, to: u64, body: Body<T>) {
    let frame = Frame {
        configuration,
        body,
    };
    sink.send(to, frame);
}
