//! Addresses of pods: each from the node's range, none twice at a time.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A block of IPv4 addresses, written as in `127.64.0.0/12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    first: u32,
    count: u32,
}

/// The text is no IPv4 block of at least four addresses.
#[derive(Debug, thiserror::Error)]
#[error("not an IPv4 range such as 127.64.0.0/12: {0:?}")]
pub struct InvalidRange(String);

impl AddressRange {
    /// The range that pods get by default: loopback, so that no rights are needed to use it.
    pub const LOOPBACK: Self = Self { first: 0x7f40_0000, count: 1 << 20 };

    /// The `index`th block of `prefix` bits in this range, for one node of many; wraps around.
    ///
    /// # Panics
    /// `prefix` is over 30 or gives blocks larger than the range.
    #[must_use]
    pub fn block(self, prefix: u8, index: u32) -> Self {
        assert!(prefix <= 30, "a block has at least four addresses");
        let count = 1u32.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        assert!(count > 0 && count <= self.count, "a block is no larger than its range");
        Self { first: self.first + (index % (self.count / count)) * count, count }
    }

    /// The first address, which names the block and is given to nobody.
    pub fn network(self) -> Ipv4Addr {
        self.first.into()
    }
}

impl FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let invalid = || InvalidRange(text.into());
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let address: Ipv4Addr = address.parse().map_err(|_| invalid())?;
        let prefix: u32 = prefix.parse().map_err(|_| invalid())?;
        if !(1..=30).contains(&prefix) {
            return Err(invalid());
        }
        let count = 1u32 << (32 - prefix);
        Ok(Self { first: u32::from(address) & !(count - 1), count })
    }
}

impl std::fmt::Display for AddressRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network(), 32 - self.count.trailing_zeros())
    }
}

/// Gives out the addresses of a range, going round so that none is used again soon.
#[derive(Debug)]
pub struct Addresses {
    range: AddressRange,
    next: u32,
    used: BTreeSet<u32>,
}

impl Addresses {
    /// All of `range` but its first and last address; begins at a place that `seed` decides, so
    /// that two nodes with one range on one host rarely meet.
    pub fn new(range: AddressRange, seed: u64) -> Self {
        let offset = u32::try_from(seed % u64::from(range.count)).unwrap_or_default();
        Self { range, next: offset, used: BTreeSet::new() }
    }

    /// An address that nobody has; `None` where all are taken.
    pub fn take(&mut self) -> Option<Ipv4Addr> {
        for _ in 0..self.range.count {
            let offset = self.next % self.range.count;
            self.next = offset + 1;
            let usable = offset != 0 && offset != self.range.count - 1;
            if usable && self.used.insert(self.range.first + offset) {
                return Some((self.range.first + offset).into());
            }
        }
        None
    }

    /// Marks an address as taken: a pod of an earlier process has it.
    pub fn keep(&mut self, address: Ipv4Addr) {
        self.used.insert(address.into());
    }

    /// Gives an address back.
    pub fn release(&mut self, address: Ipv4Addr) {
        self.used.remove(&address.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_round_and_none_is_given_twice() {
        let mut addresses = Addresses::new("127.64.0.0/29".parse().unwrap(), 0);
        let all: Vec<String> =
            std::iter::from_fn(|| addresses.take()).map(|a| a.to_string()).collect();
        let expected = (1..=6).map(|n| format!("127.64.0.{n}")).collect::<Vec<_>>();
        assert_eq!(all, expected);
        addresses.release("127.64.0.3".parse().unwrap());
        assert_eq!(addresses.take(), Some("127.64.0.3".parse().unwrap()));
        assert_eq!(addresses.take(), None);
    }

    #[test]
    fn ranges_are_read_printed_and_cut_into_blocks() {
        assert_eq!(AddressRange::LOOPBACK.to_string(), "127.64.0.0/12");
        assert_eq!("127.79.255.255/12".parse::<AddressRange>().unwrap(), AddressRange::LOOPBACK);
        assert_eq!(AddressRange::LOOPBACK.block(24, 5).to_string(), "127.64.5.0/24");
        assert_eq!(AddressRange::LOOPBACK.block(24, 4096).to_string(), "127.64.0.0/24");
        for bad in ["", "127.0.0.1", "x/8", "127.0.0.0/31", "127.0.0.0/0", "127.0.0.0/99", "::/8"] {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad}");
        }
    }
}
