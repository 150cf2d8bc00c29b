//! Window functions: what they are called with, and over which rows.
//!
//! ```text
//! row_number()  .over(  partition_by(Post.author_id)  .order_by(Post.id.desc())  .rows(..=0)  )
//! ^ WindowCall          ^ Window: these rows ..       in this order              of them these
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use super::expression::operation;
use super::{AggregateExpr, Expr, Expression, IntoOrder};
use crate::ast::{self, Exclude, Frame, FrameUnit, Operation, WindowFunction};
use crate::query::IntoGroup;
use crate::types::{Comparable, SqlType};
use crate::value::Value;

/// A window function that has yet to be told over which rows it goes.
#[must_use = "add `.over(window)`"]
pub struct WindowCall<T> {
    function: WindowFunction,
    arguments: Vec<ast::Expr>,
    type_: PhantomData<fn() -> T>,
}

impl<T: SqlType> WindowCall<T> {
    fn new(function: WindowFunction, arguments: Vec<ast::Expr>) -> Self {
        WindowCall { function, arguments, type_: PhantomData }
    }

    /// Says over which rows it goes: see [`partition_by`] and [`window`].
    #[must_use = "gives an expression"]
    pub fn over(self, window: Window) -> Expr<T> {
        let WindowCall { function, arguments, type_: _ } = self;
        operation(Operation::Window { function, arguments, filter: None, window: window.0 })
    }
}

impl<T> Clone for WindowCall<T> {
    fn clone(&self) -> Self {
        WindowCall { function: self.function, arguments: self.arguments.clone(), type_: PhantomData }
    }
}

impl<T> fmt::Debug for WindowCall<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowCall").field("function", &self.function).finish_non_exhaustive()
    }
}

impl<T: SqlType> AggregateExpr<T> {
    /// The aggregate of the rows of a window, for each row: no rows are put together.
    ///
    /// Over a window with an order, an aggregate goes up to the row itself (and those equal to it): a running total.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = select((Post.id, count_all().over(partition_by(Post.author_id).order_by(Post.id))));
    /// assert_sql!(q, sqlite: r#"SELECT "post"."id", count(*) OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id") FROM "post""#);
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::Statement`](crate::Error::Statement) for an aggregate that is distinct or has an order,
    /// which no database can do over a window.
    #[must_use = "gives an expression"]
    pub fn over(self, window: Window) -> Expr<T> {
        self.windowed(window.0)
    }
}

/// Over which rows a window function goes, and in which order.
#[derive(Debug, Clone, Default)]
#[must_use = "use it in `.over(..)`"]
pub struct Window(ast::Window);

/// All rows of the result: `OVER ()`. Add an order to it, if the function needs one.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let q = select((User.name, rank().over(window().order_by(User.age.desc()))));
/// assert_sql!(q, sqlite: r#"SELECT "users"."name", rank() OVER (ORDER BY "users"."age" DESC) FROM "users""#);
/// ```
pub fn window() -> Window {
    Window::default()
}

/// The rows that agree with the row in these columns or expressions.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let newest = row_number().over(partition_by(Post.author_id).order_by(Post.id.desc()));
/// let q = select((Post.title, newest));
/// assert_sql!(q, sqlite: r#"SELECT "post"."title", row_number() OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id" DESC) FROM "post""#);
/// ```
pub fn partition_by(group: impl IntoGroup) -> Window {
    window().partition_by(group)
}

impl Window {
    /// Only the rows that agree with the row in these, too.
    pub fn partition_by(mut self, group: impl IntoGroup) -> Self {
        group.append_to(&mut self.0.partition_by);
        self
    }

    /// The order of the rows. NULL is smaller than every value, as everywhere.
    pub fn order_by(mut self, order: impl IntoOrder) -> Self {
        order.append_to(&mut self.0.order_by);
        self
    }

