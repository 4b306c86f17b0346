//! Tokens to a tree.

use super::ast::{Call, Element, Entry, Select, Struct, StructField};
use super::token::{Token, TokenKind};
use super::{Expr, Issue, Kind, Literal, Parsed, SelectMode, macros};

/// How many levels a tree may have. Whoever walks trees does so by recursion: this is what keeps
/// that within the stack of any thread, also in a debug build.
pub(super) const DEPTH_MAX: u16 = 160;

/// Names that mean nothing yet and may not be used for variables.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

const EXPECTED: &str = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, \
                        NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

/// The operators between two operands with how tightly they bind and the function they call.
const BINARY: [(&str, u8, &str); 12] = [
    ("==", 3, "_==_"),
    ("!=", 3, "_!=_"),
    ("<", 3, "_<_"),
    ("<=", 3, "_<=_"),
    (">", 3, "_>_"),
    (">=", 3, "_>=_"),
    ("in", 3, "@in"),
    ("+", 4, "_+_"),
    ("-", 4, "_-_"),
    ("*", 5, "_*_"),
    ("/", 5, "_/_"),
    ("%", 5, "_%_"),
];

/// Reads a whole expression.
pub(super) fn parse(tokens: &[Token<'_>]) -> Result<Parsed, Issue> {
    let mut parser = Parser { tokens, next: 0, ids: 0, nested: 0 };
    let root = parser.expression()?;
    let end = parser.peek();
    if end.kind != TokenKind::End {
        let message = format!("Syntax error: mismatched input '{}' expecting <EOF>", end.text);
        return Err(Issue::new(end.at as usize, message));
    }
    Ok(Parsed { root, nodes: parser.ids as usize })
}

/// Where the parser is.
pub(super) struct Parser<'t, 's> {
    tokens: &'t [Token<'s>],
    next: usize,
    ids: u32,
    nested: u16,
}

type Parse<T> = Result<T, Issue>;

impl<'t, 's> Parser<'t, 's> {
    fn peek(&self) -> &'t Token<'s> {
        &self.tokens[self.next]
    }

    fn advance(&mut self) -> &'t Token<'s> {
        let token = self.peek();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn is(&self, symbol: &str) -> bool {
        let token = self.peek();
        token.kind == TokenKind::Symbol && token.text == symbol
    }

    /// Takes the token if it is `symbol`; where it stands.
    fn take(&mut self, symbol: &str) -> Option<u32> {
        self.is(symbol).then(|| self.advance().at)
    }

    fn expect(&mut self, symbol: &str) -> Parse<u32> {
        self.take(symbol).ok_or_else(|| self.mismatch(&format!("'{symbol}'")))
    }

    fn name(&mut self) -> Parse<&'s str> {
        match self.peek().kind {
            TokenKind::Ident => Ok(self.advance().text),
            _ => Err(self.mismatch("IDENTIFIER")),
        }
    }

    fn mismatch(&self, expected: &str) -> Issue {
        let token = self.peek();
        let text = token.text;
        let message = format!("Syntax error: mismatched input '{text}' expecting {expected}");
        Issue::new(token.at as usize, message)
    }

    /// A node over `depth` levels.
    pub(super) fn node(&mut self, at: u32, depth: u16, kind: Kind) -> Parse<Expr> {
        if depth >= DEPTH_MAX {
            let message = format!("expression recursion limit exceeded: {DEPTH_MAX}");
            return Err(Issue::new(at as usize, message));
        }
        let id = self.ids;
        self.ids += 1;
        Ok(Expr { id, at, depth: depth + 1, kind })
    }

    /// A call of `name`.
    fn call(&mut self, at: u32, name: &str, member: bool, args: Vec<Expr>) -> Parse<Expr> {
        let depth = args.iter().map(|arg| arg.depth).max().unwrap_or(0);
        let call = Call { name: name.into(), member, args, function: None };
        self.node(at, depth, Kind::Call(Box::new(call)))
    }

