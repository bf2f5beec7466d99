//! The kernel without libc's wrappers: what the interposed symbols pass on to, and the only file
//! calls that this crate makes while it watches others.

#![expect(
    clippy::cast_possible_truncation,
    reason = "registers have 64 bits on these targets"
)]

use std::ffi::{CStr, CString, OsString};
use std::mem::MaybeUninit;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use libc::{c_int, c_long, mode_t};

/// What a system call returned, or the error number.
pub(crate) type Outcome = Result<isize, c_int>;

/// Makes a system call.
///
/// # Safety
/// The arguments are what this call demands; pointers among them are valid for it.
pub(crate) unsafe fn call(number: c_long, args: [usize; 6]) -> Outcome {
    let [a, b, c, d, e, f] = args;
    // SAFETY: the caller vouches for the arguments; surplus ones are ignored by the kernel.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 {
        Err(errno())
    } else {
        Ok(result as isize)
    }
}

/// The calling thread's error number.
pub(crate) fn errno() -> c_int {
    // SAFETY: the location is valid for the life of the calling thread.
    unsafe { *libc::__errno_location() }
}

/// Sets the calling thread's error number.
pub(crate) fn set_errno(code: c_int) {
    // SAFETY: the location is valid for the life of the calling thread.
    unsafe { *libc::__errno_location() = code }
}

/// A number as the kernel wants it: sign-extended to a register.
pub(crate) fn arg(number: impl Into<i64>) -> usize {
    number.into() as usize
}

/// Opens a path.
pub(crate) fn open(dir: c_int, path: &CStr, flags: c_int, mode: mode_t) -> Result<c_int, c_int> {
    let args = [
        arg(dir),
        path.as_ptr() as usize,
        arg(flags),
        arg(mode),
        0,
        0,
    ];
    // SAFETY: `path` is a C string that outlives the call.
    unsafe { call(libc::SYS_openat, args) }.map(int)
}

/// A descriptor of this crate's own, closed when dropped.
#[derive(Debug)]
pub(crate) struct Fd(pub(crate) c_int);

impl Fd {
    /// Opens an absolute path.
    pub(crate) fn open(path: &Path, flags: c_int) -> Result<Self, c_int> {
        open(
            libc::AT_FDCWD,
            &c_path(path)?,
            flags | libc::O_CLOEXEC,
            0o600,
        )
        .map(Self)
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: close takes a number only, and this one is ours.
        let _ = unsafe { call(libc::SYS_close, [arg(self.0), 0, 0, 0, 0, 0]) };
    }
}

/// A path as the kernel wants it.
pub(crate) fn c_path(path: &Path) -> Result<CString, c_int> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| libc::EINVAL)
}

/// What an open file is.
pub(crate) fn stat_fd(fd: c_int) -> Result<libc::stat, c_int> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    let args = [arg(fd), stat.as_mut_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: on 64-bit Linux `libc::stat` is the kernel's struct, which the call fills.
    unsafe { call(libc::SYS_fstat, args) }?;
    // SAFETY: zeroes are a valid `stat`, and the kernel has filled it.
    Ok(unsafe { stat.assume_init() })
}

/// What a name refers to; a symbolic link is not followed.
pub(crate) fn stat_path(path: &Path) -> Result<libc::stat, c_int> {
    let path = c_path(path)?;
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    let (here, flags) = (arg(libc::AT_FDCWD), arg(libc::AT_SYMLINK_NOFOLLOW));
    let args = [
        here,
        path.as_ptr() as usize,
        stat.as_mut_ptr() as usize,
        flags,
        0,
        0,
    ];
    // SAFETY: `path` is a C string that outlives the call, and the struct is the kernel's.
    unsafe { call(libc::SYS_newfstatat, args) }?;
    // SAFETY: zeroes are a valid `stat`, and the kernel has filled it.
    Ok(unsafe { stat.assume_init() })
}

/// Where the kernel says that an open file is now, whatever it was opened as.
pub(crate) fn path_of(fd: c_int) -> Result<PathBuf, c_int> {
    let link = CString::new(format!("/proc/self/fd/{fd}")).map_err(|_| libc::EINVAL)?;
    let mut buffer = [0_u8; libc::PATH_MAX as usize];
    let args = [
        arg(libc::AT_FDCWD),
        link.as_ptr() as usize,
        buffer.as_mut_ptr() as usize,
        buffer.len(),
        0,
        0,
    ];
    // SAFETY: the buffer is writable for the length that is passed.
    let length = unsafe { call(libc::SYS_readlinkat, args) }?.unsigned_abs();
    let path = buffer.get(..length).unwrap_or_default();
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    Ok(PathBuf::from(OsString::from_vec(path.to_vec())))
}

