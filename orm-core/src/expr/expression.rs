//! [`Expression`]: what every column and expression can do.

use super::order::OrderBy;
use super::{Column, Expr};
use crate::ast::{self, BinaryOp, Direction, Operation};
use crate::boxed;
use crate::query::{Labelled, Optional, Select};
use crate::types::{Accepts, Assign, Comparable, Nullable, Scalar, SqlType};
use crate::value::Value;

/// A column or an expression: comparing, testing, ordering, naming.
///
/// Comparing looks through `Option`: a column of `Option<String>` is compared with a `String`, a `&str`, another
/// column of either type, or an `Option<String>`, whose `None` is NULL.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a column nor an expression",
    label = "expected a column such as `User.name`, or an expression"
)]
#[expect(clippy::wrong_self_convention, reason = "`is_null` is SQL's name, and an expression is used up")]
pub trait Expression: Sized {
    /// The type of its values.
    type Type: SqlType;

    /// The tree below.
    fn into_tree(self) -> ast::Expr;

    /// As an [`Expr`], for storing different kinds of expressions side by side.
    fn into_expr(self) -> Expr<Self::Type> {
        Expr::new(self.into_tree())
    }

    /// `=`. Comparing with `None` is `IS NULL`.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let alice = select(User.id).filter(User.name.eq("Alice"));
    /// assert_sql!(alice, sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" = ?1"#);
    ///
    /// let unnamed = select(User.id).filter(User.nickname.eq(None::<&str>));
    /// assert_sql!(unnamed, sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NULL"#);
    /// ```
    fn eq<R: Comparable<Plain<Self>>>(self, other: R) -> Expr<bool> {
        compare(BinaryOp::Eq, self, other.into_operand())
    }

    /// `<>`. Comparing with `None` is `IS NOT NULL`. As in SQL, a row whose value is NULL is not unequal to anything:
    /// use [`is_distinct_from`](Expression::is_distinct_from) to find it too.
    fn ne<R: Comparable<Plain<Self>>>(self, other: R) -> Expr<bool> {
        compare(BinaryOp::Ne, self, other.into_operand())
    }

    /// `<`
    fn lt<R: Comparable<Plain<Self>>>(self, other: R) -> Expr<bool> {
        compare(BinaryOp::Lt, self, other.into_operand())
    }

    /// `<=`
    fn le<R: Comparable<Plain<Self>>>(self, other: R) -> Expr<bool> {
        compare(BinaryOp::Le, self, other.into_operand())
    }

    /// `>`
    fn gt<R: Comparable<Plain<Self>>>(self, other: R) -> Expr<bool> {
        compare(BinaryOp::Gt, self, other.into_operand())
    }

    /// `>=`
    fn ge<R: Comparable<Plain<Self>>>(self, other: R) -> Expr<bool> {
        compare(BinaryOp::Ge, self, other.into_operand())
    }

    /// `IS DISTINCT FROM`: unequal, where NULL is a value like any other.
    fn is_distinct_from<R: Comparable<Plain<Self>>>(self, other: R) -> Expr<bool> {
        compare(BinaryOp::IsDistinctFrom, self, other.into_operand())
    }

    /// `IS NOT DISTINCT FROM`: equal, where NULL equals NULL.
    fn is_not_distinct_from<R: Comparable<Plain<Self>>>(self, other: R) -> Expr<bool> {
        compare(BinaryOp::IsNotDistinctFrom, self, other.into_operand())
    }

    /// `IS NULL`
    fn is_null(self) -> Expr<bool> {
        operation(Operation::IsNull { expr: self.into_tree(), negated: false })
    }

    /// `IS NOT NULL`
    fn is_not_null(self) -> Expr<bool> {
        operation(Operation::IsNull { expr: self.into_tree(), negated: true })
    }

    /// `BETWEEN`: both ends belong to it.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let teens = select(User.id).filter(User.age.between(13, 19));
    /// assert_sql!(teens, sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" BETWEEN ?1 AND ?2"#);
    /// ```
    fn between<L: Comparable<Plain<Self>>, H: Comparable<Plain<Self>>>(self, low: L, high: H) -> Expr<bool> {
        let (low, high) = (low.into_operand(), high.into_operand());
        operation(Operation::Between { expr: self.into_tree(), low, high, negated: false })
    }

