//! What a schema is made of: definitions, fields and types.

use super::{Flavour, Scalar, Text};
use crate::Json;

/// The place of a definition in its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DefId(pub(super) u32);

/// A group, version and kind that a definition serves; `*` stands for every one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gvk {
    /// The group, empty for the core group.
    pub group: Text,
    /// The version.
    pub version: Text,
    /// The kind.
    pub kind: Text,
}

/// A named type of a schema: a struct, or a scalar with a name of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definition {
    /// The full name, such as `io.k8s.api.core.v1.Pod`.
    pub name: Text,
    /// The kinds whose objects have this shape.
    pub kinds: Vec<Gvk>,
    /// The fields, sorted by name.
    pub fields: Vec<Field>,
    /// Whether a struct merges field by field or is replaced as a whole.
    pub map: MapKind,
    /// The type that this name stands for, where it is no struct.
    pub alias: Option<Scalar>,
    /// Fields of which one may be set.
    pub unions: Vec<Union>,
    /// Whether an API that is on by default reaches it.
    pub served: bool,
    /// Whether fields without a declaration are kept.
    pub open: bool,
    /// How strictly values are held to this definition.
    pub flavour: Flavour,
    /// The first bytes of the field names; see [`prefix`].
    pub(super) prefixes: Box<[u64]>,
}

impl Definition {
    /// The field `name`.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.field_place(name).map(|place| &self.fields[place])
    }

    /// The place of the field `name` in [`fields`](Self::fields).
    pub(super) fn field_place(&self, name: &str) -> Option<usize> {
        let wanted = prefix(name);
        let first = self.prefixes.partition_point(|known| *known < wanted);
        let alike = self.prefixes[first..].iter().take_while(|known| **known == wanted);
        (first..first + alike.count()).find(|place| self.fields[*place].name == name)
    }

    /// Makes the fields ready to be found.
    pub(super) fn index(&mut self) {
        self.fields.sort_by(|a, b| a.name.cmp(&b.name));
        self.prefixes = self.fields.iter().map(|field| prefix(&field.name)).collect();
    }

    /// The last part of the name, such as `Pod`.
    pub fn short_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }

    /// The name with its package as Go prints it, such as `v1.Pod`.
    pub fn go_name(&self) -> &str {
        match self.name.rmatch_indices('.').nth(1) {
            Some((dot, _)) => &self.name[dot + 1..],
            None => &self.name,
        }
    }
}

/// The first eight bytes of a name as a number in the order of names.
///
/// Fields are looked up for every key of every object; comparing numbers that lie side by side
/// is several times faster than comparing texts.
fn prefix(name: &str) -> u64 {
    let mut bytes = [0; 8];
    let length = name.len().min(8);
    bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
    u64::from_be_bytes(bytes)
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name in JSON.
    pub name: Text,
    /// Its type.
    pub ty: Type,
    /// Whether OpenAPI calls it required; Go writes such a field even when it is empty.
    pub required: bool,
    /// The default that OpenAPI states, which for most fields is Go's zero value.
    pub default: Option<Box<Json>>,
    /// The values allowed; empty where there is no such list.
    pub values: Box<[Text]>,
    /// Whether Go leaves the field out when it is empty, 0 or false.
    pub omits_zero: bool,
    /// Whether Go writes the field in every object: no pointer, never left out. A struct without
    /// it has the zero value there.
    pub implied: bool,
    /// How a strategic merge patch treats it.
    pub patch: PatchRule,
}

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(Box<List>),
    /// A map from any key to values of one type.
    Map(Box<Mapping>),
    /// A struct, and how it merges in this place.
    Ref(DefId, MapKind),
}

/// A list type.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The type of the items.
    pub items: Type,
    /// How two lists merge.
    pub kind: ListKind,
}

/// How two lists merge under server-side apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListKind {
    /// Nothing is declared; as [`Atomic`](Self::Atomic).
    #[default]
    Undeclared,
    /// As a whole.
    Atomic,
    /// As a set of single values.
    Set,
    /// As a map; the fields named make up the key of an item.
    Map(Box<[Text]>),
}

impl ListKind {
    /// Whether the list is replaced as a whole.
    pub fn is_atomic(&self) -> bool {
        matches!(self, Self::Undeclared | Self::Atomic)
    }
}

/// A map type.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// The type of the values.
    pub values: Type,
    /// How two maps merge.
    pub kind: MapKind,
}

/// How two maps or structs merge under server-side apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapKind {
    /// Nothing is declared; as [`Granular`](Self::Granular), or as the referred struct says.
    #[default]
    Undeclared,
    /// Key by key.
    Granular,
    /// As a whole.
    Atomic,
}

impl MapKind {
    /// What holds where `self` is said at a reference and `target` at the struct it names.
    pub fn or(self, target: MapKind) -> MapKind {
        if self == Self::Undeclared { target } else { self }
    }
}

/// How a strategic merge patch treats a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchRule {
    /// Lists merge item by item.
    pub merge: bool,
    /// `$retainKeys` may clear the keys that the patch does not name.
    pub retain_keys: bool,
    /// Maps are replaced, not merged.
    pub replace: bool,
    /// The field that tells the items of a merged list apart.
    pub merge_key: Option<Text>,
}

/// Fields of which one may be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Union {
    /// The field that names the one that is set; empty where there is none.
    pub discriminator: Text,
    /// Field and discriminator value.
    pub members: Vec<(Text, Text)>,
}
