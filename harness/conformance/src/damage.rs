//! What can happen to the bytes of a store, and copies of a store that it happens to.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;
use tsoracle_testbed::Damage;

/// Files up to this length are damaged everywhere, longer ones at a seeded sample of places.
const EVERYWHERE: usize = 4096;
const SAMPLE: usize = 256;
const BLOCK: usize = 512;
/// One bit, and all of a byte.
const MASKS: [u8; 2] = [0x01, 0xff];

/// One thing that happens to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    Flip { at: usize, mask: u8 },
    CutTo(usize),
    ZeroAll,
    ZeroBlock { at: usize },
    Remove,
}

impl Harm {
    /// Everything that this check does to a file of this length.
    pub(crate) fn all(length: usize, rng: &mut ChaCha8Rng) -> Vec<Self> {
        let flips = places(length, rng)
            .into_iter()
            .flat_map(|at| MASKS.map(|mask| Self::Flip { at, mask }));
        let cuts = places(length, rng).into_iter().map(Self::CutTo);
        let blocks = (0..length).step_by(BLOCK).filter(|_| length > BLOCK);
        let blocks = blocks.sample(rng, SAMPLE);
        flips
            .chain(cuts)
            .chain(blocks.into_iter().map(|at| Self::ZeroBlock { at }))
            .chain([Self::ZeroAll, Self::Remove])
            .collect()
    }

    /// The file afterwards, `None` if there is none.
    pub(crate) fn done_to(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = bytes.to_vec();
        match self {
            Self::Remove => return None,
            Self::CutTo(length) => bytes.truncate(length),
            Self::ZeroAll => bytes.fill(0),
            Self::ZeroBlock { at } => bytes.iter_mut().skip(at).take(BLOCK).for_each(|b| *b = 0),
            Self::Flip { at, mask } => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= mask),
        }
        Some(bytes)
    }

    /// The kind under which a backend may declare it.
    pub(crate) fn kind(self) -> Damage {
        match self {
            Self::Flip { .. } => Damage::Flip,
            Self::CutTo(_) => Damage::Truncate,
            Self::ZeroAll | Self::ZeroBlock { .. } => Damage::Zero,
            Self::Remove => Damage::Remove,
        }
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flip { at, mask } => write!(f, "byte {at} changed by {mask:#04x}"),
            Self::CutTo(length) => write!(f, "cut to {length} bytes"),
            Self::ZeroAll => f.write_str("all bytes zero"),
            Self::ZeroBlock { at } => write!(f, "{BLOCK} bytes from {at} zero"),
            Self::Remove => f.write_str("removed"),
        }
    }
}

fn places(length: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    match length {
        0..=EVERYWHERE => (0..length).collect(),
        _ => (0..length).sample(rng, SAMPLE),
    }
}

/// Every file below a directory, by its path in there.
pub(crate) struct Copy {
    dir: PathBuf,
    folders: Vec<PathBuf>,
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
}

impl Copy {
    /// Reads a directory.
    pub(crate) fn of(dir: &Path) -> io::Result<Self> {
        let mut copy = Self {
            dir: dir.to_owned(),
            folders: Vec::new(),
            files: Vec::new(),
        };
        copy.read(Path::new(""))?;
        copy.files.sort();
        Ok(copy)
    }

    fn read(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(self.dir.join(folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.folders.push(path.clone());
                self.read(&path)?;
            } else {
                self.files.push((path, fs::read(entry.path())?));
            }
        }
        Ok(())
    }

    /// Gives one file other bytes, or takes it away.
    pub(crate) fn replace(&self, path: &Path, bytes: Option<&[u8]>) -> io::Result<()> {
        match bytes {
            Some(bytes) => overwrite(&self.dir.join(path), bytes),
            None => fs::remove_file(self.dir.join(path)),
        }
    }

    /// Makes the directory what it was. Only what differs is written, since every change of a name
    /// costs a driver that syncs its directory a commit of the file system.
    pub(crate) fn restore(&self) -> io::Result<()> {
        let now = Self::of(&self.dir)?;
        for (path, _) in &now.files {
            if !self.files.iter().any(|(kept, _)| kept == path) {
                fs::remove_file(self.dir.join(path))?;
            }
        }
        for folder in &self.folders {
            fs::create_dir_all(self.dir.join(folder))?;
        }
        for file in &self.files {
            if !now.files.contains(file) {
                self.replace(&file.0, Some(&file.1))?;
            }
        }
        Ok(())
    }
}

fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn each_byte_of_a_small_file_is_changed_and_cut_away() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let all = Harm::all(600, &mut rng);
        assert_eq!(all.len(), 600 * MASKS.len() + 600 + 2 + 2);
        let original = [7; 600];
        let changed = |harm: &Harm| harm.done_to(&original).is_none_or(|now| now != original);
        assert!(all.iter().all(changed));
    }

    #[test]
    fn a_large_file_is_sampled_and_a_seed_gives_the_same_sample_twice() {
        let all = |seed| Harm::all(1 << 20, &mut ChaCha8Rng::seed_from_u64(seed));
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
        assert_eq!(all(1).len(), SAMPLE * (MASKS.len() + 2) + 2);
    }

    #[test]
    fn a_copy_brings_back_files_and_folders() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        fs::create_dir_all(store.join("sub")).unwrap();
        fs::write(store.join("sub/file"), "whole").unwrap();
        let copy = Copy::of(&store).unwrap();
        let file = Path::new("sub/file");
        copy.replace(file, None).unwrap();
        assert!(!store.join(file).exists());
        copy.restore().unwrap();
        assert_eq!(fs::read(store.join(file)).unwrap(), b"whole");
        copy.replace(file, Some(b"no")).unwrap();
        assert_eq!(fs::read(store.join(file)).unwrap(), b"no");
        fs::write(store.join("new"), "stray").unwrap();
        copy.restore().unwrap();
        assert_eq!(fs::read(store.join(file)).unwrap(), b"whole");
        assert!(!store.join("new").exists());
    }
}
