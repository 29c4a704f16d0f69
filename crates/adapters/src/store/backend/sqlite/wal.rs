//! Write-ahead log of an SQLite file: numbers of the pages that were written, read from the headers of the
//! frames. The format is described in <https://sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom};
use std::path::PathBuf;

const HEADER_LENGTH: u64 = 32;
const FRAME_HEADER_LENGTH: u64 = 24;

/// Position in the write-ahead log up to which the frames were read.
///
/// While a read transaction is open, SQLite keeps all frames that were written after its beginning, and
/// starts the log anew at most once.
pub(super) struct WalPosition {
    path: PathBuf,
    /// Random values that SQLite changes whenever it starts the log anew.
    salts: [u8; 8],
    frames: u64,
}

impl WalPosition {
    /// Beginning of the log.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, salts: [0; 8], frames: 0 }
    }

    /// Advances to the frame with the number `last` and returns the numbers of the pages in between.
    pub(super) fn advance(&mut self, last: u64) -> Result<Vec<u32>> {
        if last == 0 {
            // The log was started anew or truncated, and has no frame yet.
            self.frames = 0;
            self.salts = [0; 8];
            return Ok(Vec::new());
        }
        let mut file = File::open(&self.path)?;
        let mut header = [0; HEADER_LENGTH as usize];
        file.read_exact(&mut header)?;
        let [_, _, page_size, _, salts @ ..] = header.as_chunks::<4>().0 else {
            return Err(ErrorKind::InvalidData.into());
        };
        let page_size = u64::from(u32::from_be_bytes(*page_size));
        let salts = salts.as_flattened().first_chunk().ok_or(ErrorKind::InvalidData)?;
        let is_same_log = self.salts == *salts && self.frames <= last;
        let first = if is_same_log { self.frames } else { 0 };
        let mut pages = Vec::new();
        for frame in first..last {
            let offset = HEADER_LENGTH + frame * (FRAME_HEADER_LENGTH + page_size);
            file.seek(SeekFrom::Start(offset))?;
            let mut number = [0; 4];
            file.read_exact(&mut number)?;
            pages.push(u32::from_be_bytes(number));
        }
        self.salts = *salts;
        self.frames = last;
        Ok(pages)
    }
}