    /// `a ? b : c` and everything that binds more tightly.
    fn expression(&mut self) -> Parse<Expr> {
        self.nested += 1;
        if self.nested > DEPTH_MAX {
            let message = format!("expression recursion limit exceeded: {DEPTH_MAX}");
            return Err(Issue::new(self.peek().at as usize, message));
        }
        let condition = self.chain(1)?;
        let made = match self.take("?") {
            None => Ok(condition),
            Some(at) => {
                let then = self.chain(1)?;
                self.expect(":")?;
                let other = self.expression()?;
                let depth = condition.depth.max(then.depth).max(other.depth);
                let parts = Box::new([condition, then, other]);
                self.node(at, depth, Kind::Conditional(parts))
            }
        };
        self.nested -= 1;
        made
    }

    /// `a || b` (level 1), `a && b` (level 2), and what binds more tightly.
    fn chain(&mut self, level: u8) -> Parse<Expr> {
        let symbol = if level == 1 { "||" } else { "&&" };
        let inner = |parser: &mut Self| match level {
            1 => parser.chain(2),
            _ => parser.binary(3),
        };
        let first = inner(self)?;
        let Some(at) = self.take(symbol) else { return Ok(first) };
        let mut terms = vec![first, inner(self)?];
        while self.take(symbol).is_some() {
            terms.push(inner(self)?);
        }
        let depth = terms.iter().map(|term| term.depth).max().unwrap_or(0);
        let kind = if level == 1 { Kind::Or(terms) } else { Kind::And(terms) };
        self.node(at, depth, kind)
    }

    /// The operators of [`BINARY`] that bind at least as tightly as `level`.
    fn binary(&mut self, level: u8) -> Parse<Expr> {
        let mut left = self.unary()?;
        loop {
            let token = self.peek();
            let found = BINARY.iter().find(|(symbol, ..)| self.is(symbol));
            let Some((_, tight, name)) = found.filter(|(_, tight, _)| *tight >= level) else {
                return Ok(left);
            };
            self.advance();
            let right = self.binary(tight + 1)?;
            left = self.call(token.at, name, false, vec![left, right])?;
        }
    }

    fn unary(&mut self) -> Parse<Expr> {
        let token = self.peek();
        let symbol = match token.text {
            "!" if token.kind == TokenKind::Symbol => "!",
            "-" if token.kind == TokenKind::Symbol => "-",
            _ => return self.member(),
        };
        let mut count = 0_usize;
        while self.take(symbol).is_some() {
            count += 1;
        }
        if symbol == "-"
            && count == 1
            && let Some(negative) = self.negative(token.at)?
        {
            return self.members(negative);
        }
        let operand = self.member()?;
        // Two of them say nothing.
        match (count % 2, symbol) {
            (0, _) => Ok(operand),
            (_, "!") => self.call(token.at, "!_", false, vec![operand]),
            _ => self.call(token.at, "-_", false, vec![operand]),
        }
    }

    /// A number after its minus.
    fn negative(&mut self, at: u32) -> Parse<Option<Expr>> {
        let literal = match &self.peek().kind {
            TokenKind::Literal(Literal::Int(value)) => Literal::Int(-value),
            TokenKind::Literal(Literal::Double(value)) => Literal::Double(-value),
            TokenKind::LargeInt => Literal::Int(i64::MIN),
            _ => return Ok(None),
        };
        self.advance();
        self.node(at, 0, Kind::Literal(literal)).map(Some)
    }

    fn member(&mut self) -> Parse<Expr> {
        let first = self.primary()?;
        self.members(first)
    }

    /// What stands behind an operand: fields, calls, indices.
    fn members(&mut self, mut operand: Expr) -> Parse<Expr> {
        loop {
            if let Some(dot) = self.take(".") {
                operand = self.selected(operand, dot)?;
            } else if let Some(at) = self.take("[") {
                let name = if self.take("?").is_some() { "_[?_]" } else { "_[_]" };
                let index = self.expression()?;
                self.expect("]")?;
                operand = self.call(at, name, false, vec![operand, index])?;
            } else if self.is("{") {
                let Some(name) = type_name(&operand) else {
                    return Err(self.mismatch("<EOF>"));
                };
                operand = self.structure(name)?;
            } else {
                return Ok(operand);
            }
        }
    }

