//! What a file holds before it changes.

use libc::c_int;

use super::record::Record;
use super::recorder::WriteAt;
use crate::interposed::place::Known;
use crate::interposed::raw::{self, Fd};

/// The bytes that a write is about to replace.
pub(super) fn write(fd: c_int, file: &Known, at: WriteAt, count: u64) -> Result<Record, c_int> {
    let length = length_of(fd)?;
    let appends = raw::flags_of(fd)? & libc::O_APPEND != 0;
    let at = match at {
        // Linux appends through such a descriptor even where an offset is given.
        _ if appends => length,
        WriteAt::End => length,
        WriteAt::Offset(at) => at,
        WriteAt::Cursor => raw::cursor_of(fd)?,
    };
    let count = at.saturating_add(count).min(length).saturating_sub(at);
    Ok(Record::Content {
        inode: file.inode,
        length,
        at,
        bytes: read(fd, at, count)?,
    })
}

/// Everything from an offset to the end.
pub(super) fn tail(fd: c_int, inode: u64, from: u64) -> Result<Record, c_int> {
    let length = length_of(fd)?;
    let bytes = read(fd, from, length.saturating_sub(from))?;
    Ok(Record::Content {
        inode,
        length,
        at: from,
        bytes,
    })
}

fn length_of(fd: c_int) -> Result<u64, c_int> {
    u64::try_from(raw::stat_fd(fd)?.st_size).map_err(|_| libc::EINVAL)
}

fn read(fd: c_int, at: u64, count: u64) -> Result<Vec<u8>, c_int> {
    if count == 0 {
        return Ok(Vec::new());
    }
    // The descriptor may be for writing only, or direct and then choosy about alignment.
    let reader = Fd::open(format!("/proc/self/fd/{fd}").as_ref(), libc::O_RDONLY)?;
    raw::read_at(reader.0, at, count)
}
