//! The interposed symbols. Each passes on to the kernel, at once while nothing is watched.
//!
//! `open` is variadic in C; on `x86_64` and `aarch64` Linux a variadic integer argument is passed
//! like a fixed one, so a definition with a fixed mode receives what the caller passed, or a
//! register's leftover where the flags say that there is no mode, which the kernel ignores.
//!
//! `close` and `dup` are left alone: see [`crate::interposed::place`] for how a descriptor is known.

mod data;
mod length;
mod names;
mod open;
mod sync;

use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

use libc::c_int;

use crate::interposed::journal;
use crate::interposed::place;
use crate::interposed::raw::{self, Outcome};
use crate::interposed::rules;

/// The one load that every call costs while nothing is watched.
static WATCHING: AtomicBool = AtomicBool::new(false);
/// The process that watches: a forked child shares the memory but is none of our business, and
/// another thread may have held a lock when it was made.
static WATCHER: AtomicIsize = AtomicIsize::new(0);

/// To be called whenever a rule or a recording begins or ends.
pub(crate) fn update() {
    place::forget_all();
    WATCHER.store(raw::process_id(), Ordering::Relaxed);
    WATCHING.store(rules::any() || journal::is_recording(), Ordering::Relaxed);
}

/// Runs `real` alone, or `watched` around it, and answers as a libc call does: the error number
/// changes only on failure.
fn run<R: FnOnce() -> Outcome>(real: R, watched: impl FnOnce(R) -> Outcome) -> isize {
    if !WATCHING.load(Ordering::Relaxed) {
        return real().unwrap_or(-1);
    }
    let errno = raw::errno();
    let ours = WATCHER.load(Ordering::Relaxed) == raw::process_id();
    let outcome = if ours { watched(real) } else { real() };
    raw::set_errno(outcome.err().unwrap_or(errno));
    outcome.unwrap_or(-1)
}

/// As [`run`], for the calls that answer with an `int`.
fn run_int<R: FnOnce() -> Outcome>(real: R, watched: impl FnOnce(R) -> Outcome) -> c_int {
    raw::int(run(real, watched))
}

/// Whether the symbols that this program and its libraries find are ours.
pub(crate) fn is_linked() -> bool {
    // SAFETY: a lookup by a C string in what is loaded.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"fdatasync".as_ptr()) };
    found.addr() == sync::fdatasync as *const () as usize
}
