//! Values that only functions look into.

use std::fmt;

/// A URL, in the parts that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub(crate) scheme: String,
    pub(crate) host: String,
    pub(crate) hostname: String,
    pub(crate) port: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
}

impl Url {
    /// Reads an absolute URL or an absolute path.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.bytes().any(|b| b < 0x20 || b == 0x7f || b == b' ') {
            return None;
        }
        let (front, query) = text.split_once('?').unwrap_or((text, ""));
        let (scheme, rest) = match front.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ if front.starts_with('/') => (String::new(), front),
            _ => return None,
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None if rest.starts_with('/') => ("", rest),
            // `mailto:x` has neither.
            None => ("", ""),
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (hostname, port) = split_host(host)?;
        Some(Self {
            scheme,
            host: host.to_owned(),
            hostname: hostname.to_owned(),
            port: port.to_owned(),
            path: escape_path(path)?,
            query: query_pairs(query),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.host, self.path)
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// A host and its port; the brackets of an IPv6 address are not part of it.
fn split_host(host: &str) -> Option<(&str, &str)> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, after) = rest.split_once(']')?;
            match after.strip_prefix(':') {
                Some(port) => (name, port),
                None if after.is_empty() => (name, ""),
                None => return None,
            }
        }
        None => host.split_once(':').unwrap_or((host, "")),
    };
    let good = port.bytes().all(|b| b.is_ascii_digit());
    good.then_some((name, port))
}

/// The path with everything escaped that has to be; `None` where an escape is none.
fn escape_path(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let bytes = path.as_bytes();
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            b'%' => {
                let digits = bytes.get(i + 1..i + 3)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                out.push('%');
            }
            b if b.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!'()*[]".contains(b) => {
                out.push(char::from(*b));
            }
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    Some(out)
}

fn query_pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty() && !part.contains(';'));
    let pairs = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
    pairs.filter_map(|(key, value)| Some((unescape(key)?, unescape(value)?))).collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                out.push((high * 16 + low) as u8);
            }
            byte => out.push(byte),
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// A semantic version; its order leaves the build out.
#[derive(Clone, Debug)]
pub struct Version(pub(crate) semver::Version);

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        semver::Version::parse(text).ok().map(Self)
    }

    /// Reads a version that may begin with `v`, lack parts, or have zeros before them.
    pub(crate) fn parse_loosely(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let end = text.find(['-', '+']).unwrap_or(text.len());
        let (numbers, rest) = text.split_at(end);
        let mut parts: Vec<String> = Vec::with_capacity(3);
        for part in numbers.splitn(3, '.') {
            let bare = part.trim_start_matches('0');
            parts.push(if bare.is_empty() && !part.is_empty() { "0" } else { bare }.to_owned());
        }
        if parts.len() < 3 && !rest.is_empty() {
            return None;
        }
        parts.resize(3, String::from("0"));
        Self::parse(&format!("{}{rest}", parts.join(".")))
    }

    pub(crate) fn compare(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp_precedence(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart() {
        let url = Url::parse("https://u@[::1]:80/a%20b/c d?k=1&k=a+b").is_none();
        assert!(url, "a blank is no part of a URL");
        let url = Url::parse("https://u@[::1]:80/a%20b?k=1&k=a+b").unwrap();
        assert_eq!((url.scheme.as_str(), url.host.as_str()), ("https", "[::1]:80"));
        assert_eq!((url.hostname.as_str(), url.port.as_str()), ("::1", "80"));
        assert_eq!(url.path, "/a%20b");
        assert_eq!(url.query[1], ("k".to_owned(), "a b".to_owned()));
        for bad in ["", "a", "../x", "https://a:x/", "https://a/%2", ":foo/bar"] {
            assert!(Url::parse(bad).is_none(), "{bad}");
        }
        assert!(Url::parse("/absolute/path").is_some());
    }

    #[test]
    fn versions_are_read_strictly_or_loosely() {
        assert!(Version::parse("1.2.3-a+b").is_some());
        assert!(Version::parse("v1.2").is_none());
        assert_eq!(Version::parse_loosely("v01.2").unwrap().0.to_string(), "1.2.0");
        assert!(Version::parse_loosely("x").is_none());
    }
}
