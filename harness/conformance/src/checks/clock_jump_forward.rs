//! O2: a clock that jumps forward moves timestamps by no more than the jump and one window. One
//! beyond the last millisecond gives an error, and service goes on when it is right again.

use futures_util::FutureExt;
use tsoracle_core::{GrantError, PHYSICAL_MS_MAX};
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::oracle::WINDOW_MS;
use crate::sequence::Sequence;
use crate::verdict::ensure;
use crate::{Check, Level, OracleError, Stop};

const CLOCK_MS: u64 = 1_000_000;
const JUMPS_MS: [u64; 7] = [0, 1, 49, 50, 1_000, 86_400_000, 1_000_000_000_000];
const BEYOND_MS: [u64; 3] = [PHYSICAL_MS_MAX + 1, 1 << 60, u64::MAX];
/// A new leader's first millisecond is the one after the window that it found.
const MOST_MS: u64 = WINDOW_MS + 1;

pub(super) const CHECK: Check = Check {
    name: "clock_jump_forward",
    clause: "O2",
    level: Level::Single,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    let mut sequence = Sequence::open(case, &leader, CLOCK_MS).await?;
    let mut now_ms = CLOCK_MS;
    let mut last_ms = sequence.next(case).await?.physical_ms();
    ensure_near(last_ms, now_ms, now_ms)?;
    for jump_ms in JUMPS_MS {
        now_ms += jump_ms;
        sequence.clock.set(now_ms);
        for restart in [false, true] {
            if restart {
                restart_under(case, &mut cluster, &mut sequence).await?;
            }
            let next_ms = sequence.next(case).await?.physical_ms();
            ensure_near(next_ms, last_ms, now_ms)?;
            last_ms = next_ms;
        }
    }
    for beyond_ms in BEYOND_MS {
        last_ms = go_beyond(
            case,
            &mut cluster,
            &mut sequence,
            beyond_ms,
            now_ms,
            last_ms,
        )
        .await?;
    }
    case.count("jumps forward", JUMPS_MS.len() as u64);
    case.count("jumps beyond the last millisecond", BEYOND_MS.len() as u64);
    case.count("requests that were granted", sequence.granted());
    Ok(())
}

/// A timestamp follows the greater of the clock and the one before, by at most a window.
fn ensure_near(next_ms: u64, last_ms: u64, now_ms: u64) -> Result<(), Stop> {
    let most_ms = last_ms.max(now_ms) + MOST_MS;
    ensure!(
        (now_ms..=most_ms).contains(&next_ms),
        "with the clock at {now_ms} ms and a timestamp of {last_ms} ms before, the next was of \
         {next_ms} ms"
    );
    Ok(())
}

async fn restart_under(
    case: &Case,
    cluster: &mut Cluster,
    sequence: &mut Sequence,
) -> Result<(), Stop> {
    let leader = case.restart(cluster).await?;
    sequence.go_on(case, &leader).await
}

async fn go_beyond(
    case: &Case,
    cluster: &mut Cluster,
    sequence: &mut Sequence,
    beyond_ms: u64,
    now_ms: u64,
    last_ms: u64,
) -> Result<u64, Stop> {
    sequence.clock.set(beyond_ms);
    ensure_out_of_range(&sequence.refusal(case).await?, beyond_ms)?;
    restart_under(case, cluster, sequence).await?;
    ensure_out_of_range(&sequence.refusal(case).await?, beyond_ms)?;
    sequence.clock.set(now_ms);
    let next_ms = sequence.next(case).await?.physical_ms();
    ensure_near(next_ms, last_ms, now_ms)?;
    Ok(next_ms)
}

fn ensure_out_of_range(refusal: &OracleError, now_ms: u64) -> Result<(), Stop> {
    ensure!(
        matches!(refusal, OracleError::Grant(GrantError::ClockOutOfRange(_))),
        "a clock at {now_ms} ms was refused with {refusal:?}"
    );
    Ok(())
}
