//! Macros that go over a list, a map or an optional.
//!
//! The costs are those of the loops that upstream makes of the macros: what a step looks at
//! besides the body.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Evaluated, Run, make};
use crate::EvalError;
use crate::syntax::FoldKind;
use crate::syntax::ast::Fold;
use crate::value::{Key, List, Map, Value};

/// An item: one name for it, or two.
type Item<'a> = (Value<'a>, Option<Value<'a>>);

impl<'a> Run<'_, 'a> {
    pub(super) fn fold(&mut self, fold: &'a Fold) -> Evaluated<'a> {
        let range = self.eval(&fold.range)?;
        if matches!(fold.kind, FoldKind::OptMap | FoldKind::OptFlatMap) {
            return self.opt_map(fold, range);
        }
        let source = Source::of(range)?;
        self.spend(1)?;
        match fold.kind {
            FoldKind::All => self.quantify(fold, &source, false),
            FoldKind::Exists => self.quantify(fold, &source, true),
            FoldKind::ExistsOne => self.exists_one(fold, &source),
            FoldKind::Map | FoldKind::Filter => self.collect(fold, &source),
            _ => self.transform(fold, &source),
        }
    }

    /// Evaluates the body or the filter for one item.
    fn step<T>(
        &mut self,
        fold: &'a Fold,
        item: Item<'a>,
        run: impl FnOnce(&mut Self) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        self.work(1)?;
        let depth = self.locals.len();
        self.locals.push((&fold.var, item.0));
        if let (Some(name), Some(value)) = (&fold.var2, item.1) {
            self.locals.push((name, value));
        }
        let result = run(self);
        self.locals.truncate(depth);
        result
    }

    /// `all` and `exists`: the first item for which the body is `decisive` decides.
    fn quantify(&mut self, fold: &'a Fold, source: &Source<'a>, decisive: bool) -> Evaluated<'a> {
        let mut failed = None;
        for i in 0..source.len() {
            self.spend(if decisive { 4 } else { 3 })?;
            let item = source.item(i, fold.var2.is_some())?;
            match self.step(fold, item, |run| run.truth(&fold.body)) {
                Ok(value) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(_) => {}
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn exists_one(&mut self, fold: &'a Fold, source: &Source<'a>) -> Evaluated<'a> {
        let mut count = 0_usize;
        for i in 0..source.len() {
            let item = source.item(i, fold.var2.is_some())?;
            let holds = self.step(fold, item, |run| run.truth(&fold.body))?;
            self.spend(if holds { 2 } else { 1 })?;
            count += usize::from(holds);
        }
        self.spend(1)?;
        Ok(Value::Bool(count == 1))
    }

    /// `map`, `filter`, `transformList`.
    fn collect(&mut self, fold: &'a Fold, source: &Source<'a>) -> Evaluated<'a> {
        let mut list = Vec::new();
        for i in 0..source.len() {
            let item = source.item(i, fold.var2.is_some())?;
            let kept = item.0.clone();
            let made = self.step(fold, item, |run| {
                if fold.kind == FoldKind::Filter {
                    return Ok(run.truth(&fold.body)?.then_some(kept));
                }
                if let Some(filter) = &fold.filter
                    && !run.truth(filter)?
                {
                    return Ok(None);
                }
                run.eval(&fold.body).map(Some)
            })?;
            self.spend(if made.is_some() { 12 } else { 1 })?;
            list.extend(made);
        }
        Ok(Value::list(list))
    }

    /// `transformMap` and `transformMapEntry`.
    fn transform(&mut self, fold: &'a Fold, source: &Source<'a>) -> Evaluated<'a> {
        let mut map = BTreeMap::new();
        for i in 0..source.len() {
            let item = source.item(i, true)?;
            let key = item.0.clone();
            let made = self.step(fold, item, |run| {
                if let Some(filter) = &fold.filter
                    && !run.truth(filter)?
                {
                    return Ok(None);
                }
                run.eval(&fold.body).map(Some)
            })?;
            self.spend(2)?;
            match (fold.kind, made) {
                (_, None) => {}
                (FoldKind::TransformMapEntry, Some(Value::Map(entries))) => {
                    for key in entries.keys() {
                        let value = entries.at(&key).expect("the key is one of its own")?;
                        make::insert(&mut map, key, value)?;
                    }
                }
                (FoldKind::TransformMapEntry, Some(_)) => return Err(EvalError::overload()),
                (_, Some(value)) => {
                    let key = Key::of(&key).ok_or_else(EvalError::overload)?;
                    make::insert(&mut map, key, value)?;
                }
            }
        }
        Ok(Value::Map(Map::Made(Rc::new(map))))
    }

    /// `optMap` and `optFlatMap`.
    fn opt_map(&mut self, fold: &'a Fold, range: Value<'a>) -> Evaluated<'a> {
        match range {
            Value::Optional(None) => Ok(Value::none()),
            Value::Optional(Some(content)) => {
                let item = ((*content).clone(), None);
                let made = self.step(fold, item, |run| run.eval(&fold.body))?;
                Ok(if fold.kind == FoldKind::OptMap { Value::some(made) } else { made })
            }
            _ => Err(EvalError::overload()),
        }
    }
}

/// What a macro goes over.
enum Source<'a> {
    List(List<'a>),
    Map(Map<'a>, Vec<Key<'a>>),
}

impl<'a> Source<'a> {
    fn of(range: Value<'a>) -> Result<Self, EvalError> {
        match range {
            Value::List(list) => Ok(Self::List(list)),
            Value::Map(map) => {
                let keys = map.keys();
                Ok(Self::Map(map, keys))
            }
            _ => Err(EvalError::overload()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Map(_, keys) => keys.len(),
        }
    }

    /// The item at `i`: one value, or an index or key and a value.
    fn item(&self, i: usize, two: bool) -> Result<Item<'a>, EvalError> {
        match self {
            Self::List(list) => {
                let value = list.get(i).expect("the index is below the length")?;
                Ok(if two { (Value::Int(i as i64), Some(value)) } else { (value, None) })
            }
            Self::Map(map, keys) => {
                let key = keys[i].value();
                let value = if two { map.at(&keys[i]).transpose()? } else { None };
                Ok((key, value))
            }
        }
    }
}
