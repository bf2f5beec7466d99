use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tsoracle_faultfs::{lose_unsynced, record_unsynced, stop_recording};

use crate::model::Model;
use crate::support::{Place, die, in_child, tree, was_killed};

const SEEDS: u64 = 400;
const STEPS: usize = 60;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Numbers that look random and are the same for one seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % end as u64).unwrap()
    }
}

/// A random program: its model is always run, its files are touched if there is a root.
struct Program {
    dice: Dice,
    model: Model,
    root: Option<PathBuf>,
}

impl Program {
    fn new(seed: u64, root: Option<PathBuf>) -> Self {
        Self {
            dice: Dice(seed),
            model: Model::new(),
            root,
        }
    }

    fn on_disk(&self, path: &str, act: impl FnOnce(&Path)) {
        if let Some(root) = &self.root {
            act(&root.join(path));
        }
    }

    /// Runs the steps before the recording begins: what they leave is durable.
    fn prepare(&mut self) {
        for _ in 0..STEPS / 4 {
            self.step();
        }
        self.model.settle();
    }

    fn run(&mut self) {
        let steps = self.dice.below(STEPS) + 1;
        for _ in 0..steps {
            self.step();
            self.on_disk("", |root| assert_eq!(tree(root), self.model.tree_now()));
        }
    }

    fn pick(&mut self) -> (usize, String, &'static str) {
        let dirs = self.model.dirs();
        let (dir, path) = dirs[self.dice.below(dirs.len())].clone();
        (dir, path, NAMES[self.dice.below(NAMES.len())])
    }

    fn step(&mut self) {
        let (dir, above, name) = self.pick();
        let path = format!("{above}{name}");
        match (self.dice.below(12), self.model.get(dir, name)) {
            (0..3, _) => {
                self.on_disk(&above, |path| File::open(path).unwrap().sync_all().unwrap());
                self.model.sync(dir);
            }
            (3..6, None) => {
                self.on_disk(&path, |path| drop(File::create_new(path).unwrap()));
                self.model.add(dir, name, false);
            }
            (6..8, None) => {
                self.on_disk(&path, |path| fs::create_dir(path).unwrap());
                self.model.add(dir, name, true);
            }
            (3..7, Some(node)) if !self.model.is_dir(node) => self.change(node, &path),
            (7..9, Some(node)) => self.remove(dir, name, &path, node),
            (9..12, Some(node)) => self.rename(dir, name, &path, node),
            _ => {}
        }
    }

    fn change(&mut self, node: usize, path: &str) {
        let bytes = vec![b"ABCDEFGHIJ"[self.dice.below(10)]; self.dice.below(5) + 1];
        let length = self.model.length(node);
        let (at, choice) = (self.dice.below(length + 4), self.dice.below(7));
        let open = |options: &mut OpenOptions, path: &Path| options.open(path).unwrap();
        let write = |options: &mut OpenOptions, path: &Path| open(options.write(true), path);
        match choice {
            0 => {
                self.on_disk(path, |path| File::open(path).unwrap().sync_data().unwrap());
                self.model.sync(node);
            }
            1 => {
                let length = self.dice.below(length + 4);
                self.on_disk(path, |path| {
                    write(&mut File::options(), path)
                        .set_len(length as u64)
                        .unwrap();
                });
                self.model.truncate(node, length);
            }
            2 => {
                self.on_disk(path, |path| drop(File::create(path).unwrap()));
                self.model.truncate(node, 0);
            }
            3 => {
                self.on_disk(path, |path| {
                    let file = open(File::options().append(true), path);
                    file.write_all_at(&bytes, 0).unwrap();
                });
                self.model.write(node, length, &bytes, false);
            }
            4 | 5 => {
                self.on_disk(path, |path| {
                    write(&mut File::options(), path)
                        .write_all_at(&bytes, at as u64)
                        .unwrap();
                });
                self.model.write(node, at, &bytes, false);
            }
            _ => {
                self.on_disk(path, |path| {
                    let file = write(File::options().custom_flags(libc::O_DSYNC), path);
                    file.write_all_at(&bytes, at as u64).unwrap();
                });
                self.model.write(node, at, &bytes, true);
            }
        }
    }

    fn remove(&mut self, dir: usize, name: &str, path: &str, node: usize) {
        if !self.model.is_dir(node) {
            self.on_disk(path, |path| fs::remove_file(path).unwrap());
        } else if self.model.is_empty(node) {
            self.on_disk(path, |path| fs::remove_dir(path).unwrap());
        } else {
            return;
        }
        self.model.set(&[(dir, name, None)]);
    }

    fn rename(&mut self, dir: usize, name: &str, path: &str, node: usize) {
        let (mut to_dir, mut above, to) = self.pick();
        if self.model.is_dir(node) {
            // Within its directory: it cannot be in two, which is what half a rename would mean.
            to_dir = dir;
            above = path.strip_suffix(name).unwrap().to_owned();
        }
        let to_path = format!("{above}{to}");
        let source = |root: &Path| root.join(path);
        let target = self.model.get(to_dir, to);
        let replaceable = |target: usize| {
            let empty = !self.model.is_dir(target) || self.model.is_empty(target);
            target != node && empty && self.model.is_dir(target) == self.model.is_dir(node)
        };
        if !target.is_none_or(replaceable) {
            return;
        }
        if target.is_none() && !self.model.is_dir(node) && self.dice.below(3) == 0 {
            self.on_disk("", |root| {
                fs::hard_link(source(root), root.join(&to_path)).unwrap();
            });
            self.model.set(&[(to_dir, to, Some(node))]);
        } else {
            self.on_disk("", |root| {
                fs::rename(source(root), root.join(&to_path)).unwrap();
            });
            self.model
                .set(&[(dir, name, None), (to_dir, to, Some(node))]);
        }
    }
}

#[test]
fn random_programs_leave_what_the_model_says() {
    let place = Place::in_memory();
    let root = |place: &Place, seed: u64| place.data().join(seed.to_string());
    let journal = |place: &Place, seed: u64| place.journal().join(seed.to_string());
    if !in_child() {
        fs::create_dir(place.journal()).unwrap();
    }
    let test = "random::random_programs_leave_what_the_model_says";
    let status = place.run(test, |place| {
        for seed in 0..SEEDS {
            fs::create_dir(root(place, seed)).unwrap();
            let mut program = Program::new(seed, Some(root(place, seed)));
            program.prepare();
            record_unsynced(&root(place, seed), &journal(place, seed)).unwrap();
            program.run();
            stop_recording();
        }
        die()
    });
    assert!(was_killed(status), "{status}");
    let (mut lost, mut kept) = (0, 0);
    for seed in 0..SEEDS {
        let mut program = Program::new(seed, None);
        program.prepare();
        let before = program.model.tree_now();
        program.run();
        let loss = lose_unsynced(&root(&place, seed), &journal(&place, seed))
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let wanted = program.model.tree_after_power_loss();
        assert_eq!(tree(&root(&place, seed)), wanted, "seed {seed}");
        assert_eq!(loss.is_empty(), program.model.is_durable(), "seed {seed}");
        lost += u32::from(!loss.is_empty());
        kept += u32::from(wanted != before);
    }
    assert!(
        lost > 200 && kept > 200,
        "{lost} programs lost something, {kept} kept something"
    );
}
