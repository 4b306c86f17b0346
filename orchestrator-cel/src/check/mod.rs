//! Whether a tree means something, and of what type each node is.
//!
//! The checker resolves names to variables, types and functions, chooses overloads, and finds the
//! fields of objects whose type is known. What is `dyn` is left to the evaluation. Its errors read
//! as upstream's do.

mod call;
mod literal;

use rustc_hash::FxHashMap;

use crate::syntax::ast::{Fold, Select};
use crate::syntax::parser_name;
use crate::syntax::{Expr, FoldKind, Issue, Kind, Literal, SelectMode};
use crate::types::{Max, Type};
use crate::value::named_type;

/// A checker on its way.
pub(crate) struct Checker<'e> {
    variables: &'e FxHashMap<String, Type>,
    structs: &'e FxHashMap<String, Type>,
    locals: Vec<(Box<str>, Type)>,
    types: Vec<Type>,
    issues: Vec<Issue>,
}

/// What is known of a tree that was checked.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The type of each node, by its number.
    pub(crate) types: Vec<Type>,
    /// The type of the whole.
    pub(crate) output: Type,
}

/// Checks a tree, and finds its functions.
pub(crate) fn check(
    root: &mut Expr,
    nodes: usize,
    variables: &FxHashMap<String, Type>,
    structs: &FxHashMap<String, Type>,
) -> Result<Checked, Vec<Issue>> {
    let types = vec![Type::Dyn; nodes];
    let mut checker = Checker { variables, structs, locals: Vec::new(), types, issues: Vec::new() };
    let output = checker.visit(root);
    if checker.issues.is_empty() {
        Ok(Checked { types: checker.types, output })
    } else {
        Err(checker.issues)
    }
}