    /// Of the rows those from so many before the row to so many after it: `-2..=0` are the two before it and itself,
    /// `..=0` all up to it, `1..` all after it.
    ///
    /// Without it, a window with an order ends with the row itself and those that are equal to it in the order; one
    /// without an order has all rows.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let moving = avg(User.age).over(window().order_by(User.id).rows(-2..=0));
    /// let q = select((User.id, moving));
    /// assert_sql!(q, sqlite: r#"SELECT "users"."id", avg("users"."age") OVER (ORDER BY "users"."id" ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM "users""#);
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::Statement`](crate::Error::Statement) for a frame that begins after its end.
    pub fn rows(self, frame: impl RangeBounds<i64>) -> Self {
        self.frame(FrameUnit::Rows, frame)
    }

    /// Of the rows those whose number in the order is from so much less than the row's to so much more.
    ///
    /// # Errors
    ///
    /// When run: [`Error::Statement`](crate::Error::Statement) if the window is not ordered by one key.
    pub fn range(self, frame: impl RangeBounds<i64>) -> Self {
        self.frame(FrameUnit::Range, frame)
    }

    /// As [`rows`](Window::rows), counted in groups of rows that are equal in the order.
    ///
    /// # Errors
    ///
    /// When run: [`Error::Statement`](crate::Error::Statement) if the window has no order.
    pub fn groups(self, frame: impl RangeBounds<i64>) -> Self {
        self.frame(FrameUnit::Groups, frame)
    }

    /// Leaves out the row itself.
    pub fn exclude_current_row(self) -> Self {
        self.exclude(Exclude::CurrentRow)
    }

    /// Leaves out the row, and those that are equal to it in the order.
    pub fn exclude_group(self) -> Self {
        self.exclude(Exclude::Group)
    }

    /// Leaves out the rows that are equal to the row in the order, but not the row itself.
    pub fn exclude_ties(self) -> Self {
        self.exclude(Exclude::Ties)
    }

    fn frame(mut self, unit: FrameUnit, frame: impl RangeBounds<i64>) -> Self {
        let start = match frame.start_bound() {
            Bound::Unbounded => None,
            Bound::Included(start) => Some(*start),
            Bound::Excluded(start) => Some(start.saturating_add(1)),
        };
        let end = match frame.end_bound() {
            Bound::Unbounded => None,
            Bound::Included(end) => Some(*end),
            Bound::Excluded(end) => Some(end.saturating_sub(1)),
        };
        let exclude = self.0.frame.map_or(Exclude::Nothing, |frame| frame.exclude);
        self.0.frame = Some(Frame { unit, start, end, exclude });
        self
    }

    fn exclude(mut self, exclude: Exclude) -> Self {
        // What SQL takes where no frame is said.
        let default = Frame { unit: FrameUnit::Range, start: None, end: Some(0), exclude };
        self.0.frame = Some(self.0.frame.map_or(default, |frame| Frame { exclude, ..frame }));
        self
    }
}

/// The row's number in its window, from 1 on. Rows that are equal in the order have different numbers.
pub fn row_number() -> WindowCall<i64> {
    WindowCall::new(WindowFunction::RowNumber, Vec::new())
}

/// The row's place: rows that are equal in the order share one, and the next is as many further as they are.
pub fn rank() -> WindowCall<i64> {
    WindowCall::new(WindowFunction::Rank, Vec::new())
}

/// The row's place: rows that are equal in the order share one, and none is left out.
pub fn dense_rank() -> WindowCall<i64> {
    WindowCall::new(WindowFunction::DenseRank, Vec::new())
}

/// The row's [`rank`] as a part of all: from 0 to 1.
pub fn percent_rank() -> WindowCall<f64> {
    WindowCall::new(WindowFunction::PercentRank, Vec::new())
}

/// Which part of the rows comes before the row or is equal to it: above 0, up to 1.
pub fn cume_dist() -> WindowCall<f64> {
    WindowCall::new(WindowFunction::CumeDist, Vec::new())
}

/// The number of the row's bucket, from 1 on, where the rows are put into so many of nearly one size.
///
/// # Errors
///
/// When run: the database refuses 0 buckets.
pub fn ntile(buckets: u32) -> WindowCall<i64> {
    WindowCall::new(WindowFunction::Ntile, vec![number(buckets)])
}

/// The value of the row that is so many rows before; NULL if there is none.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let before = lag(Post.title, 1).over(partition_by(Post.author_id).order_by(Post.id));
/// let q: Select<(String, Option<String>)> = select((Post.title, before));
/// assert_sql!(q,
///     sqlite:   r#"SELECT "post"."title", lag("post"."title", ?1) OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id") FROM "post""#,
///     postgres: r#"SELECT "post"."title", lag("post"."title", $1) OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id") FROM "post""#);
/// ```
pub fn lag<E: Expression>(expr: E, rows: u32) -> WindowCall<Option<Plain<E>>> {
    WindowCall::new(WindowFunction::Lag, vec![expr.into_tree(), number(rows)])
}

/// As [`lag`], and `default` if there is no such row.
pub fn lag_or<E: Expression, D: Comparable<Plain<E>>>(
    expr: E,
    rows: u32,
    default: D,
) -> WindowCall<<E::Type as SqlType>::Or<D::Type>> {
    WindowCall::new(WindowFunction::Lag, vec![expr.into_tree(), number(rows), default.into_operand()])
}

/// The value of the row that is so many rows after; NULL if there is none.
pub fn lead<E: Expression>(expr: E, rows: u32) -> WindowCall<Option<Plain<E>>> {
    WindowCall::new(WindowFunction::Lead, vec![expr.into_tree(), number(rows)])
}

/// As [`lead`], and `default` if there is no such row.
pub fn lead_or<E: Expression, D: Comparable<Plain<E>>>(
    expr: E,
    rows: u32,
    default: D,
) -> WindowCall<<E::Type as SqlType>::Or<D::Type>> {
    WindowCall::new(WindowFunction::Lead, vec![expr.into_tree(), number(rows), default.into_operand()])
}

/// The value of the window's first row; NULL if its frame is empty.
pub fn first_value<E: Expression>(expr: E) -> WindowCall<Option<Plain<E>>> {
    WindowCall::new(WindowFunction::FirstValue, vec![expr.into_tree()])
}

/// The value of the window's last row; NULL if its frame is empty.
///
/// A window with an order ends with the row itself unless it says otherwise: add `.rows(..)` for all of its rows.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let newest = last_value(Post.title).over(partition_by(Post.author_id).order_by(Post.id).rows(..));
/// let q = select((Post.id, newest));
/// assert_sql!(q, sqlite: r#"SELECT "post"."id", last_value("post"."title") OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM "post""#);
/// ```
pub fn last_value<E: Expression>(expr: E) -> WindowCall<Option<Plain<E>>> {
    WindowCall::new(WindowFunction::LastValue, vec![expr.into_tree()])
}

/// The value of the window's row number `n`, from 1 on; NULL if its frame has none. See [`last_value`] for where a
/// window ends.
///
/// # Errors
///
/// When run: the database refuses row number 0.
pub fn nth_value<E: Expression>(expr: E, n: u32) -> WindowCall<Option<Plain<E>>> {
    WindowCall::new(WindowFunction::NthValue, vec![expr.into_tree(), number(n)])
}

/// The type of an expression without its `Option`.
type Plain<E> = <<E as Expression>::Type as SqlType>::Plain;

fn number(number: u32) -> ast::Expr {
    ast::Expr::Bind(Value::Int(i64::from(number)))
}
