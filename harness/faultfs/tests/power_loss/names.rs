use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use tsoracle_faultfs::NameChange::{Returned, Reverted, Vanished};

use crate::{Case, sync_dir};

fn write_synced(path: &Path, content: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file.sync_all().unwrap();
}

#[test]
fn replacement_without_sync_of_the_directory_is_undone() {
    let case = Case::with(&[("f", "old")]);
    let loss = case.run(|data| {
        write_synced(&data.join("f.tmp"), "new");
        fs::rename(data.join("f.tmp"), data.join("f")).unwrap();
    });
    case.leaves(&[("f", "old")]);
    assert_eq!(loss.names.len(), 1);
    assert_eq!(loss.names[0].change, Reverted);
}

#[test]
fn replacement_with_sync_of_the_directory_is_kept() {
    let case = Case::with(&[("f", "old")]);
    let loss = case.run(|data| {
        write_synced(&data.join("f.tmp"), "new");
        fs::rename(data.join("f.tmp"), data.join("f")).unwrap();
        sync_dir(data);
    });
    case.leaves(&[("f", "new")]);
    assert!(loss.is_empty(), "{loss:?}");
}

#[test]
fn replacement_by_an_unsynced_file_leaves_an_empty_one() {
    let case = Case::with(&[("f", "old")]);
    case.run(|data| {
        fs::write(data.join("f.tmp"), "new").unwrap();
        fs::rename(data.join("f.tmp"), data.join("f")).unwrap();
        sync_dir(data);
    });
    case.leaves(&[("f", "")]);
}

#[test]
fn unlink_is_undone_unless_the_directory_is_synced() {
    let case = Case::with(&[("f", "f"), ("g", "g")]);
    let loss = case.run(|data| {
        fs::remove_file(data.join("f")).unwrap();
        sync_dir(data);
        fs::remove_file(data.join("g")).unwrap();
    });
    case.leaves(&[("g", "g")]);
    assert_eq!(
        loss.names
            .iter()
            .map(|name| name.change)
            .collect::<Vec<_>>(),
        [Returned]
    );
}

#[test]
fn new_file_vanishes_with_its_synced_content() {
    let case = Case::with(&[]);
    let loss = case.run(|data| write_synced(&data.join("f"), "new"));
    case.leaves(&[]);
    assert_eq!(
        loss.names
            .iter()
            .map(|name| name.change)
            .collect::<Vec<_>>(),
        [Vanished]
    );
}

#[test]
fn new_directory_needs_a_sync_of_its_parent() {
    let case = Case::with(&[]);
    case.run(|data| {
        for name in ["lost", "kept"] {
            fs::create_dir(data.join(name)).unwrap();
            write_synced(&data.join(name).join("f"), "new");
            sync_dir(&data.join(name));
            if name == "lost" {
                continue;
            }
            sync_dir(data);
        }
        fs::create_dir(data.join("late")).unwrap();
        fs::rename(data.join("lost"), data.join("late/lost")).unwrap();
    });
    // `lost` was a name in the directory when that was synced for the sake of `kept`.
    case.leaves(&[
        ("kept/", ""),
        ("kept/f", "new"),
        ("lost/", ""),
        ("lost/f", "new"),
    ]);
}

#[test]
fn removed_directory_returns_with_its_files() {
    let case = Case::with(&[("d/", ""), ("d/f", "f"), ("d/e/", ""), ("d/e/g", "g")]);
    case.run(|data| fs::remove_dir_all(data.join("d")).unwrap());
    case.leaves(&[("d/", ""), ("d/f", "f"), ("d/e/", ""), ("d/e/g", "g")]);
}

#[test]
fn renamed_directory_returns_with_what_is_durable_in_it() {
    let case = Case::with(&[("d/", ""), ("d/f", "old")]);
    case.run(|data| {
        fs::rename(data.join("d"), data.join("e")).unwrap();
        write_synced(&data.join("e/f"), "new");
        write_synced(&data.join("e/lost"), "new");
        write_synced(&data.join("e/kept"), "new");
        fs::remove_file(data.join("e/lost")).unwrap();
        sync_dir(&data.join("e"));
        fs::write(data.join("e/lost"), "again").unwrap();
    });
    case.leaves(&[("d/", ""), ("d/f", "new"), ("d/kept", "new")]);
}

#[test]
fn directory_replaced_by_a_rename_returns() {
    let case = Case::with(&[("d/", ""), ("d/f", "f"), ("e/", "")]);
    let loss = case.run(|data| fs::rename(data.join("d"), data.join("e")).unwrap());
    case.leaves(&[("d/", ""), ("d/f", "f"), ("e/", "")]);
    assert_eq!(loss.names.len(), 2);
}

#[test]
fn failed_rename_over_a_full_directory_changes_nothing() {
    let case = Case::with(&[("d/", ""), ("e/", ""), ("e/f", "f")]);
    let loss = case.run(|data| {
        assert!(fs::rename(data.join("d"), data.join("e")).is_err());
        assert!(fs::remove_dir(data.join("e")).is_err());
        assert!(fs::create_dir(data.join("e")).is_err());
        assert!(fs::hard_link(data.join("e/f"), data.join("d")).is_err());
        assert!(fs::remove_file(data.join("none")).is_err());
        assert!(fs::rename(data.join("none"), data.join("d")).is_err());
    });
    case.leaves(&[("d/", ""), ("e/", ""), ("e/f", "f")]);
    assert!(loss.is_empty());
}

#[test]
fn rename_across_directories_needs_a_sync_of_both() {
    for synced in [&[][..], &["a"], &["b"], &["b", "a"]] {
        let case = Case::with(&[("a/", ""), ("a/f", "f"), ("b/", ""), ("b/f", "old")]);
        // The child is told which round it is by what it finds.
        if !crate::in_child() {
            fs::write(
                case.place.journal().with_extension("round"),
                synced.join(" "),
            )
            .unwrap();
        }
        case.run(|data| {
            let round = fs::read_to_string(data.with_file_name("journal.round")).unwrap();
            fs::rename(data.join("a/f"), data.join("b/f")).unwrap();
            round
                .split_whitespace()
                .for_each(|dir| sync_dir(&data.join(dir)));
        });
        if synced.len() == 2 {
            case.leaves(&[("a/", ""), ("b/", ""), ("b/f", "f")]);
        } else {
            case.leaves(&[("a/", ""), ("a/f", "f"), ("b/", ""), ("b/f", "old")]);
        }
    }
}

#[test]
fn links_vanish_and_the_file_stays() {
    let case = Case::with(&[("f", "f")]);
    case.run(|data| {
        fs::hard_link(data.join("f"), data.join("hard")).unwrap();
        std::os::unix::fs::symlink("f", data.join("soft")).unwrap();
        fs::remove_file(data.join("f")).unwrap();
    });
    case.leaves(&[("f", "f")]);
}

#[test]
fn name_used_again_means_its_first_file_again() {
    let case = Case::with(&[("f", "first")]);
    case.run(|data| {
        for content in ["second", "third"] {
            fs::remove_file(data.join("f")).unwrap();
            write_synced(&data.join("f"), content);
        }
    });
    case.leaves(&[("f", "first")]);
}

#[test]
fn file_moved_out_of_the_prefix_returns() {
    let case = Case::with(&[("f", "f")]);
    case.run(|data| fs::rename(data.join("f"), data.with_file_name("elsewhere")).unwrap());
    case.leaves(&[("f", "f")]);
}
