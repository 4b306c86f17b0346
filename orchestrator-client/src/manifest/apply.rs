//! Bringing the objects of a manifest into a cluster by server-side apply.

use orchestrator_core::request::{Body, Options, PatchKind};
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{
    ApiRequest, GroupVersionKind, GroupVersionResource, Item, ObjectKey, Status, Verb,
    resource::split_api_version,
};

use super::{Document, Manifest, ManifestError, Place};
use crate::Client;
use crate::api::unexpected;

/// The length of a name that nobody has: 95 bits.
const UNUSED_NAME_LETTERS: usize = 20;

/// The resource that a kind is served under, and whether its objects live in namespaces.
pub type Mapping<'a> =
    dyn Fn(&GroupVersionKind) -> Option<(GroupVersionResource, bool)> + Sync + 'a;

/// An object that is in the cluster now.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Its resource.
    pub resource: GroupVersionResource,
    /// Its key.
    pub key: ObjectKey,
    /// The object as the server answered.
    pub item: Item,
}

impl Manifest {
    /// Applies all documents as `manager`, in the order of the file; objects without a namespace
    /// go to `namespace`.
    ///
    /// # Errors
    /// [`Refused`](ManifestError::Refused) with everything that the server would not take, and
    /// nothing changed; [`Interrupted`](ManifestError::Interrupted) where it failed half-way.
    pub async fn apply(
        &self,
        client: &Client,
        mapping: &Mapping<'_>,
        manager: &str,
        namespace: &str,
    ) -> Result<Vec<Applied>, ManifestError> {
        let targets = self.targets(client, mapping, manager, namespace)?;
        self.rehearse(client, &targets).await?;
        let mut applied: Vec<Applied> = Vec::with_capacity(targets.len());
        for (document, request) in &targets {
            match call(client, request.clone()).await {
                Ok(item) => applied.push(Applied {
                    resource: request.resource.clone(),
                    key: item.key(),
                    item,
                }),
                Err(status) => {
                    let titles = self.documents.iter().take(applied.len()).map(Document::title);
                    return Err(ManifestError::Interrupted {
                        place: document.place(""),
                        status: Box::new(status),
                        applied: titles.collect(),
                    });
                }
            }
        }
        Ok(applied)
    }

    /// The request for each document.
    fn targets(
        &self,
        client: &Client,
        mapping: &Mapping<'_>,
        manager: &str,
        namespace: &str,
    ) -> Result<Vec<(&Document, ApiRequest)>, ManifestError> {
        let mut refused = Vec::new();
        let mut targets = Vec::with_capacity(self.documents.len());
        for document in &self.documents {
            let object = &document.object;
            let (group, version) = split_api_version(object.api_version());
            let gvk = GroupVersionKind::new(
                group.to_owned(),
                version.to_owned(),
                object.kind().to_owned(),
            );
            let Some((resource, namespaced)) = mapping(&gvk) else {
                let message = format!(
                    "no kind {:?} is served in version {:?}",
                    object.kind(),
                    object.api_version()
                );
                refused.push((document.place("kind"), message));
                continue;
            };
            if object.name().is_empty() {
                refused.push((document.place("metadata.name"), "required, and missing".into()));
                continue;
            }
            let own = match object.namespace() {
                _ if !namespaced => "",
                "" => namespace,
                own => own,
            };
            targets.push((document, request(client, resource, own, document, manager)));
        }
        if refused.is_empty() { Ok(targets) } else { Err(ManifestError::Refused(refused)) }
    }

    /// Asks the server whether it would take every document.
    ///
    /// What is to live in a namespace that the manifest itself makes is asked for under a name
    /// that nobody has in the namespace `default`, which is always there.
    async fn rehearse(
        &self,
        client: &Client,
        targets: &[(&Document, ApiRequest)],
    ) -> Result<(), ManifestError> {
        let made: Vec<&str> = self
            .documents
            .iter()
            .filter(|document| document.object.kind() == "Namespace")
            .map(|document| document.object.name())
            .collect();
        let mut refused = Vec::new();
        for (document, request) in targets {
            let mut request = request.clone();
            request.options.dry_run = vec!["All".into()];
            match call(client, request.clone()).await {
                Ok(_) => {}
                Err(status) if status.is_not_found() && made.contains(&&*request.namespace) => {
                    let elsewhere = elsewhere(client, document, request);
                    if let Err(status) = call(client, elsewhere).await {
                        refused.extend(places(document, &status));
                    }
                }
                Err(status) => refused.extend(places(document, &status)),
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(ManifestError::Refused(refused)) }
    }
}

/// The same request for an object of another name in the namespace `default`.
fn elsewhere(client: &Client, document: &Document, mut request: ApiRequest) -> ApiRequest {
    request.namespace = "default".into();
    request.name = client.env().suffix(UNUSED_NAME_LETTERS);
    let mut object = document.object.clone();
    object.set_meta("namespace", request.namespace.as_str());
    object.set_meta("name", request.name.as_str());
    let bytes = object.into_json().to_string().into();
    request.body(Body::Patch { bytes, kind: PatchKind::Apply })
}

/// Each cause of a failure with its place.
fn places(document: &Document, status: &Status) -> Vec<(Place, String)> {
    let causes = &status.details.causes;
    if causes.is_empty() {
        return vec![(document.place(""), status.message.clone())];
    }
    causes.iter().map(|cause| (document.place(&cause.field), cause.message.clone())).collect()
}

fn request(
    client: &Client,
    resource: GroupVersionResource,
    namespace: &str,
    document: &Document,
    manager: &str,
) -> ApiRequest {
    let mut object = document.object.clone();
    if !namespace.is_empty() {
        object.set_meta("namespace", namespace);
    }
    let options = Options {
        field_manager: manager.into(),
        field_validation: "Strict".into(),
        force: Some(true),
        ..Options::default()
    };
    let bytes = object.into_json().to_string().into();
    client
        .request(Verb::Patch, resource)
        .object(&ObjectKey::new(namespace, document.object.name()))
        .options(options)
        .body(Body::Patch { bytes, kind: PatchKind::Apply })
}

async fn call(client: &Client, request: ApiRequest) -> Result<Item, Status> {
    match client.call(request).await?.body {
        ResponseBody::Object { item, .. } => Ok(item),
        other => Err(unexpected(&other)),
    }
}
