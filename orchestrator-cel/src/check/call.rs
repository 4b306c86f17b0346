//! Calls: which function is meant, and which overload.

use std::sync::Arc;

use super::Checker;
use crate::functions::{self, Function, check_pattern};
use crate::syntax::ast::Call;
use crate::syntax::parser_name;
use crate::syntax::{Expr, Kind, Literal};
use crate::types::{Bound, ListKind, ListType, Max, Type, assign, instantiate, same};
use crate::value::{parse_duration, parse_timestamp};

/// A list of at most so many items.
pub(super) fn sized_list(item: Type, max: Max) -> Type {
    Type::List(Arc::new(ListType { item, max, kind: ListKind::Atomic }))
}

impl Checker<'_> {
    pub(super) fn call(&mut self, expr: &mut Expr) -> Type {
        let at = expr.at;
        let Kind::Call(call) = &mut expr.kind else { return Type::Dyn };
        self.qualify(call);
        let types: Vec<_> = call.args.iter_mut().map(|arg| self.visit(arg)).collect();
        let Some(function) = functions::find(&call.name) else {
            let name = call.name.clone();
            return self.undeclared(at, &name);
        };
        call.function = Some(function);
        let Some(result) = resolve(function, call.member, &types) else {
            let message = format!(
                "found no matching overload for '{}' applied to '{}'",
                call.name,
                applied(call.member, &types)
            );
            return self.report(at, message);
        };
        self.check_constants(call);
        sized(&call.name, result, &types)
    }

    /// A name with dots, such as `sets.contains`, looks like a member of something.
    fn qualify(&mut self, call: &mut Call) {
        if !call.member {
            return;
        }
        let Some(front) = parser_name(&call.args[0]) else { return };
        let root = front.split('.').next().unwrap_or_default();
        let name = format!("{front}.{}", call.name);
        let shadowed = self.locals.iter().any(|(known, _)| **known == *root)
            || self.variables.contains_key(root);
        if !shadowed && functions::find(&name).is_some() {
            call.name = name.into();
            call.member = false;
            call.args.remove(0);
        }
    }

    /// Constants that are read when the expression is evaluated can be read now.
    fn check_constants(&mut self, call: &Call) {
        let text = |i: usize| match &call.args.get(i)?.kind {
            Kind::Literal(Literal::String(text)) => Some((text, call.args[i].at)),
            _ => None,
        };
        let fault = match &*call.name {
            "matches" => text(1).filter(|(text, _)| !check_pattern(text)),
            "duration" => text(0).filter(|(text, _)| parse_duration(text).is_none()),
            "timestamp" => text(0).filter(|(text, _)| parse_timestamp(text).is_none()),
            _ => None,
        };
        if let Some((_, at)) = fault {
            self.report(at, format!("invalid {} argument", call.name));
        }
    }
}

/// The type that a call gives; `None` where no overload takes its arguments.
fn resolve(function: &Function, member: bool, types: &[Type]) -> Option<Type> {
    let mut result: Option<Type> = None;
    for overload in function.overloads {
        if overload.member != member || overload.args.len() != types.len() {
            continue;
        }
        let mut bound = Bound::default();
        let fits = overload.args.iter().zip(types).all(|(sig, ty)| assign(sig, ty, &mut bound));
        if !fits {
            continue;
        }
        let given = instantiate(&overload.result, &bound);
        result = Some(match result {
            None => given,
            Some(before) if same(&before, &given) => before,
            Some(_) => Type::Dyn,
        });
    }
    result
}

/// The types of arguments as errors spell them.
fn applied(member: bool, types: &[Type]) -> String {
    let list = |types: &[Type]| {
        let texts: Vec<_> = types.iter().map(ToString::to_string).collect();
        texts.join(", ")
    };
    match types {
        [target, rest @ ..] if member => format!("{target}.({})", list(rest)),
        types => format!("({})", list(types)),
    }
}

/// The result with what is known of its size.
fn sized(name: &str, result: Type, args: &[Type]) -> Type {
    let max = |ty: &Type| match ty {
        Type::String(max) | Type::Bytes(max) => *max,
        Type::List(list) => list.max,
        _ => Max::NONE,
    };
    let first = args.first().map_or(Max::NONE, max);
    match (name, result) {
        ("_+_", Type::String(_)) => {
            Type::String(Max(first.0.saturating_add(args.get(1).map_or(u64::MAX, |ty| max(ty).0))))
        }
        (
            "lowerAscii" | "upperAscii" | "trim" | "substring" | "charAt" | "find" | "reverse",
            Type::String(_),
        ) => Type::String(first),
        ("split" | "findAll", Type::List(_)) => sized_list(Type::String(first), first),
        ("sort" | "reverse" | "distinct" | "slice", Type::List(list)) => {
            sized_list(list.item.clone(), first)
        }
        ("_+_", Type::List(list)) => {
            let both = first.0.saturating_add(args.get(1).map_or(u64::MAX, |ty| max(ty).0));
            sized_list(list.item.clone(), Max(both))
        }
        (_, result) => result,
    }
}
