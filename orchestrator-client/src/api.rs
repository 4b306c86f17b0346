//! Typed access to the objects of one kind.

use std::marker::PhantomData;
use std::sync::Arc;

use orchestrator_core::request::{ApiRequest, Body, Options, PatchKind};
use orchestrator_core::service::{List, ResponseBody, Watch};
use orchestrator_core::{Item, Json, Object, ObjectKey, Revision, Status, Verb};

use crate::writes::{Write, note};
use crate::{Client, Kind, KindExt, gvr};

/// Reads and writes objects of type `K`; cheap to clone.
///
/// Objects and keys carry their namespace, so one `Api` serves all of them.
#[derive(Clone, Debug)]
pub struct Api<K> {
    client: Client,
    kind: PhantomData<fn() -> K>,
}

/// Which objects of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this namespace; empty for all.
    pub namespace: String,
    /// A label selector; empty for all.
    pub labels: String,
    /// A field selector; empty for all.
    pub fields: String,
}

impl Selection {
    /// All objects of `namespace`.
    pub fn namespace(namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..Self::default() }
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            label_selector: self.labels.clone(),
            field_selector: self.fields.clone(),
            ..Options::default()
        }
    }
}

/// A collection at one revision.
#[derive(Clone, Debug)]
pub struct Listing<K> {
    /// The objects, in key order.
    pub items: Vec<Arc<K>>,
    /// The revision at which the collection had this state.
    pub revision: Revision,
}

/// A change of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Patch {
    /// RFC 7386: fields given are set, null removes.
    Merge(Json),
    /// As a merge, with lists merged by their keys.
    Strategic(Json),
    /// RFC 6902: a list of operations.
    Json(Json),
    /// Server-side apply by a named manager.
    Apply {
        /// The fields that the manager wants, with `apiVersion` and `kind`.
        object: Json,
        /// The manager.
        manager: String,
        /// Take over fields that others own.
        force: bool,
    },
}

/// How to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// How long to wait; `None` for the kind's own period.
    pub grace_period_seconds: Option<i64>,
    /// `Background`, `Foreground`, `Orphan`, or empty for the kind's own policy.
    pub propagation: String,
    /// Only the object of this uid.
    pub uid: Option<String>,
    /// Only at this version.
    pub resource_version: Option<String>,
}

impl DeleteOptions {
    /// Deletes only the object of this uid, at once where the kind allows it.
    pub fn uid(uid: impl Into<String>) -> Self {
        Self { uid: Some(uid.into()), ..Self::default() }
    }

    /// With a grace period in seconds.
    #[must_use]
    pub fn grace(mut self, seconds: i64) -> Self {
        self.grace_period_seconds = Some(seconds);
        self
    }

    fn options(&self) -> Options {
        Options {
            grace_period_seconds: self.grace_period_seconds,
            propagation_policy: self.propagation.clone(),
            precondition_uid: self.uid.clone(),
            precondition_resource_version: self.resource_version.clone(),
            ..Options::default()
        }
    }
}

