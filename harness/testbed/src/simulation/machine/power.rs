//! Which life a machine lives, and whether it stands still.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use tokio::sync::Notify;
use tsoracle_consensus::ConsensusError;
use tsoracle_faultfs::Loss;

use crate::TestbedError;
use crate::simulation::disk::{Rules, Store};
use crate::simulation::lock;

/// What a machine, its lives and its disk share.
#[derive(Debug)]
pub(in crate::simulation) struct Board {
    power: Mutex<Power>,
    /// Wakes its waiters in the order in which they came, unlike `watch`, which asks a generator of
    /// random numbers.
    changed: Notify,
    pub(in crate::simulation) rules: Rules,
    store: Mutex<Store>,
}

#[derive(Debug, Default)]
struct Power {
    lives: u64,
    running: Option<u64>,
    is_frozen: bool,
    was_killed: bool,
}

/// What a life may do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Now {
    Running,
    Frozen,
    Ended,
}

impl Board {
    pub(super) fn new(store: Store) -> Self {
        Self {
            power: Mutex::default(),
            changed: Notify::new(),
            rules: Rules::default(),
            store: Mutex::new(store),
        }
    }

    pub(super) fn boot(self: &Arc<Self>) -> Result<Seat, ConsensusError> {
        let mut power = lock(&self.power);
        if power.running.is_some() {
            let holder = std::process::id();
            let refusal = format!("the store is held by a node in process {holder}");
            return Err(ConsensusError::permanent(refusal));
        }
        lock(&self.store)
            .look()
            .map_err(ConsensusError::permanent)?;
        self.rules.drop_retired();
        let life = power.lives + 1;
        *power = Power {
            lives: life,
            running: Some(life),
            is_frozen: false,
            was_killed: false,
        };
        let board = Arc::clone(self);
        Ok(Seat { board, life })
    }

    pub(super) fn kill(&self) {
        self.end(true, |_| true);
    }

    pub(super) fn is_dead(&self) -> bool {
        lock(&self.power).was_killed
    }

    pub(super) fn set_frozen(&self, is_frozen: bool) {
        let mut power = lock(&self.power);
        power.is_frozen = is_frozen && power.running.is_some();
        drop(power);
        self.changed.notify_waiters();
    }

    /// Undoes what no life has synced.
    pub(in crate::simulation) fn lose_unsynced(&self) -> Result<Loss, TestbedError> {
        let power = lock(&self.power);
        if power.running.is_some() {
            let why = "the power cannot be lost while the node runs".into();
            return Err(TestbedError::Faults(why));
        }
        lock(&self.store)
            .lose_unsynced()
            .map_err(|source| TestbedError::system("cannot undo what was not synced", source))
    }

    /// What the life that runs has in a file, whether or not it stands in the folder yet.
    #[cfg(test)]
    pub(in crate::simulation) fn content(&self, name: &str) -> Option<Vec<u8>> {
        lock(&self.power).running?;
        lock(&self.store).read(name).ok()
    }

    /// Ends the life that runs, if it is one of these. The rules of its disk end with it.
    fn end(&self, by_kill: bool, is_meant: impl FnOnce(Option<u64>) -> bool) {
        let mut power = lock(&self.power);
        if !is_meant(power.running) {
            return;
        }
        power.running = None;
        power.was_killed = by_kill;
        self.rules.retire();
        // What cannot be written now is tried again at the next boot, which says why it fails.
        let _ = lock(&self.store).leave();
        drop(power);
        self.changed.notify_waiters();
    }
}

/// The place of one life on its machine. Holding it does not keep that life going.
#[derive(Clone, Debug)]
pub(in crate::simulation) struct Seat {
    board: Arc<Board>,
    life: u64,
}

impl Seat {
    pub(super) fn now(&self) -> Now {
        let power = lock(&self.board.power);
        match power.running {
            Some(life) if life == self.life && power.is_frozen => Now::Frozen,
            Some(life) if life == self.life => Now::Running,
            _ => Now::Ended,
        }
    }

    pub(in crate::simulation) async fn turn(&self) {
        loop {
            // Made before the look, so that no change between the two is missed.
            let changed = self.board.changed.notified();
            match self.now() {
                Now::Running => return,
                Now::Frozen => changed.await,
                Now::Ended => pending().await,
            }
        }
    }

    pub(super) async fn ended(&self) {
        loop {
            let changed = self.board.changed.notified();
            if self.now() == Now::Ended {
                return;
            }
            changed.await;
        }
    }

    /// Polls a future only while this life runs; ends with whichever of the two ends first.
    pub(super) async fn run(self, future: impl Future<Output = ()>) {
        let mut future = pin!(future);
        let mut is_done = false;
        while !is_done {
            let mut changed = pin!(self.board.changed.notified());
            is_done = poll_fn(|context| {
                let is_changed = changed.as_mut().poll(context).is_ready();
                match self.now() {
                    Now::Ended => Poll::Ready(true),
                    _ if is_changed => Poll::Ready(false),
                    Now::Frozen => Poll::Pending,
                    Now::Running => future.as_mut().poll(context).map(|()| true),
                }
            })
            .await;
        }
    }

    pub(super) fn close(&self) {
        let life = Some(self.life);
        self.board.end(false, |running| running == life);
    }

    /// Kills this life from within, and never returns.
    pub(in crate::simulation) async fn die(&self) -> ! {
        let life = Some(self.life);
        self.board.end(true, |running| running == life);
        pending().await
    }

    pub(in crate::simulation) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    pub(in crate::simulation) fn rules(&self) -> &Rules {
        &self.board.rules
    }

    pub(in crate::simulation) fn with_store<T>(&self, act: impl FnOnce(&mut Store) -> T) -> T {
        act(&mut lock(&self.board.store))
    }
}
