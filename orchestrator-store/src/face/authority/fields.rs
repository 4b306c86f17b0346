//! The authority among the compressed fields of a call.
//!
//! The form is HPACK, of which only the boundaries of fields must be known: nothing is decoded,
//! and no table is kept. A field that repeats an earlier one is a number, and stands for what was
//! put in place of the earlier one.
//!
//! # Source
//! RFC 7541, sections 5 and 6.

use std::ops::Range;

/// An authority that is valid, as a string of one letter: as short as one that is not empty can be.
pub(super) const VALID: &[u8] = &[1, b'e'];

/// The number of the name `:authority` in the table that all know.
const AUTHORITY: usize = 1;

/// The longest number: far more than any length in a frame.
const MAX_NUMBER: usize = 1 << 20;

/// Where the value of a spelled out authority is, with its length; `None` where there is none, or
/// what is there is not understood.
pub(super) fn authority(block: &[u8]) -> Option<Range<usize>> {
    let mut place = 0;
    while let Some(&first) = block.get(place) {
        place = match first {
            // A field of a table.
            0x80.. => number(block, place, 7)?.1,
            // A new size of the table.
            0x20..0x40 => number(block, place, 5)?.1,
            // A name of a table or spelled out, and a value that is spelled out.
            _ => {
                let bits = if first >= 0x40 { 6 } else { 4 };
                let (name, mut value) = number(block, place, bits)?;
                if name == 0 {
                    value = string(block, value)?;
                }
                let end = string(block, value)?;
                if name == AUTHORITY {
                    return (end - value >= VALID.len()).then_some(value..end);
                }
                end
            }
        };
    }
    None
}

/// Where the string at `place` ends.
fn string(block: &[u8], place: usize) -> Option<usize> {
    let (length, start) = number(block, place, 7)?;
    let end = start + length;
    (end <= block.len()).then_some(end)
}

/// The number in the last `bits` of the byte at `place` and those that follow; and where it ends.
fn number(block: &[u8], place: usize, bits: u32) -> Option<(usize, usize)> {
    let most = (1 << bits) - 1;
    let mut number = usize::from(*block.get(place)?) & most;
    let mut end = place + 1;
    if number < most {
        return Some((number, end));
    }
    for shift in (0..).step_by(7).take_while(|shift| *shift < 21) {
        let byte = *block.get(end)?;
        number += usize::from(byte & 0x7f) << shift;
        end += 1;
        if byte & 0x80 == 0 {
            return (number <= MAX_NUMBER).then_some((number, end));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_found_in_every_form() {
        // The example of RFC 7541, C.4.1: compressed letters.
        let example = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(authority(example), Some(4..17));
        // After a new table size, a spelled out name, and one of the second table; never kept.
        let other = b"\x3f\xe1\x1f\x40\x01a\x02bc\x7e\x01d\x11\x03e:1\x84";
        assert_eq!(authority(other), Some(13..17));
        assert_eq!(authority(b"\x82\xbe\x84"), None);
        assert_eq!(authority(b"\x41\x00"), None);
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_left_alone() {
        let whole = b"\x41\x08http://a";
        for end in 0..whole.len() {
            assert_eq!(authority(&whole[..end]), None);
        }
        assert_eq!(authority(b"\x41\x7f\xff\xff\xff\xff\xff\x01"), None);
        assert_eq!(authority(b"\xff\xff\xff\xff\xff\xff"), None);
    }

    #[test]
    fn long_values_have_long_lengths() {
        let value = [b'x'; 300];
        let block = [&[0x41, 0x7f, 0xad, 0x01], &value[..], &[0x84]].concat();
        assert_eq!(authority(&block), Some(1..304));
    }
}
