//! How long an append takes to be durable, alone and in company: `appends <directory>`, which is
//! made, and should be on a disk.

use std::error::Error;
use std::time::{Duration, Instant};

use openraft::EntryPayload;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use tsoracle_openraft_toolkit::{
    Entry, Flat, LOG_FAMILY, LeaderId, META_FAMILY, RocksdbLogStore, TailLimits,
    declare_raft_types_ext,
};
use tsoracle_store::{Settings, Store};

declare_raft_types_ext!(
    /// A log of texts.
    pub Texts:
        D = String,
        R = (),
        Node = openraft::BasicNode,
        SnapshotData = Vec<u8>,
);

const APPENDS: u64 = 2000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("name a directory")?;
    std::fs::create_dir_all(&dir)?;
    let store = Store::open(&dir, &Settings::new(1, 1, [LOG_FAMILY, META_FAMILY]))?;
    let mut log = RocksdbLogStore::open(store.clone(), Flat, TailLimits::default()).await?;
    let mut next = log
        .get_log_state()
        .await?
        .last_log_id
        .map_or(0, |last| last.index + 1);
    for window in [1, 8, 64] {
        let begun = Instant::now();
        let times = append(&mut log, next, window).await?;
        next += APPENDS;
        let rate = APPENDS as f64 / begun.elapsed().as_secs_f64();
        let at = |share: usize| {
            times
                .get(times.len() * share / 100)
                .copied()
                .unwrap_or_default()
        };
        let (median, high) = (at(50), at(99));
        println!("{window:>3} at a time: {rate:>7.0}/s, median {median:?}, p99 {high:?}");
    }
    drop(log);
    store.shutdown_async(Duration::from_secs(10)).await?;
    Ok(())
}

/// Appends with `window` of them under way at any time: how long each took, in ascending order.
async fn append(
    log: &mut RocksdbLogStore<Texts, Flat>,
    first: u64,
    window: usize,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut times = Vec::new();
    let mut waiting = std::collections::VecDeque::new();
    for index in first..first + APPENDS {
        let leader = LeaderId {
            term: 1,
            node_id: 1,
        };
        let entry = Entry::<Texts> {
            log_id: openraft::LogId::new(leader, index),
            payload: EntryPayload::Normal("0123456789abcdef".to_owned()),
        };
        let (done, outcome) = Texts::oneshot();
        waiting.push_back((Instant::now(), outcome));
        log.append([entry], IOFlushed::signal(done)).await?;
        if waiting.len() >= window
            && let Some((begun, outcome)) = waiting.pop_front()
        {
            outcome.await??;
            times.push(begun.elapsed());
        }
    }
    for (begun, outcome) in waiting {
        outcome.await??;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}
