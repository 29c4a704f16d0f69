//! Disk faults below the driver: failing system calls and power cuts, for a process and the files of its
//! database.
//!
//! `disk_faults.c` is compiled at test time and preloaded into the process. It works for every program that
//! is dynamically linked to glibc and keeps its files with ordinary writes, such as SQLite.

use std::collections::HashMap;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::sleep;

use crate::fake::random::FixedRandom;

const SOURCE: &str = include_str!("disk_faults.c");

/// Unit in which a disk keeps or loses a write.
const PAGE_SIZE: u64 = 4_096;

/// Fields of `struct control` in `disk_faults.c`, as indexes of 64-bit integers.
const OPERATIONS: u64 = 0;
const PASSING: u64 = 1;
const FAULTS: u64 = 2;
const ERROR: u64 = 3;
const INJECTED: u64 = 4;
const IGNORE_SYNCS: u64 = 5;
const SYNC_DELAY: u64 = 6;
const FIELDS: usize = 7;

/// System calls on a file, as a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskOperations(u64);

impl DiskOperations {
    /// Writes that make a file longer.
    pub const EXTEND: Self = Self(1);
    /// Writes to a part of a file that exists.
    pub const OVERWRITE: Self = Self(2);
    /// All writes.
    pub const WRITE: Self = Self(3);
    /// Syncs of a file.
    pub const SYNC: Self = Self(4);
    /// Opening of a file.
    pub const OPEN: Self = Self(8);
    /// Truncations of a file.
    pub const TRUNCATE: Self = Self(16);
    /// All operations.
    pub const ALL: Self = Self(31);
}

/// Error of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// Input or output error (`EIO`).
    InputOutput,
    /// No space left on the device (`ENOSPC`).
    NoSpace,
}

impl DiskError {
    /// Returns the number of the error on Linux.
    fn errno(self) -> u64 {
        match self {
            Self::InputOutput => 5,
            Self::NoSpace => 28,
        }
    }
}

/// Writes that were not synced when the power was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsyncedWrites {
    /// All of them are lost.
    Lost,
    /// A random subset is kept, page by page.
    Random,
}

/// Disk under the files of one path prefix, for the processes that are started with its
/// [`environment`](Self::environment).
pub struct FaultyDisk {
    folder: PathBuf,
    files: PathBuf,
    control: File,
    random: FixedRandom,
    /// Deletes the folder on drop. It is `None` in the process that uses the disk.
    _owner: Option<TempDir>,
}

impl FaultyDisk {
    /// Creates a disk without faults under the files whose paths begin with `files`. Needs the C compiler.
    ///
    /// `seed` determines what a power cut keeps.
    #[must_use]
    pub fn under(files: &Path, seed: u64) -> Self {
        let owner = tempfile::tempdir().unwrap();
        let folder = owner.path().to_owned();
        let source = folder.join("disk_faults.c");
        fs::write(&source, SOURCE).unwrap();
        let compiled = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-pthread", "-o"])
            .arg(folder.join("disk_faults.so"))
            .arg(&source)
            .status()
            .expect("the C compiler `cc` is needed");
        assert!(compiled.success(), "the library of disk faults was not compiled");
        fs::create_dir(folder.join("undo")).unwrap();
        fs::write(folder.join("control"), [0; FIELDS * 8]).unwrap();
        Self::open(folder, files.to_owned(), seed, Some(owner))
    }

