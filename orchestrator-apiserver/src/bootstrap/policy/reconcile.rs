//! What a role or binding that is there lacks.

use std::sync::Arc;

use orchestrator_core::object::Object;
use orchestrator_core::{
    ApiRequest, ApiService, GroupVersionResource, Json, Status, UserInfo, Verb,
};

use super::table::AUTO_UPDATE;
use crate::authz::{Rule, missing};
use crate::registry::Stored;
use crate::server::ApiServer;

/// Gives the stored object what it lacks.
pub(super) async fn run(
    server: &ApiServer,
    gvr: &GroupVersionResource,
    stored: &Stored,
    wanted: &Object,
) -> Result<(), Status> {
    let have = stored.tree()?;
    let Some(mended) = mended(have, wanted) else { return Ok(()) };
    let user = UserInfo::system("apiserver");
    let request = |verb| ApiRequest::new(verb, gvr.clone(), user.clone());
    // The role of a binding cannot change: the binding is made anew.
    if mended.get("roleRef") != have.get("roleRef") {
        server.call(request(Verb::Delete).object(&mended.key())).await?;
        let mut anew = wanted.clone();
        anew.set("subjects", mended.get("subjects").cloned().unwrap_or_default());
        let create = request(Verb::Create).namespace(anew.namespace()).body(anew);
        return done(server.call(create).await.map(drop));
    }
    let key = mended.key();
    done(server.call(request(Verb::Update).object(&key).body(mended)).await.map(drop))
}

/// Another server on the same store may be faster.
fn done(result: Result<(), Status>) -> Result<(), Status> {
    match result {
        Err(status) if status.is_conflict() || status.is_already_exists() => Ok(()),
        result => result,
    }
}

/// The object with what it lacks; `None` where it lacks nothing or is not to be touched.
fn mended(have: &Arc<Object>, wanted: &Object) -> Option<Object> {
    if have.annotation(AUTO_UPDATE) == Some("false") {
        return None;
    }
    let mut mended = Object::clone(have);
    for part in ["labels", "annotations"] {
        for (key, value) in wanted.meta(part).and_then(Json::as_object).into_iter().flatten() {
            let map = orchestrator_core::object::map_entry(mended.meta_mut(), part);
            map.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    if wanted.get("aggregationRule").is_some() {
        let path = ["aggregationRule", "clusterRoleSelectors"];
        let selectors = extended(have.at(&path), wanted.at(&path));
        mended.map_mut("aggregationRule").insert("clusterRoleSelectors".into(), selectors);
    } else if wanted.get("rules").is_some() {
        mended.set("rules", rules(have, wanted));
    }
    if wanted.get("roleRef").is_some() {
        let subjects = extended(have.get("subjects"), wanted.get("subjects"));
        if subjects.as_array().is_some_and(|subjects| !subjects.is_empty()) {
            mended.set("subjects", subjects);
        }
        mended.set("roleRef", wanted.get("roleRef").cloned().unwrap_or_default());
    }
    (mended != **have).then_some(mended)
}

/// The rules that are there, and those wanted that they do not cover.
fn rules(have: &Object, wanted: &Object) -> Json {
    let list = |object: &Object| -> Vec<Json> {
        object.get("rules").and_then(Json::as_array).cloned().unwrap_or_default()
    };
    let held: Vec<Rule> = list(have).iter().map(Rule::read).collect();
    let lacking = list(wanted).into_iter().filter(|rule| {
        let wanted = Rule::read(rule);
        !missing(&held, &[wanted]).is_empty()
    });
    let lacking: Vec<Json> = lacking.collect();
    match lacking.is_empty() {
        true => have.get("rules").cloned().unwrap_or_default(),
        false => list(have).into_iter().chain(lacking).collect(),
    }
}

/// A list, and what of another it does not hold.
fn extended(have: Option<&Json>, wanted: Option<&Json>) -> Json {
    let list = |json: Option<&Json>| json.and_then(Json::as_array).cloned().unwrap_or_default();
    let mut all = list(have);
    for one in list(wanted) {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    Json::from(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(json: Json) -> Object {
        serde_json::from_value(json).unwrap()
    }

    fn role(rules: Json) -> Object {
        object(json!({"kind": "ClusterRole", "metadata": {"name": "r",
            "annotations": {AUTO_UPDATE: "true"}}, "rules": rules}))
    }

    #[test]
    fn what_is_missing_is_added_and_what_was_added_stays() {
        let rule = |verb: &str| json!({"verbs": [verb], "apiGroups": [""], "resources": ["pods"]});
        let wanted = role(json!([rule("get"), rule("list")]));
        assert_eq!(mended(&Arc::new(wanted.clone()), &wanted), None);
        let more = Arc::new(role(json!([rule("get"), rule("watch")])));
        let mended_rules = mended(&more, &wanted).unwrap();
        let all = json!([rule("get"), rule("watch"), rule("list")]);
        assert_eq!(mended_rules.get("rules"), Some(&all));
        let wide = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]);
        assert_eq!(mended(&Arc::new(role(wide)), &wanted), None);
        let mut left = role(json!([]));
        left.set_meta("annotations", json!({AUTO_UPDATE: "false"}));
        assert_eq!(mended(&Arc::new(left), &wanted), None);
    }

    #[test]
    fn a_binding_gets_its_subjects_and_its_role_back() {
        let binding = |role: &str, subjects: &[&str]| {
            let subjects: Vec<_> = subjects.iter().map(|name| json!({"name": name})).collect();
            object(json!({"metadata": {"name": "b"}, "subjects": subjects,
                "roleRef": {"name": role}}))
        };
        let wanted = binding("r", &["a", "b"]);
        let have = Arc::new(binding("other", &["c", "a"]));
        assert_eq!(mended(&have, &wanted), Some(binding("r", &["c", "a", "b"])));
    }
}
