//! `write` and its kin.

use std::slice;

use libc::{c_int, c_long, c_uint, c_void, iovec, off_t, size_t, ssize_t};

use super::run;
use crate::interposed::journal::{self, Effect, WriteAt};
use crate::interposed::place::Known;
use crate::interposed::raw::{self, Outcome, arg};
use crate::interposed::rules;
use crate::rule::Op;

/// Runs a write. `count` says how many bytes it is about; `real` is given how many it may write at
/// most, if not all of them.
fn written(
    fd: c_int,
    at: WriteAt,
    flags: c_int,
    count: impl Fn() -> usize,
    real: impl Fn(Option<usize>) -> Outcome,
) -> ssize_t {
    run(
        || real(None),
        |_| {
            let Some(file) = Known::of(fd) else {
                return real(None);
            };
            rules::apply(Op::Write, &[&file.path], |shorten| {
                let all = count();
                let short = (shorten && all > 1).then_some(all / 2);
                let count = short.unwrap_or(all) as u64;
                if count == 0 || !journal::is_recording() {
                    return real(short);
                }
                let opened = raw::flags_of(fd).unwrap_or_default();
                let synced =
                    opened & libc::O_DSYNC != 0 || flags & (libc::RWF_DSYNC | libc::RWF_SYNC) != 0;
                let effect = Effect::Write {
                    fd,
                    file: &file,
                    at,
                    count,
                    synced,
                };
                journal::perform(&effect, || real(short))
            })
        },
    )
}

fn offset(at: off_t) -> WriteAt {
    // The kernel refuses other negative offsets itself.
    u64::try_from(at).map_or(WriteAt::Cursor, WriteAt::Offset)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    written(
        fd,
        WriteAt::Cursor,
        0,
        || count,
        |most| {
            let args = [arg(fd), bytes as usize, most.unwrap_or(count), 0, 0, 0];
            // SAFETY: as the C function demands, `count` bytes are readable.
            unsafe { raw::call(libc::SYS_write, args) }
        },
    )
}

macro_rules! pwrites {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            fd: c_int,
            bytes: *const c_void,
            count: size_t,
            at: off_t,
        ) -> ssize_t {
            written(fd, offset(at), 0, || count, |most| {
                let args = [arg(fd), bytes as usize, most.unwrap_or(count), arg(at), 0, 0];
                // SAFETY: as the C function demands, `count` bytes are readable.
                unsafe { raw::call(libc::SYS_pwrite64, args) }
            })
        }
    )*};
}
pwrites!(pwrite pwrite64);

/// The parts of a vectored write.
#[derive(Clone, Copy)]
struct Parts {
    first: *const iovec,
    count: c_int,
}

impl Parts {
    /// # Safety
    /// There are as many parts as `count` says, and their bytes are readable.
    unsafe fn total(self) -> usize {
        // SAFETY: the caller vouches for the parts.
        unsafe { self.parts() }
            .iter()
            .map(|part| part.iov_len)
            .sum()
    }

    /// # Safety
    /// There are as many parts as `count` says.
    unsafe fn parts<'a>(self) -> &'a [iovec] {
        match usize::try_from(self.count) {
            // SAFETY: the caller vouches for the parts.
            Ok(count) if count > 0 => unsafe { slice::from_raw_parts(self.first, count) },
            _ => &[],
        }
    }

    /// Writes the parts, or the first bytes of them.
    ///
    /// # Safety
    /// There are as many parts as `count` says, and their bytes are readable.
    unsafe fn write(
        self,
        call: c_long,
        fd: c_int,
        at: off_t,
        flags: c_int,
        most: Option<usize>,
    ) -> Outcome {
        let pass = |first: *const iovec, count: usize| {
            let args = [arg(fd), first as usize, count, arg(at), 0, arg(flags)];
            // SAFETY: the caller vouches for the parts.
            unsafe { raw::call(call, args) }
        };
        let Some(mut left) = most else {
            return pass(self.first, arg(self.count));
        };
        // SAFETY: the caller vouches for the parts.
        let mut parts = unsafe { self.parts() }.to_vec();
        for part in &mut parts {
            part.iov_len = part.iov_len.min(left);
            left -= part.iov_len;
        }
        pass(parts.as_ptr(), parts.len())
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: c_int, first: *const iovec, count: c_int) -> ssize_t {
    let parts = Parts { first, count };
    // SAFETY: as the C function demands, the parts and their bytes are readable.
    let total = || unsafe { parts.total() };
    // SAFETY: likewise.
    written(fd, WriteAt::Cursor, 0, total, |most| unsafe {
        parts.write(libc::SYS_writev, fd, 0, 0, most)
    })
}

macro_rules! pwritevs {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            fd: c_int,
            first: *const iovec,
            count: c_int,
            at: off_t,
        ) -> ssize_t {
            let parts = Parts { first, count };
            // SAFETY: as the C function demands, the parts and their bytes are readable.
            let total = || unsafe { parts.total() };
            // SAFETY: likewise.
            written(fd, offset(at), 0, total, |most| unsafe {
                parts.write(libc::SYS_pwritev, fd, at, 0, most)
            })
        }
    )*};
}
pwritevs!(pwritev pwritev64);

macro_rules! pwritev2s {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            fd: c_int,
            first: *const iovec,
            count: c_int,
            at: off_t,
            flags: c_int,
        ) -> ssize_t {
            let parts = Parts { first, count };
            let place = if flags & libc::RWF_APPEND != 0 { WriteAt::End } else { offset(at) };
            // SAFETY: as the C function demands, the parts and their bytes are readable.
            let total = || unsafe { parts.total() };
            // SAFETY: likewise.
            written(fd, place, flags, total, |most| unsafe {
                parts.write(libc::SYS_pwritev2, fd, at, flags, most)
            })
        }
    )*};
}
pwritev2s!(pwritev2 pwritev64v2);

#[unsafe(no_mangle)]
unsafe extern "C" fn copy_file_range(
    from: c_int,
    from_at: *mut off_t,
    to: c_int,
    to_at: *mut off_t,
    count: size_t,
    flags: c_uint,
) -> ssize_t {
    // SAFETY: as the C function demands, the offset is null or readable.
    let at = unsafe { to_at.as_ref() }.map_or(WriteAt::Cursor, |at| offset(*at));
    written(
        to,
        at,
        0,
        || count,
        |most| {
            let count = most.unwrap_or(count);
            let args = [
                arg(from),
                from_at as usize,
                arg(to),
                to_at as usize,
                count,
                arg(flags),
            ];
            // SAFETY: as the C function demands, both offsets are null or valid.
            unsafe { raw::call(libc::SYS_copy_file_range, args) }
        },
    )
}

macro_rules! sendfiles {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            to: c_int,
            from: c_int,
            at: *mut off_t,
            count: size_t,
        ) -> ssize_t {
            written(to, WriteAt::Cursor, 0, || count, |most| {
                let args = [arg(to), arg(from), at as usize, most.unwrap_or(count), 0, 0];
                // SAFETY: as the C function demands, the offset is null or valid.
                unsafe { raw::call(libc::SYS_sendfile, args) }
            })
        }
    )*};
}
sendfiles!(sendfile sendfile64);
