//! `ftruncate`, `fallocate` and their kin.

use std::ffi::CStr;

use libc::{c_char, c_int, off_t};

use super::run_int;
use crate::interposed::journal::{self, Effect};
use crate::interposed::place::{Known, Place};
use crate::interposed::raw::{self, Fd, Outcome, arg};
use crate::interposed::rules;
use crate::rule::Op;

/// Runs a change of an open file from an offset on.
fn changed(op: Op, fd: c_int, from: off_t, real: impl FnOnce() -> Outcome) -> Outcome {
    let Some(file) = Known::of(fd) else {
        return real();
    };
    rules::apply(op, &[&file.path], |_| recorded(fd, &file, from, real))
}

fn recorded(fd: c_int, file: &Known, from: off_t, real: impl FnOnce() -> Outcome) -> Outcome {
    match u64::try_from(from) {
        Ok(from) if journal::is_recording() => {
            journal::perform(&Effect::Tail { fd, file, from }, real)
        }
        _ => real(),
    }
}

macro_rules! ftruncates {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name(fd: c_int, length: off_t) -> c_int {
            run_int(
                // SAFETY: ftruncate takes numbers only.
                || unsafe { raw::call(libc::SYS_ftruncate, [arg(fd), arg(length), 0, 0, 0, 0]) },
                |real| changed(Op::Truncate, fd, length, real),
            )
        }
    )*};
}
ftruncates!(ftruncate ftruncate64);

fn truncated(path: &CStr, length: off_t, real: impl FnOnce() -> Outcome) -> Outcome {
    let Some(place) = Place::following(libc::AT_FDCWD, path) else {
        return real();
    };
    rules::apply(Op::Truncate, &[&place.path], |_| {
        let file = Fd::open(&place.path, libc::O_RDONLY);
        match file.as_ref().map(|file| (file.0, Known::of(file.0))) {
            Ok((fd, Some(known))) => recorded(fd, &known, length, real),
            _ => real(),
        }
    })
}

macro_rules! truncates {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char, length: off_t) -> c_int {
            run_int(
                || {
                    let args = [path as usize, arg(length), 0, 0, 0, 0];
                    // SAFETY: as the C function demands, `path` is a C string.
                    unsafe { raw::call(libc::SYS_truncate, args) }
                },
                // SAFETY: likewise.
                |real| truncated(unsafe { CStr::from_ptr(path) }, length, real),
            )
        }
    )*};
}
truncates!(truncate truncate64);

fn allocate(fd: c_int, mode: c_int, at: off_t, length: off_t) -> Outcome {
    let args = [arg(fd), arg(mode), arg(at), arg(length), 0, 0];
    // SAFETY: fallocate takes numbers only.
    unsafe { raw::call(libc::SYS_fallocate, args) }
}

/// From where on an allocation changes bytes: plain ones change none, only the length.
fn changed_from(mode: c_int, at: off_t) -> off_t {
    if mode & !libc::FALLOC_FL_KEEP_SIZE == 0 {
        off_t::MAX
    } else {
        at
    }
}

macro_rules! fallocates {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int {
            let (real, from) = (|| allocate(fd, mode, at, length), changed_from(mode, at));
            run_int(real, |real| changed(Op::Allocate, fd, from, real))
        }
    )*};
}
fallocates!(fallocate fallocate64);

macro_rules! posix_fallocates {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name(fd: c_int, at: off_t, length: off_t) -> c_int {
            // This one answers with the error number and leaves `errno` alone.
            let errno = raw::errno();
            let real = || allocate(fd, 0, at, length);
            let failed = run_int(real, |real| changed(Op::Allocate, fd, off_t::MAX, real)) != 0;
            let code = if failed { raw::errno() } else { 0 };
            raw::set_errno(errno);
            code
        }
    )*};
}
posix_fallocates!(posix_fallocate posix_fallocate64);
