use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a power loss took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Files that still have a name, and whose content or length went back.
    pub contents: Vec<LostContent>,
    /// Names that vanished, came back, or mean another file again.
    pub names: Vec<LostName>,
}

impl Loss {
    /// Whether the power loss changed nothing: a check that meant to lose something has then
    /// passed in vain.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty() && self.names.is_empty()
    }

    /// Bytes that are different, gone or back, in files that still have a name.
    pub fn bytes(&self) -> u64 {
        self.contents.iter().map(|content| content.bytes).sum()
    }
}

/// A file whose content or length went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostContent {
    /// Where it is now.
    pub path: PathBuf,
    /// Bytes that are different, gone or back.
    pub bytes: u64,
    /// Its length when the power went.
    pub length_before: u64,
    /// Its length now.
    pub length_after: u64,
}

/// A name that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostName {
    /// The name, in its directory as that was called when the power went, or as it is called now
    /// if it was gone.
    pub path: PathBuf,
    /// What became of it.
    pub change: NameChange,
}

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameChange {
    /// It was new and is gone.
    Vanished,
    /// It had been removed or renamed and is back.
    Returned,
    /// It means the file again that it meant before.
    Reverted,
}
