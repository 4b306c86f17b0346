//! The addresses of services, as numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::pool::{Pool, Span};

/// The pool of the range `cidr`; empty where it is no range.
pub(super) fn pool(cidr: &str) -> Pool {
    Pool::of(span(cidr).unwrap_or(Span::new(1, 0, 0)))
}

/// The numbers of the range `cidr`, without its first and its last address; `None` where it is no
/// range.
pub(super) fn span(cidr: &str) -> Option<Span> {
    let net = cidr.parse::<IpNet>().ok()?;
    let (first, last) = (number(net.network()), number(net.broadcast()));
    let size = last - first + 1;
    if size <= 2 {
        return Some(Span::new(first, last, 0));
    }
    // The part kept for those who choose: a sixteenth of the range, between 16 and 256.
    let lower = if size <= 16 { 0 } else { (size / 16).clamp(16, 256) };
    Some(Span::new(first + 1, last - 1, lower))
}

/// The first address that services of the range `cidr` can have.
pub(super) fn first(cidr: &str) -> Option<IpAddr> {
    let net = cidr.parse::<IpNet>().ok()?;
    Some(address(number(net.network()) + 1, net.network().is_ipv6()))
}

/// The number of an address.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The address of a number.
pub(super) fn address(number: u128, v6: bool) -> IpAddr {
    match u32::try_from(number) {
        Ok(number) if !v6 => IpAddr::V4(Ipv4Addr::from(number)),
        _ => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_range_belong_to_nobody() {
        let pool = pool("10.0.0.0/24");
        let has = |text: &str| pool.contains(number(text.parse().unwrap()));
        assert!(!has("10.0.0.0") && has("10.0.0.1") && has("10.0.0.254") && !has("10.0.0.255"));
        assert_eq!(first("10.0.0.0/24"), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(first("fd00::/64"), Some("fd00::1".parse().unwrap()));
        assert_eq!(first("x"), None);
    }
}