/// The flags that a descriptor was opened with.
pub(crate) fn flags_of(fd: c_int) -> Result<c_int, c_int> {
    // SAFETY: F_GETFL takes numbers only.
    unsafe { call(libc::SYS_fcntl, [arg(fd), arg(libc::F_GETFL), 0, 0, 0, 0]) }.map(int)
}

/// Where the next plain read or write begins.
pub(crate) fn cursor_of(fd: c_int) -> Result<u64, c_int> {
    // SAFETY: lseek takes numbers only.
    unsafe { call(libc::SYS_lseek, [arg(fd), 0, arg(libc::SEEK_CUR), 0, 0, 0]) }
        .map(|at| at.unsigned_abs() as u64)
}

/// Reads `length` bytes from an offset, fewer at the end of the file.
pub(crate) fn read_at(fd: c_int, at: u64, length: u64) -> Result<Vec<u8>, c_int> {
    let mut bytes = vec![0_u8; usize::try_from(length).map_err(|_| libc::EFBIG)?];
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let args = [
            arg(fd),
            rest.as_mut_ptr() as usize,
            rest.len(),
            at as usize + done,
            0,
            0,
        ];
        // SAFETY: the rest of the buffer is writable for the length that is passed.
        match unsafe { call(libc::SYS_pread64, args) }?.unsigned_abs() {
            0 => break,
            more => done += more,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

/// Writes all bytes at the descriptor's cursor.
pub(crate) fn write_all(fd: c_int, mut bytes: &[u8]) -> Result<(), c_int> {
    while !bytes.is_empty() {
        let args = [arg(fd), bytes.as_ptr() as usize, bytes.len(), 0, 0, 0];
        // SAFETY: the bytes are readable for the length that is passed.
        let done = unsafe { call(libc::SYS_write, args) }?.unsigned_abs();
        bytes = bytes.get(done..).unwrap_or_default();
    }
    Ok(())
}

/// Gives an open file another length.
pub(crate) fn set_length(fd: c_int, length: u64) -> Result<(), c_int> {
    // SAFETY: ftruncate takes numbers only.
    unsafe { call(libc::SYS_ftruncate, [arg(fd), length as usize, 0, 0, 0, 0]) }.map(drop)
}

/// Gives a file a second name; a symbolic link is linked itself.
pub(crate) fn link(from: &Path, to: &Path) -> Result<(), c_int> {
    two_paths(libc::SYS_linkat, from, to)
}

/// Renames a file or a directory.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), c_int> {
    two_paths(libc::SYS_renameat2, from, to)
}

fn two_paths(number: c_long, from: &Path, to: &Path) -> Result<(), c_int> {
    let (from, to) = (c_path(from)?, c_path(to)?);
    let here = arg(libc::AT_FDCWD);
    let args = [
        here,
        from.as_ptr() as usize,
        here,
        to.as_ptr() as usize,
        0,
        0,
    ];
    // SAFETY: both are C strings that outlive the call.
    unsafe { call(number, args) }.map(drop)
}

/// Takes the lock on a file, or fails at once; it ends with the last process that holds it open.
pub(crate) fn lock(fd: c_int) -> Result<(), c_int> {
    let how = libc::LOCK_EX | libc::LOCK_NB;
    // SAFETY: flock takes numbers only.
    unsafe { call(libc::SYS_flock, [arg(fd), arg(how), 0, 0, 0, 0]) }.map(drop)
}

/// The number of this process, asked of the kernel: right in a forked child too.
pub(crate) fn process_id() -> isize {
    // SAFETY: getpid takes nothing and cannot fail.
    unsafe { call(libc::SYS_getpid, [0; 6]) }.unwrap_or_default()
}

/// Ends this process as a power cut would: no handler runs, nothing is flushed.
pub(crate) fn kill_self() -> ! {
    loop {
        let args = [process_id().unsigned_abs(), arg(libc::SIGKILL), 0, 0, 0, 0];
        // SAFETY: kill takes numbers only.
        let _ = unsafe { call(libc::SYS_kill, args) };
    }
}

/// A result that is a descriptor or a flag.
pub(crate) fn int(result: isize) -> c_int {
    c_int::try_from(result).unwrap_or(-1)
}
