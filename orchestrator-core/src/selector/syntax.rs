//! The text form of label selectors: a lexer and a parser with one token of lookahead.

use super::label::{LabelSelectorError, Operator, Requirement, check_key};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    End,
    Open,
    Close,
    Comma,
    Not,
    Operator(Operator, &'a str),
    Name(&'a str),
}

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::End => "",
            Self::Open => "(",
            Self::Close => ")",
            Self::Comma => ",",
            Self::Not => "!",
            Self::Operator(_, text) | Self::Name(text) => text,
        }
    }

    /// The token where a key or a value is expected: `in` and `notin` are names there.
    fn as_name(self) -> Self {
        match self {
            Self::Operator(Operator::In | Operator::NotIn, text) => Self::Name(text),
            other => other,
        }
    }
}

/// The symbols, the longer of two that start alike first.
const SYMBOLS: [(&str, Token<'static>); 9] = [
    ("==", Token::Operator(Operator::DoubleEquals, "==")),
    ("!=", Token::Operator(Operator::NotEquals, "!=")),
    ("=", Token::Operator(Operator::Equals, "=")),
    (">", Token::Operator(Operator::GreaterThan, ">")),
    ("<", Token::Operator(Operator::LessThan, "<")),
    ("!", Token::Not),
    ("(", Token::Open),
    (")", Token::Close),
    (",", Token::Comma),
];

struct Parser<'a> {
    rest: &'a str,
    next: Token<'a>,
}

/// Parses `text` into its requirements.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, LabelSelectorError> {
    let mut parser = Parser { rest: text, next: Token::End };
    parser.advance();
    let mut requirements = Vec::new();
    loop {
        match parser.next.as_name() {
            Token::Name(_) | Token::Not => {
                let requirement = parser.requirement().map_err(|error| {
                    LabelSelectorError(format!("unable to parse requirement: {error}"))
                })?;
                requirements.push(requirement);
            }
            Token::End => return Ok(requirements),
            other => return fail(other, "!, identifier, or 'end of string'"),
        }
        match parser.take() {
            Token::End => return Ok(requirements),
            Token::Comma => match parser.next.as_name() {
                Token::Name(_) | Token::Not => {}
                other => return fail(other, "identifier after ','"),
            },
            other => return fail(other, "',' or 'end of string'"),
        }
    }
}

fn fail<T>(found: Token<'_>, expected: &str) -> Result<T, LabelSelectorError> {
    Err(LabelSelectorError(format!("found '{}', expected: {expected}", found.text())))
}

impl<'a> Parser<'a> {
    fn advance(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let symbol = SYMBOLS.iter().find(|(symbol, _)| self.rest.starts_with(symbol));
        if let Some((symbol, token)) = symbol {
            self.rest = &self.rest[symbol.len()..];
            self.next = *token;
            return;
        }
        let is_end = |letter: char| "=!(),><\t\r\n \0".contains(letter);
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.next = match word {
            "" => Token::End,
            "in" => Token::Operator(Operator::In, word),
            "notin" => Token::Operator(Operator::NotIn, word),
            _ => Token::Name(word),
        };
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.next;
        self.advance();
        token
    }

    fn take_name(&mut self) -> Result<&'a str, LabelSelectorError> {
        match self.take().as_name() {
            Token::Name(name) => Ok(name),
            other => fail(other, "identifier"),
        }
    }

    fn requirement(&mut self) -> Result<Requirement, LabelSelectorError> {
        let absent = self.next == Token::Not;
        if absent {
            self.advance();
        }
        let key = self.take_name()?;
        check_key(key, "<nil>").map_err(LabelSelectorError)?;
        if absent {
            return Requirement::new(key, Operator::DoesNotExist, [""; 0]);
        }
        if matches!(self.next, Token::End | Token::Comma) {
            return Requirement::new(key, Operator::Exists, [""; 0]);
        }
        match self.take() {
            Token::Operator(operator @ (Operator::In | Operator::NotIn), _) => {
                Requirement::new(key, operator, self.values()?)
            }
            Token::Operator(operator, _) => Requirement::new(key, operator, [self.value()?]),
            other => fail(other, "in, notin, =, ==, !=, gt, lt"),
        }
    }

    /// The value of a comparison, which may be empty.
    fn value(&mut self) -> Result<&'a str, LabelSelectorError> {
        match self.next {
            Token::End | Token::Comma => Ok(""),
            _ => self.take_name(),
        }
    }

    /// A list of values in parentheses; what is missing between two commas is the empty value.
    fn values(&mut self) -> Result<Vec<&'a str>, LabelSelectorError> {
        match self.take() {
            Token::Open => {}
            other => {
                let message = format!("found '{}' expected: '('", other.as_name().text());
                return Err(LabelSelectorError(message));
            }
        }
        let mut values = Vec::new();
        loop {
            match self.next.as_name() {
                Token::Name(name) => {
                    self.advance();
                    values.push(name);
                }
                Token::Comma => values.push(""),
                Token::Close => values.push(""),
                other if values.is_empty() => return fail(other, "',', ')' or identifier"),
                other => return fail(other, "',', or identifier"),
            }
            match self.next {
                Token::Comma => self.advance(),
                Token::Close => {
                    self.advance();
                    return Ok(values);
                }
                other => return fail(other.as_name(), "',' or ')'"),
            }
        }
    }
}
