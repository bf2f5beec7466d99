//! Gives a file the content that was durable.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::replay::ContentWas;
use crate::loss::LostContent;

/// Undoes these changes; `None` if that makes no difference.
pub(super) fn content(path: &Path, changes: &[ContentWas]) -> io::Result<Option<LostContent>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(None);
    }
    let now = fs::read(path)?;
    let image = image(&now, changes);
    if now == image {
        return Ok(None);
    }
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(image.len() as u64)?;
    file.write_all_at(&image, 0)?;
    let (before, after) = (now.len() as u64, image.len() as u64);
    let differing = now
        .iter()
        .zip(&image)
        .filter(|(now, then)| now != then)
        .count() as u64;
    Ok(Some(LostContent {
        path: path.to_path_buf(),
        bytes: differing + before.abs_diff(after),
        length_before: before,
        length_after: after,
    }))
}

/// The durable content: each byte is that of the last synced write to it, or else what it was
/// before the first of the changes.
fn image(now: &[u8], changes: &[ContentWas]) -> Vec<u8> {
    let base = changes
        .first()
        .map_or(now.len(), |first| index(first.length));
    let synced = changes.iter().filter(|was| was.durable > 0);
    let length = synced
        .map(|was| index(was.at + was.durable))
        .fold(base, usize::max);
    let mut image = now.to_vec();
    image.resize(length, 0);
    let mut durable = vec![None; length];
    for was in changes.iter().rev() {
        let at = index(was.at);
        let written = durable
            .iter_mut()
            .zip(&image)
            .skip(at)
            .take(index(was.durable));
        for (durable, now) in written {
            durable.get_or_insert(*now);
        }
        for (slot, byte) in image.iter_mut().skip(at).zip(&was.bytes) {
            *slot = *byte;
        }
    }
    // What no synced write reached beyond the old length reads as zeroes, whatever is there now.
    for (durable, then) in durable.iter_mut().zip(&image).take(base) {
        durable.get_or_insert(*then);
    }
    durable.into_iter().map(Option::unwrap_or_default).collect()
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
