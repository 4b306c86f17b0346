//! Which requests a policy, its binding or a webhook looks at.
//!
//! [`Matching`] is rules and selectors, read once when the object that holds them changes. A
//! [`Subject`] is a request in the version that a rule asked for: where the rules name another
//! version of the same objects, the object is converted.

mod rule;
mod scale;
mod selectors;
mod subject;

pub(crate) use rule::{Rule, operation_word};
pub(crate) use subject::{Subject, take_back};

use orchestrator_core::selector::LabelSelector;
use orchestrator_core::{GroupVersionResource, Json, Status};

use super::AdmissionRequest;

/// Rules and selectors.
#[derive(Debug)]
pub(crate) struct Matching {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    exact: bool,
    /// `None` where it cannot be read: then nothing matches.
    namespaces: Option<LabelSelector>,
    objects: Option<LabelSelector>,
}

/// Whether a request is looked at.
#[derive(Debug)]
pub(crate) enum Matched<'r> {
    /// It is not.
    No,
    /// It is, as this.
    As(Box<Subject<'r>>),
}

impl Matching {
    /// Reads the rules below `rules` and the selectors of `spec`.
    pub(crate) fn read(spec: &Json, rules: &str) -> Self {
        let selector = |name: &str| match spec.get(name) {
            None | Some(Json::Null) => Some(LabelSelector::everything()),
            selector => LabelSelector::from_json(selector).ok(),
        };
        Self {
            rules: Rule::all(spec.get(rules)),
            excluded: Rule::all(spec.get("excludeResourceRules")),
            exact: spec.get("matchPolicy").and_then(Json::as_str) == Some("Exact"),
            namespaces: selector("namespaceSelector"),
            objects: selector("objectSelector"),
        }
    }

    /// Whether `request` is looked at. Without rules, `everything` decides.
    ///
    /// # Errors
    /// The namespace cannot be read, or the object not be converted.
    pub(crate) async fn matches<'r>(
        &self,
        request: &'r AdmissionRequest<'_>,
        everything: bool,
    ) -> Result<Matched<'r>, Status> {
        // What names the resource is compared first: most requests are of none that is named.
        let Some(gvr) = self.named(request, everything) else { return Ok(Matched::No) };
        let selected = selectors::objects(self.objects.as_ref(), request)
            && selectors::namespaces(self.namespaces.as_ref(), request).await?;
        match selected {
            true => Ok(Matched::As(Box::new(Subject::new(request, &gvr).await?))),
            false => Ok(Matched::No),
        }
    }

    /// The resource as which the rules name the request.
    fn named(
        &self,
        request: &AdmissionRequest<'_>,
        everything: bool,
    ) -> Option<GroupVersionResource> {
        let named = |rules: &[Rule]| {
            let own = &request.resource.def.gvr;
            if rules.iter().any(|rule| rule.matches(request, own)) {
                return Some(own.clone());
            }
            if self.exact {
                return None;
            }
            let others = subject::equivalents(request);
            others.into_iter().find(|gvr| rules.iter().any(|rule| rule.matches(request, gvr)))
        };
        if !self.excluded.is_empty() && named(&self.excluded).is_some() {
            return None;
        }
        match self.rules.is_empty() && everything {
            true => Some(request.resource.def.gvr.clone()),
            false => named(&self.rules),
        }
    }
}
