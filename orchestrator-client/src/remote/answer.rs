//! Answers: a body becomes an object or a list, without being decoded.
//!
//! The items of a list are cut out of its text; each is decoded when somebody looks at it, and
//! then into the type that is wanted, past any tree.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use orchestrator_core::scan::{self, Malformed, Members};
use orchestrator_core::service::{List, ResponseBody};
use orchestrator_core::{Item, Object, ResourceDef, Revision, Status};

/// The answer that `body` is; one whose kind ends in `List` is a list, whatever was asked.
pub(super) fn decode(
    code: u16,
    body: Bytes,
    def: Arc<ResourceDef>,
    is_list: bool,
) -> Result<ResponseBody, Status> {
    let outline = Outline::of(&body).map_err(Status::internal)?;
    if !is_list && !outline.kind.ends_with("List") {
        return Ok(ResponseBody::Object { code, item: Item::from_wire(body), def: Some(def) });
    }
    let meta: Object = match outline.metadata {
        Some(place) => serde_json::from_slice(&body[place]).map_err(Status::internal)?,
        None => Object::default(),
    };
    let places = outline.items.map_or(Ok(Vec::new()), |place| list(&body, place));
    let (version, kind) = (&outline.api_version, outline.kind.trim_end_matches("List"));
    let item = |place| item(&body, place, version, kind);
    let items = places.and_then(|places| places.into_iter().map(item).collect());
    let text = |name| meta.text_at(&[name]);
    Ok(ResponseBody::List(List {
        def,
        revision: Revision::new(text("resourceVersion").parse().unwrap_or_default()),
        continue_token: text("continue").to_owned(),
        remaining: meta.int_at(&["remainingItemCount"]).and_then(|count| count.try_into().ok()),
        items: items.map_err(Status::internal)?,
    }))
}

/// What the top of an answer says.
#[derive(Default)]
struct Outline {
    api_version: String,
    kind: String,
    metadata: Option<Range<usize>>,
    items: Option<Range<usize>>,
}

impl Outline {
    fn of(body: &[u8]) -> Result<Self, Malformed> {
        let mut outline = Self::default();
        let mut members = Members::new(body, 0).ok_or(Malformed)?;
        let text = |place| serde_json::from_slice::<String>(&body[place]).map_err(|_| Malformed);
        while let Some(member) = members.step()? {
            match member.name {
                b"apiVersion" => outline.api_version = text(member.value)?,
                b"kind" => outline.kind = text(member.value)?,
                b"metadata" => outline.metadata = Some(member.value),
                b"items" => outline.items = Some(member.value),
                _ => {}
            }
        }
        Ok(outline)
    }
}

/// The places of the items of a list; null is an empty one.
fn list(body: &[u8], place: Range<usize>) -> Result<Vec<Range<usize>>, Malformed> {
    match &body[place.clone()] {
        b"null" => Ok(Vec::new()),
        _ => scan::elements(body, place.start),
    }
}

/// An item of a list, with the version and kind that the list says for all of them.
fn item(
    body: &Bytes,
    place: Range<usize>,
    api_version: &str,
    kind: &str,
) -> Result<Item, Malformed> {
    let mut members = Members::new(body, place.start).ok_or(Malformed)?;
    let inside = members.place();
    let (mut has_version, mut has_kind, mut is_empty) = (false, false, true);
    while let Some(member) = members.step()? {
        has_version |= member.name == b"apiVersion";
        has_kind |= member.name == b"kind";
        is_empty = false;
    }
    let mut text = Vec::with_capacity(place.len() + api_version.len() + kind.len() + 32);
    text.push(b'{');
    for (is_there, name, value) in
        [(has_version, "apiVersion", api_version), (has_kind, "kind", kind)]
    {
        if !is_there {
            text.extend_from_slice(format!("\"{name}\":\"{value}\",").as_bytes());
        }
    }
    if is_empty {
        text.pop();
    }
    text.extend_from_slice(&body[inside..place.end]);
    Ok(Item::from_wire(text.into()))
}

#[cfg(test)]
mod tests {
    use orchestrator_core::Json;
    use orchestrator_core::resource::{GroupVersionResource, Scope};
    use serde_json::json;

    use super::*;

    fn answer(body: &'static str, is_list: bool) -> Result<ResponseBody, Status> {
        let gvr = GroupVersionResource::new("", "v1", "pods");
        let def = Arc::new(ResourceDef::new(gvr, "", Scope::Namespaced));
        decode(200, Bytes::from_static(body.as_bytes()), def, is_list)
    }

    #[test]
    fn the_items_of_a_list_get_its_version_and_kind() {
        let body = r#"{"kind":"PodList","apiVersion":"v1",
            "metadata":{"resourceVersion":"9","continue":"c","remainingItemCount":3},
            "items":[{"metadata":{"name":"a","resourceVersion":"7"}},{"kind":"Other"}, {}]}"#;
        let Ok(ResponseBody::List(list)) = answer(body, true) else { panic!("no list") };
        assert_eq!((list.revision.get(), &*list.continue_token, list.remaining), (9, "c", Some(3)));
        assert_eq!(list.items[0].revision().get(), 7);
        let trees: Vec<Json> =
            list.items.iter().map(|item| item.to_object().unwrap().into_json()).collect();
        assert_eq!(
            trees[0],
            json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "a", "resourceVersion": "7"}})
        );
        assert_eq!(trees[1], json!({"apiVersion": "v1", "kind": "Other"}));
        assert_eq!(trees[2], json!({"apiVersion": "v1", "kind": "Pod"}));
    }

    #[test]
    fn an_object_stays_as_it_is_and_what_is_cut_short_is_an_error() {
        let pod = r#"{"kind":"Pod","metadata":{"name":"a","resourceVersion":"7"}}"#;
        let Ok(ResponseBody::Object { item, .. }) = answer(pod, false) else { panic!("no object") };
        assert_eq!((item.revision().get(), &*item.key().name), (7, "a"));
        assert!(matches!(answer(r#"{"items":null}"#, true), Ok(ResponseBody::List(_))));
        for bad in ["", "[]", r#"{"items":[{}"#, r#"{"items":[1]}"#, r#"{"kind":1}"#] {
            assert_eq!(answer(bad, true).unwrap_err().code, 500, "{bad}");
        }
    }
}
