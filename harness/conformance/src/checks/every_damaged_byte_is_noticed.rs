//! S2: after any change of a byte, any cut and any loss of a file, a node is refused with
//! `Permanent` naming the file, or has the right value; what one copy cannot notice is declared.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use futures_util::FutureExt;
use rand::seq::IteratorRandom;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, TestbedError, UnnoticedDamage};

use crate::case::Case;
use crate::crash::{at, without_panic};
use crate::damage::{Copy, Harm};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

/// Acknowledged one after the other, with a restart in between; the last one is the right value.
const VALUES: [&[u64]; 2] = [&[1_111, 2_222, 3_333], &[4_444, 5_555]];
const RIGHT: u64 = 5_555;
/// Where every look at a value costs an election, this many damages of a file are enough.
const MOST_OF_MANY_NODES: usize = 32;
/// A store that is longer than this is looked at by a seeded sample of each file.
const SMALL_STORE: usize = 4 << 10;
/// How many damages of a file of such a store.
const MOST_OF_A_LARGE_STORE: usize = 8;

pub(super) const CHECK: Check = Check {
    name: "every_damaged_byte_is_noticed",
    clause: "S2",
    level: Level::Single,
    needs: &[Need::Disk],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut victim = Victim::prepare(case).await?;
    let mut rng = case.rng();
    let mut seen = BTreeMap::new();
    let files = victim.copies[0].files.clone();
    guard!(!files.is_empty(), "the node left no file behind");
    let is_large = files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > SMALL_STORE;
    for (path, bytes) in files {
        let mut harms = Harm::all(bytes.len(), &mut rng);
        if is_large {
            harms = harms.into_iter().sample(&mut rng, MOST_OF_A_LARGE_STORE);
        } else if victim.copies.len() > 1 {
            harms = harms.into_iter().sample(&mut rng, MOST_OF_MANY_NODES);
        }
        for harm in harms {
            let now = harm.done_to(&bytes);
            if now.as_ref() == Some(&bytes) {
                continue;
            }
            let place = format!("{}: {harm}", path.display());
            victim.restore_with(&path, now.as_deref())?;
            let answer = victim.answer(case).await.map_err(at(&place))?;
            let what = judge(case, &path, harm, answer).map_err(at(&place))?;
            *seen.entry(what).or_insert(0) += 1;
        }
    }
    for (what, count) in seen {
        case.count(what, count);
    }
    Ok(())
}

/// A cluster whose first node is damaged, and what its stores were before.
struct Victim {
    cluster: Cluster,
    copies: Vec<Copy>,
}

impl Victim {
    /// Writes the values, and makes sure that a copy without damage has the right one.
    async fn prepare(case: &mut Case) -> Result<Self, Stop> {
        let mut cluster = case.cluster().await?;
        for values in VALUES {
            let leader = case.start_again(&mut cluster).await?;
            for value in values {
                case.persist(&leader, *value).await?;
            }
            case.shut_down(&mut cluster).await?;
        }
        let copies = cluster.nodes().iter().map(|node| Copy::of(node.dir()));
        let copies = copies.collect::<Result<_, _>>().map_err(unreadable)?;
        let mut victim = Self { cluster, copies };
        victim.restore()?;
        let whole = victim.answer(case).await?;
        let is_right = matches!(whole, Ok(value) if value == RIGHT);
        guard!(is_right, "a copy of the whole store gives {whole:?}");
        Ok(victim)
    }

    fn restore(&self) -> Result<(), Stop> {
        let mut copies = self.copies.iter();
        copies.try_for_each(|copy| copy.restore().map_err(unreadable))
    }

    fn restore_with(&self, path: &Path, bytes: Option<&[u8]>) -> Result<(), Stop> {
        self.restore()?;
        self.copies[0].replace(path, bytes).map_err(unreadable)
    }

    /// What the driver says: a value, or a refusal to start or to load.
    async fn answer(&mut self, case: &Case) -> Result<Result<u64, ConsensusError>, Stop> {
        let answer = without_panic(self.start_and_load(case)).await?;
        match (answer, case.shut_down(&mut self.cluster).await) {
            // Background work came to the damage once the value was out, and told the right one.
            (Ok(RIGHT), Err(Stop::Failed(why))) => Ok(Err(ConsensusError::permanent(why))),
            (answer, stopped) => stopped.map(|()| answer),
        }
    }

    async fn start_and_load(&mut self, case: &Case) -> Result<Result<u64, ConsensusError>, Stop> {
        let started = self.cluster.start_all();
        let started = case
            .election_patience()
            .wait_for("the answer to a start", started);
        match started.await? {
            Ok(()) => {}
            Err(TestbedError::Driver(refusal)) => return Ok(Err(refusal)),
            Err(other) => return Err(other.into()),
        }
        let leader = case.leader(&self.cluster).await?;
        let load = leader.driver.load_high_water();
        Ok(case
            .call_patience()
            .wait_for("the answer to a load", load)
            .await?)
    }
}

/// Says in which way the answer is good.
fn judge(
    case: &Case,
    path: &Path,
    harm: Harm,
    answer: Result<u64, ConsensusError>,
) -> Result<String, Stop> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match answer {
        Ok(RIGHT) => Ok("damages that left the right value".into()),
        Ok(value) => {
            let excuse = excuse(case, &name, harm).filter(|_| is_older(value));
            excuse.ok_or_else(|| Stop::Failed(format!("{value} came back instead of {RIGHT}")))
        }
        Err(ConsensusError::Permanent(why)) => {
            let why = why.to_string();
            ensure!(
                why.contains(&*name),
                "the refusal does not name the file: {why}"
            );
            Ok("damages that were refused".into())
        }
        Err(other) => Err(other.into()),
    }
}

/// A value that was once acknowledged. Zero never was.
fn is_older(value: u64) -> bool {
    VALUES.iter().any(|values| values.contains(&value))
}

/// What the backend declares of this damage.
fn excuse(case: &Case, name: &str, harm: Harm) -> Option<String> {
    let declared = case.capabilities().unnoticed_damage;
    let declared = declared
        .iter()
        .find(|declared| declared.covers(name, harm.kind()))?;
    let UnnoticedDamage {
        file,
        damage,
        cause,
    } = declared;
    Some(format!(
        "declared as unnoticed, {damage:?} of {file}: {cause}"
    ))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err takes"
)]
fn unreadable(error: io::Error) -> Stop {
    Stop::Invalid(format!("the store cannot be copied: {error}"))
}
