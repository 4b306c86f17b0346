//! The reader of `table.txt`, which says at which number each field stands.
//!
//! A line is a definition, then `field=number` words; `~` is short for `io.k8s.api.`, `^` for the
//! package of ObjectMeta. `a=1.2` is a field that JSON shows inline and protobuf wraps in a
//! message at number 1; a star marks a map whose values are wrapped lists. `generate.py` writes
//! the file.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

/// What stands at each number of a message.
pub(super) type Message = BTreeMap<u32, Node>;

/// What stands at a number.
#[derive(Debug, PartialEq)]
pub(super) enum Node {
    /// A field; `wrapped` where it is a map whose values are wrapped lists.
    Field { name: &'static str, wrapped: bool },
    /// A message whose fields JSON shows inline.
    Inline(Message),
}

const PREFIXES: [(char, &str); 2] =
    [('^', "io.k8s.apimachinery.pkg.apis.meta.v1."), ('~', "io.k8s.api.")];

/// The message of the definition with the given full name.
pub(super) fn message(name: &str) -> Option<&'static Message> {
    static TABLE: LazyLock<FxHashMap<String, Message>> =
        LazyLock::new(|| parse(include_str!("table.txt")).expect("the table is tested"));
    TABLE.get(name)
}

fn parse(text: &'static str) -> Option<FxHashMap<String, Message>> {
    text.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

fn line(line: &'static str) -> Option<(String, Message)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let prefix = PREFIXES.iter().find(|(sign, _)| name.starts_with(*sign));
    let name = prefix.map_or(name.to_owned(), |(_, prefix)| format!("{prefix}{}", &name[1..]));
    let mut message = Message::new();
    for word in words {
        let (field, path) = word.split_once('=')?;
        let (path, wrapped) = path.strip_suffix('*').map_or((path, false), |path| (path, true));
        put(&mut message, path, Node::Field { name: field, wrapped })?;
    }
    Some((name, message))
}

fn put(message: &mut Message, path: &str, node: Node) -> Option<()> {
    let Some((first, rest)) = path.split_once('.') else {
        return message.insert(path.parse().ok()?, node).is_none().then_some(());
    };
    let inner = message.entry(first.parse().ok()?).or_insert_with(|| Node::Inline(Message::new()));
    match inner {
        Node::Inline(inner) => put(inner, rest, node),
        Node::Field { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::schema::Schema;

    fn fields<'a>(message: &'a Message, all: &mut Vec<&'a str>) {
        for node in message.values() {
            match node {
                Node::Field { name, .. } => all.push(name),
                Node::Inline(inner) => fields(inner, all),
            }
        }
    }

    #[test]
    fn every_message_has_the_fields_of_its_definition() {
        let mut seen = 0;
        for definition in Schema::builtin().definitions() {
            let Some(message) = message(&definition.name) else { continue };
            let mut numbered = Vec::new();
            fields(message, &mut numbered);
            numbered.sort_unstable();
            // Version and kind travel in the envelope.
            let named = definition.fields.iter().map(|field| field.name.as_ref());
            let in_envelope =
                |name: &&str| matches!(*name, "apiVersion" | "kind") && !numbered.contains(name);
            let named: Vec<_> = named.filter(|name| !in_envelope(name)).collect();
            assert_eq!(numbered, named, "{}", definition.name);
            seen += 1;
        }
        assert!(seen > 500, "{seen}");
    }

    #[test]
    fn lines_that_are_not_well_formed_are_refused() {
        for bad in ["A b", "A b=x", "A b=1 c=1", "A b=1 c=1.2"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
