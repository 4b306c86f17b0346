//! Texts: lengths, patterns, formats.

use orchestrator_core::Json;

use super::Walk;
use super::view::View;
use crate::report::{too_long, type_invalid};
use crate::schema::Structural;

impl Walk {
    pub(super) fn text(&mut self, schema: &Structural, text: &str) {
        self.matches += 1;
        self.text_checks(schema, text);
        if let Some(format) = schema.checks.format {
            self.matches += 1;
            if !format.fits(text) {
                let path = self.at.path();
                let detail = format!("{path} in body must be of type {}: {text:?}", format.word());
                let error = type_invalid(&self.field(), &Json::from(text), &detail);
                self.report(error);
            }
        }
    }

    /// Only the first thing that is wrong is told.
    fn text_checks(&mut self, schema: &Structural, text: &str) {
        let checks = &schema.checks;
        let letters = || i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if let Some(max) = checks.max_length.filter(|max| letters() > *max) {
            let error = too_long(&self.field(), max);
            return self.report(error);
        }
        if let Some(min) = checks.min_length.filter(|min| letters() < *min) {
            let rule = format!("should be at least {min} chars long");
            return self.breaks(View::Text(text), &rule);
        }
        if let Some(pattern) = checks.pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
            self.breaks(View::Text(text), &format!("should match '{}'", pattern.text()));
        }
    }
}
