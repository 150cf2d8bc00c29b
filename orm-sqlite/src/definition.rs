//! The names of a table's constraints, read from its `CREATE TABLE`: SQLite tells them nowhere else.

/// A constraint that was given a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Constraint {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// In the order in which they are written; of a `CHECK`, the column behind which it stands, if any.
    pub(crate) columns: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    PrimaryKey,
    Unique,
    ForeignKey,
    Check,
}

/// The named constraints of a table. What cannot be read is left out.
pub(crate) fn named_constraints(sql: &str) -> Vec<Constraint> {
    let tokens = tokens(sql);
    let Some(start) = tokens.iter().position(|token| *token == Token::Open) else {
        return Vec::new();
    };
    items(tokens.get(start + 1..).unwrap_or_default()).into_iter().flat_map(constraints).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A keyword, or a name without quotes.
    Word(String),
    /// Something in quotes.
    Quoted(String),
    Open,
    Close,
    Comma,
    Other,
}

impl Token {
    fn is(&self, keyword: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn name(&self) -> Option<&str> {
        match self {
            Token::Word(name) | Token::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Some(Token::Open), 1),
            ')' => (Some(Token::Close), 1),
            ',' => (Some(Token::Comma), 1),
            '"' | '\'' | '`' => quoted(rest, first),
            '[' => quoted(rest, ']'),
            '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, rest.find("*/").map_or(rest.len(), |end| end + 2)),
            space if space.is_whitespace() => (None, space.len_utf8()),
            letter if is_word(letter) => {
                let length = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
                (rest.get(..length).map(|word| Token::Word(word.into())), length)
            }
            other => (Some(Token::Other), other.len_utf8()),
        };
        tokens.extend(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// A name in quotes, which are doubled inside of it, and how long it is with them.
fn quoted(text: &str, quote: char) -> (Option<Token>, usize) {
    let mut name = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != quote {
            name.push(letter);
        } else if quote != ']' && letters.next_if(|(_, next)| *next == quote).is_some() {
            name.push(quote);
        } else {
            return (Some(Token::Quoted(name)), at + quote.len_utf8());
        }
    }
    (None, text.len())
}

/// What stands between the commas of the definition.
fn items(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, token) in tokens.iter().enumerate() {
        let ends = match token {
            Token::Open => {
                depth += 1;
                false
            }
            Token::Close => depth.checked_sub(1).map(|less| depth = less).is_none(),
            Token::Comma => depth == 0,
            _ => false,
        };
        if ends {
            items.extend(tokens.get(start..at));
            start = at + 1;
        }
        if ends && *token == Token::Close {
            break;
        }
    }
    items
}

/// The named constraints of one item: of a column, or of the table.
fn constraints(item: &[Token]) -> Vec<Constraint> {
    let column = item.first().filter(|token| !token.is("CONSTRAINT")).and_then(Token::name);
    let (mut found, mut depth) = (Vec::new(), 0usize);
    for (at, token) in item.iter().enumerate() {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            token if depth == 0 && token.is("CONSTRAINT") => {
                found.extend(constraint(column, item.get(at + 1..).unwrap_or_default()));
            }
            _ => {}
        }
    }
    found
}

/// What stands behind the word `CONSTRAINT`.
fn constraint(column: Option<&str>, tokens: &[Token]) -> Option<Constraint> {
    let (name, rest) = tokens.split_first()?;
    let kind = match rest.first()? {
        token if token.is("PRIMARY") => Kind::PrimaryKey,
        token if token.is("UNIQUE") => Kind::Unique,
        token if token.is("FOREIGN") || token.is("REFERENCES") => Kind::ForeignKey,
        token if token.is("CHECK") => Kind::Check,
        _ => return None,
    };
    let columns = match column {
        Some(column) => vec![column.to_owned()],
        None if kind == Kind::Check => Vec::new(),
        None => first_names(rest),
    };
    Some(Constraint { name: name.name()?.to_owned(), kind, columns })
}

/// The first name of each part of the first list in parentheses: `(a, b COLLATE NOCASE)` has `a` and `b`.
fn first_names(tokens: &[Token]) -> Vec<String> {
    let Some(open) = tokens.iter().position(|token| *token == Token::Open) else {
        return Vec::new();
    };
    let inside = tokens.get(open + 1..).unwrap_or_default();
    items(inside).iter().filter_map(|part| part.first()?.name().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sql: &str) -> Vec<(String, Kind, String)> {
        let constraints = named_constraints(sql).into_iter();
        constraints.map(|found| (found.name, found.kind, found.columns.join(" "))).collect()
    }

    #[test]
    fn named_constraints_are_found_with_their_columns() {
        let sql = r#"CREATE TABLE IF NOT EXISTS "users" ("id" INTEGER PRIMARY KEY, "e,m(ail" VARCHAR(255) NOT NULL DEFAULT ('a,b)'),
            CONSTRAINT "uq_1" UNIQUE ("e,m(ail", "id"), CONSTRAINT "fk" FOREIGN KEY ("id") REFERENCES "x" ("y") ON DELETE CASCADE,
            CONSTRAINT "ck" CHECK (length("id") <= 3), UNIQUE (id))"#;
        assert_eq!(
            found(sql),
            [
                ("uq_1".into(), Kind::Unique, "e,m(ail id".into()),
                ("fk".into(), Kind::ForeignKey, "id".into()),
                ("ck".into(), Kind::Check, String::new()),
            ]
        );
    }

    #[test]
    fn hand_written_tables_are_read_too() {
        let sql = "create table t(-- first, of all\n a int constraint pk primary key constraint \"u \"\"q\" unique, /* x, */ [b c] \
                   text constraint f references p(q) constraint k check (b > 0), constraint uu unique(a collate nocase desc, `b c`)) strict";
        assert_eq!(
            found(sql),
            [
                ("pk".into(), Kind::PrimaryKey, "a".into()),
                ("u \"q".into(), Kind::Unique, "a".into()),
                ("f".into(), Kind::ForeignKey, "b c".into()),
                ("k".into(), Kind::Check, "b c".into()),
                ("uu".into(), Kind::Unique, "a b c".into()),
            ]
        );
    }

    #[test]
    fn what_is_no_table_has_none() {
        for sql in
            ["", "CREATE TABLE", "CREATE TABLE t (", "CREATE TABLE t (a CONSTRAINT", "('", "CREATE TABLE t (a \"b"]
        {
            assert_eq!(found(sql), [], "{sql}");
        }
    }
}
