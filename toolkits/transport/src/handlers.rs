//! The handlers of the groups, and what each was told of sessions.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::{
    AlreadyRegistered, Direction, GroupId, Handler, PeerId, Session, SessionChange, SessionEvent,
};

/// Handlers by group.
#[derive(Default)]
pub(crate) struct Handlers {
    groups: RwLock<HashMap<GroupId, Arc<Entry>>>,
}

struct Entry {
    handler: Arc<dyn Handler>,
    /// Sessions that the handler was told have started.
    live: Mutex<HashSet<(PeerId, Direction, Session)>>,
}

impl Handlers {
    pub(crate) fn register(
        &self,
        group: GroupId,
        handler: Arc<dyn Handler>,
    ) -> Result<(), AlreadyRegistered> {
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        if groups.contains_key(&group) {
            return Err(AlreadyRegistered { group });
        }
        let live = Mutex::default();
        groups.insert(group, Arc::new(Entry { handler, live }));
        Ok(())
    }

    pub(crate) fn unregister(&self, group: GroupId) -> bool {
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        let removed = groups.remove(&group);
        // Dropped after the lock: a handler may own what it likes.
        drop(groups);
        removed.is_some()
    }

    pub(crate) fn clear(&self) {
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        let removed = std::mem::take(&mut *groups);
        drop(groups);
        drop(removed);
    }

    pub(crate) fn of(&self, group: GroupId) -> Option<Arc<dyn Handler>> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(&group).map(|entry| Arc::clone(&entry.handler))
    }

    /// Tells every group.
    pub(crate) fn tell(&self, event: &SessionEvent) {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let entries: Vec<_> = groups.values().cloned().collect();
        drop(groups);
        for entry in entries {
            entry.tell(event);
        }
    }

    /// Tells one group.
    pub(crate) fn tell_one(&self, group: GroupId, event: &SessionEvent) {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let entry = groups.get(&group).cloned();
        drop(groups);
        if let Some(entry) = entry {
            entry.tell(event);
        }
    }
}

impl Entry {
    /// Tells of a start once, and of an end only after the start.
    fn tell(&self, event: &SessionEvent) {
        let key = (event.peer, event.direction, event.session);
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let news = match event.change {
            SessionChange::Started => live.insert(key),
            SessionChange::Ended(_) => live.remove(&key),
        };
        drop(live);
        if news {
            self.handler.on_session(event.clone());
        }
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(groups.keys()).finish()
    }
}
