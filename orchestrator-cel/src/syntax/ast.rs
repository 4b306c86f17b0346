//! The tree of an expression.
//!
//! Macros are nodes of their own ([`Fold`]) instead of the loops they stand for: so an evaluator
//! runs them without building a list anew for each item, and a checker can speak of what the
//! author wrote.

use crate::functions::Function;

/// The place of a node's type in the table that the checker fills.
pub type NodeId = u32;

/// A node.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Its number.
    pub id: NodeId,
    /// Where it is spoken of: the byte of the source at which its operator stands.
    pub at: u32,
    /// How many levels of nodes it has.
    pub depth: u16,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A constant.
    Literal(Literal),
    /// A variable or the name of a type.
    Ident(Box<str>),
    /// `a.b`, `a.?b`, `has(a.b)`.
    Select(Box<Select>),
    /// A function or an operator.
    Call(Box<Call>),
    /// `a && b && c`.
    And(Vec<Expr>),
    /// `a || b || c`.
    Or(Vec<Expr>),
    /// `a ? b : c`.
    Conditional(Box<[Expr; 3]>),
    /// `[a, ?b]`.
    List(Vec<Element>),
    /// `{a: b, ?c: d}`.
    Map(Vec<Entry>),
    /// `Object.spec{a: b}`.
    Struct(Box<Struct>),
    /// A macro that goes over a list, a map or an optional.
    Fold(Box<Fold>),
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true`.
    Bool(bool),
    /// `1`.
    Int(i64),
    /// `1u`.
    Uint(u64),
    /// `1.0`.
    Double(f64),
    /// `'a'`.
    String(Box<str>),
    /// `b'a'`.
    Bytes(Box<[u8]>),
}

/// The selection of a field.
#[derive(Clone, Debug)]
pub struct Select {
    /// Of what.
    pub operand: Expr,
    /// Which field.
    pub field: Box<str>,
    /// What is asked.
    pub mode: SelectMode,
}

/// What is asked of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectMode {
    /// Its value.
    Value,
    /// Whether it is there: `has(a.b)`.
    Test,
    /// Its value, if it is there: `a.?b`.
    Optional,
}

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name, as in `size` or `_+_`.
    pub name: Box<str>,
    /// Whether the first argument stands before the name.
    pub member: bool,
    /// The arguments.
    pub args: Vec<Expr>,
    /// The function; the checker finds it.
    pub function: Option<&'static Function>,
}

/// An item of a list.
#[derive(Clone, Debug)]
pub struct Element {
    /// The item.
    pub value: Expr,
    /// Whether it is an optional whose content, if any, is the item.
    pub optional: bool,
}

/// An entry of a map.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Expr,
    /// The value.
    pub value: Expr,
    /// Whether the value is an optional whose content, if any, is the value.
    pub optional: bool,
}

/// The making of an object.
#[derive(Clone, Debug)]
pub struct Struct {
    /// The name of its type.
    pub name: Box<str>,
    /// Its fields.
    pub fields: Vec<StructField>,
}

/// A field of an object that is made.
#[derive(Clone, Debug)]
pub struct StructField {
    /// Where it stands.
    pub at: u32,
    /// The name.
    pub name: Box<str>,
    /// The value.
    pub value: Expr,
    /// Whether the value is an optional whose content, if any, is the value.
    pub optional: bool,
}

/// A macro that goes over something.
#[derive(Clone, Debug)]
pub struct Fold {
    /// What it makes.
    pub kind: FoldKind,
    /// What it goes over.
    pub range: Expr,
    /// The name of an item, or of the index or key where there are two.
    pub var: Box<str>,
    /// The name of the value, in the forms with two names.
    pub var2: Option<Box<str>>,
    /// Which items count, in the forms that say so.
    pub filter: Option<Expr>,
    /// What is asked or made of an item.
    pub body: Expr,
}

/// What a macro makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldKind {
    /// Whether the body holds for all.
    All,
    /// Whether it holds for one or more.
    Exists,
    /// Whether it holds for exactly one.
    ExistsOne,
    /// The list of what the body makes.
    Map,
    /// The list of those for which the body holds.
    Filter,
    /// A map with the same keys, of what the body makes.
    TransformMap,
    /// A map of the entries that the body makes.
    TransformMapEntry,
    /// An optional of what the body makes of an optional's content.
    OptMap,
    /// The optional that the body makes of an optional's content.
    OptFlatMap,
}

impl Expr {
    /// Calls `visit` with the children, in the order in which they are evaluated.
    pub fn for_each_child<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        match &self.kind {
            Kind::Literal(_) | Kind::Ident(_) => {}
            Kind::Select(select) => visit(&select.operand),
            Kind::Call(call) => call.args.iter().for_each(visit),
            Kind::And(terms) | Kind::Or(terms) => terms.iter().for_each(visit),
            Kind::Conditional(parts) => parts.iter().for_each(visit),
            Kind::List(items) => items.iter().for_each(|item| visit(&item.value)),
            Kind::Map(entries) => entries.iter().for_each(|entry| {
                visit(&entry.key);
                visit(&entry.value);
            }),
            Kind::Struct(made) => made.fields.iter().for_each(|field| visit(&field.value)),
            Kind::Fold(fold) => {
                visit(&fold.range);
                fold.filter.iter().for_each(&mut *visit);
                visit(&fold.body);
            }
        }
    }
}
