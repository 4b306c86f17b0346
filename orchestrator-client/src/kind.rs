//! Kinds as Rust types: what `k8s-openapi` says about them, in this workspace's words.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use orchestrator_core::{GroupVersionResource, ObjectKey, Revision};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A top-level type of `k8s-openapi`, or one that looks like it.
pub trait Kind:
    k8s_openapi::Resource
    + k8s_openapi::Metadata<Ty = ObjectMeta>
    + Serialize
    + DeserializeOwned
    + Clone
    + Debug
    + Send
    + Sync
    + 'static
{
}

impl<K> Kind for K where
    K: k8s_openapi::Resource
        + k8s_openapi::Metadata<Ty = ObjectMeta>
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug
        + Send
        + Sync
        + 'static
{
}

/// The resource that objects of type `K` are served under.
pub fn gvr<K: Kind>() -> GroupVersionResource {
    gvr_of::<K>()
}

/// As [`gvr`], for types that need not be whole kinds.
pub fn gvr_of<K: k8s_openapi::Resource>() -> GroupVersionResource {
    GroupVersionResource::new(K::GROUP, K::VERSION, K::URL_PATH_SEGMENT)
}

/// What every object can tell of itself.
pub trait KindExt: Kind {
    /// Namespace and name.
    fn key(&self) -> ObjectKey {
        let meta = self.metadata();
        ObjectKey::new(
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
        )
    }

    /// The name; empty where there is none yet.
    fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// The namespace; empty for a cluster-scoped object.
    fn namespace(&self) -> &str {
        self.metadata().namespace.as_deref().unwrap_or_default()
    }

    /// The uid; empty where there is none yet.
    fn uid(&self) -> &str {
        self.metadata().uid.as_deref().unwrap_or_default()
    }

    /// The revision that wrote the object; zero where it was never stored.
    fn revision(&self) -> Revision {
        let version = self.metadata().resource_version.as_deref();
        version.and_then(|v| v.parse().ok()).map(Revision::new).unwrap_or_default()
    }

    /// Whether the object is being deleted.
    fn is_terminating(&self) -> bool {
        self.metadata().deletion_timestamp.is_some()
    }

    /// The label `key`.
    fn label(&self, key: &str) -> Option<&str> {
        self.metadata().labels.as_ref()?.get(key).map(String::as_str)
    }

    /// The annotation `key`.
    fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata().annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// The owner that controls the object.
    fn controller(&self) -> Option<&OwnerReference> {
        let owners = self.metadata().owner_references.as_deref().unwrap_or_default();
        owners.iter().find(|owner| owner.controller == Some(true))
    }

    /// A reference that makes this object the controlling owner of another.
    fn controller_reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: Self::API_VERSION.into(),
            kind: Self::KIND.into(),
            name: self.name().into(),
            uid: self.uid().into(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }
    }
}

impl<K: Kind> KindExt for K {}

/// Makes a struct with a `metadata: ObjectMeta` field a [`Kind`]: a type of your own.
///
/// The struct must serialise `apiVersion` and `kind` itself, which a pair of constant fields
/// does, or be sent where the server fills them in.
///
/// # Examples
/// ```
/// use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
/// use orchestrator_client::{custom_kind, gvr};
///
/// #[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
/// struct Widget {
///     metadata: ObjectMeta,
///     size: u32,
/// }
/// custom_kind!(Widget: "example.com" / "v1", plural "widgets", scope Namespace);
/// assert_eq!(gvr::<Widget>().to_string(), "example.com/v1/widgets");
/// ```
#[macro_export]
macro_rules! custom_kind {
    ($kind:ident: $group:literal / $version:literal, plural $plural:literal, scope $scope:ident) => {
        impl ::k8s_openapi::Resource for $kind {
            const API_VERSION: &'static str = concat!($group, "/", $version);
            const GROUP: &'static str = $group;
            const KIND: &'static str = stringify!($kind);
            const VERSION: &'static str = $version;
            const URL_PATH_SEGMENT: &'static str = $plural;
            type Scope = $crate::scope::$scope;
        }

        impl ::k8s_openapi::Metadata for $kind {
            type Ty = ::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

            fn metadata(&self) -> &Self::Ty {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut Self::Ty {
                &mut self.metadata
            }
        }
    };
}
