//! The journal's format: a header, then records, each preceded by its length. Everything is a
//! little-endian 64-bit number or a byte string preceded by its length.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

const MAGIC: u64 = u64::from_le_bytes(*b"faultfs1");

/// One step of the recorded process. A position is a record's offset in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// The content of a file is about to change. Bytes and length are those before.
    Content {
        inode: u64,
        length: u64,
        at: u64,
        bytes: Vec<u8>,
    },
    /// Names are about to change, together or not at all.
    Names(Vec<NameWas>),
    /// The content change at this position was a synced write of so many bytes.
    Durable {
        inode: u64,
        position: u64,
        count: u64,
    },
    /// A file or directory was synced: what was recorded about it before `upto` is durable.
    Synced { inode: u64, upto: u64 },
    /// Everything recorded before `upto` is durable.
    AllSynced { upto: u64 },
    /// A new file has this number; what was recorded under it before concerns another file.
    Born { inode: u64 },
}

/// What a name meant before it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameWas {
    /// The directory's inode.
    pub(crate) dir: u64,
    pub(crate) name: OsString,
    /// The file's inode; 0, which no file has, if there was none.
    pub(crate) inode: u64,
}

/// The first bytes of a journal about this prefix.
pub(crate) fn header(prefix: &Path) -> Vec<u8> {
    let mut writer = Writer(Vec::new());
    writer.number(MAGIC);
    writer.bytes(prefix.as_os_str().as_bytes());
    writer.0
}

impl Record {
    /// The record as it stands in the journal, its length included.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer(vec![0; 8]);
        match self {
            Self::Content {
                inode,
                length,
                at,
                bytes,
            } => {
                writer.numbers([1, *inode, *length, *at]);
                writer.bytes(bytes);
            }
            Self::Names(names) => {
                writer.numbers([2, names.len() as u64]);
                for was in names {
                    writer.numbers([was.dir, was.inode]);
                    writer.bytes(was.name.as_bytes());
                }
            }
            Self::Durable {
                inode,
                position,
                count,
            } => {
                writer.numbers([3, *inode, *position, *count]);
            }
            Self::Synced { inode, upto } => writer.numbers([4, *inode, *upto]),
            Self::AllSynced { upto } => writer.numbers([5, *upto]),
            Self::Born { inode } => writer.numbers([6, *inode]),
        }
        let length = writer.0.len() as u64 - 8;
        for (to, from) in writer.0.iter_mut().zip(length.to_le_bytes()) {
            *to = from;
        }
        writer.0
    }

    fn decode(mut body: &[u8]) -> io::Result<Self> {
        let from = &mut body;
        Ok(match number(from)? {
            1 => Self::Content {
                inode: number(from)?,
                length: number(from)?,
                at: number(from)?,
                bytes: bytes(from)?,
            },
            2 => Self::Names(names(from)?),
            3 => Self::Durable {
                inode: number(from)?,
                position: number(from)?,
                count: number(from)?,
            },
            4 => Self::Synced {
                inode: number(from)?,
                upto: number(from)?,
            },
            5 => Self::AllSynced {
                upto: number(from)?,
            },
            6 => Self::Born {
                inode: number(from)?,
            },
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}

/// Reads a journal from its beginning.
#[derive(Debug)]
pub(crate) struct Reader {
    file: BufReader<File>,
    left: u64,
    /// Where the next record begins.
    pub(crate) position: u64,
}

impl Reader {
    /// Reads the header; returns the prefix that the journal is about.
    pub(crate) fn new(file: File) -> io::Result<(Self, PathBuf)> {
        let left = file.metadata()?.len();
        let mut file = BufReader::new(file);
        if left < 16 || number(&mut file)? != MAGIC {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let length = number(&mut file)?;
        let left = left
            .checked_sub(16 + length)
            .ok_or(io::ErrorKind::InvalidData)?;
        let prefix = PathBuf::from(OsString::from_vec(take(&mut file, length)?));
        Ok((
            Self {
                file,
                left,
                position: 16 + length,
            },
            prefix,
        ))
    }

    /// The next record and its position. A last one that is cut short does not count: the process
    /// died while it wrote it, and had not begun what it announces.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Record)>> {
        if self.left < 8 {
            return Ok(None);
        }
        let length = number(&mut self.file)?;
        if length > self.left - 8 {
            return Ok(None);
        }
        let record = Record::decode(&take(&mut self.file, length)?)?;
        let position = self.position;
        self.position += 8 + length;
        self.left -= 8 + length;
        Ok(Some((position, record)))
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn numbers<const N: usize>(&mut self, numbers: [u64; N]) {
        for number in numbers {
            self.number(number);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

fn number(from: &mut impl Read) -> io::Result<u64> {
    let mut number = [0; 8];
    from.read_exact(&mut number)?;
    Ok(u64::from_le_bytes(number))
}

fn take(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if from.take(length).read_to_end(&mut bytes)? as u64 == length {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn bytes(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = number(from)?;
    take(from, length)
}

fn names(from: &mut impl Read) -> io::Result<Vec<NameWas>> {
    let count = number(from)?;
    let name = |_| {
        let (dir, inode) = (number(from)?, number(from)?);
        Ok(NameWas {
            dir,
            name: OsString::from_vec(bytes(from)?),
            inode,
        })
    };
    (0..count).map(name).collect()
}

/// The name within its directory.
pub(crate) fn name_of(path: &Path) -> OsString {
    path.file_name().unwrap_or(OsStr::new("")).to_os_string()
}
