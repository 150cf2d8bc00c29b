//! Text: patterns and functions.

use super::expression::operation;
use super::{Expr, Expression};
use crate::ast::{self, BinaryOp, Function, Operation};
use crate::types::{Comparable, SqlText, SqlType};
use crate::value::Value;

/// Patterns and functions of text columns and expressions.
///
/// Upper and lower case differ in [`like`](TextExpression::like) and its kin on every backend, and are the same in
/// the forms with an `i` (for ASCII letters everywhere; beyond those as the database has it).
pub trait TextExpression: IsText {
    /// `LIKE`: `%` stands for any text, `_` for any one character. To look for text that a user typed, use
    /// [`contains`](TextExpression::contains), which takes the meaning from both.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = select(User.id).filter(User.email.like("%@example.com"));
    /// assert_sql!(q, sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."email" LIKE ?1"#);
    /// ```
    fn like<R: Comparable<Text<Self>>>(self, pattern: R) -> Expr<bool> {
        like(self, pattern.into_operand(), None, false, false)
    }

    /// `NOT LIKE`
    fn not_like<R: Comparable<Text<Self>>>(self, pattern: R) -> Expr<bool> {
        like(self, pattern.into_operand(), None, false, true)
    }

    /// `ILIKE`: as `LIKE`, and upper and lower case are the same.
    fn ilike<R: Comparable<Text<Self>>>(self, pattern: R) -> Expr<bool> {
        like(self, pattern.into_operand(), None, true, false)
    }

    /// Begins with `text`, in which `%` and `_` mean themselves.
    fn starts_with(self, text: impl AsRef<str>) -> Expr<bool> {
        like(self, pattern("", text.as_ref(), "%"), Some('\\'), false, false)
    }

    /// Ends with `text`, in which `%` and `_` mean themselves.
    fn ends_with(self, text: impl AsRef<str>) -> Expr<bool> {
        like(self, pattern("%", text.as_ref(), ""), Some('\\'), false, false)
    }

    /// Has `text` in it, in which `%` and `_` mean themselves.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = select(User.id).filter(User.name.contains("100%"));
    /// assert_sql!(q, sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE ?1 ESCAPE '\'"#);
    /// ```
    fn contains(self, text: impl AsRef<str>) -> Expr<bool> {
        like(self, pattern("%", text.as_ref(), "%"), Some('\\'), false, false)
    }

    /// As [`starts_with`](TextExpression::starts_with), and upper and lower case are the same.
    fn istarts_with(self, text: impl AsRef<str>) -> Expr<bool> {
        like(self, pattern("", text.as_ref(), "%"), Some('\\'), true, false)
    }

    /// As [`ends_with`](TextExpression::ends_with), and upper and lower case are the same.
    fn iends_with(self, text: impl AsRef<str>) -> Expr<bool> {
        like(self, pattern("%", text.as_ref(), ""), Some('\\'), true, false)
    }

    /// As [`contains`](TextExpression::contains), and upper and lower case are the same.
    fn icontains(self, text: impl AsRef<str>) -> Expr<bool> {
        like(self, pattern("%", text.as_ref(), "%"), Some('\\'), true, false)
    }

    /// Equal to `text`, and upper and lower case are the same.
    fn ieq(self, text: impl AsRef<str>) -> Expr<bool> {
        like(self, pattern("", text.as_ref(), ""), Some('\\'), true, false)
    }

    /// In lower case.
    fn lower(self) -> Expr<Self::Type> {
        call(Function::Lower, vec![self.into_tree()])
    }

    /// In upper case.
    fn upper(self) -> Expr<Self::Type> {
        call(Function::Upper, vec![self.into_tree()])
    }

    /// Without spaces at both ends.
    fn trim(self) -> Expr<Self::Type> {
        call(Function::Trim, vec![self.into_tree()])
    }

    /// Without spaces at the start.
    fn trim_start(self) -> Expr<Self::Type> {
        call(Function::TrimStart, vec![self.into_tree()])
    }

    /// Without spaces at the end.
    fn trim_end(self) -> Expr<Self::Type> {
        call(Function::TrimEnd, vec![self.into_tree()])
    }

    /// The number of characters.
    fn length(self) -> Expr<<Self::Type as SqlType>::Map<i64>> {
        call(Function::Length, vec![self.into_tree()])
    }

    /// `count` characters from number `start` on; the first is number 1.
    fn substring(self, start: u32, count: u32) -> Expr<Self::Type> {
        let number = |number: u32| ast::Expr::Bind(Value::Int(i64::from(number)));
        call(Function::Substring, vec![self.into_tree(), number(start), number(count)])
    }

    /// With every `from` replaced by `to`.
    fn replace<F: Comparable<Text<Self>>, T: Comparable<Text<Self>>>(self, from: F, to: T) -> Expr<Self::Type> {
        call(Function::Replace, vec![self.into_tree(), from.into_operand(), to.into_operand()])
    }

    /// `||`: both texts, one after the other. NULL if either is.
    fn concat<R: Comparable<Text<Self>>>(self, other: R) -> Expr<<Self::Type as SqlType>::Or<R::Type>> {
        Expr::new(ast::Expr::Binary(BinaryOp::Concat, Box::new((self.into_tree(), other.into_operand()))))
    }
}

impl<E: IsText> TextExpression for E {}

/// A column or expression of text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not text",
    label = "not a text column",
    note = "`.cast::<String>()` makes text of a number"
)]
pub trait IsText: Sized {
    /// `String`, another type that is stored as text, or an `Option` of one.
    type Type: SqlType<Plain: SqlText>;

    /// The tree below.
    fn into_tree(self) -> ast::Expr;
}

#[diagnostic::do_not_recommend]
impl<E: Expression<Type: SqlType<Plain: SqlText>>> IsText for E {
    type Type = E::Type;

    fn into_tree(self) -> ast::Expr {
        Expression::into_tree(self)
    }
}

type Text<E> = <<E as IsText>::Type as SqlType>::Plain;

fn call<T: SqlType>(function: Function, arguments: Vec<ast::Expr>) -> Expr<T> {
    Expr::new(ast::Expr::Function(function, arguments))
}

fn like(expr: impl IsText, pattern: ast::Expr, escape: Option<char>, insensitive: bool, negated: bool) -> Expr<bool> {
    operation(Operation::Like { expr: expr.into_tree(), pattern, escape, insensitive, negated })
}

/// A pattern of `text` between `before` and `after`, with `%`, `_` and `\` in it escaped.
fn pattern(before: &str, text: &str, after: &str) -> ast::Expr {
    let mut pattern = String::with_capacity(before.len() + text.len() + after.len() + 4);
    pattern.push_str(before);
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push_str(after);
    ast::Expr::Bind(Value::Text(pattern))
}
