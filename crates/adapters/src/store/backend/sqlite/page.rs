//! Unused bytes of pages of an SQLite file, as described in <https://sqlite.org/fileformat2.html>.
//!
//! SQLite leaves copies of rows in the unallocated space of pages whose rows it redistributes, also with
//! `secure_delete`.

use std::collections::BTreeMap;

/// Maximum number of pages of a file. In larger files, the first byte of an overflow page, which belongs
/// to a page number, can equal the type of a b-tree page.
pub(super) const MAX_PAGES: u32 = 0x01FF_FFFF;

/// Types of b-tree pages with the lengths of their headers: interior pages of indexes and tables, leaves
/// of indexes and tables.
const HEADER_LENGTHS: [(u8, usize); 4] = [(2, 12), (5, 12), (10, 8), (13, 8)];

/// The page contradicts the file format.
#[derive(Debug, thiserror::Error)]
#[error("a page of the database file is malformed")]
pub(super) struct MalformedPage;

/// Header of the file, which is at the beginning of the first page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    /// Number of bytes at the end of each page that belong to extensions.
    pub(super) reserved: usize,
    /// First trunk page of the list of unused pages, or 0.
    pub(super) first_trunk: u32,
}

impl FileHeader {
    pub(super) fn parse(first_page: &[u8]) -> Result<Self, MalformedPage> {
        let reserved = usize::from(*first_page.get(20).ok_or(MalformedPage)?);
        Ok(Self { reserved, first_trunk: u32_at(first_page, 32)? })
    }
}

/// Unused pages of the file, each with the length of its beginning that is in use.
#[derive(Debug, Default)]
pub(super) struct UnusedPages(BTreeMap<u32, usize>);

impl UnusedPages {
    /// Adds a trunk page and the pages that it lists. Returns the number of the next trunk page, or 0.
    pub(super) fn add_trunk(&mut self, number: u32, page: &[u8]) -> Result<u32, MalformedPage> {
        let count = usize::try_from(u32_at(page, 4)?).map_err(|_too_large| MalformedPage)?;
        let used = count.checked_mul(4).and_then(|length| length.checked_add(8));
        let used = used.filter(|used| *used <= page.len()).ok_or(MalformedPage)?;
        // A trunk page that is listed twice would never end the list.
        if self.0.insert(number, used).is_some() {
            return Err(MalformedPage);
        }
        for index in 0..count {
            self.0.insert(u32_at(page, 8 + 4 * index)?, 0);
        }
        u32_at(page, 0)
    }

    /// Zeroes the bytes of a page that are not in use. Returns true if one of them was not zero.
    pub(super) fn zero_unused_bytes(
        &self,
        number: u32,
        page: &mut [u8],
        reserved: usize,
    ) -> Result<bool, MalformedPage> {
        let usable = page.len().checked_sub(reserved).ok_or(MalformedPage)?;
        match self.0.get(&number) {
            Some(used) => zero(page, *used, usable),
            None => zero_unallocated(page, usable),
        }
    }
}

/// Zeroes the unallocated space and the free blocks of a b-tree page; leaves other pages unchanged. Returns
/// true if one of the bytes was not zero.
fn zero_unallocated(page: &mut [u8], usable: usize) -> Result<bool, MalformedPage> {
    let page_type = page.first().ok_or(MalformedPage)?;
    let header = HEADER_LENGTHS.iter().find(|(known, _)| known == page_type);
    let Some((_, header)) = header else { return Ok(false) };
    let cells = u16_at(page, 3)?;
    let content = match u16_at(page, 5)? {
        0 => 65_536,
        start => start,
    };
    let mut changed = zero(page, header + 2 * cells, content)?;
    let mut block = u16_at(page, 1)?;
    let mut end = content;
    while block != 0 {
        // The blocks are in ascending order and do not overlap.
        if block < end {
            return Err(MalformedPage);
        }
        let next = u16_at(page, block)?;
        end = block + u16_at(page, block + 2)?;
        if end > usable {
            return Err(MalformedPage);
        }
        changed |= zero(page, block + 4, end)?;
        block = next;
    }
    Ok(changed)
}

/// Zeroes a range of bytes. Returns true if one of them was not zero.
fn zero(page: &mut [u8], start: usize, end: usize) -> Result<bool, MalformedPage> {
    let bytes = page.get_mut(start..end).ok_or(MalformedPage)?;
    let changed = bytes.iter().any(|byte| *byte != 0);
    bytes.fill(0);
    Ok(changed)
}

fn u16_at(page: &[u8], offset: usize) -> Result<usize, MalformedPage> {
    let bytes = page.get(offset..).and_then(|rest| rest.first_chunk()).ok_or(MalformedPage)?;
    Ok(usize::from(u16::from_be_bytes(*bytes)))
}

