//! What expressions evaluate to.
//!
//! A value borrows where it can: texts, lists and maps of a tree of JSON stay where they are, and
//! are read as their [`Type`](crate::Type) says when somebody looks at them. What is made on the
//! way is shared, so that a copy of a value costs nothing.

mod authorization;
mod compare;
mod convert;
mod key;
mod list;
mod map;
mod opaque;
mod time;
mod tree;

pub use authorization::{Answer, Question};
pub(crate) use compare::{compare, equal, find};
pub(crate) use convert::{named_type, type_of};
pub use key::Key;
pub use list::List;
pub use map::{Map, Shape};
pub use opaque::{Url, Version};
pub use time::Span;
pub(crate) use time::{parse_duration, parse_timestamp, print_timestamp};
pub(crate) use tree::lower;

use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use ipnet::IpNet;
use jiff::Timestamp;
use orchestrator_core::{Json, Quantity};

use crate::EvalError;
use crate::eval::Run;
use crate::functions::NamedFormat;
use crate::types::{Opaque, Type};

/// The value of an expression.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is not negative.
    Uint(u64),
    /// A floating-point number.
    Double(f64),
    /// A text.
    String(Text<'a>),
    /// Bytes.
    Bytes(Rc<[u8]>),
    /// A length of time.
    Duration(Span),
    /// A point in time.
    Timestamp(Timestamp),
    /// A list.
    List(List<'a>),
    /// A map, or an object of a tree.
    Map(Map<'a>),
    /// An object that the expression made.
    Struct(Rc<Struct<'a>>),
    /// An object whose fields are found when they are asked for.
    Record(Rc<dyn Fields<'a> + 'a>),
    /// Something or nothing.
    Optional(Option<Rc<Value<'a>>>),
    /// A type.
    Type(Rc<Type>),
    /// An amount with a unit.
    Quantity(Quantity),
    /// An IP address.
    Ip(std::net::IpAddr),
    /// A range of IP addresses.
    Cidr(IpNet),
    /// A URL.
    Url(Rc<Url>),
    /// A semantic version.
    Semver(Rc<Version>),
    /// A named format of texts.
    Format(&'static NamedFormat),
    /// A question to the authorizer, as far as it is put.
    Check(Opaque, Rc<Question>),
    /// What the authorizer says.
    Decision(Rc<Answer>),
}

/// An object whose fields are found when they are asked for.
pub trait Fields<'a>: fmt::Debug {
    /// The field `name`, where there is one.
    fn field(&self, name: &str, run: &mut Run<'_, 'a>) -> Option<Result<Value<'a>, EvalError>>;
}

/// An object that an expression made.
#[derive(Clone, Debug)]
pub struct Struct<'a> {
    /// The name of its type.
    pub name: &'a str,
    /// Its fields, in the order of their names.
    pub fields: Vec<(&'a str, Value<'a>)>,
}

/// A text: of a tree, or made by the expression.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// Of a tree or of the expression itself.
    Borrowed(&'a str),
    /// Made.
    Shared(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl<'a> Value<'a> {
    /// A text that was made.
    pub fn text(text: impl Into<Rc<str>>) -> Self {
        Self::String(Text::Shared(text.into()))
    }

    /// The value of a tree of which nothing is known.
    pub fn tree(json: &'a Json) -> Self {
        tree::untyped(json)
    }

    /// The value of a tree of the given type.
    ///
    /// # Errors
    /// A text that should be a time, a duration or bytes is none.
    pub fn typed(json: &'a Json, ty: &'a Type) -> Result<Self, EvalError> {
        tree::lift(json, ty)
    }

    /// Something.
    pub fn some(value: Value<'a>) -> Self {
        Self::Optional(Some(Rc::new(value)))
    }

    /// Nothing.
    pub fn none() -> Self {
        Self::Optional(None)
    }

    /// A list that was made.
    pub fn list(items: Vec<Value<'a>>) -> Self {
        Self::List(List::Made(Rc::new(items)))
    }

    /// The one who can be asked who may do what.
    pub fn authorizer() -> Self {
        Self::Check(Opaque::Authorizer, Rc::default())
    }

    /// The authorizer with the question about the resource of a request half put.
    pub fn resource_check(question: Question) -> Self {
        Self::Check(Opaque::ResourceCheck, Rc::new(question))
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value as JSON, where it can be written so.
    ///
    /// # Errors
    /// A value that JSON has no form for.
    pub fn to_json(&self) -> Result<Json, EvalError> {
        lower(self)
    }
}