    fn selected(&mut self, operand: Expr, dot: u32) -> Parse<Expr> {
        let optional = self.take("?").is_some();
        let token = self.peek();
        if token.kind != TokenKind::Ident {
            let text = if token.kind == TokenKind::End { "." } else { token.text };
            let message = format!("Syntax error: no viable alternative at input '{text}'");
            return Err(Issue::new(token.at as usize, message));
        }
        let name = self.name()?;
        if !optional && let Some(open) = self.take("(") {
            let args = self.arguments()?;
            return match macros::member(self, open, name, operand, args)? {
                macros::Expanded::Done(expr) => Ok(expr),
                macros::Expanded::Not(args) => self.call(open, name, true, args),
            };
        }
        let mode = if optional { SelectMode::Optional } else { SelectMode::Value };
        let depth = operand.depth;
        let select = Select { operand, field: name.into(), mode };
        self.node(dot, depth, Kind::Select(Box::new(select)))
    }

    fn arguments(&mut self) -> Parse<Vec<Expr>> {
        let mut args = Vec::new();
        if self.take(")").is_some() {
            return Ok(args);
        }
        loop {
            args.push(self.expression()?);
            if self.take(",").is_none() {
                self.expect(")")?;
                return Ok(args);
            }
        }
    }

    fn primary(&mut self) -> Parse<Expr> {
        let token = self.peek();
        match &token.kind {
            TokenKind::Literal(literal) => {
                self.advance();
                self.node(token.at, 0, Kind::Literal(literal.clone()))
            }
            TokenKind::LargeInt => Err(Issue::new(token.at as usize, "invalid int literal")),
            TokenKind::Ident => self.named(),
            TokenKind::Symbol => match token.text {
                "." => {
                    self.advance();
                    self.named()
                }
                "(" => {
                    self.advance();
                    let inner = self.expression()?;
                    self.expect(")")?;
                    Ok(inner)
                }
                "[" => self.list(),
                "{" => self.map(),
                _ => Err(self.mismatch(EXPECTED)),
            },
            TokenKind::End => Err(self.mismatch(EXPECTED)),
        }
    }

    /// A variable, or the call of a function.
    fn named(&mut self) -> Parse<Expr> {
        let at = self.peek().at;
        let name = self.name()?;
        if let Some(open) = self.take("(") {
            let args = self.arguments()?;
            return match macros::global(self, open, name, args)? {
                macros::Expanded::Done(expr) => Ok(expr),
                macros::Expanded::Not(args) => self.call(open, name, false, args),
            };
        }
        if RESERVED.contains(&name) {
            return Err(Issue::new(at as usize, format!("reserved identifier: {name}")));
        }
        self.node(at, 0, Kind::Ident(name.into()))
    }

    fn list(&mut self) -> Parse<Expr> {
        let at = self.expect("[")?;
        let mut items = Vec::new();
        while !self.is("]") {
            let optional = self.take("?").is_some();
            items.push(Element { value: self.expression()?, optional });
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("]")?;
        let depth = items.iter().map(|item| item.value.depth).max().unwrap_or(0);
        self.node(at, depth, Kind::List(items))
    }

    fn map(&mut self) -> Parse<Expr> {
        let at = self.expect("{")?;
        let mut entries = Vec::new();
        while !self.is("}") {
            let optional = self.take("?").is_some();
            let key = self.expression()?;
            self.expect(":")?;
            entries.push(Entry { key, value: self.expression()?, optional });
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("}")?;
        let deep = |entry: &Entry| entry.key.depth.max(entry.value.depth);
        let depth = entries.iter().map(deep).max().unwrap_or(0);
        self.node(at, depth, Kind::Map(entries))
    }

    fn structure(&mut self, name: String) -> Parse<Expr> {
        let at = self.expect("{")?;
        let mut fields = Vec::new();
        while !self.is("}") {
            let optional = self.take("?").is_some();
            let name = self.name()?.into();
            let at = self.expect(":")?;
            fields.push(StructField { at, name, value: self.expression()?, optional });
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("}")?;
        let depth = fields.iter().map(|field| field.value.depth).max().unwrap_or(0);
        let made = Struct { name: name.into(), fields };
        self.node(at, depth, Kind::Struct(Box::new(made)))
    }
}

/// The name that a chain of plain selections spells.
pub(crate) fn type_name(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Ident(name) => Some(name.to_string()),
        Kind::Select(select) if select.mode == SelectMode::Value => {
            let mut name = type_name(&select.operand)?;
            name.push('.');
            name.push_str(&select.field);
            Some(name)
        }
        _ => None,
    }
}