impl Checker<'_> {
    fn report(&mut self, at: u32, message: String) -> Type {
        self.issues.push(Issue::new(at as usize, message));
        // Whatever follows from the error is not spoken of.
        Type::Dyn
    }

    fn undeclared(&mut self, at: u32, name: &str) -> Type {
        self.report(at, format!("undeclared reference to '{name}' (in container '')"))
    }

    /// The type of a node.
    fn visit(&mut self, expr: &mut Expr) -> Type {
        let at = expr.at;
        let ty = match &mut expr.kind {
            Kind::Literal(literal) => constant(literal),
            Kind::Ident(name) => match self.name(name) {
                Some(ty) => ty,
                None => self.undeclared(at, name),
            },
            Kind::Select(_) => self.select_or_name(expr),
            Kind::Call(_) => self.call(expr),
            Kind::And(terms) => self.logical(terms, at, "_&&_"),
            Kind::Or(terms) => self.logical(terms, at, "_||_"),
            Kind::Conditional(parts) => self.conditional(parts, at),
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Struct(made) => self.structure(made, at),
            Kind::Fold(fold) => self.fold(fold, at),
        };
        self.types[expr.id as usize] = ty.clone();
        ty
    }

    /// The type of what a plain name stands for.
    fn name(&self, name: &str) -> Option<Type> {
        let local = self.locals.iter().rev().find(|(known, _)| **known == *name);
        if let Some((_, ty)) = local {
            return Some(ty.clone());
        }
        let known = self.variables.get(name).cloned();
        known.or_else(|| named_type(name).map(Type::of))
    }

    /// A selection, or the name of a variable or a type with dots in it.
    fn select_or_name(&mut self, expr: &mut Expr) -> Type {
        let root_known = root_name(expr).is_none_or(|root| self.name(root).is_some());
        if let Some(name) = parser_name(expr) {
            let ty = self.variables.get(&name).cloned();
            let named = || named_type(&name).filter(|_| !root_known).map(Type::of);
            if let Some(ty) = ty.or_else(named) {
                expr.kind = Kind::Ident(name.into());
                return ty;
            }
        }
        let at = expr.at;
        let Kind::Select(select) = &mut expr.kind else { return Type::Dyn };
        self.select(select, at)
    }

    fn select(&mut self, select: &mut Select, at: u32) -> Type {
        let operand = self.visit(&mut select.operand);
        let (content, optional) = match &operand {
            Type::Optional(content) => ((**content).clone(), true),
            other => (other.clone(), select.mode == SelectMode::Optional),
        };
        let field = self.field(&content, &select.field, at);
        match select.mode {
            SelectMode::Test => Type::Bool,
            _ if optional => Type::optional(field),
            _ => field,
        }
    }

    fn field(&mut self, operand: &Type, name: &str, at: u32) -> Type {
        match operand {
            Type::Dyn => Type::Dyn,
            Type::Map(map) => map.value.clone(),
            Type::Object(record) => match record.field(name) {
                Some(field) => field.ty.clone(),
                None if record.is_open() => Type::Dyn,
                None => self.report(at, format!("undefined field '{name}'")),
            },
            other => {
                let message = format!("type '{other}' does not support field selection");
                self.report(at, message)
            }
        }
    }

    fn logical(&mut self, terms: &mut [Expr], at: u32, operator: &str) -> Type {
        let types: Vec<_> = terms.iter_mut().map(|term| self.visit(term)).collect();
        let fits = |ty: &Type| matches!(ty, Type::Bool | Type::Dyn);
        if let Some(i) = types.iter().position(|ty| !fits(ty)) {
            // A chain is pairs: the odd one is spoken of with the one before it.
            let pair = match i {
                0 => format!("({}, {})", types[0], types[1]),
                i => format!("(bool, {})", types[i]),
            };
            let message =
                format!("found no matching overload for '{operator}' applied to '{pair}'");
            self.report(at, message);
        }
        Type::Bool
    }

    /// The macros.
    fn fold(&mut self, fold: &mut Fold, at: u32) -> Type {
        let range = self.visit(&mut fold.range);
        if matches!(fold.kind, FoldKind::OptMap | FoldKind::OptFlatMap) {
            return self.opt_map(fold, &range, at);
        }
        let (first, second) = match &range {
            Type::List(list) => (Type::Int, list.item.clone()),
            Type::Map(map) => (map.key.clone(), map.value.clone()),
            Type::Dyn => (Type::Dyn, Type::Dyn),
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be \
                     list, map, or dynamic)"
                );
                let range_at = fold.range.at;
                self.report(range_at, message);
                (Type::Dyn, Type::Dyn)
            }
        };
        let depth = self.locals.len();
        let item = match (&fold.var2, &range) {
            (Some(name), _) => {
                self.locals.push((name.clone(), second));
                first.clone()
            }
            (None, Type::List(_)) => second,
            (None, _) => first.clone(),
        };
        self.locals.push((fold.var.clone(), item.clone()));
        if let Some(filter) = &mut fold.filter {
            self.condition(filter, at);
        }
        let body = self.visit(&mut fold.body);
        let result = self.folded(fold, item, first, body, &range, at);
        self.locals.truncate(depth);
        result
    }

    /// What a macro makes of a body of type `body`.
    fn folded(
        &mut self,
        fold: &Fold,
        item: Type,
        key: Type,
        body: Type,
        range: &Type,
        at: u32,
    ) -> Type {
        let operator = match fold.kind {
            FoldKind::All => "_&&_",
            FoldKind::Exists => "_||_",
            FoldKind::ExistsOne | FoldKind::Filter => "_?_:_",
            FoldKind::Map => return call::sized_list(body, max_of(range)),
            FoldKind::TransformMap => return Type::map(key, body),
            FoldKind::TransformMapEntry => {
                return if matches!(body, Type::Map(_)) { body } else { Type::Dyn };
            }
            FoldKind::OptMap | FoldKind::OptFlatMap => return Type::Dyn,
        };
        if !matches!(body, Type::Bool | Type::Dyn) {
            let applied = match fold.kind {
                FoldKind::All | FoldKind::Exists => format!("(bool, {body})"),
                FoldKind::Filter => format!("({body}, list({item}), list({item}))"),
                _ => format!("({body}, int, int)"),
            };
            let message =
                format!("found no matching overload for '{operator}' applied to '{applied}'");
            self.report(at, message);
        }
        match fold.kind {
            FoldKind::Filter => call::sized_list(item, max_of(range)),
            _ => Type::Bool,
        }
    }

    fn opt_map(&mut self, fold: &mut Fold, range: &Type, at: u32) -> Type {
        let content = match range {
            Type::Optional(content) => (**content).clone(),
            Type::Dyn => Type::Dyn,
            other => {
                let message =
                    format!("found no matching overload for 'hasValue' applied to '{other}.()'");
                self.report(at, message)
            }
        };
        self.locals.push((fold.var.clone(), content));
        let body = self.visit(&mut fold.body);
        self.locals.pop();
        match fold.kind {
            FoldKind::OptMap => Type::optional(body),
            _ => body,
        }
    }

    fn condition(&mut self, expr: &mut Expr, at: u32) {
        let ty = self.visit(expr);
        if !matches!(ty, Type::Bool | Type::Dyn) {
            let message =
                format!("found no matching overload for '_?_:_' applied to '({ty}, dyn, dyn)'");
            self.report(at, message);
        }
    }
}

/// How many items what a macro goes over may have.
fn max_of(range: &Type) -> Max {
    match range {
        Type::List(list) => list.max,
        Type::Map(map) => map.max,
        _ => Max::NONE,
    }
}

fn constant(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Uint(_) => Type::Uint,
        Literal::Double(_) => Type::Double,
        Literal::String(text) => Type::String(Max(text.chars().count() as u64)),
        Literal::Bytes(bytes) => Type::Bytes(Max(bytes.len() as u64)),
    }
}

/// The first name of a chain of selections.
fn root_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        Kind::Ident(name) => Some(name),
        Kind::Select(select) => root_name(&select.operand),
        _ => None,
    }
}
