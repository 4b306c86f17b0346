//! The types by which rules know the values of a schema, with how large values may become.
//!
//! Sizes bound what a rule may cost: where the schema sets no limit, the largest request does.

use std::sync::Arc;

use orchestrator_cel::{ListKind, ListType as List, MapType, Max, Record, Type};

use crate::schema::{self, Additional, ListType, Structural};

/// The largest request, in bytes.
pub(crate) const MAX_REQUEST: u64 = 3 * 1024 * 1024;

/// The type of a value, and the fewest bytes of one.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) ty: Type,
    pub(crate) min: u64,
}

impl Typed {
    fn new(ty: Type, min: u64) -> Option<Self> {
        Some(Self { ty, min })
    }
}

/// The type of the values of `schema`, which rules call `name`; `None` where nothing is known of
/// them. `is_object` says that they are whole objects.
pub(crate) fn of(schema: &Structural, name: &str, is_object: bool) -> Option<Typed> {
    if schema.int_or_string {
        return Typed::new(Type::Dyn, 1);
    }
    match schema.ty? {
        schema::Type::Array => list(schema, name),
        schema::Type::Object => object(schema, name, is_object),
        schema::Type::String => Some(text(schema)),
        schema::Type::Boolean => Typed::new(Type::Bool, 4),
        schema::Type::Integer => Typed::new(Type::Int, 1),
        schema::Type::Number => Typed::new(Type::Double, 1),
    }
}

/// A limit of the schema, which may be malformed.
fn limit(limit: Option<i64>) -> Option<u64> {
    limit.map(|limit| u64::try_from(limit).unwrap_or_default())
}

fn list(schema: &Structural, name: &str) -> Option<Typed> {
    let items = schema.items.as_deref()?;
    let item = of(items, &format!("{name}.@idx"), items.embedded)?;
    let most = (MAX_REQUEST - 2) / (item.min + 1);
    let max = Max(limit(schema.checks.max_items).unwrap_or(most));
    let kind = match &schema.list {
        ListType::Atomic => ListKind::Atomic,
        ListType::Set => ListKind::Set,
        ListType::Map(keys) => ListKind::Map(keys.clone()),
    };
    Typed::new(Type::List(Arc::new(List { item: item.ty, max, kind })), 2)
}

fn object(schema: &Structural, name: &str, is_object: bool) -> Option<Typed> {
    if let Additional::Schema(values) = &schema.additional {
        let value = of(values, &format!("{name}.@elem"), values.embedded)?;
        let most = (MAX_REQUEST - 2) / (value.min + 6);
        let max = Max(limit(schema.checks.max_properties).unwrap_or(most));
        let map = MapType { key: Type::STRING, value: value.ty, max };
        return Typed::new(Type::Map(Arc::new(map)), 2);
    }
    let mut min = 2;
    let mut fields = Vec::new();
    for (field, property) in &schema.properties {
        if is_object && matches!(field.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let below = format!("{name}.{field}");
        let Some(typed) = of(property, &below, property.embedded) else { continue };
        if property.default.is_none() && schema.checks.required.contains(field) {
            min += field.len() as u64 + typed.min + 4;
        }
        fields.push((field.clone(), typed.ty));
    }
    if is_object {
        let texts = |names: [&str; 2]| names.map(|name| (name.to_owned(), longest_text()));
        let metadata = Record::new(format!("{name}.metadata"), texts(["name", "generateName"]));
        fields.extend(texts(["apiVersion", "kind"]));
        fields.push(("metadata".to_owned(), Type::Object(Arc::new(metadata))));
    }
    Typed::new(Type::Object(Arc::new(Record::new(name, fields))), min)
}

fn longest_text() -> Type {
    Type::String(Max(MAX_REQUEST - 2))
}

fn text(schema: &Structural) -> Typed {
    let format = schema.checks.format.map(schema::Format::word).unwrap_or_default();
    let (ty, min) = match format {
        "byte" => {
            let max = limit(schema.checks.max_length).unwrap_or(MAX_REQUEST - 2);
            (Type::Bytes(Max(max)), 2)
        }
        "duration" => (Type::Duration, 1),
        "date" => (Type::Timestamp, 10),
        "date-time" | "datetime" => (Type::Timestamp, 20),
        _ => (Type::String(Max(longest(schema))), 2),
    };
    Typed { ty, min }
}

/// The most bytes of a text: a letter has up to four.
fn longest(schema: &Structural) -> u64 {
    let values = &schema.checks.values;
    match limit(schema.checks.max_length) {
        Some(letters) => letters.saturating_mul(4),
        None if !values.is_empty() => {
            let lengths = values.iter().filter_map(|value| value.as_str()).map(str::len);
            lengths.max().unwrap_or_default() as u64
        }
        None => MAX_REQUEST - 2,
    }
}
