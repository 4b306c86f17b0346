//! PodTemplate: a template of pods that stands alone.

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::{Change, prepare_spec_and_status};

use crate::fields::Fields;
use crate::pod::template;
use crate::rules::Rules;

/// The rules of a PodTemplate.
#[derive(Debug)]
pub struct PodTemplate;

impl Rules for PodTemplate {
    fn defaults(&self, object: &mut Object) {
        template::fill(object.as_map_mut());
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        template::prepare(new.as_map_mut());
        prepare_spec_and_status(new, old, change.subresource);
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        template::check(new.sub("template"), &Path::new("template"), errors);
    }
}
