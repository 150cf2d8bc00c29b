//! SQL written by hand, with binds: what `sql!` gives.

use std::fmt;
use std::marker::PhantomData;

use super::{Command, Decoder, Query, Runnable};
use crate::ast::{Expr as Tree, Raw, RawPart, Statement};
use crate::expr::{Condition, Expr, Expression};
use crate::model::FromRow;
use crate::query::Select;
use crate::types::SqlType;

/// SQL text with values, columns and expressions in it. See [`sql!`](crate::sql).
///
/// As a statement of its own it is run by `execute`, or with [`rows`](Sql::rows) by the `fetch` methods. As a
/// fragment it stands for a condition, or with [`typed`](Sql::typed) for an expression.
#[derive(Clone)]
#[must_use = "run it, or use it in a statement"]
pub struct Sql {
    raw: Raw,
}

impl Sql {
    /// Made by [`sql!`](crate::sql): the text is cut at each `{}`.
    #[doc(hidden)]
    pub fn new(text: &'static str, parts: Vec<RawPart>) -> Self {
        let mut raw = Vec::with_capacity(parts.len() * 2 + 1);
        let mut parts = parts.into_iter();
        for (number, piece) in text.split("{}").enumerate() {
            if number > 0 {
                raw.push(
                    parts
                        .next()
                        .unwrap_or_else(|| RawPart::Expr(Tree::Invalid("`sql!` has more `{}` than values".into()))),
                );
            }
            raw.push(RawPart::Text(piece));
        }
        if parts.next().is_some() {
            raw.push(RawPart::Expr(Tree::Invalid("`sql!` has more values than `{}`".into())));
        }
        Sql { raw: Raw { parts: raw } }
    }

    /// As an expression of type `T`. The compiler cannot check it: reading another type is an
    /// [`Error::Decode`](crate::Error::Decode).
    pub fn typed<T: SqlType>(self) -> Expr<T> {
        Expr::new(Tree::Raw(Box::new(self.raw)))
    }

    /// As a statement that gives rows: models, structs with `#[derive(FromRow)]`, or tuples of column types, read by
    /// position.
    pub fn rows<T: FromRow>(self) -> SqlRows<T> {
        SqlRows { raw: self.raw, row: PhantomData }
    }
}

#[diagnostic::do_not_recommend]
impl Condition for Sql {
    fn into_condition(self) -> Tree {
        Tree::Raw(Box::new(self.raw))
    }
}

#[diagnostic::do_not_recommend]
impl Runnable for Sql {
    fn command(&self) -> Command<'_> {
        Command::One(Statement::Raw(&self.raw))
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

/// SQL written by hand whose rows are `T`s.
#[must_use = "a statement does nothing until it is run: `engine.fetch_all(statement)`"]
pub struct SqlRows<T> {
    raw: Raw,
    row: PhantomData<fn() -> T>,
}

#[diagnostic::do_not_recommend]
impl<T: FromRow> Runnable for SqlRows<T> {
    fn command(&self) -> Command<'_> {
        Command::One(Statement::Raw(&self.raw))
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromRow> Query for SqlRows<T> {
    type Row = T;

    fn decoder(&self) -> Decoder<T> {
        Decoder::new(|row| T::from_row(row, 0))
    }
}

impl<T> Clone for SqlRows<T> {
    fn clone(&self) -> Self {
        SqlRows { raw: self.raw.clone(), row: PhantomData }
    }
}

impl<T> fmt::Debug for SqlRows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

/// What may stand for a `{}` of `sql!`: a value, which is bound, a column, an expression, a subquery.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in `sql!`",
    label = "expected a value that a column can hold, a column, an expression or a `select(..)`"
)]
pub trait IntoRawPart<Kind> {
    /// The part.
    fn into_raw_part(self) -> RawPart;
}

/// The kinds of parts, which the compiler tells apart by itself.
#[doc(hidden)]
pub mod part {
    #[derive(Debug)]
    pub struct Value;
    #[derive(Debug)]
    pub struct Text;
    #[derive(Debug)]
    pub struct Tree;
    #[derive(Debug)]
    pub struct Table;
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> IntoRawPart<part::Value> for T {
    fn into_raw_part(self) -> RawPart {
        RawPart::Expr(Tree::Bind(self.into_value()))
    }
}

#[diagnostic::do_not_recommend]
impl IntoRawPart<part::Text> for &str {
    fn into_raw_part(self) -> RawPart {
        self.to_owned().into_raw_part()
    }
}

#[diagnostic::do_not_recommend]
impl<E: Expression> IntoRawPart<part::Tree> for E {
    fn into_raw_part(self) -> RawPart {
        RawPart::Expr(self.into_tree())
    }
}

#[diagnostic::do_not_recommend]
impl<T> IntoRawPart<part::Table> for Select<T> {
    fn into_raw_part(self) -> RawPart {
        RawPart::Expr(Tree::Subquery(Box::new(self.into_ast())))
    }
}

/// SQL written by hand. Each `{}` stands for a value, which is bound, or for a column, an expression or a subquery.
///
/// The text is a literal of the program, so that nothing of a user's can get into it.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// let name = "Robert'); DROP TABLE users;--";
/// let q = select(User.id).filter(sql!("{} = {} COLLATE NOCASE", User.name, name));
/// assert_sql!(q, sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" = ?1 COLLATE NOCASE"#);
///
/// # let engine = orm::connect("sqlite::memory:").await?;
/// let rows = engine.fetch_all(sql!("SELECT {} + 1, 'a'", 41).rows::<(i64, String)>()).await?;
/// assert_eq!(rows, [(42, "a".to_string())]);
/// # Ok(()) }
/// ```
#[macro_export]
macro_rules! sql {
    ($text:literal $(, $value:expr)* $(,)?) => {
        $crate::query::Sql::new(
            $text,
            ::std::vec![$($crate::query::IntoRawPart::into_raw_part($value)),*],
        )
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "the text of `sql!` is a string literal: write `{}` for each value, and give the values after the text"
        )
    };
}
