//! What is asked of the API, after the wire and before the store.
//!
//! Everything from `kubectl` over TLS to a controller in the same process becomes an
//! [`ApiRequest`] and runs through the same pipeline.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::object::{Object, ObjectKey};
use crate::resource::GroupVersionResource;

/// One request to the API.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// What to do.
    pub verb: Verb,
    /// To which resource.
    pub resource: GroupVersionResource,
    /// To which part of it, as in `status`; empty for the whole.
    pub subresource: String,
    /// In which namespace; empty for all, or for a cluster-scoped resource.
    pub namespace: String,
    /// To which object; empty for the collection.
    pub name: String,
    /// On whose behalf.
    pub user: UserInfo,
    /// With which options.
    pub options: Options,
    /// With which body.
    pub body: Body,
    /// The name that owns the fields written, where the options name no field manager: the part
    /// of the client's `User-Agent` before the first slash.
    pub agent: String,
}

impl ApiRequest {
    /// A request without namespace, name, options and body.
    pub fn new(verb: Verb, resource: GroupVersionResource, user: UserInfo) -> Self {
        Self {
            verb,
            resource,
            subresource: String::new(),
            namespace: String::new(),
            name: String::new(),
            user,
            options: Options::default(),
            body: Body::None,
            agent: "unknown".into(),
        }
    }

    /// Names the object.
    #[must_use]
    pub fn object(mut self, key: &ObjectKey) -> Self {
        self.namespace = key.namespace.to_string();
        self.name = key.name.to_string();
        self
    }

    /// Names the namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Names the part of the object.
    #[must_use]
    pub fn subresource(mut self, subresource: impl Into<String>) -> Self {
        self.subresource = subresource.into();
        self
    }

    /// Gives the options.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Gives the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Reads a collection.
    List,
    /// Follows a collection.
    Watch,
    /// Makes an object.
    Create,
    /// Replaces an object.
    Update,
    /// Changes an object.
    Patch,
    /// Deletes an object.
    Delete,
    /// Deletes a collection.
    DeleteCollection,
    /// Opens a stream to an object: exec, attach, port-forward, proxy.
    Connect,
}

impl Verb {
    /// The word that discovery and authorisation use; a connection counts as `create` or `get`
    /// there, which depends on the HTTP method.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Connect => "connect",
        }
    }

    /// Whether the request may change the store.
    pub const fn writes(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Update | Self::Patch | Self::Delete | Self::DeleteCollection
        )
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// The name.
    pub name: String,
    /// The uid; empty where there is none.
    pub uid: String,
    /// The groups.
    pub groups: Vec<String>,
    /// What else the authenticator knows.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// The group whose members may do everything.
    pub const MASTERS: &'static str = "system:masters";
    /// The group of all who proved who they are.
    pub const AUTHENTICATED: &'static str = "system:authenticated";
    /// The group of all who did not.
    pub const UNAUTHENTICATED: &'static str = "system:unauthenticated";

    /// `name` in the given groups and in `system:authenticated`.
    pub fn new<S: Into<String>>(
        name: impl Into<String>,
        groups: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut groups: Vec<String> = groups.into_iter().map(Into::into).collect();
        groups.push(Self::AUTHENTICATED.into());
        Self { name: name.into(), groups, ..Self::default() }
    }

    /// A part of the system, which may do everything: `system:<part>` in `system:masters`.
    pub fn system(part: &str) -> Self {
        Self::new(format!("system:{part}"), [Self::MASTERS])
    }

    /// Who did not prove who they are.
    pub fn anonymous() -> Self {
        let groups = vec![Self::UNAUTHENTICATED.into()];
        Self { name: "system:anonymous".into(), groups, ..Self::default() }
    }

    /// Whether the user is in `group`.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}

/// The body of a request.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// None.
    #[default]
    None,
    /// A decoded object: from a caller in the same process.
    Object(Box<Object>),
    /// Bytes with their media type: from the wire.
    Bytes {
        /// The bytes.
        bytes: Bytes,
        /// What they are.
        media: MediaType,
    },
    /// A patch.
    Patch {
        /// The patch document: JSON, or YAML for an apply.
        bytes: Bytes,
        /// What it is.
        kind: PatchKind,
    },
}

impl From<Object> for Body {
    fn from(object: Object) -> Self {
        Self::Object(Box::new(object))
    }
}

/// The form of a body's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
}

/// The kind of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    /// `application/json-patch+json`, RFC 6902.
    Json,
    /// `application/merge-patch+json`, RFC 7386.
    Merge,
    /// `application/strategic-merge-patch+json`.
    Strategic,
    /// `application/apply-patch+yaml`: server-side apply.
    Apply,
}

/// The options of all verbs; each verb refuses those that it does not know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// `labelSelector`.
    pub label_selector: String,
    /// `fieldSelector`.
    pub field_selector: String,
    /// `limit`; 0 for no limit.
    pub limit: u64,
    /// `continue`.
    pub continue_token: String,
    /// `resourceVersion`, verbatim.
    pub resource_version: String,
    /// `resourceVersionMatch`, verbatim.
    pub resource_version_match: String,
    /// `timeoutSeconds`.
    pub timeout: Option<Duration>,
    /// `allowWatchBookmarks`.
    pub allow_watch_bookmarks: bool,
    /// `sendInitialEvents`.
    pub send_initial_events: Option<bool>,
    /// `dryRun`: verbatim values.
    pub dry_run: Vec<String>,
    /// `fieldManager`.
    pub field_manager: String,
    /// `fieldValidation`, verbatim.
    pub field_validation: String,
    /// `force`, of an apply.
    pub force: Option<bool>,
    /// `gracePeriodSeconds`.
    pub grace_period_seconds: Option<i64>,
    /// `propagationPolicy`, verbatim.
    pub propagation_policy: String,
    /// `orphanDependents`, the deprecated form of the policy.
    pub orphan_dependents: Option<bool>,
    /// `preconditions.uid`.
    pub precondition_uid: Option<String>,
    /// `preconditions.resourceVersion`.
    pub precondition_resource_version: Option<String>,
    /// `ignoreStoreReadErrorWithClusterBreakingPotential`, of a delete.
    pub ignore_store_read_error: bool,
    /// What only single subresources know (`container`, `follow`, `command`, `ports`, ...), in
    /// the order of the query.
    pub rest: Vec<(String, String)>,
}

impl Options {
    /// Whether the request shall leave no trace.
    pub fn is_dry_run(&self) -> bool {
        !self.dry_run.is_empty()
    }

    /// The first value of a subresource's own option.
    pub fn rest(&self, name: &str) -> Option<&str> {
        self.rest.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a subresource's own option.
    pub fn rest_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.rest.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a subresource's own option is `true` or `1`.
    pub fn rest_flag(&self, name: &str) -> bool {
        matches!(self.rest(name), Some("true" | "1"))
    }
}
