//! `allOf`, `anyOf`, `oneOf` and `not`.

use orchestrator_core::field::FieldErrors;

use super::Walk;
use super::view::View;
use crate::schema::Structural;

/// What came of one alternative.
struct Tried {
    errors: FieldErrors,
    matches: usize,
}

impl Walk {
    pub(super) fn compose(&mut self, schema: &Structural, value: View<'_>, old: Option<View<'_>>) {
        let checks = &schema.checks;
        if !checks.any_of.is_empty() {
            self.any_of(&checks.any_of, value, old);
        }
        if !checks.one_of.is_empty() {
            self.one_of(&checks.one_of, value, old);
        }
        if !checks.all_of.is_empty() {
            self.all_of(&checks.all_of, value, old);
        }
        if let Some(not) = &checks.not
            && self.try_out(not, value, old).errors.is_empty()
        {
            let why = format!("{:?} must not validate the schema (not)", self.at.path());
            self.remark(&why);
        }
        self.matches += 1;
    }

    /// Holds the value against one alternative; its errors are not reported yet.
    fn try_out(&mut self, schema: &Structural, value: View<'_>, old: Option<View<'_>>) -> Tried {
        let errors = std::mem::take(&mut self.errors);
        let matches = std::mem::take(&mut self.matches);
        self.check(schema, value, old);
        Tried {
            errors: std::mem::replace(&mut self.errors, errors),
            matches: std::mem::replace(&mut self.matches, matches),
        }
    }

    fn take(&mut self, tried: Tried) {
        self.matches += tried.matches;
        tried.errors.into_iter().for_each(|error| self.report(error));
    }

    fn any_of(&mut self, parts: &[Structural], value: View<'_>, old: Option<View<'_>>) {
        let mut best: Option<Tried> = None;
        for part in parts {
            let tried = self.try_out(part, value, old);
            if tried.errors.is_empty() {
                return self.take(tried);
            }
            keep_better(&mut best, tried);
        }
        let path = self.at.path();
        let why = format!("{path:?} must validate at least one schema (anyOf)");
        self.remark(&why);
        best.into_iter().for_each(|tried| self.take(tried));
    }

    fn one_of(&mut self, parts: &[Structural], value: View<'_>, old: Option<View<'_>>) {
        let mut best: Option<Tried> = None;
        let mut first: Option<Tried> = None;
        let mut valid = 0;
        for part in parts {
            let tried = self.try_out(part, value, old);
            if tried.errors.is_empty() {
                valid += 1;
                best = None;
                first.get_or_insert(tried);
            } else if valid == 0 {
                keep_better(&mut best, tried);
            }
        }
        if valid == 1 {
            return first.into_iter().for_each(|tried| self.take(tried));
        }
        let found = match valid {
            0 => "Found none valid".to_owned(),
            _ => format!("Found {valid} valid alternatives"),
        };
        let path = self.at.path();
        let why = format!("{path:?} must validate one and only one schema (oneOf). {found}");
        self.remark(&why);
        best.into_iter().for_each(|tried| self.take(tried));
    }

    fn all_of(&mut self, parts: &[Structural], value: View<'_>, old: Option<View<'_>>) {
        let mut valid = 0;
        for part in parts {
            let tried = self.try_out(part, value, old);
            valid += usize::from(tried.errors.is_empty());
            self.take(tried);
        }
        if valid < parts.len() {
            let more = if valid == 0 { ". None validated" } else { "" };
            let path = self.at.path();
            let why = format!("{path:?} must validate all the schemas (allOf){more}");
            self.remark(&why);
        }
    }
}

/// Of alternatives that fail, the one of which more was checked is told.
fn keep_better(best: &mut Option<Tried>, tried: Tried) {
    if best.as_ref().is_none_or(|best| tried.matches > best.matches) {
        *best = Some(tried);
    }
}
