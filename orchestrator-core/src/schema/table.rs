//! The reader of `table.txt`, the schema of the built-in kinds.
//!
//! A definition is a line that starts in the first column: its name, then words separated by
//! tabs (`gvk:group/version/kind`, `map:atomic`, `is:TYPE` for a name that is no struct,
//! `union:discriminator(field:value,...)`, `unserved`). Its fields follow, a line each, indented
//! by one space: name, type, then words (`!` required, `=JSON` default, `|A|B` allowed values,
//! `patch:` and `key:` for the strategic merge patch, `map:` for a reference).
//!
//! A type is a scalar's name, `[T]` with the list kind behind it, `{T}` with the map kind behind
//! it, or `&name`; in names `~` is short for `io.k8s.api.` and `^` for the package of ObjectMeta.

use rustc_hash::FxHashMap;

use super::types::Mapping;
use super::{
    DefId, Definition, Field, Gvk, List, ListKind, MapKind, PatchRule, Scalar, Schema, Text, Type,
    Union, zero,
};

const PREFIXES: [(char, &str); 2] =
    [('^', "io.k8s.apimachinery.pkg.apis.meta.v1."), ('~', "io.k8s.api.")];

type Names = FxHashMap<&'static str, DefId>;

/// Reads a table; `None` where it is not well formed.
pub(super) fn parse(text: &'static str) -> Option<Schema> {
    let lines = || text.lines().filter(|line| !line.starts_with('#'));
    let names: Names = lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split('\t').next().unwrap_or_default())
        .zip((0..).map(DefId))
        .collect();
    let mut definitions: Vec<Definition> = Vec::with_capacity(names.len());
    for line in lines() {
        match line.strip_prefix(' ') {
            Some(field) => {
                let definition = definitions.last_mut()?;
                let mut field = parse_field(field, &names)?;
                field.omits_zero = zero::is_omitted(&definition.name, &field);
                field.implied = zero::is_implied(&definition.name, &field);
                definition.fields.push(field);
            }
            None => definitions.push(parse_definition(line)?),
        }
    }
    Some(Schema::build(definitions))
}

fn parse_definition(line: &'static str) -> Option<Definition> {
    let mut words = line.split('\t');
    let name = Text::Borrowed(words.next()?);
    let mut definition = Definition { name, served: true, ..Definition::default() };
    for word in words {
        match word.split_once(':') {
            Some(("gvk", gvk)) => definition.kinds.push(parse_gvk(gvk)?),
            Some(("map", kind)) => definition.map = map_kind(kind)?,
            Some(("is", alias)) => definition.alias = Some(Scalar::from_name(alias)?),
            Some(("union", union)) => definition.unions.push(parse_union(union)?),
            None if word == "unserved" => definition.served = false,
            _ => return None,
        }
    }
    Some(definition)
}

fn parse_gvk(text: &'static str) -> Option<Gvk> {
    let (group, rest) = text.split_once('/')?;
    let (version, kind) = rest.split_once('/')?;
    Some(Gvk { group: group.into(), version: version.into(), kind: kind.into() })
}

fn parse_union(text: &'static str) -> Option<Union> {
    let (discriminator, members) = text.strip_suffix(')')?.split_once('(')?;
    let members = members
        .split(',')
        .map(|member| member.split_once(':').map(|(field, value)| (field.into(), value.into())))
        .collect::<Option<_>>()?;
    Some(Union { discriminator: discriminator.into(), members })
}

