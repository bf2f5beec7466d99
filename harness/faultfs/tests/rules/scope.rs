use std::fs::{self, File};
use std::os::unix::fs::symlink;

use tsoracle_faultfs::{Action, Counts, Errno, Name, Op, Rule, hits, install, remove};

use crate::{Dir, counts_of, zero};

#[test]
fn paths_outside_the_prefix_are_untouched() {
    let dir = Dir::new();
    for name in ["data", "data2"] {
        fs::create_dir(dir.join(name)).unwrap();
    }
    let rule = Rule::new(dir.join("data"), Action::Fail(Errno::Eio));
    let id = install(rule).unwrap();
    fs::write(dir.join("data2/f"), "1").unwrap();
    fs::write(dir.join("data.txt"), "1").unwrap();
    fs::rename(dir.join("data2/f"), dir.join("f")).unwrap();
    fs::remove_file(dir.join("f")).unwrap();
    assert_eq!(hits(id).unwrap(), 0);
    assert!(fs::write(dir.join("data/f"), "1").is_err());
    assert!(fs::rename(dir.join("data.txt"), dir.join("data/f")).is_err());
    assert_eq!(hits(id).unwrap(), 2);
    // While it is in force the directory cannot be removed.
    remove(id).unwrap();
}

#[test]
fn prefix_may_be_a_file_or_made_later_or_behind_a_link() {
    let dir = Dir::new();
    let file = install(Rule::new(dir.join("f"), Action::Count)).unwrap();
    let later = install(Rule::new(dir.join("later/on"), Action::Count)).unwrap();
    symlink(".", dir.join("link")).unwrap();
    let link = install(Rule::new(dir.join("link/d"), Action::Count)).unwrap();
    fs::write(dir.join("f"), "1").unwrap();
    fs::write(dir.join("g"), "1").unwrap();
    fs::create_dir_all(dir.join("later/on")).unwrap();
    fs::write(dir.join("later/on/f"), "1").unwrap();
    fs::create_dir(dir.join("d")).unwrap();
    fs::write(dir.join("link/link/d/../d/f"), "1").unwrap();
    let one = Counts {
        creates: 1,
        writes: 1,
        bytes_written: 1,
        ..zero()
    };
    assert_eq!(counts_of(file), one);
    let made = Counts { mkdirs: 1, ..one };
    assert_eq!((counts_of(later).mkdirs, counts_of(later).writes), (1, 1));
    assert_eq!(counts_of(link), made);
}

#[test]
fn name_filters_choose_files() {
    let dir = Dir::new();
    let rule = |name| {
        Rule::new(dir.path(), Action::Count)
            .ops([Op::Write, Op::Rename])
            .named(name)
    };
    let names = ["1.log", "CURRENT", "tmp"].map(str::to_owned);
    let [log, current, tmp] = names;
    let filters = [
        Name::EndsWith(log[1..].to_owned()),
        Name::Is(current),
        Name::StartsWith(tmp),
    ];
    let ids = filters.map(|name| install(rule(name)).unwrap());
    fs::write(dir.join("1.log"), "1").unwrap();
    fs::write(dir.join("2.log"), "1").unwrap();
    fs::write(dir.join("CURRENT.dbtmp"), "1").unwrap();
    fs::write(dir.join("tmp.1"), "1").unwrap();
    fs::rename(dir.join("CURRENT.dbtmp"), dir.join("CURRENT")).unwrap();
    assert_eq!(ids.map(|id| hits(id).unwrap()), [2, 1, 1]);
}

#[test]
fn final_link_is_followed_by_open_and_not_by_rename() {
    let dir = Dir::new();
    fs::create_dir(dir.join("data")).unwrap();
    fs::write(dir.join("data/f"), "1").unwrap();
    symlink("data/f", dir.join("link")).unwrap();
    let id = install(Rule::new(dir.join("data"), Action::Count)).unwrap();
    File::open(dir.join("link")).unwrap();
    fs::rename(dir.join("link"), dir.join("other")).unwrap();
    assert_eq!(counts_of(id), Counts { opens: 1, ..zero() });
}

#[test]
fn rule_survives_the_pipe() {
    let rule = Rule::new("/data", Action::Stall { at_most: None })
        .ops(Op::SYNCS)
        .named(Name::EndsWith(".log".to_owned()));
    let text = serde_json::to_string(&rule).unwrap();
    assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), rule);
}
