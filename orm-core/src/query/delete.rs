//! `DELETE`.

use std::fmt;
use std::marker::PhantomData;

use super::select::projected;
use super::selection::Selection;
use super::{Command, Decoder, Filtered, Query, Runnable, Unfiltered};
use crate::ast::{self, Statement};
use crate::expr::Condition;
use crate::model::{Entity, Model};

/// A `DELETE` from the table of `M`; with `returning` it gives rows. It can be run once it is [`Filtered`].
#[must_use = "a statement does nothing until it is run: `engine.execute(statement)`"]
pub struct Delete<M, State = Filtered, Returned = ()> {
    ast: ast::Delete,
    returned: Returned,
    types: PhantomData<fn() -> (M, State)>,
}

/// Deletes rows. It compiles only with a `filter`, or with `all_rows`.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let q = delete(User).filter(User.posts.none(true));
/// assert_sql!(q, sqlite: r#"DELETE FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id")"#);
/// ```
pub fn delete<E: Entity>(entity: E) -> Delete<E::Model, Unfiltered> {
    let ast = ast::Delete {
        table: entity.table_ref(),
        filter: Vec::with_capacity(1),
        returning: Vec::new(),
        lifted: ast::Lifted::None,
    };
    Delete { ast, returned: (), types: PhantomData }
}

impl<M: Model, State, Returned> Delete<M, State, Returned> {
    /// Only rows for which `condition` is true. Called again, the conditions are joined with `AND`.
    pub fn filter(mut self, condition: impl Condition) -> Delete<M, Filtered, Returned> {
        condition.into_condition().and_into(&mut self.ast.filter);
        Delete { ast: self.ast, returned: self.returned, types: PhantomData }
    }

    /// Only rows for which `condition` is not true.
    pub fn exclude(self, condition: impl Condition) -> Delete<M, Filtered, Returned> {
        self.filter(crate::expr::not(condition))
    }

    /// Says that every row is meant.
    pub fn all_rows(self) -> Delete<M, Filtered, Returned> {
        Delete { ast: self.ast, returned: self.returned, types: PhantomData }
    }

    /// Lifts all global filters ([`Engine::filter`](crate::engine::EngineBuilder::filter)) from this statement: from its
    /// tables, from the queries in it.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// let adults = engine.with_filter(User, User.age.ge(18));
    /// let one = delete(User).filter(User.id.eq(1)).without_filters();
    /// assert_eq!(adults.sql(one)?, r#"DELETE FROM "users" WHERE "users"."id" = ?1"#);
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

    /// Gives back columns of the deleted rows, in no particular order.
    pub fn returning<S: Selection>(mut self, selection: S) -> Delete<M, State, Decoder<S::Row>> {
        let (returning, returned) = projected(selection);
        self.ast.returning = returning;
        Delete { ast: self.ast, returned, types: PhantomData }
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, Returned: Send + Sync> Runnable for Delete<M, Filtered, Returned> {
    fn command(&self) -> Command<'_> {
        Command::One(Statement::Delete(&self.ast))
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, Row: Send + 'static> Query for Delete<M, Filtered, Decoder<Row>> {
    type Row = Row;

    fn decoder(&self) -> Decoder<Row> {
        self.returned.clone()
    }
}

impl<M, State, Returned: Clone> Clone for Delete<M, State, Returned> {
    fn clone(&self) -> Self {
        Delete { ast: self.ast.clone(), returned: self.returned.clone(), types: PhantomData }
    }
}

impl<M, State, Returned> fmt::Debug for Delete<M, State, Returned> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ast.fmt(f)
    }
}
