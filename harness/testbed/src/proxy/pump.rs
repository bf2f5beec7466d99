//! One direction of one connection.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until};

use super::link::{Link, breaks_per_mille};
use crate::LinkFault;

const READ_BYTES: usize = 16 * 1024;
/// How much one stream holds before its writer is made to wait.
const MAX_BYTES_UNDER_WAY: usize = 1024 * 1024;
const MAX_READS_UNDER_WAY: usize = 8 * 1024;

/// The connection must be reset.
#[derive(Debug)]
pub(super) struct Broken;

/// Carries bytes, and the end of the stream, as `link` has it, until the end is handed over.
/// Nothing that happens at the destination is told to the source other than over `back`.
pub(super) async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    link: &Link,
    back: &Link,
) -> Result<(), Broken> {
    let mut fault = link.follow();
    let mut fault_back = back.follow();
    let mut stream = Stream::new(link);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        if stream.is_unheard && *fault_back.borrow_and_update() != LinkFault::Drop {
            return Err(Broken);
        }
        tokio::select! {
            biased;
            changed = fault.changed() => {
                changed.map_err(|_| Broken)?;
                stream.obey(*fault.borrow_and_update())?;
            }
            changed = fault_back.changed(), if stream.is_unheard => changed.map_err(|_| Broken)?,
            handed_over = stream.under_way.hand_over(&mut to), if !stream.under_way.is_empty() => {
                match handed_over {
                    Ok(HandedOver::Bytes) => {}
                    Ok(HandedOver::End) => return Ok(()),
                    Err(_) => stream.destination_is_gone(),
                }
            }
            read = from.read(&mut buffer), if stream.may_read() => {
                stream.take(read.map(|bytes| &buffer[..bytes]).ok(), *fault.borrow())?;
            }
        }
    }
}

/// What has been read and not been handed over, and what went wrong so far.
struct Stream<'l> {
    link: &'l Link,
    under_way: UnderWay,
    source_ended: bool,
    /// Something was lost: nothing more may pass, and the connection is reset once it can be told.
    is_torn: bool,
    /// The destination is gone, and the source cannot be told yet.
    is_unheard: bool,
}

impl<'l> Stream<'l> {
    fn new(link: &'l Link) -> Self {
        Self {
            link,
            under_way: UnderWay::default(),
            source_ended: false,
            is_torn: false,
            is_unheard: false,
        }
    }

    fn may_read(&self) -> bool {
        !self.source_ended && self.under_way.has_room()
    }

    /// Applies the fault to what is under way.
    fn obey(&mut self, fault: LinkFault) -> Result<(), Broken> {
        if fault != LinkFault::Drop && self.is_torn {
            return Err(Broken);
        }
        match fault {
            LinkFault::Drop if !self.under_way.is_empty() => {
                self.link
                    .count_disturbed(self.under_way.count_undisturbed());
                self.tear();
            }
            LinkFault::Delay(delay) => self.under_way.hasten(delay),
            _ => self.under_way.hasten(Duration::ZERO),
        }
        Ok(())
    }

    /// Takes in a read, which is none if it failed and empty at the end.
    fn take(&mut self, read: Option<&[u8]>, fault: LinkFault) -> Result<(), Broken> {
        let bytes = read.map_or(0, <[u8]>::len);
        self.source_ended = bytes == 0;
        if self.is_unheard {
            // With both ends gone nobody is left to be told anything.
            return if self.source_ended {
                Err(Broken)
            } else {
                Ok(())
            };
        }
        let is_disturbed = bytes > 0 && matches!(fault, LinkFault::Drop | LinkFault::Delay(_));
        self.link.count_disturbed(is_disturbed.into());
        if fault == LinkFault::Drop {
            self.tear();
            return Ok(());
        }
        let chunk = read.filter(|_| !self.is_torn).ok_or(Broken)?;
        let breaks = breaks_per_mille(fault);
        if breaks > 0 && bytes > 0 && self.link.hits(breaks) {
            self.link.count_disturbed(1);
            return Err(Broken);
        }
        let delay = match fault {
            LinkFault::Delay(delay) => delay,
            _ => Duration::ZERO,
        };
        self.under_way.push(chunk, delay, is_disturbed);
        Ok(())
    }

    fn tear(&mut self) {
        self.is_torn = true;
        self.under_way = UnderWay::default();
    }

    fn destination_is_gone(&mut self) {
        self.is_unheard = true;
        self.under_way = UnderWay::default();
    }
}

/// A bounded queue of reads, each with the moment from which it may be handed over.
#[derive(Default)]
struct UnderWay {
    chunks: VecDeque<Chunk>,
    bytes: usize,
}

struct Chunk {
    due: Instant,
    /// Empty for the end of the stream.
    bytes: Vec<u8>,
    handed_over: usize,
    was_disturbed: bool,
}

enum HandedOver {
    Bytes,
    End,
}

impl UnderWay {
    fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    fn has_room(&self) -> bool {
        self.bytes < MAX_BYTES_UNDER_WAY && self.chunks.len() < MAX_READS_UNDER_WAY
    }

    fn push(&mut self, bytes: &[u8], delay: Duration, was_disturbed: bool) {
        self.bytes += bytes.len();
        self.chunks.push_back(Chunk {
            due: Instant::now() + delay,
            bytes: bytes.to_vec(),
            handed_over: 0,
            was_disturbed,
        });
    }

    /// A delay that was shortened is shorter for what is under way, too.
    fn hasten(&mut self, delay: Duration) {
        let latest = Instant::now() + delay;
        for chunk in &mut self.chunks {
            chunk.due = chunk.due.min(latest);
        }
    }

    fn count_undisturbed(&self) -> u64 {
        let undisturbed = self.chunks.iter().filter(|chunk| !chunk.was_disturbed);
        undisturbed.count() as u64
    }

    /// Hands over some of the first chunk. Nothing is lost when the future is dropped.
    async fn hand_over(&mut self, to: &mut WriteHalf<'_>) -> io::Result<HandedOver> {
        let Some(chunk) = self.chunks.front_mut() else {
            return std::future::pending().await;
        };
        if chunk.due > Instant::now() {
            sleep_until(chunk.due).await;
        }
        if chunk.bytes.is_empty() {
            to.shutdown().await?;
            return Ok(HandedOver::End);
        }
        let written = to.write(&chunk.bytes[chunk.handed_over..]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        chunk.handed_over += written;
        self.bytes -= written;
        if chunk.handed_over == chunk.bytes.len() {
            self.chunks.pop_front();
        }
        Ok(HandedOver::Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_until_full(read: &[u8]) -> usize {
        let mut under_way = UnderWay::default();
        while under_way.has_room() {
            under_way.push(read, Duration::ZERO, false);
        }
        under_way.chunks.len()
    }

    #[test]
    fn what_is_under_way_is_bounded() {
        assert_eq!(reads_until_full(&[7; READ_BYTES]), 64);
        assert_eq!(reads_until_full(&[7]), MAX_READS_UNDER_WAY);
    }
}