    /// `NOT BETWEEN`
    fn not_between<L: Comparable<Plain<Self>>, H: Comparable<Plain<Self>>>(self, low: L, high: H) -> Expr<bool> {
        let (low, high) = (low.into_operand(), high.into_operand());
        operation(Operation::Between { expr: self.into_tree(), low, high, negated: true })
    }

    /// `IN` a list of values or a subquery. An empty list is false. However long a list of numbers or text is, it is
    /// one bind, and the statement's text stays the same.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let some = select(User.name).filter(User.id.in_([1, 2, 3]));
    /// assert_sql!(some, sqlite: r#"SELECT "users"."name" FROM "users" WHERE "users"."id" IN (SELECT value FROM json_each(?1))"#);
    ///
    /// let authors = select(User.name).filter(User.id.in_(select(Post.author_id)));
    /// assert_sql!(authors, sqlite: r#"SELECT "users"."name" FROM "users" WHERE "users"."id" IN (SELECT "post"."author_id" FROM "post")"#);
    /// ```
    fn in_<V: InValues<Plain<Self>>>(self, values: V) -> Expr<bool> {
        values.contain(self.into_tree(), false)
    }

    /// `NOT IN`. An empty list is true. As in SQL, a subquery that gives a NULL makes it true of no row.
    fn not_in<V: InValues<Plain<Self>>>(self, values: V) -> Expr<bool> {
        values.contain(self.into_tree(), true)
    }

    /// The first of both that is not NULL.
    fn coalesce<R: Comparable<Plain<Self>>>(self, other: R) -> Expr<R::Type> {
        Expr::new(ast::Expr::Function(ast::Function::Coalesce, vec![self.into_tree(), other.into_operand()]))
    }

    /// NULL if both are equal, else the value.
    fn null_if<R: Comparable<Plain<Self>>>(self, other: R) -> Expr<Option<Plain<Self>>> {
        Expr::new(ast::Expr::Function(ast::Function::NullIf, vec![self.into_tree(), other.into_operand()]))
    }

    /// `CAST`.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let texts = select(User.id.cast::<String>());
    /// assert_sql!(texts, sqlite: r#"SELECT CAST("users"."id" AS TEXT) FROM "users""#);
    /// ```
    fn cast<T: SqlType>(self) -> Expr<T> {
        operation(Operation::Cast { expr: self.into_tree(), to: <T::Plain as Scalar>::COLUMN })
    }

    /// The same value, read as an `Option`: for a column on the outer side of a join, and for an expression that may
    /// be NULL although its parts are not.
    fn optional(self) -> Optional<Self> {
        Optional(self)
    }

    /// Gives the expression a name in the result, by which `order_by` and `group_by` may call it: see
    /// [`label`](crate::query::label).
    fn label(self, name: &'static str) -> Labelled<Self> {
        Labelled { expression: self, name }
    }

    /// Smallest first. NULL is smaller than every value, on every backend.
    fn asc(self) -> OrderBy {
        OrderBy::new(self.into_tree(), Direction::Ascending)
    }

    /// Largest first, and NULL after everything else.
    fn desc(self) -> OrderBy {
        OrderBy::new(self.into_tree(), Direction::Descending)
    }
}

/// The type of an expression without its `Option`.
type Plain<E> = <<E as Expression>::Type as SqlType>::Plain;

fn compare<T: SqlType>(op: BinaryOp, left: impl Expression, right: ast::Expr) -> Expr<T> {
    Expr::new(binary(op, left.into_tree(), right))
}

#[inline]
fn binary(op: BinaryOp, left: ast::Expr, right: ast::Expr) -> ast::Expr {
    ast::Expr::Binary(op, boxed(|| (left, right)))
}

pub(super) fn operation<T: SqlType>(operation: Operation) -> Expr<T> {
    Expr::new(ast::Expr::Operation(Box::new(operation)))
}

#[diagnostic::do_not_recommend]
impl<M, T: SqlType> Expression for Column<M, T> {
    type Type = T;

