//! IP addresses and their ranges.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Called, Cost, Function, Sig, function, global, member};
use crate::EvalError;
use crate::eval::Run;
use crate::types::Opaque;
use crate::value::Value;

const IP: Sig = Sig::Opaque(Opaque::Ip);
const CIDR: Sig = Sig::Opaque(Opaque::Cidr);
const S: Sig = Sig::String;
const B: Sig = Sig::Bool;

pub(super) static TABLE: &[Function] = &[
    function("ip", Cost::Traverse, &[global(&[S], IP), member(&[CIDR], IP)], |_, args| match &args
        [0]
    {
        Value::Cidr(range) => Ok(Value::Ip(range.addr())),
        Value::String(text) => address(text).map(Value::Ip).map_err(EvalError::Undefined),
        _ => Err(EvalError::overload()),
    }),
    function("isIP", Cost::Traverse, &[global(&[S], B)], |_, args| {
        Ok(Value::Bool(address(text(args)?).is_ok()))
    }),
    function("ip.isCanonical", Cost::Traverse, &[global(&[S], B)], |_, args| {
        let text = text(args)?;
        let read = address(text).map_err(EvalError::Undefined)?;
        Ok(Value::Bool(read.to_string() == text))
    }),
    function("family", Cost::One, &[member(&[IP], Sig::Int)], |_, args| {
        ip(args).map(|ip| Value::Int(if ip.is_ipv4() { 4 } else { 6 }))
    }),
    function("isUnspecified", Cost::One, &[member(&[IP], B)], |_, args| {
        ip(args).map(|ip| Value::Bool(ip.is_unspecified()))
    }),
    function("isLoopback", Cost::One, &[member(&[IP], B)], |_, args| {
        ip(args).map(|ip| Value::Bool(ip.is_loopback()))
    }),
    function("isLinkLocalMulticast", Cost::One, &[member(&[IP], B)], |_, args| {
        ip(args).map(|ip| Value::Bool(is_link_local_multicast(ip)))
    }),
    function("isLinkLocalUnicast", Cost::One, &[member(&[IP], B)], |_, args| {
        ip(args).map(|ip| Value::Bool(is_link_local(ip)))
    }),
    function("isGlobalUnicast", Cost::One, &[member(&[IP], B)], |_, args| {
        ip(args).map(|ip| Value::Bool(is_global(ip)))
    }),
    function("cidr", Cost::Traverse, &[global(&[S], CIDR)], |_, args| {
        let read = range(text(args)?);
        read.map(Value::Cidr).ok_or_else(|| {
            EvalError::undefined("network address parse error during conversion from string")
        })
    }),
    function("isCIDR", Cost::Traverse, &[global(&[S], B)], |_, args| {
        Ok(Value::Bool(range(text(args)?).is_some()))
    }),
    function(
        "containsIP",
        Cost::One,
        &[member(&[CIDR, S], B), member(&[CIDR, IP], B)],
        contains_ip,
    ),
    function(
        "containsCIDR",
        Cost::One,
        &[member(&[CIDR, S], B), member(&[CIDR, CIDR], B)],
        contains_range,
    ),
    function("masked", Cost::One, &[member(&[CIDR], CIDR)], |_, args| {
        cidr(args).map(|range| Value::Cidr(range.trunc()))
    }),
    function("prefixLength", Cost::One, &[member(&[CIDR], Sig::Int)], |_, args| {
        cidr(args).map(|range| Value::Int(i64::from(range.prefix_len())))
    }),
];

fn text<'v>(args: &'v [Value<'_>]) -> Result<&'v str, EvalError> {
    args.first().and_then(Value::as_str).ok_or_else(EvalError::overload)
}

fn ip(args: &[Value<'_>]) -> Result<IpAddr, EvalError> {
    match args.first() {
        Some(Value::Ip(ip)) => Ok(*ip),
        _ => Err(EvalError::overload()),
    }
}

fn cidr(args: &[Value<'_>]) -> Result<IpNet, EvalError> {
    match args.first() {
        Some(Value::Cidr(range)) => Ok(*range),
        _ => Err(EvalError::overload()),
    }
}

/// Reads an address: without a zone, and not one of IPv4 dressed as one of IPv6.
fn address(text: &str) -> Result<IpAddr, String> {
    let read: IpAddr = text.parse().map_err(|_| {
        format!(
            "IP Address {text:?} parse error during conversion from string: \
             ParseAddr({text:?}): unable to parse IP"
        )
    })?;
    match read {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Err(String::from("IPv4-mapped IPv6 address is not allowed"))
        }
        other => Ok(other),
    }
}

fn range(text: &str) -> Option<IpNet> {
    let (front, _) = text.split_once('/')?;
    address(front).ok()?;
    text.parse().ok()
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn is_link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_global(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(broadcast
        || ip.is_unspecified()
        || ip.is_loopback()
        || ip.is_multicast()
        || is_link_local(ip))
}

fn contains_ip<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let wanted = match args.get(1) {
        Some(Value::Ip(ip)) => *ip,
        Some(Value::String(text)) => address(text).map_err(EvalError::Undefined)?,
        _ => return Err(EvalError::overload()),
    };
    Ok(Value::Bool(cidr(args)?.contains(&wanted)))
}

fn contains_range<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let wanted = match args.get(1) {
        Some(Value::Cidr(range)) => *range,
        Some(Value::String(text)) => range(text).ok_or_else(|| {
            EvalError::undefined("network address parse error during conversion from string")
        })?,
        _ => return Err(EvalError::overload()),
    };
    Ok(Value::Bool(cidr(args)?.contains(&wanted)))
}
