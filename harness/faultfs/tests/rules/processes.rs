use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

use tsoracle_faultfs::{
    Action, Errno, Op, Rule, Trigger, When, clear_all, counts, hits, install, remove,
};

use crate::{Dir, counts_of};

const DIR: &str = "FAULTFS_TEST_DIR";

/// Runs a test of this file once more, in a process of its own.
fn again(test: &str, dir: &Dir) -> std::process::ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args([&format!("processes::{test}"), "--exact", "--quiet"])
        .env(DIR, dir.path())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap()
}

#[test]
fn forked_child_is_none_of_our_business() {
    let dir = Dir::new();
    let path = dir.join("f");
    let id = install(Rule::new(dir.path(), Action::Fail(Errno::Eio))).unwrap();
    let mut command = Command::new("/bin/true");
    let in_child = path.clone();
    // SAFETY: the child makes a file between fork and exec, and allocates nothing but its path.
    unsafe { command.pre_exec(move || fs::write(&in_child, "1")) };
    assert!(command.status().unwrap().success());
    assert_eq!(hits(id).unwrap(), 0);
    assert!(fs::write(&path, "2").is_err());
    remove(id).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"1");
}

#[test]
fn process_stops_at_the_nth_call_before_or_after_it() {
    for (n, when, left) in [
        (1, When::Before, ""),
        (1, When::After, "1"),
        (3, When::Before, "12"),
        (3, When::After, "123"),
    ] {
        let dir = std::env::var_os(DIR);
        if let Some(dir) = dir {
            let dir = std::path::Path::new(&dir);
            let plan = fs::read_to_string(dir.join("plan")).unwrap();
            install(serde_json::from_str(&plan).unwrap()).unwrap();
            let mut file = fs::File::create(dir.join("f")).unwrap();
            for text in ["1", "2", "3", "4"] {
                file.write_all(text.as_bytes()).unwrap();
            }
            std::process::exit(0);
        }
        let dir = Dir::new();
        let rule = Rule::new(dir.path(), Action::Crash(when))
            .ops([Op::Write])
            .at(Trigger::Nth(n));
        fs::write(dir.join("plan"), serde_json::to_string(&rule).unwrap()).unwrap();
        let status = again("process_stops_at_the_nth_call_before_or_after_it", &dir);
        assert_eq!(status.signal(), Some(libc::SIGKILL));
        assert_eq!(fs::read_to_string(dir.join("f")).unwrap(), left);
    }
}

#[test]
fn sockets_and_pipes_are_untouched() {
    let dir = Dir::new();
    if std::env::var_os(DIR).is_none() {
        // By itself: this rule concerns every file.
        assert!(again("sockets_and_pipes_are_untouched", &dir).success());
        return;
    }
    let (mut socket, _other) = UnixStream::pair().unwrap();
    let (_reader, mut pipe) = std::io::pipe().unwrap();
    let id = install(Rule::new("/", Action::Fail(Errno::Eio)).ops([Op::Write])).unwrap();
    socket.write_all(b"1").unwrap();
    pipe.write_all(b"1").unwrap();
    assert_eq!(hits(id).unwrap(), 0);
    assert!(fs::write(dir.join("f"), "1").is_err());
    assert_eq!(hits(id).unwrap(), 1);
    remove(id).unwrap();
}

#[test]
fn clearing_ends_every_rule() {
    let dir = Dir::new();
    if std::env::var_os(DIR).is_none() {
        // By itself: the rules of the tests beside this one would end as well.
        assert!(again("clearing_ends_every_rule", &dir).success());
        return;
    }
    let ids = [dir.counting(), dir.counting()];
    fs::write(dir.join("f"), "1").unwrap();
    assert_eq!(ids.map(|id| counts_of(id).writes), [1, 1]);
    clear_all();
    assert!(ids.into_iter().all(|id| counts(id).is_err()));
}