    fn into_tree(self) -> ast::Expr {
        ast::Expr::Column(self.reference())
    }
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> Expression for Expr<T> {
    type Type = T;

    fn into_tree(self) -> ast::Expr {
        Expr::into_tree(self)
    }
}

#[diagnostic::do_not_recommend]
impl<E: Expression> Expression for Optional<E> {
    type Type = Option<Plain<E>>;

    fn into_tree(self) -> ast::Expr {
        self.0.into_tree()
    }
}

#[diagnostic::do_not_recommend]
impl<M, T: SqlType> Comparable<T::Plain> for Column<M, T> {
    type Type = T;

    fn into_operand(self) -> ast::Expr {
        ast::Expr::Column(self.reference())
    }
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> Comparable<T::Plain> for Expr<T> {
    type Type = T;

    fn into_operand(self) -> ast::Expr {
        self.into_tree()
    }
}

/// A subquery of one column: its only row's value, or NULL if it has none.
#[diagnostic::do_not_recommend]
impl<T: SqlType> Comparable<T::Plain> for Select<T> {
    type Type = Option<T::Plain>;

    fn into_operand(self) -> ast::Expr {
        super::computed::<T>(ast::Expr::Subquery(Box::new(self.into_ast())))
    }
}

#[diagnostic::do_not_recommend]
impl<M, T: SqlType, N: Accepts<T::Nullness>> Assign<T::Plain, N> for Column<M, T> {
    fn into_assigned(self) -> ast::Expr {
        ast::Expr::Column(self.reference())
    }
}

#[diagnostic::do_not_recommend]
impl<T: SqlType, N: Accepts<T::Nullness>> Assign<T::Plain, N> for Expr<T> {
    fn into_assigned(self) -> ast::Expr {
        self.into_tree()
    }
}

#[diagnostic::do_not_recommend]
impl<T: SqlType, N: Accepts<Nullable>> Assign<T::Plain, N> for Select<T> {
    fn into_assigned(self) -> ast::Expr {
        super::computed::<T>(ast::Expr::Subquery(Box::new(self.into_ast())))
    }
}

/// What may stand on the right side of `IN`: a list of values, or a subquery of one column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a list of `{T}` nor a subquery of it",
    label = "expected an array, `Vec` or slice of `{T}`, or `select(..)` of one column"
)]
pub trait InValues<T: Scalar> {
    /// `expr IN (..)`
    fn contain(self, expr: ast::Expr, negated: bool) -> Expr<bool>;
}

fn in_list<V: Comparable<T>, T: Scalar>(
    values: impl IntoIterator<Item = V>,
    expr: ast::Expr,
    negated: bool,
) -> Expr<bool> {
    let values = values.into_iter().map(|value| match value.into_operand() {
        ast::Expr::Bind(value) => value,
        // Only literals implement `Comparable` and are also values; a column in a list is not one.
        _ => Value::Invalid(Box::new(crate::error::ValueError::Malformed {
            expected: "a value: an IN list takes no columns",
        })),
    });
    operation(Operation::InList { expr, list: Value::List(values.collect()), negated })
}

#[diagnostic::do_not_recommend]
impl<T: Scalar, V: Comparable<T>> InValues<T> for Vec<V> {
    fn contain(self, expr: ast::Expr, negated: bool) -> Expr<bool> {
        in_list(self, expr, negated)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Scalar, V: Comparable<T>, const N: usize> InValues<T> for [V; N] {
    fn contain(self, expr: ast::Expr, negated: bool) -> Expr<bool> {
        in_list(self, expr, negated)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Scalar, V: Comparable<T> + Clone> InValues<T> for &[V] {
    fn contain(self, expr: ast::Expr, negated: bool) -> Expr<bool> {
        in_list(self.iter().cloned(), expr, negated)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Scalar, V: Comparable<T> + Clone> InValues<T> for &Vec<V> {
    fn contain(self, expr: ast::Expr, negated: bool) -> Expr<bool> {
        in_list(self.iter().cloned(), expr, negated)
    }
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> InValues<T::Plain> for Select<T> {
    fn contain(self, expr: ast::Expr, negated: bool) -> Expr<bool> {
        operation(Operation::InSelect { expr, select: Box::new(self.into_ast()), negated })
    }
}
