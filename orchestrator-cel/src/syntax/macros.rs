//! Calls that are rewritten while they are read.

use super::ast::{Fold, Select};
use super::parser::Parser;
use super::{Expr, FoldKind, Issue, Kind, SelectMode};

/// What became of a call.
pub(super) enum Expanded {
    /// It was a macro, and is this now.
    Done(Expr),
    /// It is no macro; its arguments, the one before the name included.
    Not(Vec<Expr>),
}

/// `has(a.b)`.
pub(super) fn global(
    parser: &mut Parser<'_, '_>,
    at: u32,
    name: &str,
    mut args: Vec<Expr>,
) -> Result<Expanded, Issue> {
    if name != "has" || args.len() != 1 {
        return Ok(Expanded::Not(args));
    }
    let arg = args.remove(0);
    match arg.kind {
        Kind::Select(select) if select.mode == SelectMode::Value => {
            let test = Select { mode: SelectMode::Test, ..*select };
            let depth = test.operand.depth;
            parser.node(at, depth, Kind::Select(Box::new(test))).map(Expanded::Done)
        }
        _ => Err(Issue::new(arg.at as usize, "invalid argument to has() macro")),
    }
}

/// `a.all(x, ...)` and the like.
pub(super) fn member(
    parser: &mut Parser<'_, '_>,
    at: u32,
    name: &str,
    target: Expr,
    mut args: Vec<Expr>,
) -> Result<Expanded, Issue> {
    let Some((kind, vars, filter)) = shape(name, args.len()) else {
        args.insert(0, target);
        return Ok(Expanded::Not(args));
    };
    let mut names = Vec::with_capacity(vars);
    for arg in args.drain(..vars) {
        match arg.kind {
            Kind::Ident(name) => names.push(name),
            _ => return Err(Issue::new(arg.at as usize, "argument must be a simple name")),
        }
    }
    let var2 = if vars == 2 { names.pop() } else { None };
    let var = names.pop().expect("every macro has a name for an item");
    if var2.as_ref() == Some(&var) {
        let message = format!("duplicate variable name: {var}");
        return Err(Issue::new(at as usize, message));
    }
    let body = args.pop().expect("every macro has a body");
    let filter = if filter { args.pop() } else { None };
    let deep = filter.as_ref().map_or(0, |filter| filter.depth);
    let depth = target.depth.max(body.depth).max(deep);
    let fold = Fold { kind, range: target, var, var2, filter, body };
    parser.node(at, depth, Kind::Fold(Box::new(fold))).map(Expanded::Done)
}

/// What the macro of this name and number of arguments makes, how many names it gives, and
/// whether it filters.
fn shape(name: &str, args: usize) -> Option<(FoldKind, usize, bool)> {
    Some(match (name, args) {
        ("all", 2) => (FoldKind::All, 1, false),
        ("all", 3) => (FoldKind::All, 2, false),
        ("exists", 2) => (FoldKind::Exists, 1, false),
        ("exists", 3) => (FoldKind::Exists, 2, false),
        ("exists_one" | "existsOne", 2) => (FoldKind::ExistsOne, 1, false),
        ("exists_one" | "existsOne", 3) => (FoldKind::ExistsOne, 2, false),
        ("map", 2) => (FoldKind::Map, 1, false),
        ("map", 3) => (FoldKind::Map, 1, true),
        ("filter", 2) => (FoldKind::Filter, 1, false),
        ("transformList", 3) => (FoldKind::Map, 2, false),
        ("transformList", 4) => (FoldKind::Map, 2, true),
        ("transformMap", 3) => (FoldKind::TransformMap, 2, false),
        ("transformMap", 4) => (FoldKind::TransformMap, 2, true),
        ("transformMapEntry", 3) => (FoldKind::TransformMapEntry, 2, false),
        ("transformMapEntry", 4) => (FoldKind::TransformMapEntry, 2, true),
        ("optMap", 2) => (FoldKind::OptMap, 1, false),
        ("optFlatMap", 2) => (FoldKind::OptFlatMap, 1, false),
        _ => return None,
    })
}
