//! A process writes until it is killed; what it said was durable is there when the next one opens
//! the store.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use openraft::RaftLogReader;
use openraft::storage::RaftLogStorage;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use tsoracle_openraft_toolkit::{GroupPrefixed, LogId, RocksdbLogStore, Vote};

use crate::common::{Outcome, Place, Texts, append, entry, in_child, log, positions};

/// Stores that are written to side by side.
const STORES: u64 = 4;
/// Lives of each, all of them ended by a kill: 200 together.
const LIVES: u32 = 50;
/// As many with the power lost.
const LOSSY_LIVES: u32 = 6;
const LIMIT: Duration = Duration::from_secs(30);
const JOURNAL: &str = "OPENRAFT_TOOLKIT_TEST_JOURNAL";

/// What is known to be durable. Every line of a child changes it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    /// The last entry that was acknowledged and not given up since.
    last: Option<u64>,
    /// The vote's term.
    vote: u64,
    /// No entry above this has been purged.
    purged: Option<u64>,
    /// The last lines, to be read when something is missing.
    said: VecDeque<String>,
}

impl Known {
    fn learn(&mut self, line: &str) {
        self.said.push_back(line.to_owned());
        if self.said.len() > 60 {
            self.said.pop_front();
        }
        let Some((what, number)) = line.split_once(' ') else {
            return;
        };
        let Ok(number) = number.parse() else {
            return;
        };
        match what {
            "entry" => self.last = self.last.max(Some(number)),
            "vote" => self.vote = number,
            // Said before: from now on, what is behind may go.
            "keep" => self.last = self.last.min(Some(number)),
            "purge" => self.purged = Some(number),
            _ => {}
        }
    }
}

/// Lines leave at once.
fn say(what: &str, number: u64) {
    let mut line = String::new();
    writeln!(line, "{what} {number}").unwrap();
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// What the killed process does: says what it found, and writes until it dies.
async fn write_for_ever(place: &Place) {
    let store = place.store();
    let mut log = log(&store, GroupPrefixed(7)).await;
    let state = log.get_log_state().await.unwrap();
    let vote = log.get_log_reader().await.read_vote().await.unwrap();
    let found = positions(&mut log).await;
    assert_eq!(
        state.last_log_id,
        found.last().copied().or(state.last_purged_log_id)
    );
    println!();
    say("found-vote", vote.map_or(0, |vote| vote.leader_id.term));
    if let Some(purged) = state.last_purged_log_id {
        say("found-purged", purged.index);
    }
    if let Some(last) = state.last_log_id {
        say("found-last", last.index);
    }
    say("found-all", 0);
    let mut term = vote.map_or(1, |vote| vote.leader_id.term + 1);
    let mut next = state.last_log_id.map_or(0, |last| last.index + 1);
    let mut first = state
        .last_purged_log_id
        .map_or(0, |purged| purged.index + 1);
    let mut waiting: VecDeque<(u64, Outcome)> = VecDeque::new();
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed(term));
    loop {
        match rng.next_u32() % 16 {
            0 => {
                log.save_vote(&Vote::new(term, 1)).await.unwrap();
                say("vote", term);
                term += 1;
            }
            1 if next > first + 4 => {
                let keep = next - 2 - u64::from(rng.next_u32() % 3);
                say("keep", keep);
                waiting.clear();
                let keep_at = position(&mut log, keep).await;
                log.truncate_after(Some(keep_at)).await.unwrap();
                // What stays is durable with the truncation behind it.
                say("entry", keep);
                next = keep + 1;
            }
            2 if next > first + 40 => {
                let upto = first + 20;
                say("purge", upto);
                let upto = position(&mut log, upto).await;
                log.purge(upto).await.unwrap();
                first = upto.index + 1;
            }
            _ => {
                waiting.push_back((next, append(&mut log, entry(term, next)).await));
                next += 1;
            }
        }
        while waiting.len() > 6 {
            let (index, outcome) = waiting.pop_front().unwrap();
            outcome.await.unwrap().unwrap();
            say("entry", index);
        }
    }
}

