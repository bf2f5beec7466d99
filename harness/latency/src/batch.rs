//! Blocks of a closed loop: the next call when the last one has ended.

use crate::alternate::Block;
use crate::time::Time;

const PS_PER_NS: u64 = 1_000;

/// One block of `samples`, each the mean of `calls` calls in a row.
pub(crate) fn closed_loop<E>(
    time: &dyn Time,
    samples: u32,
    calls: u32,
    mut call: impl FnMut() -> Result<(), E>,
) -> Result<Block, E> {
    let mut block = Block::with_capacity(samples as usize);
    for _ in 0..samples {
        let began_ns = time.now_ns();
        for _ in 0..calls {
            call()?;
        }
        let took_ns = time.now_ns() - began_ns;
        block.push(took_ns.saturating_mul(PS_PER_NS) / u64::from(calls.max(1)));
    }
    Ok(block)
}

/// How many calls a sample needs so that reading the clock is at most a hundredth of it.
pub(crate) fn calls_per_sample<E>(
    time: &dyn Time,
    mut call: impl FnMut() -> Result<(), E>,
) -> Result<u32, E> {
    const TRIES: u32 = 64;
    const SHARE: u64 = 100;
    const MOST: u64 = 1_000;
    let reading = closed_loop::<E>(time, 1, TRIES, || {
        std::hint::black_box(time.now_ns());
        Ok(())
    })?;
    // Twice, since a first call may pay for what later ones find ready.
    closed_loop(time, 1, TRIES, &mut call)?;
    let called = closed_loop(time, 1, TRIES, &mut call)?;
    let (reading_ps, call_ps) = (reading.iter().sum::<u64>(), called.iter().sum::<u64>());
    let wanted = reading_ps.saturating_mul(SHARE).div_ceil(call_ps.max(1));
    Ok(u32::try_from(wanted.clamp(1, MOST)).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::testing::VirtualTime;

    #[test]
    fn a_sample_is_the_mean_of_its_calls() {
        let time = VirtualTime::default();
        let mut made = 0;
        let block = closed_loop::<Infallible>(&time, 3, 4, || {
            made += 1;
            time.block(10 + made % 2);
            Ok(())
        });
        assert_eq!(block, Ok(vec![10_500; 3]));
        assert_eq!(made, 12);
    }

    #[test]
    fn long_calls_are_timed_one_by_one() {
        let time = VirtualTime::default();
        let calls = calls_per_sample::<Infallible>(&time, || {
            time.block(1_000);
            Ok(())
        });
        assert_eq!(calls, Ok(1));
    }

    #[test]
    fn the_first_error_ends_a_block() {
        let time = VirtualTime::default();
        let mut left = 5;
        let block = closed_loop(&time, 10, 1, || {
            left -= 1;
            if left == 0 {
                Err("the disk is gone")
            } else {
                Ok(())
            }
        });
        assert_eq!(block, Err("the disk is gone"));
    }
}
