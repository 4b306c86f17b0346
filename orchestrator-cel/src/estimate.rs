//! What an evaluation may cost, before there is anything to evaluate.
//!
//! Upstream refuses a rule that could cost too much if lists, maps and texts were as long as their
//! schema lets them be. The estimate follows the tree: what a node costs at most, times how often
//! the macros around it may look at it.

use crate::functions::Cost;
use crate::syntax::ast::Fold;
use crate::syntax::{Expr, FoldKind, Kind, SelectMode};
use crate::types::{Max, Type};

/// A range of costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// At least this.
    pub min: u64,
    /// At most this; the largest number where there is no bound.
    pub max: u64,
}

impl Estimate {
    fn exactly(cost: u64) -> Self {
        Self { min: cost, max: cost }
    }

    fn plus(self, other: Self) -> Self {
        Self { min: self.min.saturating_add(other.min), max: self.max.saturating_add(other.max) }
    }

    fn times(self, other: Self) -> Self {
        Self { min: self.min.saturating_mul(other.min), max: self.max.saturating_mul(other.max) }
    }
}

/// The estimate for a tree whose nodes have these types.
pub(crate) fn of(root: &Expr, types: &[Type]) -> Estimate {
    match &root.kind {
        Kind::Literal(_) => Estimate::default(),
        Kind::Ident(_) => Estimate::exactly(1),
        Kind::Select(select) => {
            let cost = u64::from(select.mode != SelectMode::Test);
            of(&select.operand, types).plus(Estimate::exactly(cost))
        }
        Kind::Call(call) => {
            let args = call.args.iter().map(|arg| of(arg, types));
            let args = args.fold(Estimate::default(), Estimate::plus);
            let cost = call.function.map_or(Cost::One, |function| function.cost);
            let cost = match (&*call.name, &types[root.id as usize]) {
                ("_+_", Type::String(_) | Type::Bytes(_)) => Cost::TraverseBoth,
                _ => cost,
            };
            args.plus(own(cost, &call.args, types))
        }
        Kind::And(terms) | Kind::Or(terms) => {
            let mut total = Estimate::default();
            for (i, term) in terms.iter().enumerate() {
                let cost = of(term, types);
                // Only the first is always looked at.
                let min = if i == 0 { cost.min } else { 0 };
                total = total.plus(Estimate { min, max: cost.max });
            }
            total
        }
        Kind::Conditional(parts) => {
            let [condition, then, other] = &**parts;
            let (then, other) = (of(then, types), of(other, types));
            let either = Estimate { min: then.min.min(other.min), max: then.max.max(other.max) };
            of(condition, types).plus(either)
        }
        Kind::List(_) => children(root, types).plus(Estimate::exactly(10)),
        Kind::Map(_) => children(root, types).plus(Estimate::exactly(30)),
        Kind::Struct(_) => children(root, types).plus(Estimate::exactly(40)),
        Kind::Fold(fold) => folded(fold, types),
    }
}

fn children(root: &Expr, types: &[Type]) -> Estimate {
    let mut total = Estimate::default();
    root.for_each_child(&mut |child| total = total.plus(of(child, types)));
    total
}

fn folded(fold: &Fold, types: &[Type]) -> Estimate {
    let range = of(&fold.range, types);
    let mut body = of(&fold.body, types);
    if let Some(filter) = &fold.filter {
        let filter = of(filter, types);
        body = Estimate { min: filter.min, max: filter.max.saturating_add(body.max) };
    }
    if matches!(fold.kind, FoldKind::OptMap | FoldKind::OptFlatMap) {
        return range.plus(Estimate { min: 0, max: body.max });
    }
    let step = match fold.kind {
        FoldKind::All => Estimate::exactly(3),
        FoldKind::Exists => Estimate::exactly(4),
        FoldKind::ExistsOne => Estimate { min: 1, max: 2 },
        FoldKind::Map => Estimate::exactly(12),
        _ => Estimate { min: 1, max: 13 },
    };
    let count = Estimate { min: 0, max: size(&fold.range, types) };
    range.plus(Estimate::exactly(1)).plus(body.plus(step).times(count))
}

/// What a call costs besides its arguments.
fn own(cost: Cost, args: &[Expr], types: &[Type]) -> Estimate {
    let size = |i: usize| args.get(i).map_or(1, |arg| size(arg, types));
    let tenth = |size: u64| size.div_ceil(10);
    let max = match cost {
        Cost::One => 1,
        Cost::Traverse => tenth(size(0)),
        Cost::TraverseBoth => tenth(size(0).saturating_add(size(1))),
        Cost::Compare => tenth(size(0).min(size(1))),
        Cost::Items => match args.get(1).map(|arg| &types[arg.id as usize]) {
            Some(Type::Map(_)) => 1,
            _ => size(1),
        },
        Cost::OwnItems => size(0),
        Cost::Search => tenth(size(0)).saturating_mul(tenth(size(1))),
        Cost::Regex => tenth(size(0).saturating_add(1)).saturating_mul(size(1).div_ceil(4)),
        Cost::Replace => tenth(size(0)).saturating_mul(tenth(size(2)).max(1)),
        Cost::ItemsTimesItems => size(0).saturating_mul(size(1)),
        Cost::Ask => return Estimate::exactly(350_000),
    };
    Estimate { min: 1, max: max.max(1) }
}

/// How large the value of a node may be in the sense of costs.
fn size(expr: &Expr, types: &[Type]) -> u64 {
    let max = match &types[expr.id as usize] {
        Type::String(max) | Type::Bytes(max) => *max,
        Type::List(list) => list.max,
        Type::Map(map) => map.max,
        Type::Dyn => Max::NONE,
        _ => Max(1),
    };
    max.0
}
