//! `open` and its kin.

use std::ffi::CStr;

use libc::{c_char, c_int, mode_t};

use super::run_int;
use crate::interposed::journal::{self, Effect};
use crate::interposed::place::{self, Known, Place, is_kind};
use crate::interposed::raw::{self, Outcome};
use crate::interposed::rules;
use crate::rule::Op;

/// # Safety
/// `path` is a C string.
unsafe fn open_any(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller vouches for the path.
    let path = unsafe { CStr::from_ptr(path) };
    run_int(
        || raw::open(dir, path, flags, mode).map(|fd| fd as isize),
        |real| {
            let outcome = watched(dir, path, flags, real);
            if let Ok(fd) = outcome {
                place::forget(raw::int(fd));
            }
            outcome
        },
    )
}

fn watched(dir: c_int, path: &CStr, flags: c_int, real: impl FnOnce() -> Outcome) -> Outcome {
    if flags & libc::O_TMPFILE == libc::O_TMPFILE {
        return unnamed(dir, path, real);
    }
    let exclusive = libc::O_CREAT | libc::O_EXCL;
    let follows = flags & libc::O_NOFOLLOW == 0 && flags & exclusive != exclusive;
    let place = if follows {
        Place::following(dir, path)
    } else {
        Place::of(dir, path)
    };
    let Some(place) = place else { return real() };
    let truncate = flags & libc::O_TRUNC != 0;
    let changes = match place.stat() {
        None => flags & libc::O_CREAT != 0,
        Some(stat) => truncate && is_kind(&stat, libc::S_IFREG),
    };
    let op = if changes { Op::Create } else { Op::Open };
    rules::apply(op, &[&place.path], |_| {
        if changes && journal::is_recording() {
            journal::perform(
                &Effect::Open {
                    place: &place,
                    truncate,
                },
                real,
            )
        } else {
            real()
        }
    })
}

fn unnamed(dir: c_int, path: &CStr, real: impl FnOnce() -> Outcome) -> Outcome {
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    let known = raw::open(dir, path, flags, 0)
        .map(raw::Fd)
        .map(|dir| Known::of(dir.0));
    let Ok(Some(known)) = known else {
        return real();
    };
    rules::apply(Op::Create, &[&known.path], |_| {
        journal::perform(&Effect::Unnamed { dir: &known.path }, real)
    })
}

macro_rules! opens {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
            // SAFETY: as the C function demands, `path` is a C string.
            unsafe { open_any(libc::AT_FDCWD, path, flags, mode) }
        }
    )*};
}

macro_rules! opens_at {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            dir: c_int,
            path: *const c_char,
            flags: c_int,
            mode: mode_t,
        ) -> c_int {
            // SAFETY: as the C function demands, `path` is a C string.
            unsafe { open_any(dir, path, flags, mode) }
        }
    )*};
}

macro_rules! creats {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char, mode: mode_t) -> c_int {
            let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
            // SAFETY: as the C function demands, `path` is a C string.
            unsafe { open_any(libc::AT_FDCWD, path, flags, mode) }
        }
    )*};
}

// Those with underscores are what a C or C++ library calls that was built with _FORTIFY_SOURCE;
// they have no mode, since they are used only where the flags need none.
opens!(open open64 __open_2 __open64_2);
opens_at!(openat openat64 __openat_2 __openat64_2);
creats!(creat creat64);
