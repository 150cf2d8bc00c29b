//! What `select` and `returning` take: models, columns, expressions, and tuples of them.

use crate::ast::{self, Projection, TableRef};
use crate::driver::Row;
use crate::error::{Error, Result, ValueError};
use crate::expr::{AggregateExpr, Column, Expr, Expression};
use crate::meta::TableMeta;
use crate::model::{Entity, FromRow, Model};
use crate::query::Select;
use crate::types::SqlType;
use crate::value::ValueRef;

/// Something that can be selected.
#[diagnostic::on_unimplemented(
    message = "cannot select `{Self}`",
    label = "expected a model, a column, an expression, or a tuple of up to 16 of them; a plain value is `value(..)`"
)]
pub trait Selection {
    /// What it is read as.
    type Row: Send + 'static;
    /// How many columns it has.
    const WIDTH: Width;

    /// Adds what is selected.
    fn project(self, projection: &mut Vec<Projection>);

    /// The table, if that is all there is: a model.
    fn whole_table(&self) -> Option<TableRef> {
        None
    }

    /// Reads it from the columns that begin at `at`.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] names the column that does not fit.
    fn decode(row: &dyn Row, at: usize) -> Result<Self::Row>;
}

/// A number of columns that is known when the program is compiled, or when the table is.
pub type Width = fn() -> usize;

/// A model or an expression that may be missing: on the outer side of a join.
///
/// A model is `None` if every column of its primary key is NULL.
#[derive(Debug, Clone, Copy)]
pub struct Optional<T>(pub(crate) T);

/// An expression with a name.
#[derive(Debug, Clone)]
pub struct Labelled<E> {
    pub(crate) expression: E,
    pub(crate) name: &'static str,
}

/// The name of a labelled expression, for `order_by` and `group_by`.
#[derive(Debug, Clone, Copy)]
pub struct Label(&'static str);

/// Calls a labelled expression of the same `select` by its name.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let q = select((User.name, count(Post.id).label("posts")))
///     .join(User.posts).group_by(User.id).order_by(label("posts").desc());
/// assert_sql!(q, sqlite: r#"SELECT "users"."name", count("post"."id") AS "posts" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id" GROUP BY "users"."id" ORDER BY "posts" DESC"#);
/// ```
#[must_use = "use it in `order_by` or `group_by`"]
pub fn label(name: &'static str) -> Label {
    Label(name)
}

/// Its type does not matter where only its place in an order or a group is asked for.
#[diagnostic::do_not_recommend]
impl Expression for Label {
    type Type = Option<i64>;

    fn into_tree(self) -> ast::Expr {
        ast::Expr::Label(self.0)
    }
}

#[diagnostic::do_not_recommend]
impl<E: Entity> Selection for E {
    type Row = E::Model;
    const WIDTH: Width = || E::Model::TABLE.columns.len();

    fn project(self, projection: &mut Vec<Projection>) {
        projection.push(Projection::Table(self.table_ref()));
    }

    fn whole_table(&self) -> Option<TableRef> {
        Some(self.table_ref())
    }

    #[inline]
    fn decode(row: &dyn Row, at: usize) -> Result<Self::Row> {
        E::Model::decode(row, at).map_err(|error| on_the_outer_side(error, E::Model::TABLE, row, at))
    }
}

/// A NULL in a model's key means that there is no row: say so, instead of naming the first column only.
#[cold]
fn on_the_outer_side(error: Error, table: &TableMeta, row: &dyn Row, at: usize) -> Error {
    match error {
        Error::Decode { source: ValueError::Null { .. }, .. } if is_missing(table, row, at) => {
            Error::Decode { column: table.name.to_owned(), source: ValueError::Null { expected: table.model } }
        }
        other => other,
    }
}

#[diagnostic::do_not_recommend]
impl<E: Entity> Selection for Optional<E> {
    type Row = Option<E::Model>;
    const WIDTH: Width = E::WIDTH;

    fn project(self, projection: &mut Vec<Projection>) {
        self.0.project(projection);
    }

    #[inline]
    fn decode(row: &dyn Row, at: usize) -> Result<Self::Row> {
        if is_missing(E::Model::TABLE, row, at) { Ok(None) } else { E::Model::decode(row, at).map(Some) }
    }
}

/// Whether the model's key is NULL throughout. (A model always has a key.)
#[inline]
fn is_missing(table: &TableMeta, row: &dyn Row, at: usize) -> bool {
    table.primary_key.iter().all(|index| matches!(row.get(at + usize::from(*index)), Ok(ValueRef::Null)))
}

macro_rules! select_as_a_value {
    ($([$($generics:tt)*] $type:ty => $value:ty),* $(,)?) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> Selection for $type {
            type Row = $value;
            const WIDTH: Width = || 1;

            fn project(self, projection: &mut Vec<Projection>) {
                projection.push(Projection::Expr(self.into_tree()));
            }

            #[inline]
            fn decode(row: &dyn Row, at: usize) -> Result<Self::Row> {
                FromRow::from_row(row, at)
            }
        }
    )*};
}

select_as_a_value! {
    [M: 'static, T: SqlType] Column<M, T> => T,
    [T: SqlType] Expr<T> => T,
    [T: SqlType] AggregateExpr<T> => T,
    [M: 'static, T: SqlType] Optional<Column<M, T>> => Option<T::Plain>,
    [T: SqlType] Optional<Expr<T>> => Option<T::Plain>,
}

#[diagnostic::do_not_recommend]
impl<E: Expression> Selection for Labelled<E> {
    type Row = E::Type;
    const WIDTH: Width = || 1;

    fn project(self, projection: &mut Vec<Projection>) {
        projection.push(Projection::Label(self.expression.into_tree(), self.name));
    }

    #[inline]
    fn decode(row: &dyn Row, at: usize) -> Result<Self::Row> {
        FromRow::from_row(row, at)
    }
}

/// A subquery of one column as a column of its own: its only row's value, or `None`.
#[diagnostic::do_not_recommend]
impl<T: SqlType> Selection for Select<T> {
    type Row = Option<T::Plain>;
    const WIDTH: Width = || 1;

    fn project(self, projection: &mut Vec<Projection>) {
        projection.push(Projection::Expr(ast::Expr::Subquery(Box::new(self.into_ast()))));
    }

    #[inline]
    fn decode(row: &dyn Row, at: usize) -> Result<Self::Row> {
        FromRow::from_row(row, at)
    }
}
