//! `UPDATE`.

use std::fmt;
use std::marker::PhantomData;

use smallvec::SmallVec;

use super::select::projected;
use super::selection::Selection;
use super::{Command, Decoder, Filtered, Query, Runnable, Unfiltered};
use crate::ast::{self, Assignment, Assignments, Statement};
use crate::boxed;
use crate::expr::{Column, Condition};
use crate::model::{Entity, Model};
use crate::types::{Assign, SqlType};

/// An `UPDATE` of the table of `M`; with `returning` it gives rows. It can be run once it is [`Filtered`].
#[must_use = "a statement does nothing until it is run: `engine.execute(statement)`"]
pub struct Update<M, State = Filtered, Returned = ()> {
    // Boxed, since a builder is moved at each step.
    ast: Box<ast::Update>,
    returned: Returned,
    types: PhantomData<fn() -> (M, State)>,
}

/// Updates rows. It compiles only with a `filter`, or with `all_rows`.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let birthday = update(User).set(User.age, User.age + 1).filter(User.id.eq(1));
/// assert_sql!(birthday, sqlite: r#"UPDATE "users" SET "age" = "users"."age" + ?1 WHERE "users"."id" = ?2"#);
/// ```
pub fn update<E: Entity>(entity: E) -> Update<E::Model, Unfiltered> {
    let ast = boxed(|| ast::Update {
        table: entity.table_ref(),
        set: SmallVec::new(),
        filter: SmallVec::new(),
        returning: Vec::new(),
        lifted: ast::Lifted::None,
    });
    Update { ast, returned: (), types: PhantomData }
}

impl<M> Update<M> {
    /// An update whose condition is there.
    pub(crate) fn of(ast: ast::Update) -> Self {
        Update { ast: Box::new(ast), returned: (), types: PhantomData }
    }

    pub(crate) fn into_ast(self) -> ast::Update {
        *self.ast
    }
}

impl<M: Model, State, Returned> Update<M, State, Returned> {
    /// Sets a column to a value, an expression over the row's values from before, or a subquery. A later `set` of the
    /// same column wins.
    pub fn set<T: SqlType, V: Assign<T::Plain, T::Nullness>>(mut self, column: Column<M, T>, value: V) -> Self {
        assign(&mut self.ast.set, column.reference().index, value.into_assigned());
        self
    }

    /// Only rows for which `condition` is true. Called again, the conditions are joined with `AND`.
    pub fn filter(mut self, condition: impl Condition) -> Update<M, Filtered, Returned> {
        condition.into_condition().each_of_all(&mut |one| self.ast.filter.push(one));
        Update { ast: self.ast, returned: self.returned, types: PhantomData }
    }

    /// Only rows for which `condition` is not true.
    pub fn exclude(self, condition: impl Condition) -> Update<M, Filtered, Returned> {
        self.filter(crate::expr::not(condition))
    }

    /// Says that every row is meant.
    pub fn all_rows(self) -> Update<M, Filtered, Returned> {
        Update { ast: self.ast, returned: self.returned, types: PhantomData }
    }

    /// Lifts all global filters ([`Engine::filter`](crate::engine::EngineBuilder::filter)) from this statement: from its
    /// tables, from the queries in it.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// let adults = engine.with_filter(User, User.age.ge(18));
    /// let rename = update(User).set(User.name, "A").filter(User.id.eq(1)).without_filters();
    /// assert_eq!(adults.sql(rename)?, r#"UPDATE "users" SET "name" = ?1 WHERE "users"."id" = ?2"#);
    /// # Ok(()) }
    /// ```
    pub fn without_filters(mut self) -> Self {
        self.ast.lifted = ast::Lifted::All;
        self
    }

    /// Lifts the global filters of one model from this statement. See [`without_filters`](Self::without_filters).
    pub fn without_filters_of<E: Entity>(mut self, _entity: E) -> Self {
        self.ast.lifted.add(E::Model::TABLE);
        self
    }

    /// Gives back columns of the updated rows, with their new values, in no particular order.
    pub fn returning<S: Selection>(mut self, selection: S) -> Update<M, State, Decoder<S::Row>> {
        let (returning, returned) = projected(selection);
        self.ast.returning = returning;
        Update { ast: self.ast, returned, types: PhantomData }
    }
}

/// Sets a column, in place of what it was set to before.
pub(super) fn assign(set: &mut Assignments, column: u16, value: ast::Expr) {
    match set.iter_mut().find(|assignment| assignment.column == column) {
        Some(assignment) => assignment.value = value,
        None => set.push(Assignment { column, value }),
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, Returned: Send + Sync> Runnable for Update<M, Filtered, Returned> {
    fn command(&self) -> Command<'_> {
        Command::One(Statement::Update(&self.ast))
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, Row: Send + 'static> Query for Update<M, Filtered, Decoder<Row>> {
    type Row = Row;

    fn decoder(&self) -> Decoder<Row> {
        self.returned.clone()
    }
}

impl<M, State, Returned: Clone> Clone for Update<M, State, Returned> {
    fn clone(&self) -> Self {
        Update { ast: self.ast.clone(), returned: self.returned.clone(), types: PhantomData }
    }
}

impl<M, State, Returned> fmt::Debug for Update<M, State, Returned> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ast.fmt(f)
    }
}
