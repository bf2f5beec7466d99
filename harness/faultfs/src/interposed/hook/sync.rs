//! `fsync` and its kin.

use libc::{c_int, c_long, c_uint, off_t};

use super::{run, run_int};
use crate::interposed::journal::{self, Scope};
use crate::interposed::place::Known;
use crate::interposed::raw::{self, Outcome, arg};
use crate::interposed::rules;
use crate::rule::Op;

fn sync_file(call: c_long, fd: c_int) -> c_int {
    run_int(
        // SAFETY: fsync and fdatasync take a number only.
        || unsafe { raw::call(call, [arg(fd), 0, 0, 0, 0, 0]) },
        |real| {
            let Some(file) = Known::of(fd) else {
                return real();
            };
            let op = if file.is_dir { Op::SyncDir } else { Op::Sync };
            rules::apply(op, &[&file.path], |_| recorded(Scope::File(&file), real))
        },
    )
}

fn recorded(scope: Scope<'_>, real: impl FnOnce() -> Outcome) -> Outcome {
    if journal::is_recording() {
        journal::sync(scope, real)
    } else {
        real()
    }
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    sync_file(libc::SYS_fsync, fd)
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync_file(libc::SYS_fdatasync, fd)
}

#[unsafe(no_mangle)]
extern "C" fn syncfs(fd: c_int) -> c_int {
    run_int(
        // SAFETY: syncfs takes a number only.
        || unsafe { raw::call(libc::SYS_syncfs, [arg(fd), 0, 0, 0, 0, 0]) },
        |real| {
            let Some(file) = Known::of(fd) else {
                return real();
            };
            let scope = Scope::Device(file.device);
            rules::apply(Op::SyncAll, &[&file.path], |_| recorded(scope, real))
        },
    )
}

#[unsafe(no_mangle)]
extern "C" fn sync() {
    run(
        // SAFETY: sync takes nothing.
        || unsafe { raw::call(libc::SYS_sync, [0; 6]) },
        |real| rules::apply(Op::SyncAll, &[], |_| recorded(Scope::Everything, real)),
    );
}

#[unsafe(no_mangle)]
extern "C" fn sync_file_range(fd: c_int, at: off_t, count: off_t, flags: c_uint) -> c_int {
    run_int(
        || {
            let args = [arg(fd), arg(at), arg(count), arg(flags), 0, 0];
            // SAFETY: sync_file_range takes numbers only.
            unsafe { raw::call(libc::SYS_sync_file_range, args) }
        },
        |real| match Known::of(fd) {
            Some(file) => rules::apply(Op::SyncRange, &[&file.path], |_| real()),
            None => real(),
        },
    )
}