/// The position of an entry that is in the log.
async fn position(log: &mut RocksdbLogStore<Texts, GroupPrefixed>, index: u64) -> LogId {
    let mut reader = log.get_log_reader().await;
    let found = reader.try_get_log_entries(index..=index).await.unwrap();
    found.first().unwrap().log_id
}

fn seed(number: u64) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

/// One life: starts the process, holds what it found against what was known, lets it write, and
/// kills it a random moment after at least one acknowledgement. What is known now.
fn life(place: &Place, test: &str, before: Option<Known>, rng: &mut TestRng, lossy: bool) -> Known {
    let mut command = place.child(test);
    if lossy {
        command.env(JOURNAL, place.journal());
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (lines, heard) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        // The last line may be cut off; then nobody was told.
        for line in output.lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    let (found, mut known) = start(&heard);
    if let Some(before) = before {
        check(&before, &known);
    }
    assert!(found, "the process did not say what it found");
    let enough = rng.next_u32() % 12 + 1;
    let mut acknowledged = 0;
    while acknowledged < enough {
        let line = heard.recv_timeout(LIMIT).unwrap();
        acknowledged += u32::from(line.starts_with("entry"));
        known.learn(&line);
    }
    let moment = Instant::now() + Duration::from_micros(u64::from(rng.next_u32() % 3000));
    while let Ok(line) = heard.recv_timeout(moment.saturating_duration_since(Instant::now())) {
        known.learn(&line);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    heard.try_iter().for_each(|line| known.learn(&line));
    if lossy {
        tsoracle_faultfs::lose_unsynced(&place.data(), &place.journal()).unwrap();
        std::fs::remove_dir_all(place.journal()).unwrap();
    }
    known
}

/// What the process says that it found.
fn start(heard: &mpsc::Receiver<String>) -> (bool, Known) {
    let mut known = Known::default();
    while let Ok(line) = heard.recv_timeout(LIMIT) {
        match line
            .split_once(' ')
            .map(|(what, number)| (what, number.parse().ok()))
        {
            Some(("found-vote", Some(vote))) => known.vote = vote,
            Some(("found-last", last @ Some(_))) => known.last = last,
            Some(("found-purged", purged @ Some(_))) => known.purged = purged,
            Some(("found-all", _)) => return (true, known),
            _ => {}
        }
    }
    (false, known)
}

/// Nothing acknowledged is gone; there may be more.
fn check(before: &Known, found: &Known) {
    assert!(found.last >= before.last, "{found:?} after {before:?}");
    assert!(found.vote >= before.vote, "{found:?} after {before:?}");
    assert!(found.purged <= before.purged, "{found:?} after {before:?}");
}

fn run(test: &str, lives: u32, lossy: bool) {
    if in_child() {
        let place = Place::new();
        if let Some(journal) = std::env::var_os(JOURNAL) {
            tsoracle_faultfs::record_unsynced(&place.data(), journal.as_ref()).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        return runtime.unwrap().block_on(write_for_ever(&place));
    }
    let base = u64::from(std::process::id()) * STORES;
    println!("seeds from {base}");
    std::thread::scope(|scope| {
        for number in base..base + STORES {
            scope.spawn(move || lives_of_a_store(test, number, lives, lossy));
        }
    });
}

fn lives_of_a_store(test: &str, number: u64, lives: u32, lossy: bool) {
    let place = Place::new();
    std::fs::create_dir(place.data()).unwrap();
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed(number));
    let mut known = None;
    for _ in 0..lives {
        known = Some(life(&place, test, known, &mut rng, lossy));
    }
    // Every life acknowledged an entry, and few were given up again.
    assert!(known.unwrap().last > Some(u64::from(lives)));
}

#[test]
fn acknowledged_entries_and_votes_survive_kills() {
    let test = "kills::acknowledged_entries_and_votes_survive_kills";
    run(test, LIVES, false);
}

#[test]
fn acknowledged_entries_and_votes_survive_power_cuts() {
    let test = "kills::acknowledged_entries_and_votes_survive_power_cuts";
    run(test, LOSSY_LIVES, true);
}
