//! The functions that expressions may call: one table per library.
//!
//! A [`Function`] has a name, the [`Overload`]s by which calls are checked, a [`Cost`], and one
//! body, which looks at the values it is given: where types are known only when the expression is
//! evaluated, that is where they are checked.

mod arithmetic;
mod authorizer;
mod conversion;
mod format;
mod jsonpatch;
mod lists;
mod named_format;
mod network;
mod optional;
mod order;
mod quantity;
mod regex;
mod relation;
mod semver;
mod sets;
mod strings;
mod time;
mod urls;

pub use named_format::NamedFormat;
pub(crate) use regex::check_pattern;

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::EvalError;
use crate::eval::Run;
use crate::syntax::Expr;
use crate::types::Opaque;
use crate::value::Value;

/// A type in a signature.
#[derive(Clone, Copy, Debug)]
pub enum Sig {
    /// Anything.
    Dyn,
    /// A truth value.
    Bool,
    /// A whole number.
    Int,
    /// A whole number that is not negative.
    Uint,
    /// A floating-point number.
    Double,
    /// A text.
    String,
    /// Bytes.
    Bytes,
    /// A length of time.
    Duration,
    /// A point in time.
    Timestamp,
    /// A type.
    Type,
    /// A parameter: whatever it is in one place, it is in all.
    A,
    /// Another.
    B,
    /// A list.
    List(&'static Sig),
    /// A map.
    Map(&'static Sig, &'static Sig),
    /// Something or nothing.
    Optional(&'static Sig),
    /// Something that only functions look into.
    Opaque(Opaque),
}

/// One way to call a function.
#[derive(Debug)]
pub struct Overload {
    /// Whether the first argument stands before the name.
    pub member: bool,
    /// What it takes.
    pub args: &'static [Sig],
    /// What it gives.
    pub result: Sig,
}

/// What a call costs, by the sizes of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// The same for all.
    One,
    /// Walking over the first.
    Traverse,
    /// Walking over the first and the second.
    TraverseBoth,
    /// Walking over the shorter of the first and the second.
    Compare,
    /// The items of the second.
    Items,
    /// The items of the first.
    OwnItems,
    /// Walking over the first as often as the second takes.
    Search,
    /// Walking over the first with the states of the second, a pattern.
    Regex,
    /// Walking over the first, and over what it may grow to.
    Replace,
    /// The items of the first times those of the second.
    ItemsTimesItems,
    /// Asking the authorizer.
    Ask,
}

type Called<'a> = Result<Value<'a>, EvalError>;
type Body = for<'r, 'a, 'x> fn(&mut Run<'r, 'a>, &'x [Value<'a>]) -> Called<'a>;
type LazyBody = for<'r, 'a> fn(&mut Run<'r, 'a>, &'a [Expr]) -> Called<'a>;

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The ways to call it.
    pub overloads: &'static [Overload],
    /// What it costs.
    pub cost: Cost,
    /// What it does.
    pub(crate) run: Body,
    /// What it does where it evaluates its arguments itself.
    pub(crate) lazy: Option<LazyBody>,
}

/// `name(args)`.
const fn global(args: &'static [Sig], result: Sig) -> Overload {
    Overload { member: false, args, result }
}

/// `args[0].name(args[1..])`.
const fn member(args: &'static [Sig], result: Sig) -> Overload {
    Overload { member: true, args, result }
}

const fn function(
    name: &'static str,
    cost: Cost,
    overloads: &'static [Overload],
    run: Body,
) -> Function {
    Function { name, overloads, cost, run, lazy: None }
}

static TABLES: [&[Function]; 18] = [
    arithmetic::TABLE,
    authorizer::TABLE,
    conversion::TABLE,
    format::TABLE,
    jsonpatch::TABLE,
    lists::TABLE,
    named_format::TABLE,
    network::TABLE,
    optional::TABLE,
    order::TABLE,
    quantity::TABLE,
    regex::TABLE,
    relation::TABLE,
    semver::TABLE,
    sets::TABLE,
    strings::TABLE,
    time::TABLE,
    urls::TABLE,
];

static BY_NAME: LazyLock<FxHashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    let all = TABLES.into_iter().flatten();
    all.map(|function| (function.name, function)).collect()
});

/// The function `name`.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_in_one_table_and_can_be_called() {
        let all = TABLES.into_iter().flatten();
        let mut names: Vec<_> = all
            .map(|function| {
                assert!(!function.overloads.is_empty(), "{}", function.name);
                function.name
            })
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
