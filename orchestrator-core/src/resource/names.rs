//! Names: groups, versions, resources and kinds.

use std::borrow::Cow;
use std::fmt;

/// A word that is nearly always a constant.
pub type Word = Cow<'static, str>;

macro_rules! pair {
    ($(#[$doc:meta])* $name:ident { group, $second:ident: $what:literal }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The API group; empty for the core group.
            pub group: Word,
            #[doc = $what]
            pub $second: Word,
        }

        impl $name {
            /// Joins the two.
            pub fn new(group: impl Into<Word>, $second: impl Into<Word>) -> Self {
                Self { group: group.into(), $second: $second.into() }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.$second)?;
                if !self.group.is_empty() {
                    write!(f, ".{}", self.group)?;
                }
                Ok(())
            }
        }
    };
}

pair! {
    /// A resource without its version: what authorisation and messages speak of.
    GroupResource { group, resource: "The plural, as in `pods`." }
}

pair! {
    /// A kind without its version: what messages speak of.
    GroupKind { group, kind: "The kind, as in `Pod`." }
}

/// A resource: what a path names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionResource {
    /// The API group; empty for the core group.
    pub group: Word,
    /// The version, as in `v1`.
    pub version: Word,
    /// The plural, as in `pods`.
    pub resource: Word,
}

impl GroupVersionResource {
    /// Joins the three.
    pub fn new(
        group: impl Into<Word>,
        version: impl Into<Word>,
        resource: impl Into<Word>,
    ) -> Self {
        Self { group: group.into(), version: version.into(), resource: resource.into() }
    }

    /// Without the version.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.group.clone(), resource: self.resource.clone() }
    }
}

impl fmt::Display for GroupVersionResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.is_empty() {
            true => write!(f, "{}/{}", self.version, self.resource),
            false => write!(f, "{}/{}/{}", self.group, self.version, self.resource),
        }
    }
}

/// A kind: what a body names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionKind {
    /// The API group; empty for the core group.
    pub group: Word,
    /// The version, as in `v1`.
    pub version: Word,
    /// The kind, as in `Pod`.
    pub kind: Word,
}

impl GroupVersionKind {
    /// Joins the three.
    pub fn new(group: impl Into<Word>, version: impl Into<Word>, kind: impl Into<Word>) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// Without the version.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }

    /// `group/version`, or the version alone in the core group.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }
}

impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Kind={}", self.api_version(), self.kind)
    }
}

/// `group/version`, or the version alone in the core group.
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.into() } else { format!("{group}/{version}") }
}

/// Splits `group/version`; the core group has no slash.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_print_as_messages_show_them() {
        assert_eq!(GroupResource::new("apps", "deployments").to_string(), "deployments.apps");
        assert_eq!(GroupKind::new("", "Pod").to_string(), "Pod");
        assert_eq!(
            GroupVersionKind::new("apps", "v1", "Deployment").to_string(),
            "apps/v1, Kind=Deployment"
        );
        assert_eq!(split_api_version("apps/v1"), ("apps", "v1"));
    }
}