fn parse_field(line: &'static str, names: &Names) -> Option<Field> {
    let mut words = line.split('\t');
    let name = Text::Borrowed(words.next()?);
    let ty = parse_type(words.next()?, names)?;
    let mut field = Field {
        name,
        ty,
        required: false,
        default: None,
        values: Box::default(),
        omits_zero: false,
        implied: false,
        patch: PatchRule::default(),
    };
    for word in words {
        if word == "!" {
            field.required = true;
        } else if let Some(json) = word.strip_prefix('=') {
            field.default = Some(Box::new(serde_json::from_str(json).ok()?));
        } else if let Some(values) = word.strip_prefix('|') {
            field.values = values.split('|').map(Text::Borrowed).collect();
        } else if let Some(strategy) = word.strip_prefix("patch:") {
            read_strategy(strategy, &mut field.patch)?;
        } else if let Some(key) = word.strip_prefix("key:") {
            field.patch.merge_key = Some(key.into());
        } else if let (Some(kind), Type::Ref(_, map)) = (word.strip_prefix("map:"), &mut field.ty) {
            *map = map_kind(kind)?;
        } else {
            return None;
        }
    }
    Some(field)
}

fn read_strategy(text: &str, rule: &mut PatchRule) -> Option<()> {
    for strategy in text.split(',') {
        match strategy {
            "merge" => rule.merge = true,
            "retainKeys" => rule.retain_keys = true,
            "replace" => rule.replace = true,
            _ => return None,
        }
    }
    Some(())
}

fn parse_type(text: &'static str, names: &Names) -> Option<Type> {
    if let Some(rest) = text.strip_prefix('[') {
        let (items, kind) = rest.rsplit_once(']')?;
        let items = parse_type(items, names)?;
        return Some(Type::List(Box::new(List { items, kind: list_kind(kind)? })));
    }
    if let Some(rest) = text.strip_prefix('{') {
        let (values, kind) = rest.rsplit_once('}')?;
        let values = parse_type(values, names)?;
        return Some(Type::Map(Box::new(Mapping { values, kind: map_kind(kind)? })));
    }
    let Some(name) = text.strip_prefix('&') else {
        return Scalar::from_name(text).map(Type::Scalar);
    };
    let id = match PREFIXES.iter().find(|(sign, _)| name.starts_with(*sign)) {
        Some((_, prefix)) => names.get(format!("{prefix}{}", &name[1..]).as_str())?,
        None => names.get(name)?,
    };
    Some(Type::Ref(*id, MapKind::Undeclared))
}

fn list_kind(text: &'static str) -> Option<ListKind> {
    Some(match text {
        "" => ListKind::Undeclared,
        "atomic" => ListKind::Atomic,
        "set" => ListKind::Set,
        _ => {
            let keys = text.strip_prefix("map(")?.strip_suffix(')')?;
            ListKind::Map(keys.split(',').map(Text::Borrowed).collect())
        }
    })
}

fn map_kind(text: &str) -> Option<MapKind> {
    Some(match text {
        "" => MapKind::Undeclared,
        "granular" => MapKind::Granular,
        "atomic" => MapKind::Atomic,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_tables_are_refused() {
        for bad in [" field\tstring", "a\tmap:odd", "a\n f\t[string", "a\n f\t&b", "a\n f\twhat"] {
            assert!(parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn every_word_of_the_format_is_read() {
        let schema = parse(
            "io.k8s.api.A\tgvk:g/v1/A\tmap:atomic\tunion:t(x:X)\tunserved\n \
             l\t[&~B]map(a,b)\t!\tpatch:merge,retainKeys\tkey:a\n \
             m\t{string}atomic\n r\t&~B\t={}\tmap:granular\n s\tstring\t|a|b c\n\
             io.k8s.api.B\tis:quantity",
        )
        .unwrap();
        let a = schema.kind("g", "v1", "A").unwrap();
        assert_eq!((a.map, a.served, a.unions.len()), (MapKind::Atomic, false, 1));
        let list = a.field("l").unwrap();
        assert!(list.patch.merge && list.patch.retain_keys && list.required);
        assert!(matches!(&a.field("m").unwrap().ty, Type::Map(m) if m.kind == MapKind::Atomic));
        assert!(matches!(a.field("r").unwrap().ty, Type::Ref(_, MapKind::Granular)));
        assert!(a.field("r").unwrap().implied);
        assert_eq!(&*a.field("s").unwrap().values, ["a", "b c"]);
        assert_eq!(schema.definition("io.k8s.api.B").unwrap().alias, Some(Scalar::Quantity));
    }
}
