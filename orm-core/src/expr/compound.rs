//! What is in arrays and ranges.

use super::{Expr, Expression};
use crate::ast::{self, BinaryOp, Compound, Function, Operation};
use crate::types::{ColumnType, Comparable, Element, Range, RangeBound, Scalar, SqlType};

/// What can be asked of array columns and expressions.
///
/// An element that is NULL equals none, so that an array with a NULL in it is contained in no array.
pub trait ArrayExpression: IsArray {
    /// Every element of the other array is in this one: `@>`. An index of the method `gin` helps.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[derive(Model)] struct Page { #[model(primary_key)] id: i64, words: Vec<String> }
    /// let both = select(Page.id).filter(Page.words.contains(vec!["rust".to_owned(), "sql".to_owned()]));
    /// assert_sql!(both,
    ///     sqlite:   r#"SELECT "page"."id" FROM "page" WHERE array_contains("page"."words", ?1)"#,
    ///     postgres: r#"SELECT "page"."id" FROM "page" WHERE "page"."words" @> $1"#);
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::Unsupported`](crate::Error::Unsupported) for decimals in a database without arrays, which
    /// would take `1.0` and `1.00` for two numbers.
    fn contains<R: Comparable<Vec<Self::Element>>>(self, other: R) -> Expr<bool> {
        let kind = kind::<Self::Element>();
        binary(BinaryOp::Contains(kind), self.into_tree(), other.into_operand())
    }

    /// The element is in the array: [`contains`](ArrayExpression::contains) of an array of it alone.
    fn has(self, element: impl Into<Self::Element>) -> Expr<bool> {
        let one = ast::Expr::Bind(SqlType::into_value(vec![element.into()]));
        binary(BinaryOp::Contains(kind::<Self::Element>()), self.into_tree(), one)
    }

    /// Every element of this array is in the other one: `<@`.
    fn contained_by<R: Comparable<Vec<Self::Element>>>(self, other: R) -> Expr<bool> {
        let kind = kind::<Self::Element>();
        binary(BinaryOp::ContainedBy(kind), self.into_tree(), other.into_operand())
    }

    /// Both arrays have an element in common: `&&`.
    fn overlaps<R: Comparable<Vec<Self::Element>>>(self, other: R) -> Expr<bool> {
        let kind = kind::<Self::Element>();
        binary(BinaryOp::Overlaps(kind), self.into_tree(), other.into_operand())
    }

    /// How many elements there are.
    fn cardinality(self) -> Expr<<Self::Type as SqlType>::Map<i64>> {
        Expr::new(ast::Expr::Function(Function::Cardinality, vec![self.into_tree()]))
    }
}

#[diagnostic::do_not_recommend]
impl<E: IsArray> ArrayExpression for E {}

/// A column or expression of an array.
#[diagnostic::on_unimplemented(message = "`{Self}` is no array", label = "expected a column of `Vec<..>`")]
pub trait IsArray: Sized {
    /// The array, or an `Option` of it.
    type Type: SqlType<Plain = Vec<Self::Element>>;
    /// What it holds.
    type Element: Element;

    /// The tree below.
    fn into_tree(self) -> ast::Expr;
}

#[diagnostic::do_not_recommend]
impl<E: Expression, T: Element> IsArray for E
where
    E::Type: SqlType<Plain = Vec<T>>,
{
    type Type = E::Type;
    type Element = T;

    fn into_tree(self) -> ast::Expr {
        Expression::into_tree(self)
    }
}

/// What can be asked of range columns and expressions. An index of the method `gist` helps.
pub trait RangeExpression: IsRange {
    /// The other range lies within this one: `@>`.
    fn contains<R: Comparable<Range<Self::Bound>>>(self, other: R) -> Expr<bool> {
        binary(BinaryOp::Contains(Compound::Range), self.into_tree(), other.into_operand())
    }

    /// The value lies within the range: `@>`.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # use orm::types::Range;
    /// # #[derive(Model)] struct Booking { #[model(primary_key)] id: i64, during: Range<i64> }
    /// let now = select(Booking.id).filter(Booking.during.has(7));
    /// assert_sql!(now,
    ///     postgres: r#"SELECT "booking"."id" FROM "booking" WHERE "booking"."during" @> CAST($1 AS bigint)"#);
    /// ```
    fn has<R: Comparable<Self::Bound>>(self, value: R) -> Expr<bool> {
        // Nothing else says that it is no range.
        let value = Operation::Cast { expr: value.into_operand(), to: <Self::Bound as Scalar>::COLUMN };
        binary(BinaryOp::Contains(Compound::Range), self.into_tree(), ast::Expr::Operation(Box::new(value)))
    }

    /// This range lies within the other one: `<@`.
    fn contained_by<R: Comparable<Range<Self::Bound>>>(self, other: R) -> Expr<bool> {
        binary(BinaryOp::ContainedBy(Compound::Range), self.into_tree(), other.into_operand())
    }

    /// A value lies within both: `&&`.
    fn overlaps<R: Comparable<Range<Self::Bound>>>(self, other: R) -> Expr<bool> {
        binary(BinaryOp::Overlaps(Compound::Range), self.into_tree(), other.into_operand())
    }
}

#[diagnostic::do_not_recommend]
impl<E: IsRange> RangeExpression for E {}

/// A column or expression of a range.
#[diagnostic::on_unimplemented(message = "`{Self}` is no range", label = "expected a column of `Range<..>`")]
pub trait IsRange: Sized {
    /// What it begins and ends with.
    type Bound: RangeBound;

    /// The tree below.
    fn into_tree(self) -> ast::Expr;
}

#[diagnostic::do_not_recommend]
impl<E: Expression, T: RangeBound> IsRange for E
where
    E::Type: SqlType<Plain = Range<T>>,
{
    type Bound = T;

    fn into_tree(self) -> ast::Expr {
        Expression::into_tree(self)
    }
}

fn kind<T: Element>() -> Compound {
    match <T::Plain as Scalar>::COLUMN {
        ColumnType::Decimal => Compound::Decimals,
        _ => Compound::Array,
    }
}

fn binary(op: BinaryOp, left: ast::Expr, right: ast::Expr) -> Expr<bool> {
    Expr::new(ast::Expr::Binary(op, Box::new((left, right))))
}
