//! What is in JSON columns.

use super::{Expr, Expression};
use crate::ast::{self, BinaryOp, Compound, JsonRead, JsonStep, Operation};
use crate::types::{Json, Scalar, SqlType};

/// What can be asked of JSON columns and expressions.
///
/// A path goes from key to key and index to index, and means the same on every backend: what is not there, and what is
/// of another kind than it is read as, is NULL.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[derive(Model)] struct Job { #[model(primary_key)] id: i64, data: Json<Vec<String>> }
/// let urgent = select(Job.id).filter(Job.data.path("options.retries[0]").as_integer().gt(3));
/// assert_sql!(urgent,
///     postgres: concat!(r#"SELECT "job"."id" FROM "job" WHERE CAST(jsonb_path_query_first("job"."data", "#,
///         r#"'strict $."options"."retries"[0] ? (@.type() == "number" && @ == @.floor() "#,
///         r#"&& @ >= -9223372036854775808 && @ <= 9223372036854775807)', '{}', true) AS bigint) > CAST($1 AS bigint)"#));
/// ```
pub trait JsonExpression: IsJson {
    /// The value at the end of a path: `a.b`, `a.b[0]`, `[-1].name`, and `["a key.with dots"]`, which is written as in JSON.
    ///
    /// # Errors
    ///
    /// When run: [`Error::Statement`](crate::Error::Statement) for a text that is no path. See
    /// [`key`](JsonExpression::key) for keys that are not known when the program is written.
    fn path(self, path: &str) -> JsonPath {
        JsonPath { document: self.into_tree(), steps: parse(path) }
    }

    /// The value of a key of an object, whatever letters it has.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[derive(Model)] struct Job { #[model(primary_key)] id: i64, data: Json<Vec<String>> }
    /// let names = select(Job.data.key("name").as_string());
    /// assert_sql!(names,
    ///     sqlite:   concat!(r#"SELECT CASE json_type("job"."data", '$."name"') WHEN 'text' "#,
    ///         r#"THEN json_extract("job"."data", '$."name"') END FROM "job""#),
    ///     postgres: concat!(r#"SELECT (jsonb_path_query_first("job"."data", "#,
    ///         r#"'strict $."name" ? (@.type() == "string")', '{}', true) #>> '{}') FROM "job""#));
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::Unsupported`](crate::Error::Unsupported) for a key with a quote, a backslash or a control
    /// character in a database that cannot look for it.
    fn key(self, key: impl Into<String>) -> JsonPath {
        JsonPath { document: self.into_tree(), steps: Ok(Vec::new()) }.key(key)
    }

    /// The value at a place of an array: the first is 0, the last -1.
    fn index(self, index: i32) -> JsonPath {
        JsonPath { document: self.into_tree(), steps: Ok(Vec::new()) }.index(index)
    }

    /// It is an object that has the key, whose value may be null.
    fn has_key(self, key: impl Into<String>) -> Expr<bool> {
        self.key(key).exists()
    }

    /// How many elements the array has; NULL if it is none.
    fn array_length(self) -> Expr<Option<i64>> {
        JsonPath { document: self.into_tree(), steps: Ok(Vec::new()) }.array_length()
    }

    /// Everything in `part` is in here as well: each key with its value, each element of an array. `@>`; an index of the
    /// method `gin` helps.
    ///
    /// # Errors
    ///
    /// When run: [`Error::Unsupported`](crate::Error::Unsupported) in a database without that operator.
    fn contains<T>(self, part: Json<T>) -> Expr<bool>
    where
        Json<T>: Scalar,
    {
        let sides = (self.into_tree(), ast::Expr::Bind(SqlType::into_value(part)));
        Expr::new(ast::Expr::Binary(BinaryOp::Contains(Compound::Json), Box::new(sides)))
    }
}

#[diagnostic::do_not_recommend]
impl<E: IsJson> JsonExpression for E {}

/// A column or expression of JSON.
#[diagnostic::on_unimplemented(message = "`{Self}` is no JSON", label = "expected a column of `Json<..>`")]
pub trait IsJson: Sized {
    /// The tree below.
    fn into_tree(self) -> ast::Expr;
}

#[diagnostic::do_not_recommend]
impl<E: Expression, T> IsJson for E
where
    Json<T>: Scalar,
    E::Type: SqlType<Plain = Json<T>>,
{
    fn into_tree(self) -> ast::Expr {
        Expression::into_tree(self)
    }
}

/// A place within JSON, from [`JsonExpression::path`]. It says as what it is read.
#[derive(Debug, Clone)]
#[must_use = "say as what it is read: `.as_string()`"]
pub struct JsonPath {
    document: ast::Expr,
    /// The steps, or why there are none.
    steps: Result<Vec<JsonStep>, String>,
}

#[expect(clippy::wrong_self_convention, reason = "SQLAlchemy's names, and an expression is used up")]
impl JsonPath {
    /// The value of a key of the object there.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        if let Ok(steps) = &mut self.steps {
            steps.push(JsonStep::Key(key.into().into()));
        }
        self
    }

    /// The value at a place of the array there: the first is 0, the last -1.
    pub fn index(mut self, index: i32) -> Self {
        if let Ok(steps) = &mut self.steps {
            steps.push(JsonStep::Index(index));
        }
        self
    }

    /// The text there; NULL if it is something else, a number for one.
    pub fn as_string(self) -> Expr<Option<String>> {
        self.read(JsonRead::Text)
    }

    /// The whole number there; NULL if it is something else, has a fraction, or does not fit. `2.0` is one.
    pub fn as_integer(self) -> Expr<Option<i64>> {
        self.read(JsonRead::Integer)
    }

    /// The number there; NULL if it is something else.
    pub fn as_float(self) -> Expr<Option<f64>> {
        self.read(JsonRead::Float)
    }

    /// The truth value there; NULL if it is something else.
    pub fn as_boolean(self) -> Expr<Option<bool>> {
        self.read(JsonRead::Boolean)
    }

    /// Whatever is there, as JSON: a null there is JSON's, and NULL means that nothing is there.
    ///
    /// It is to be read. Databases disagree on when two JSON texts are equal: compare what they hold.
    pub fn as_json<T>(self) -> Expr<Option<Json<T>>>
    where
        Json<T>: Scalar,
        Option<Json<T>>: SqlType,
    {
        self.read(JsonRead::Document)
    }

    /// Something is there, a null perhaps.
    pub fn exists(self) -> Expr<bool> {
        self.read(JsonRead::Exists)
    }

    /// It is an object that has the key, whose value may be null.
    pub fn has_key(self, key: impl Into<String>) -> Expr<bool> {
        self.key(key).exists()
    }

    /// How many elements the array there has; NULL if it is none.
    pub fn array_length(self) -> Expr<Option<i64>> {
        self.read(JsonRead::Length)
    }

    fn read<T: SqlType>(self, read: JsonRead) -> Expr<T> {
        Expr::new(match self.steps {
            Ok(path) => ast::Expr::Operation(Box::new(Operation::Json { expr: self.document, path, read })),
            Err(reason) => ast::Expr::Invalid(reason.into()),
        })
    }
}

/// Reads a path.
fn parse(path: &str) -> Result<Vec<JsonStep>, String> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let step;
        (step, rest) = step_of(rest, steps.is_empty()).ok_or_else(|| {
            format!("`{path}` is no path into JSON, at `{rest}`: it is written as in `a.b[0][\"a key\"]`")
        })?;
        steps.push(step);
    }
    match steps.is_empty() {
        true => Err("a path into JSON has a key or an index at least".into()),
        false => Ok(steps),
    }
}