    /// Returns the disk of this process, if the process was started with its environment.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        let path = |name| env::var_os(name).map(PathBuf::from);
        let folder = path("DISK_FAULTS_CONTROL")?.parent()?.to_owned();
        Some(Self::open(folder, path("DISK_FAULTS_FILES")?, 0, None))
    }

    fn open(folder: PathBuf, files: PathBuf, seed: u64, owner: Option<TempDir>) -> Self {
        let control = OpenOptions::new().read(true).write(true).open(folder.join("control"));
        let control = control.unwrap();
        Self { folder, files, control, random: FixedRandom::seeded(seed), _owner: owner }
    }

    /// Returns the environment variables of a process that uses the disk.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |name| self.folder.join(name).display().to_string();
        [
            ("LD_PRELOAD", path("disk_faults.so")),
            ("DISK_FAULTS_FILES", self.files.display().to_string()),
            ("DISK_FAULTS_CONTROL", path("control")),
            ("DISK_FAULTS_UNDO", path("undo")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Lets `faults` of these operations fail, after `passing` of them have succeeded.
    pub fn inject(&self, operations: DiskOperations, error: DiskError, passing: u64, faults: u64) {
        self.repair();
        self.set(PASSING, passing);
        self.set(FAULTS, faults);
        self.set(ERROR, error.errno());
        self.set(INJECTED, 0);
        self.set(OPERATIONS, operations.0);
    }

    /// Fills the disk until [`Self::repair`]. As on a copy-on-write file system, no write succeeds.
    pub fn fill(&self) {
        self.inject(DiskOperations::WRITE, DiskError::NoSpace, 0, u64::MAX);
    }

    /// Ends all faults and delays.
    pub fn repair(&self) {
        self.set(OPERATIONS, 0);
        self.set(SYNC_DELAY, 0);
    }

    /// Returns the number of faults since the last [`Self::inject`].
    #[must_use]
    pub fn injected(&self) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, INJECTED * 8).unwrap();
        u64::from_ne_bytes(bytes)
    }

    /// Delays each sync, so that more writes are unsynced at any time.
    pub fn delay_syncs(&self, delay: Duration) {
        self.set(SYNC_DELAY, u64::try_from(delay.as_micros()).unwrap());
    }

    /// Lets the disk lie from now on: syncs report success and make nothing durable.
    pub fn ignore_syncs(&self) {
        self.set(IGNORE_SYNCS, 1);
    }

    /// Waits until a process has written what it has not synced yet. Panics after 10 seconds.
    pub async fn await_unsynced_writes(&self) {
        for _ in 0..10_000 {
            let mut logs = fs::read_dir(self.folder.join("undo")).unwrap();
            if logs.any(|log| log.unwrap().metadata().unwrap().len() > 0) {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
        panic!("nothing was written");
    }

    /// Takes unsynced writes away from the files, as a power cut does. The processes that use the disk must
    /// have been killed. Returns the number of these writes.
    pub fn cut_power(&self, writes: UnsyncedWrites) -> usize {
        let mut unsynced = 0;
        for log in fs::read_dir(self.folder.join("undo")).unwrap() {
            let log = log.unwrap();
            let file = self.files.with_file_name(log.file_name());
            let entries = parse_undo_log(&fs::read(log.path()).unwrap());
            unsynced += entries.len();
            if !entries.is_empty() {
                let content = fs::read(&file).unwrap();
                fs::write(&file, self.undo(content, &entries, writes)).unwrap();
            }
            fs::write(log.path(), []).unwrap();
        }
        unsynced
    }

    /// Returns the content of a file without unsynced writes.
    fn undo(&self, mut content: Vec<u8>, entries: &[Undo], writes: UnsyncedWrites) -> Vec<u8> {
        let full_size = content.len();
        let durable_size = entries.first().map_or(full_size, |first| first.old_size);
        let mut lost_of_page: HashMap<u64, u64> = HashMap::new();
        for page in entries.iter().flat_map(Undo::pages) {
            *lost_of_page.entry(page).or_default() += 1;
        }
        if writes == UnsyncedWrites::Random {
            for count in lost_of_page.values_mut() {
                *count = self.random.next() % (*count + 1);
            }
        }
        for entry in entries.iter().rev() {
            content.resize(content.len().max(entry.end()), 0);
            for page in entry.pages() {
                let left = lost_of_page.entry(page).or_default();
                if *left > 0 {
                    *left -= 1;
                    entry.restore(&mut content, page);
                }
            }
        }
        let keeps_size = writes == UnsyncedWrites::Random && self.random.next().is_multiple_of(2);
        content.resize(if keeps_size { full_size } else { durable_size }, 0);
        content
    }

    fn set(&self, field: u64, value: u64) {
        self.control.write_all_at(&value.to_ne_bytes(), field * 8).unwrap();
    }
}

/// Write or truncation since the last sync, with the bytes that it replaced.
struct Undo {
    offset: usize,
    old_size: usize,
    new_count: usize,
    old: Vec<u8>,
}

impl Undo {
    /// End of the range that was changed.
    fn end(&self) -> usize {
        self.offset + self.new_count.max(self.old.len())
    }

    /// Pages of the range that was changed.
    fn pages(&self) -> impl Iterator<Item = u64> + use<> {
        (self.offset as u64 / PAGE_SIZE)..(self.end() as u64).div_ceil(PAGE_SIZE)
    }

    /// Restores the bytes of one page. What was beyond the end of the file is 0.
    fn restore(&self, content: &mut [u8], page: u64) {
        let start = usize::try_from(page * PAGE_SIZE).unwrap();
        let end = start + usize::try_from(PAGE_SIZE).unwrap();
        for position in start.max(self.offset)..end.min(self.end()) {
            let old = self.old.get(position - self.offset).copied();
            *content.get_mut(position).unwrap() = old.unwrap_or(0);
        }
    }
}

/// Reads an undo log. An incomplete entry at the end belongs to a write that was not executed.
fn parse_undo_log(mut log: &[u8]) -> Vec<Undo> {
    let mut entries = Vec::new();
    while let Some((header, rest)) = log.split_first_chunk::<32>() {
        let (fields, _) = header.as_chunks::<8>();
        let field = |bytes: &[u8; 8]| usize::try_from(u64::from_ne_bytes(*bytes)).unwrap();
        let [offset, old_size, old_count, new_count] = fields else { break };
        let Some((old, rest)) = rest.split_at_checked(field(old_count)) else { break };
        entries.push(Undo {
            offset: field(offset),
            old_size: field(old_size),
            new_count: field(new_count),
            old: old.to_vec(),
        });
        log = rest;
    }
    entries
}