fn u32_at(page: &[u8], offset: usize) -> Result<u32, MalformedPage> {
    let bytes = page.get(offset..).and_then(|rest| rest.first_chunk()).ok_or(MalformedPage)?;
    Ok(u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 512;

    /// Page full of remnants with these bytes at these offsets.
    fn page(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut page = vec![0xEE; SIZE];
        for (offset, bytes) in parts {
            page[*offset..*offset + bytes.len()].copy_from_slice(bytes);
        }
        page
    }

    /// Ranges of zeroes of more than three bytes.
    fn zeroes(page: &[u8]) -> Vec<(usize, usize)> {
        let mut ranges = Vec::new();
        let mut start = None;
        for (index, byte) in page.iter().chain([&1]).enumerate() {
            match (byte, start) {
                (0, None) => start = Some(index),
                (0, Some(_)) | (_, None) => {}
                (_, Some(first)) => {
                    if index - first > 3 {
                        ranges.push((first, index));
                    }
                    start = None;
                }
            }
        }
        ranges
    }

    #[test]
    fn unallocated_space_and_free_blocks_are_zeroed() {
        // One free block of 20 bytes at 420, two cells, content from 400.
        let leaf: (usize, &[u8]) = (0, &[13, 1, 164, 0, 2, 1, 144, 9, 1, 200, 1, 144]);
        let block: (usize, &[u8]) = (420, &[0, 0, 0, 20]);
        let mut bytes = page(&[leaf, block]);
        let unused = UnusedPages::default();
        assert!(unused.zero_unused_bytes(7, &mut bytes, 0).unwrap());
        assert_eq!(zeroes(&bytes), [(12, 400), (424, 440)]);
        assert_eq!(bytes[..12], *leaf.1);
        assert!(!unused.zero_unused_bytes(7, &mut bytes, 0).unwrap(), "nothing is left");

        // The header of an interior page is four bytes longer.
        let mut bytes = page(&[(0, &[2, 0, 0, 0, 1, 1, 144, 0])]);
        assert!(unused.zero_unused_bytes(7, &mut bytes, 0).unwrap());
        assert_eq!(zeroes(&bytes), [(14, 400)]);
    }

    #[test]
    fn overflow_page_is_unchanged() {
        let mut bytes = page(&[(0, &[0, 0, 0, 9])]);
        assert!(!UnusedPages::default().zero_unused_bytes(7, &mut bytes, 0).unwrap());
        assert_eq!(bytes, page(&[(0, &[0, 0, 0, 9])]));
    }

    #[test]
    fn unused_page_is_zeroed_except_for_the_list_of_a_trunk_page() {
        let trunk = page(&[(0, &[0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 9])]);
        let mut unused = UnusedPages::default();
        assert_eq!(unused.add_trunk(7, &trunk).unwrap(), 5);
        let mut bytes = trunk.clone();
        assert!(unused.zero_unused_bytes(7, &mut bytes, 0).unwrap());
        assert_eq!((&bytes[..16], zeroes(&bytes[16..])), (&trunk[..16], vec![(0, SIZE - 16)]));
        // A former leaf.
        let mut bytes = page(&[(0, &[13, 0, 0, 0, 0, 1, 144, 0])]);
        assert!(unused.zero_unused_bytes(9, &mut bytes, 32).unwrap());
        assert_eq!(zeroes(&bytes), [(0, SIZE - 32)]);
    }

    #[test]
    fn malformed_page_is_an_error() {
        let unused = UnusedPages::default();
        for header in [
            // Content beyond the page, a cell array beyond the content, a block before the content, a
            // block beyond the page.
            [13, 0, 0, 0, 1, 2, 1, 0],
            [13, 0, 0, 0, 255, 0, 20, 0],
            [13, 0, 100, 0, 1, 1, 144, 0],
            [13, 1, 254, 0, 1, 1, 144, 0],
        ] {
            let mut bytes = page(&[(0, &header)]);
            assert!(unused.zero_unused_bytes(7, &mut bytes, 0).is_err(), "{header:?}");
        }
        let endless = page(&[(0, &[0, 0, 0, 7, 0, 0, 0, 0])]);
        let mut unused = UnusedPages::default();
        unused.add_trunk(7, &endless).unwrap();
        assert!(unused.add_trunk(7, &endless).is_err());
        assert!(UnusedPages::default().add_trunk(7, &page(&[])).is_err());
    }

    #[test]
    fn file_header_is_parsed() {
        let first = page(&[(20, &[16]), (32, &[0, 0, 1, 2])]);
        assert_eq!(
            FileHeader::parse(&first).unwrap(),
            FileHeader { reserved: 16, first_trunk: 258 }
        );
    }
}