/// The next step, and what is behind it.
fn step_of(text: &str, is_first: bool) -> Option<(JsonStep, &str)> {
    if let Some(inside) = text.strip_prefix('[') {
        return match inside.starts_with('"') {
            true => quoted(inside),
            false => {
                let (index, rest) = inside.split_once(']')?;
                Some((JsonStep::Index(index.parse().ok()?), rest))
            }
        };
    }
    let name = if is_first { text } else { text.strip_prefix('.')? };
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (key, rest) = name.split_at(end);
    (!key.is_empty() && !key.contains(['"', ']'])).then(|| (JsonStep::Key(key.into()), rest))
}

/// A key as JSON writes it, up to the bracket behind it.
fn quoted(text: &str) -> Option<(JsonStep, &str)> {
    let mut keys = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let key = keys.next()?.ok()?;
    let rest = text.get(keys.byte_offset()..)?.strip_prefix(']')?;
    Some((JsonStep::Key(key.into()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> JsonStep {
        JsonStep::Key(key.into())
    }

    #[test]
    fn paths_are_read() {
        for (path, expected) in [
            ("a", vec![key("a")]),
            ("a.b c.\u{e4}", vec![key("a"), key("b c"), key("\u{e4}")]),
            ("a[0].b", vec![key("a"), JsonStep::Index(0), key("b")]),
            ("[-1][2]", vec![JsonStep::Index(-1), JsonStep::Index(2)]),
            (r#"a["x.y\"]"][1]"#, vec![key("a"), key("x.y\"]"), JsonStep::Index(1)]),
            ("$.a", vec![key("$"), key("a")]),
        ] {
            assert_eq!(parse(path), Ok(expected), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_and_named() {
        for path in [
            "",
            ".a",
            "a.",
            "a..b",
            "a[",
            "a[]",
            "a[x]",
            "a[0",
            "a]",
            "a[0]b",
            "a[99999999999]",
            "a[\"b]",
            "a[\"b\"",
            "a\"b",
        ] {
            assert!(parse(path).is_err(), "{path}");
        }
        let error = parse("a[x].b").expect_err("no path");
        assert_eq!(error, r#"`a[x].b` is no path into JSON, at `[x].b`: it is written as in `a.b[0]["a key"]`"#);
    }
}
