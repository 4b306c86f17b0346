//! The reader of paths.

use orchestrator_core::Json;

use super::{Filter, JsonPath, Operand, Relation, Step};

/// The most letters of a path.
const MAX_LENGTH: usize = 4096;

/// How deep filters may nest in filters.
const MAX_DEPTH: usize = 8;

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// A bracket, a quote or a filter does not end.
    #[error("unterminated {0}")]
    Unterminated(&'static str),
    /// Something stands where no step can begin.
    #[error("unrecognized character in action: {0:?}")]
    Unexpected(char),
    /// A bracket holds neither a number, a slice, a name nor a filter.
    #[error("invalid array index {0}")]
    Index(String),
    /// It is too long, or nests too deep.
    #[error("the path is too long")]
    Length,
}

impl JsonPath {
    /// Reads a path; the braces around it may be left out.
    ///
    /// # Errors
    /// Why the text is no path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let text = text.trim();
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        parse(inner.unwrap_or(text), 0)
    }
}

fn parse(text: &str, depth: usize) -> Result<JsonPath, PathError> {
    if text.len() > MAX_LENGTH || depth > MAX_DEPTH {
        return Err(PathError::Length);
    }
    let mut steps = Vec::new();
    let mut rest = text.strip_prefix(['$', '@']).unwrap_or(text);
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '.' if rest.starts_with("..") => {
                steps.push(Step::Below);
                // A name may follow without a dot of its own.
                &rest[1..]
            }
            '.' => field(&rest[1..], &mut steps),
            '[' => {
                let end = closing(rest)?;
                steps.push(bracket(&rest[1..end], depth)?);
                &rest[end + 1..]
            }
            letter if steps.is_empty() && is_name(letter) => field(rest, &mut steps),
            other => return Err(PathError::Unexpected(other)),
        };
    }
    Ok(JsonPath { steps })
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '/' | ':' | '\\' | '*')
}

/// Reads a name up to the next step; a dot in it is written with a backslash.
fn field<'t>(text: &'t str, steps: &mut Vec<Step>) -> &'t str {
    let mut name = String::new();
    let mut letters = text.char_indices();
    let mut end = text.len();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => name.extend(letters.next().map(|(_, letter)| letter)),
            '.' | '[' => {
                end = place;
                break;
            }
            letter => name.push(letter),
        }
    }
    match name.as_str() {
        "" => {}
        "*" => steps.push(Step::All),
        _ => steps.push(Step::Field(name)),
    }
    &text[end..]
}

/// The place of the bracket that closes the one at the beginning.
fn closing(text: &str) -> Result<usize, PathError> {
    let (mut depth, mut quote) = (0, None);
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match (quote, letter) {
            (_, '\\') => drop(letters.next()),
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') => {
                depth -= 1;
                if depth == 0 {
                    return Ok(place);
                }
            }
            _ => {}
        }
    }
    Err(PathError::Unterminated("array"))
}

fn bracket(text: &str, depth: usize) -> Result<Step, PathError> {
    let text = text.trim();
    if text == "*" {
        return Ok(Step::All);
    }
    if let Some(filter) = text.strip_prefix("?(") {
        let inner = filter.strip_suffix(')').ok_or(PathError::Unterminated("filter"))?;
        return Ok(Step::Filter(self::filter(inner, depth + 1)?));
    }
    if text.starts_with(['\'', '"']) {
        let names: Option<Vec<String>> = text.split(',').map(|name| unquote(name.trim())).collect();
        let mut names = names.ok_or(PathError::Unterminated("quoted string"))?;
        return Ok(match names.len() {
            1 => Step::Field(names.remove(0)),
            _ => Step::Fields(names),
        });
    }
    let invalid = || PathError::Index(text.to_owned());
    let number = |part: &str| match part.trim() {
        "" => Ok(None),
        part => part.parse::<i64>().map(Some).map_err(|_| invalid()),
    };
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [one] => Ok(Step::Index(number(one)?.ok_or_else(invalid)?)),
        [from, to] => Ok(Step::Slice { from: number(from)?, to: number(to)?, step: 1 }),
        [from, to, step] => {
            let step = number(step)?.unwrap_or(1);
            let step = if step > 0 { step } else { return Err(invalid()) };
            Ok(Step::Slice { from: number(from)?, to: number(to)?, step })
        }
        _ => Err(invalid()),
    }
}

/// A name in quotes, without them.
fn unquote(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut name = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        name.push(if letter == '\\' { letters.next()? } else { letter });
    }
    Some(name)
}

fn filter(text: &str, depth: usize) -> Result<Filter, PathError> {
    const RELATIONS: [(&str, Relation); 6] = [
        ("==", Relation::Equal),
        ("!=", Relation::Unequal),
        ("<=", Relation::LessOrEqual),
        (">=", Relation::GreaterOrEqual),
        ("<", Relation::Less),
        (">", Relation::Greater),
    ];
    let mut quote = None;
    for (place, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, _) => {
                let rest = &text[place..];
                let found = RELATIONS.iter().find(|(sign, _)| rest.starts_with(sign));
                let Some((sign, relation)) = found else { continue };
                return Ok(Filter {
                    left: operand(&text[..place], depth)?,
                    relation: *relation,
                    right: operand(&rest[sign.len()..], depth)?,
                });
            }
        }
    }
    let (left, right) = (operand(text, depth)?, Operand::Value(Json::Null));
    Ok(Filter { left, relation: Relation::Exists, right })
}

fn operand(text: &str, depth: usize) -> Result<Operand, PathError> {
    let text = text.trim();
    if text.starts_with(['@', '$', '.']) {
        return parse(text, depth).map(Operand::Path);
    }
    if text.starts_with(['\'', '"']) {
        let unquoted = unquote(text).ok_or(PathError::Unterminated("quoted string"))?;
        return Ok(Operand::Value(unquoted.into()));
    }
    match text {
        "true" => Ok(Operand::Value(true.into())),
        "false" => Ok(Operand::Value(false.into())),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => Ok(Operand::Value(number.into())),
            (_, Ok(number)) => Ok(Operand::Value(number.into())),
            _ => Err(PathError::Index(text.to_owned())),
        },
    }
}
