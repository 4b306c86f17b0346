//! The reader of `kinds.txt`, the list of built-in kinds.
//!
//! A kind is a line that starts in the first column: group and version, plural, singular, kind,
//! scope, short names, categories, verbs, storage version hash, with tabs between and `-` for
//! nothing; `*` stands for the eight verbs of a stored kind. Lines below it start with a space:
//! `sub` (a subresource), `fields` (what a field selector may name), `reject` (the words for
//! any other field) and `col` (a column of the table).

use orchestrator_core::resource::{
    Column, GroupVersionKind, Scope, SubresourceDef, Word, split_api_version,
};
use orchestrator_core::{GroupVersionResource, Verb};

const TEXT: &str = include_str!("kinds.txt");

/// The verbs of a kind that is stored, in the order of discovery.
const ALL_VERBS: [Verb; 8] = [
    Verb::Create,
    Verb::Delete,
    Verb::DeleteCollection,
    Verb::Get,
    Verb::List,
    Verb::Patch,
    Verb::Update,
    Verb::Watch,
];

/// What discovery, field selectors and tables say about one version of one kind.
#[derive(Debug)]
pub(super) struct Facts {
    pub gvr: GroupVersionResource,
    pub kind: Word,
    pub singular: Word,
    pub short_names: Vec<Word>,
    pub categories: Vec<Word>,
    pub scope: Scope,
    pub verbs: Vec<Verb>,
    pub storage_version_hash: Word,
    pub subresources: Vec<SubresourceDef>,
    pub fields: Vec<Word>,
    pub rejection: Word,
    pub columns: Vec<Column>,
}

/// All kinds in the order of discovery.
pub(super) fn all() -> Vec<Facts> {
    parse(TEXT).expect("the table is generated and tested")
}

fn parse(text: &'static str) -> Option<Vec<Facts>> {
    let mut all: Vec<Facts> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix(' ') {
            Some(detail) => parse_detail(detail, all.last_mut()?)?,
            None => all.push(parse_kind(line)?),
        }
    }
    Some(all)
}

fn parse_kind(line: &'static str) -> Option<Facts> {
    let mut words = line.split('\t');
    let (group, version) = split_api_version(words.next()?);
    let gvr = GroupVersionResource::new(group, version, words.next()?);
    Some(Facts {
        gvr,
        singular: words.next()?.into(),
        kind: words.next()?.into(),
        scope: match words.next()? {
            "namespaced" => Scope::Namespaced,
            "cluster" => Scope::Cluster,
            _ => return None,
        },
        short_names: list(words.next()?),
        categories: list(words.next()?),
        verbs: verbs(words.next()?)?,
        storage_version_hash: word(words.next()?),
        subresources: Vec::new(),
        fields: Vec::new(),
        rejection: Word::default(),
        columns: Vec::new(),
    })
}

fn parse_detail(line: &'static str, facts: &mut Facts) -> Option<()> {
    let mut words = line.split('\t');
    match words.next()? {
        "sub" => {
            let (name, kind) = (words.next()?, words.next()?);
            let (group, version) = split_api_version(words.next()?);
            let kind = GroupVersionKind::new(group, version, kind);
            let verbs = verbs(words.next()?)?;
            facts.subresources.push(SubresourceDef { name: name.into(), kind, verbs });
        }
        "fields" => facts.fields = words.map(Word::from).collect(),
        "reject" => facts.rejection = words.next()?.into(),
        "col" => {
            let mut column = Column::new(words.next()?, words.next()?);
            column.format = word(words.next()?);
            column.priority = words.next()?.parse().ok()?;
            facts.columns.push(column);
        }
        _ => return None,
    }
    Some(())
}

fn word(text: &'static str) -> Word {
    if text == "-" { Word::default() } else { text.into() }
}

fn list(text: &'static str) -> Vec<Word> {
    if text == "-" { Vec::new() } else { text.split(',').map(Word::from).collect() }
}

fn verbs(text: &str) -> Option<Vec<Verb>> {
    if text == "*" {
        return Some(ALL_VERBS.to_vec());
    }
    text.split(',').map(|word| ALL_VERBS.into_iter().find(|verb| verb.word() == word)).collect()
}
