//! When a value of one type may stand where another is wanted.

use std::sync::Arc;

use super::{ListKind, ListType, MapType, Max, Type};
use crate::functions::Sig;

/// What the parameters of a signature stand for in one call.
pub(crate) type Bound = [Option<Type>; 2];

/// Whether `given` may stand where the signature says `wanted`.
pub(crate) fn assign(wanted: &Sig, given: &Type, bound: &mut Bound) -> bool {
    match (wanted, given) {
        (Sig::A, _) => bind(0, given, bound),
        (Sig::B, _) => bind(1, given, bound),
        (Sig::Dyn, _) | (_, Type::Dyn) => true,
        (Sig::List(item), Type::List(list)) => assign(item, &list.item, bound),
        (Sig::Map(key, value), Type::Map(map)) => {
            assign(key, &map.key, bound) && assign(value, &map.value, bound)
        }
        (Sig::Optional(content), Type::Optional(given)) => assign(content, given, bound),
        (Sig::Opaque(wanted), Type::Opaque(given)) => wanted == given,
        (Sig::Timestamp | Sig::Duration | Sig::Opaque(_), Type::Null) => true,
        (Sig::Bool, Type::Bool)
        | (Sig::Int, Type::Int)
        | (Sig::Uint, Type::Uint)
        | (Sig::Double, Type::Double)
        | (Sig::String, Type::String(_))
        | (Sig::Bytes, Type::Bytes(_))
        | (Sig::Duration, Type::Duration)
        | (Sig::Timestamp, Type::Timestamp)
        | (Sig::Type, Type::Type(_)) => true,
        _ => false,
    }
}

fn bind(parameter: usize, given: &Type, bound: &mut Bound) -> bool {
    match &bound[parameter] {
        None => {
            bound[parameter] = Some(given.clone());
            true
        }
        Some(there) if agree(there, given) => {
            let joined = join(there, given);
            bound[parameter] = Some(joined);
            true
        }
        Some(_) => false,
    }
}

/// Whether values of the two types can be told apart only when they are there.
pub(crate) fn agree(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Dyn, _) | (_, Type::Dyn) => true,
        (Type::Null, other) | (other, Type::Null) => matches!(
            other,
            Type::Null | Type::Timestamp | Type::Duration | Type::Object(_) | Type::Opaque(_)
        ),
        (Type::List(a), Type::List(b)) => agree(&a.item, &b.item),
        (Type::Map(a), Type::Map(b)) => agree(&a.key, &b.key) && agree(&a.value, &b.value),
        (Type::Optional(a), Type::Optional(b)) => agree(a, b),
        (Type::Type(_), Type::Type(_)) => true,
        _ => same(a, b),
    }
}

/// Whether the types are one, leaving aside what a schema says besides.
pub(crate) fn same(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::List(a), Type::List(b)) => same(&a.item, &b.item),
        (Type::Map(a), Type::Map(b)) => same(&a.key, &b.key) && same(&a.value, &b.value),
        (Type::Optional(a), Type::Optional(b)) | (Type::Type(a), Type::Type(b)) => same(a, b),
        (Type::Object(a), Type::Object(b)) => Arc::ptr_eq(a, b) || a.name == b.name,
        (Type::Opaque(a), Type::Opaque(b)) => a == b,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// The type of what may be either; `Dyn` where the two do not agree.
pub(crate) fn join(a: &Type, b: &Type) -> Type {
    match (a, b) {
        (Type::Dyn, _) | (_, Type::Dyn) => Type::Dyn,
        (Type::String(x), Type::String(y)) => Type::String(*x.max(y)),
        (Type::Bytes(x), Type::Bytes(y)) => Type::Bytes(*x.max(y)),
        (Type::Null, other) | (other, Type::Null) if agree(a, b) => other.clone(),
        // What is written as empty takes the type of what it stands beside.
        (Type::List(x), Type::List(_)) if x.max.0 == 0 => b.clone(),
        (Type::List(_), Type::List(y)) if y.max.0 == 0 => a.clone(),
        (Type::Map(x), Type::Map(_)) if x.max.0 == 0 => b.clone(),
        (Type::Map(_), Type::Map(y)) if y.max.0 == 0 => a.clone(),
        (Type::List(x), Type::List(y)) => Type::List(Arc::new(ListType {
            item: join(&x.item, &y.item),
            max: x.max.max(y.max),
            kind: if x.kind == y.kind { x.kind.clone() } else { ListKind::Atomic },
        })),
        (Type::Map(x), Type::Map(y)) => Type::Map(Arc::new(MapType {
            key: join(&x.key, &y.key),
            value: join(&x.value, &y.value),
            max: x.max.max(y.max),
        })),
        (Type::Optional(x), Type::Optional(y)) => Type::optional(join(x, y)),
        _ if same(a, b) => a.clone(),
        _ => Type::Dyn,
    }
}

/// The type that a signature stands for in one call.
pub(crate) fn instantiate(sig: &Sig, bound: &Bound) -> Type {
    let parameter = |i: usize| bound[i].clone().unwrap_or(Type::Dyn);
    match sig {
        Sig::A => parameter(0),
        Sig::B => parameter(1),
        Sig::Dyn => Type::Dyn,
        Sig::Bool => Type::Bool,
        Sig::Int => Type::Int,
        Sig::Uint => Type::Uint,
        Sig::Double => Type::Double,
        Sig::String => Type::String(Max::NONE),
        Sig::Bytes => Type::Bytes(Max::NONE),
        Sig::Duration => Type::Duration,
        Sig::Timestamp => Type::Timestamp,
        Sig::Type => Type::of(parameter(0)),
        Sig::List(item) => Type::list(instantiate(item, bound)),
        Sig::Map(key, value) => Type::map(instantiate(key, bound), instantiate(value, bound)),
        Sig::Optional(content) => Type::optional(instantiate(content, bound)),
        Sig::Opaque(opaque) => Type::Opaque(*opaque),
    }
}