impl<K: Kind> Api<K> {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, kind: PhantomData }
    }

    /// The client underneath.
    pub fn client(&self) -> &Client {
        &self.client
    }

    fn request(&self, verb: Verb, key: &ObjectKey) -> ApiRequest {
        self.client.request(verb, gvr::<K>()).object(key)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// 404 where there is none.
    pub async fn get(&self, key: &ObjectKey) -> Result<Arc<K>, Status> {
        typed(&item(self.client.call(self.request(Verb::Get, key)).await?.body)?)
    }

    /// Reads an object that may not be there.
    ///
    /// # Errors
    /// All but 404.
    pub async fn find(&self, key: &ObjectKey) -> Result<Option<Arc<K>>, Status> {
        match self.get(key).await {
            Ok(object) => Ok(Some(object)),
            Err(status) if status.is_not_found() => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// Reads a collection.
    ///
    /// # Errors
    /// 400 for a selector that cannot be parsed.
    pub async fn list(&self, selection: &Selection) -> Result<Listing<K>, Status> {
        let request = self.client.request(Verb::List, gvr::<K>());
        let request = request.namespace(&selection.namespace).options(selection.options());
        match self.client.call(request).await?.body {
            ResponseBody::List(List { items, revision, .. }) => {
                let items = items.iter().map(typed).collect::<Result<_, _>>()?;
                Ok(Listing { items, revision })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Follows a collection from a revision.
    ///
    /// # Errors
    /// 410 where the revision is gone.
    pub async fn watch(&self, selection: &Selection, from: Revision) -> Result<Watch, Status> {
        let options = Options {
            resource_version: from.to_string(),
            allow_watch_bookmarks: true,
            ..selection.options()
        };
        let request = self.client.request(Verb::Watch, gvr::<K>());
        let request = request.namespace(&selection.namespace).options(options);
        match self.client.call(request).await?.body {
            ResponseBody::Watch(watch) => Ok(watch),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes an object; its name may be left to the server (`generateName`).
    ///
    /// # Errors
    /// 409 where one of that name exists, 422 where it breaks a rule.
    pub async fn create(&self, object: &K) -> Result<Arc<K>, Status> {
        let request = self.client.request(Verb::Create, gvr::<K>());
        let request = request.namespace(object.namespace()).body(body(object)?);
        self.write(request).await
    }

    /// Replaces an object, if it still has the version that `object` carries.
    ///
    /// # Errors
    /// 409 where it has changed, 404 where it is gone.
    pub async fn update(&self, object: &K) -> Result<Arc<K>, Status> {
        self.replace(object, "").await
    }

    /// Replaces an object's status, likewise.
    ///
    /// # Errors
    /// 409 where it has changed, 404 where it is gone.
    pub async fn update_status(&self, object: &K) -> Result<Arc<K>, Status> {
        self.replace(object, "status").await
    }

    async fn replace(&self, object: &K, subresource: &str) -> Result<Arc<K>, Status> {
        let request = self.request(Verb::Update, &object.key());
        self.write(request.subresource(subresource).body(body(object)?)).await
    }

    /// Changes an object.
    ///
    /// # Errors
    /// 404 where it is gone, 409 on a conflict, 422 where the result breaks a rule.
    pub async fn patch(&self, key: &ObjectKey, patch: Patch) -> Result<Arc<K>, Status> {
        self.patch_part(key, "", patch).await
    }

    /// Changes an object's status.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub async fn patch_status(&self, key: &ObjectKey, patch: Patch) -> Result<Arc<K>, Status> {
        self.patch_part(key, "status", patch).await
    }

    /// Changes an object through one of its parts, such as `approval`.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub async fn patch_sub(
        &self,
        key: &ObjectKey,
        subresource: &str,
        patch: Patch,
    ) -> Result<Arc<K>, Status> {
        self.patch_part(key, subresource, patch).await
    }

    async fn patch_part(
        &self,
        key: &ObjectKey,
        part: &str,
        patch: Patch,
    ) -> Result<Arc<K>, Status> {
        let mut options = Options::default();
        let (kind, document) = match patch {
            Patch::Merge(document) => (PatchKind::Merge, document),
            Patch::Strategic(document) => (PatchKind::Strategic, document),
            Patch::Json(document) => (PatchKind::Json, document),
            Patch::Apply { object, manager, force } => {
                options.field_manager = manager;
                options.force = Some(force);
                (PatchKind::Apply, object)
            }
        };
        let bytes = document.to_string().into();
        let request = self.request(Verb::Patch, key).subresource(part).options(options);
        self.write(request.body(Body::Patch { bytes, kind })).await
    }

    async fn write(&self, request: ApiRequest) -> Result<Arc<K>, Status> {
        let item = item(self.client.call(request).await?.body)?;
        note(Write::At { resource: gvr::<K>(), revision: item.revision() });
        typed(&item)
    }

    /// Deletes an object, or begins to.
    ///
    /// # Errors
    /// 404 where there is none, 409 where a precondition does not hold.
    pub async fn delete(&self, key: &ObjectKey, options: &DeleteOptions) -> Result<(), Status> {
        let request = self.request(Verb::Delete, key).options(options.options());
        let item = item(self.client.call(request).await?.body)?;
        let resource = gvr::<K>();
        let tree = item.tree().map_err(Status::internal)?;
        if tree.kind() != "Status" && tree.deletion_timestamp().is_some() {
            note(Write::At { resource, revision: item.revision() });
        } else {
            let uid = match tree.uid() {
                "" => tree.text_at(&["details", "uid"]).to_owned(),
                uid => uid.to_owned(),
            };
            note(Write::Gone { resource, key: key.clone(), uid });
        }
        Ok(())
    }

    /// Posts to a part of an object: `binding`, `eviction`, `token`.
    ///
    /// # Errors
    /// What the server answered.
    pub async fn create_sub(
        &self,
        key: &ObjectKey,
        subresource: &str,
        object: Object,
    ) -> Result<Object, Status> {
        let request = self.request(Verb::Create, key).subresource(subresource).body(object);
        let item = item(self.client.call(request).await?.body)?;
        if !item.revision().is_zero() {
            note(Write::At { resource: gvr::<K>(), revision: item.revision() });
        }
        item.to_object().map_err(Status::internal)
    }
}

/// The tree of a typed object.
fn body<K: Kind>(object: &K) -> Result<Object, Status> {
    Object::from_typed(object).map_err(|error| Status::bad_request(error.to_string()))
}

/// The typed object of an item.
fn typed<K: Kind>(item: &Item) -> Result<Arc<K>, Status> {
    item.typed().map_err(Status::internal)
}

/// The object of an answer.
fn item(body: ResponseBody) -> Result<Item, Status> {
    match body {
        ResponseBody::Object { item, .. } => Ok(item),
        other => Err(unexpected(&other)),
    }
}

/// The server answered with another form than the request asked for.
pub(crate) fn unexpected(body: &ResponseBody) -> Status {
    Status::internal(format_args!("unexpected form of answer: {body:?}"))
}
