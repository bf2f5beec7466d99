//! What kind of machine this is: cores, memory, kernel, file system. Never its name or its paths.

use std::path::Path;
use std::process::Command;

use tsoracle_latency::Profile;
use tsoracle_report::{Commit, Environment};

use crate::error::LabError;

/// The machine, with the file system that holds `dir`.
pub(crate) fn environment(dir: &Path, profile: Profile) -> Result<Environment, LabError> {
    let filesystem = filesystem(dir)?;
    Ok(Environment {
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        cpu_model: cpu_model(),
        memory_gib: memory_gib(),
        os: os(),
        tmpfs: filesystem == "tmpfs",
        filesystem,
        profile,
    })
}

/// The commit of the working tree that the lab runs in, if it is one.
pub(crate) fn commit() -> Option<Commit> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let id = git(&["rev-parse", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(Commit {
        id,
        clean: changes.is_empty(),
    })
}

fn filesystem(dir: &Path) -> Result<String, LabError> {
    let about = rustix::fs::statfs(dir)
        .map_err(|errno| LabError::io("look at the file system of", dir)(errno.into()))?;
    // Numbers from Linux' include/uapi/linux/magic.h.
    Ok(match about.f_type {
        0xef53 => "ext4".into(),
        0x5846_5342 => "xfs".into(),
        0x9123_683e => "btrfs".into(),
        0x0102_1994 => "tmpfs".into(),
        0x794c_7630 => "overlayfs".into(),
        0x2fc1_2fc1 => "zfs".into(),
        0xf2f5_2010 => "f2fs".into(),
        0x6969 => "nfs".into(),
        other => format!("{other:#x}"),
    })
}

/// System, the first two numbers of the kernel's version, and architecture.
fn os() -> String {
    let about = rustix::system::uname();
    let release = about.release().to_string_lossy();
    let version: Vec<_> = release.split(['.', '-']).take(2).collect();
    let (system, machine) = (
        about.sysname().to_string_lossy(),
        about.machine().to_string_lossy(),
    );
    format!("{system} {} {machine}", version.join("."))
}

fn cpu_model() -> Option<String> {
    field("/proc/cpuinfo", "model name")
}

fn memory_gib() -> f64 {
    let total = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kib: f64 = total.trim_end_matches(" kB").parse().unwrap_or(0.0);
    (kib / 1024.0 / 1024.0).round()
}

/// The first `name: value` of one of the kernel's tables.
fn field(table: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(table).ok()?;
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}
