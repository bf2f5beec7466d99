//! `rename`, `unlink`, `mkdir`, `link` and their kin.

use std::ffi::CStr;

use libc::{c_char, c_int, c_long, c_uint, mode_t};

use super::run_int;
use crate::interposed::journal::{self, Effect};
use crate::interposed::place::{self, Place, is_kind};
use crate::interposed::raw::{self, Outcome, arg};
use crate::interposed::rules;
use crate::rule::Op;

const HERE: c_int = libc::AT_FDCWD;

/// Runs a call that changes one name.
fn one_name(
    op: Op,
    dir: c_int,
    path: &CStr,
    effect: fn(&Place) -> Effect<'_>,
    real: impl FnOnce() -> Outcome,
) -> Outcome {
    let Some(place) = Place::of(dir, path) else {
        return real();
    };
    rules::apply(op, &[&place.path], |_| recorded(&effect(&place), real))
}

fn recorded(effect: &Effect<'_>, real: impl FnOnce() -> Outcome) -> Outcome {
    if journal::is_recording() {
        journal::perform(effect, real)
    } else {
        real()
    }
}

/// After this, files that are open may have other paths.
fn forgetting(outcome: Outcome) -> Outcome {
    place::forget_all();
    outcome
}

/// # Safety
/// Both paths are C strings.
unsafe fn renamed(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    let real = || {
        let args = [
            arg(from_dir),
            from as usize,
            arg(to_dir),
            to as usize,
            arg(flags),
            0,
        ];
        // SAFETY: the caller vouches for the paths.
        unsafe { raw::call(libc::SYS_renameat2, args) }
    };
    run_int(real, |real| {
        // SAFETY: the caller vouches for the paths.
        let (from, to) = unsafe { (CStr::from_ptr(from), CStr::from_ptr(to)) };
        let places = (Place::of(from_dir, from), Place::of(to_dir, to));
        let (Some(from), Some(to)) = places else {
            return real();
        };
        let effect = Effect::Rename {
            from: &from,
            to: &to,
            plain: flags == 0,
        };
        forgetting(rules::apply(Op::Rename, &[&from.path, &to.path], |_| {
            recorded(&effect, real)
        }))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: as the C function demands, both are C strings.
    unsafe { renamed(HERE, from, HERE, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
) -> c_int {
    // SAFETY: as the C function demands, both are C strings.
    unsafe { renamed(from_dir, from, to_dir, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat2(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    // SAFETY: as the C function demands, both are C strings.
    unsafe { renamed(from_dir, from, to_dir, to, flags) }
}

/// # Safety
/// `path` is a C string.
unsafe fn removed(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    let real = || {
        let args = [arg(dir), path as usize, arg(flags), 0, 0, 0];
        // SAFETY: the caller vouches for the path.
        unsafe { raw::call(libc::SYS_unlinkat, args) }
    };
    run_int(real, |real| {
        // SAFETY: the caller vouches for the path.
        let path = unsafe { CStr::from_ptr(path) };
        forgetting(if flags & libc::AT_REMOVEDIR == 0 {
            one_name(Op::Unlink, dir, path, |place| Effect::Unlink(place), real)
        } else {
            one_name(Op::Rmdir, dir, path, |place| Effect::Rmdir(place), real)
        })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: as the C function demands, `path` is a C string.
    unsafe { removed(HERE, path, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: as the C function demands, `path` is a C string.
    unsafe { removed(dir, path, flags) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: as the C function demands, `path` is a C string.
    unsafe { removed(HERE, path, libc::AT_REMOVEDIR) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn remove(path: *const c_char) -> c_int {
    // SAFETY: as the C function demands, `path` is a C string.
    let place = Place::of(HERE, unsafe { CStr::from_ptr(path) });
    let stat = place.and_then(|place| place.stat());
    let is_dir = stat.is_some_and(|stat| is_kind(&stat, libc::S_IFDIR));
    // SAFETY: likewise.
    unsafe { removed(HERE, path, if is_dir { libc::AT_REMOVEDIR } else { 0 }) }
}

/// # Safety
/// `path` is a C string.
unsafe fn made(dir: c_int, path: *const c_char, mode: mode_t) -> c_int {
    let real = || {
        let args = [arg(dir), path as usize, arg(mode), 0, 0, 0];
        // SAFETY: the caller vouches for the path.
        unsafe { raw::call(libc::SYS_mkdirat, args) }
    };
    run_int(real, |real| {
        // SAFETY: the caller vouches for the path.
        let path = unsafe { CStr::from_ptr(path) };
        one_name(Op::Mkdir, dir, path, |place| Effect::Add(place), real)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: as the C function demands, `path` is a C string.
    unsafe { made(HERE, path, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdirat(dir: c_int, path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: as the C function demands, `path` is a C string.
    unsafe { made(dir, path, mode) }
}

/// Runs `linkat` or `symlinkat`, whose arguments are given; what is new is `path` under `dir`.
///
/// # Safety
/// `path` and the paths among the arguments are C strings.
unsafe fn linked(op: Op, call: c_long, args: [usize; 6], dir: c_int, path: *const c_char) -> c_int {
    // SAFETY: the caller vouches for the arguments.
    let real = || unsafe { raw::call(call, args) };
    run_int(real, |real| {
        // SAFETY: the caller vouches for the path.
        let path = unsafe { CStr::from_ptr(path) };
        one_name(op, dir, path, |place| Effect::Add(place), real)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: as the C function demands, both are C strings.
    unsafe { linkat(HERE, from, HERE, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn linkat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    let args = [
        arg(from_dir),
        from as usize,
        arg(to_dir),
        to as usize,
        arg(flags),
        0,
    ];
    // SAFETY: as the C function demands, both are C strings.
    unsafe { linked(Op::Link, libc::SYS_linkat, args, to_dir, to) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn symlink(target: *const c_char, path: *const c_char) -> c_int {
    // SAFETY: as the C function demands, both are C strings.
    unsafe { symlinkat(target, HERE, path) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn symlinkat(target: *const c_char, dir: c_int, path: *const c_char) -> c_int {
    let args = [target as usize, arg(dir), path as usize, 0, 0, 0];
    // SAFETY: as the C function demands, both are C strings.
    unsafe { linked(Op::Symlink, libc::SYS_symlinkat, args, dir, path) }
}
