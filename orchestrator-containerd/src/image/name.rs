//! Names of images: host, path, tag, digest; and what short names mean.

use std::fmt;

/// The host of names that have none.
const DEFAULT_HOST: &str = "docker.io";

/// The path of names at that host that have one part.
const DEFAULT_FOLDER: &str = "library";

/// The tag of names that have neither tag nor digest.
const DEFAULT_TAG: &str = "latest";

/// The longest name that is taken.
const LONGEST: usize = 1024;

/// A name that no image can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of an image")]
pub struct NameError(String);

/// The full name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    host: String,
    path: String,
    tag: String,
    digest: String,
}

impl ImageName {
    /// Reads a name as people write it: `busybox` is `docker.io/library/busybox:latest`.
    ///
    /// # Errors
    /// It has an empty part, or letters that names do not have.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError(text.to_owned());
        if text.len() > LONGEST {
            return Err(wrong());
        }
        let (rest, digest) = text.split_once('@').unwrap_or((text, ""));
        let (rest, tag) = match rest.rsplit_once(':') {
            Some((rest, tag)) if !tag.contains('/') => (rest, tag),
            _ => (rest, ""),
        };
        let tag_is_missing =
            tag.is_empty() && rest.len() < text.split('@').next().unwrap_or("").len();
        let (host, path) = match rest.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (DEFAULT_HOST, rest),
        };
        let folder = host == DEFAULT_HOST && !path.contains('/');
        let path = if folder { format!("{DEFAULT_FOLDER}/{path}") } else { path.to_owned() };
        let part = |part: &str| {
            let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            part.starts_with(letter)
                && part.ends_with(letter)
                && part.chars().all(|c| letter(c) || "._-".contains(c))
        };
        let tag_letter = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let digest_fits = digest.is_empty()
            || digest
                .strip_prefix("sha256:")
                .is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()));
        let fits = !tag_is_missing
            && path.split('/').all(part)
            && tag.chars().all(tag_letter)
            && digest_fits
            && digest.is_empty() != text.contains('@');
        if !fits {
            return Err(wrong());
        }
        let tag = if tag.is_empty() && digest.is_empty() { DEFAULT_TAG } else { tag };
        Ok(Self { host: host.into(), path, tag: tag.into(), digest: digest.into() })
    }

    /// The registry.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository in it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag; empty where only a digest is given.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)?;
        if !self.tag.is_empty() {
            write!(f, ":{}", self.tag)?;
        }
        if !self.digest.is_empty() {
            write!(f, "@{}", self.digest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_have_full_ones() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let cases = [
            ("busybox", "docker.io/library/busybox:latest".to_owned()),
            ("me/app:1", "docker.io/me/app:1".to_owned()),
            ("localhost/app", "localhost/app:latest".to_owned()),
            ("localhost:5000/a/b:v1.2", "localhost:5000/a/b:v1.2".to_owned()),
            ("registry.k8s.io/pause:3.6", "registry.k8s.io/pause:3.6".to_owned()),
            (&format!("app@{digest}"), format!("docker.io/library/app@{digest}")),
        ];
        for (text, full) in cases {
            assert_eq!(ImageName::parse(text).unwrap().to_string(), full, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(2000);
        let bad = ["", "UPPER", "a//b", "a:", "a:b c", "-a", "a@", "a@sha256:0", "host.io/", &long];
        for text in bad {
            assert!(ImageName::parse(text).is_err(), "{text:?}");
        }
    }
}
