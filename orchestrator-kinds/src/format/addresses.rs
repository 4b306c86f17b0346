//! The forms of network addresses and ranges.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use orchestrator_core::field::{FieldErrors, Path};

use crate::report::Report;

/// That a text is no address.
pub const NOT_AN_ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const NOT_A_RANGE: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/// Reads an address; the parts of one with dots may have leading zeros, as old clients wrote
/// them.
pub fn parse(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| sloppy_v4(text).map(IpAddr::V4))
}

fn sloppy_v4(text: &str) -> Option<Ipv4Addr> {
    let mut parts = [0; 4];
    let mut texts = text.split('.');
    for part in &mut parts {
        let digits = texts.next()?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *part = digits
            .trim_start_matches('0')
            .parse()
            .or_else(|error| match digits.contains(|c| c != '0') {
                true => Err(error),
                false => Ok(0),
            })
            .ok()?;
    }
    texts.next().is_none().then(|| Ipv4Addr::from(parts))
}

/// An address at `path`; gives it back where it could be read.
pub fn check_address(text: &str, path: &Path<'_>, errors: &mut FieldErrors) -> Option<IpAddr> {
    let Some(address) = parse(text) else {
        errors.invalid(path, text, NOT_AN_ADDRESS);
        return None;
    };
    if text.parse::<IpAddr>().is_err() {
        errors.invalid(path, text, "must not have leading 0s");
    } else if is_mapped(address) {
        errors.invalid(path, text, "must not be an IPv4-mapped IPv6 address");
    }
    Some(address)
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

/// A range at `path`; gives it back where it could be read.
pub fn check_range(text: &str, path: &Path<'_>, errors: &mut FieldErrors) -> Option<IpNet> {
    let Some(range) = parse_range(text) else {
        errors.invalid(path, text, NOT_A_RANGE);
        return None;
    };
    if text.parse::<IpNet>().is_err() {
        errors.invalid(path, text, "must not have leading 0s in IP or prefix length");
    } else if is_mapped(range.addr()) {
        errors.invalid(path, text, "must not have an IPv4-mapped IPv6 address");
    } else if range.trunc() != range {
        errors.invalid(path, text, "must not have bits set beyond the prefix length");
    }
    Some(range)
}

/// Reads a range.
pub fn parse_range(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    IpNet::new(parse(address)?, digits.then(|| length.parse().ok())??).ok()
}

/// Whether addresses of the range are loopback addresses.
pub fn is_loopback_range(range: &str) -> bool {
    parse_range(range).is_some_and(|range| range.addr().is_loopback())
}

/// An address at `path` that belongs to one machine and to no special range; loopback addresses
/// pass where `loopback` is set.
pub fn check_ordinary(text: &str, loopback: bool, path: &Path<'_>, errors: &mut FieldErrors) {
    let Some(address) = parse(text) else {
        errors.invalid(path, text, "must be a valid IP address");
        return;
    };
    if address.is_unspecified() {
        errors.invalid(path, text, format!("may not be unspecified ({text})"));
    }
    if address.is_loopback() && !loopback {
        errors.invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    let (unicast, multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), matches!(v4.octets(), [224, 0, 0, _])),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] & 0xff0f == 0xff02),
    };
    if unicast {
        const FAULT: &str = "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
        errors.invalid(path, text, FAULT);
    }
    if multicast {
        const FAULT: &str =
            "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
        errors.invalid(path, text, FAULT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(check: impl Fn(&mut FieldErrors)) -> Vec<String> {
        let mut errors = FieldErrors::new();
        check(&mut errors);
        errors.into_iter().map(|error| error.message.rsplit(": ").next().unwrap().into()).collect()
    }

    #[test]
    fn an_address_is_written_without_leading_zeros() {
        let address = |text: &str| faults(|errors| _ = check_address(text, &Path::ROOT, errors));
        assert!(address("10.0.0.1").is_empty() && address("::1").is_empty());
        assert_eq!(address("10.0.0.010"), ["must not have leading 0s"]);
        assert_eq!(address("x").len(), 1);
        assert_eq!(address("::ffff:1.2.3.4"), ["must not be an IPv4-mapped IPv6 address"]);
        assert_eq!(parse("10.00.0.1"), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(parse("10.0.0.256"), None);
    }

    #[test]
    fn a_range_has_no_bits_beyond_its_prefix() {
        let range = |text: &str| faults(|errors| _ = check_range(text, &Path::ROOT, errors));
        assert!(range("10.0.0.0/8").is_empty());
        assert_eq!(range("10.0.0.1/8"), ["must not have bits set beyond the prefix length"]);
        assert_eq!(range("10.0.0.0/33").len(), 1);
        assert_eq!(range("10.0.0.0").len(), 1);
        assert!(is_loopback_range("127.64.0.0/12") && !is_loopback_range("10.0.0.0/8"));
    }

    #[test]
    fn special_addresses_are_refused() {
        for (text, wanted) in [
            ("10.1.1.1", 0),
            ("127.0.0.1", 1),
            ("0.0.0.0", 1),
            ("169.254.1.1", 1),
            ("224.0.0.1", 1),
            ("fe80::1", 1),
            ("ff02::1", 1),
            ("x", 1),
        ] {
            let got = faults(|errors| check_ordinary(text, false, &Path::ROOT, errors));
            assert_eq!(got.len(), wanted, "{text}");
        }
        assert!(faults(|errors| check_ordinary("127.0.0.1", true, &Path::ROOT, errors)).is_empty());
    }
}
