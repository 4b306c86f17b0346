//! The address of a call.

/// An `http` or `https` URL, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url<'u> {
    pub(super) secure: bool,
    /// Host and port, as they are written.
    pub(super) authority: &'u str,
    pub(super) host: &'u str,
    pub(super) port: u16,
    /// Path and query.
    pub(super) target: &'u str,
}

impl<'u> Url<'u> {
    /// Takes a URL apart; `None` for one with credentials, a fragment, or another scheme.
    pub(super) fn parse(url: &'u str) -> Option<Self> {
        let (secure, rest) = match url.split_once("://")? {
            ("https", rest) => (true, rest),
            ("http", rest) => (false, rest),
            _ => return None,
        };
        if rest.contains(['#', '@']) || rest.chars().any(|c| c.is_control() || c == ' ') {
            return None;
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner.split_once(']')?;
                (host, after.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None if secure => 443,
            None => 80,
        };
        let target = if target.is_empty() { "/" } else { target };
        (!host.is_empty() && target.starts_with('/')).then_some(Self {
            secure,
            authority,
            host,
            port,
            target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_or_refused() {
        for (url, wanted) in [
            ("https://a.example", Some((true, "a.example", 443, "/"))),
            ("https://a.example:8443/x?y=z", Some((true, "a.example", 8443, "/x?y=z"))),
            ("http://[::1]:80/x", Some((false, "::1", 80, "/x"))),
            ("https://user@a.example/", None),
            ("https://a.example/#x", None),
            ("https:///x", None),
            ("https://a:b/", None),
            ("ftp://a/", None),
            ("a.example", None),
            ("https://a.example?x", None),
        ] {
            let got = Url::parse(url);
            let got = got.map(|url| (url.secure, url.host, url.port, url.target));
            assert_eq!(got, wanted, "{url}");
        }
    }
}
