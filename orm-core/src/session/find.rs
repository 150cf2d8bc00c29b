//! [`Find`]: a query that gives handles.

use std::panic::Location;

use super::arena::{Arena, Place, Slot};
use super::flush::Attempt;
use super::loading::{SessionLoad, Spec};
use super::plan::Deleted;
use super::{Object, Ref, Session};
use crate::ast::{self, Lifted, Projection, Reads, Statement, TableRef};
use crate::driver::{Caller, Flow, Row, RowSink};
use crate::engine::Executor;
use crate::error::{Error, Result};
use crate::expr::{AggregateExpr, Condition, Expression, IntoOrder, count_all};
use crate::model::Entity;
use crate::query::{Command, Filtered, FromItem, IntoGroup, Joinable, Select, Tree, Update, select};

/// A query of a session, which gives handles: every row once, whatever it is read by.
///
/// It has all that [`Select`] has; [`Session::query`] also takes a `select(User)` that is ready.
#[must_use = "a query does nothing until it is run: `.all().await`"]
#[derive(Debug)]
pub struct Find<'s, T> {
    session: &'s mut Session,
    select: Select<T>,
    populate_existing: bool,
    loads: Vec<Spec>,
    caller: Caller,
}

/// What a session can be asked for: a model's value (`User`), or a `select(User)`.
#[diagnostic::on_unimplemented(
    message = "a session cannot query `{Self}`",
    label = "expected a model's value or a `select` of it",
    note = "columns and tuples are for `session.fetch_all(select(..))`, which gives plain values"
)]
pub trait Findable {
    /// The model.
    type Model: Object;

    /// The rows that are asked for.
    fn into_select(self) -> Select<Self::Model>;
}

#[diagnostic::do_not_recommend]
impl<E: Entity<Model: Object>> Findable for E {
    type Model = E::Model;

    fn into_select(self) -> Select<E::Model> {
        select(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Object> Findable for Select<T> {
    type Model = T;

    fn into_select(self) -> Select<T> {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: Object> Findable for Tree<T> {
    type Model = T;

    fn into_select(self) -> Select<T> {
        self.select()
    }
}

impl Session {
    /// A query for objects. Rows that the session has already are those objects: as they are in memory, if they were read
    /// or written in this transaction or have changes; otherwise they are brought up to date.
    ///
    /// Before it runs, the session flushes if a table that the query reads has changes.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # let mut session = Session::new(&engine);
    /// session.add(User::builder().name("Alice").email("a@example.com"));
    /// let found = session.query(User).filter(User.name.eq("Alice")).all().await?;
    /// session[found[0]].nickname = Some("al".into());
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn query<F: Findable>(&mut self, what: F) -> Find<'_, F::Model> {
        let (select, caller) = (what.into_select(), Location::caller());
        Find { session: self, select, populate_existing: false, loads: Vec::new(), caller }
    }

    /// Flushes if a query of these tables could see what has not been flushed.
    pub(super) async fn flush_for(&mut self, reads: impl FnOnce() -> Reads) -> Result<()> {
        if !self.autoflush || !self.arenas.iter().any(Arena::is_dirty) {
            return Ok(());
        }
        let reads = reads();
        let seen =
            self.arenas.iter().any(|arena| arena.is_dirty() && reads.sees(arena.meta, !arena.deleting.is_empty()));
        if seen { Box::pin(self.flush_before_query()).await } else { Ok(()) }
    }

    /// A flush that nobody has asked for says so where it fails.
    pub(super) async fn flush_before_query(&mut self) -> Result<()> {
        self.flush().await.map_err(|error| error.with_hint("it was flushed before a query"))
    }
}

impl<'s, T: Object> Find<'s, T> {
    fn change(mut self, change: impl FnOnce(Select<T>) -> Select<T>) -> Self {
        self.select = change(self.select);
        self
    }

    /// Keeps the rows for which `condition` is true. See [`Select::filter`].
    pub fn filter(self, condition: impl Condition) -> Self {
        self.change(|select| select.filter(condition))
    }

    /// Leaves out the rows for which `condition` is true. See [`Select::exclude`].
    pub fn exclude(self, condition: impl Condition) -> Self {
        self.change(|select| select.exclude(condition))
    }

    /// Says the first table of FROM. See [`Select::from`].
    pub fn from(self, item: impl FromItem) -> Self {
        self.change(|select| select.from(item))
    }

    /// Inner join. See [`Select::join`].
    pub fn join(self, other: impl Joinable) -> Self {
        self.change(|select| select.join(other))
    }

    /// Left join. See [`Select::left_join`].
    pub fn left_join(self, other: impl Joinable) -> Self {
        self.change(|select| select.left_join(other))
    }

    /// Lifts all global filters from the query, and from what is loaded with its rows. See
    /// [`Select::without_filters`].
    pub fn without_filters(self) -> Self {
        self.change(Select::without_filters)
    }

    /// Lifts the global filters of one model. See [`Select::without_filters`].
    pub fn without_filters_of<E: Entity>(self, entity: E) -> Self {
        self.change(|select| select.without_filters_of(entity))
    }

    /// Groups rows. See [`Select::group_by`].
    pub fn group_by(self, by: impl IntoGroup) -> Self {
        self.change(|select| select.group_by(by))
    }

    /// Keeps the groups for which `condition` is true. See [`Select::having`].
    pub fn having(self, condition: impl Condition) -> Self {
        self.change(|select| select.having(condition))
    }

    /// Orders the rows. See [`Select::order_by`].
    pub fn order_by(self, order: impl IntoOrder) -> Self {
        self.change(|select| select.order_by(order))
    }

    /// Leaves out rows that are there already. See [`Select::distinct`].
    pub fn distinct(self) -> Self {
        self.change(Select::distinct)
    }

    /// At most so many rows. See [`Select::limit`].
    pub fn limit(self, rows: u64) -> Self {
        self.change(|select| select.limit(rows))
    }

    /// Leaves out the first rows. See [`Select::offset`].
    pub fn offset(self, rows: u64) -> Self {
        self.change(|select| select.offset(rows))
    }

    /// Loads what is related to each row into the session, by one further statement for each relation:
    /// [`Session::related`] then has it.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # let mut session = Session::new(&engine);
    /// # session.add(User::builder().name("Al").email("a@example.com").posts([Post::builder().title("Hello")]));
    /// # session.commit().await?;
    /// # let mut session = Session::new(&engine);
    /// for user in session.query(User).with(User.posts.order_by(Post.id)).all().await? {
    ///     for post in session.related(user, User.posts)? {
    ///         println!("{}: {}", session[user].name, session[post].title);
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn with<L: SessionLoad<From = T>>(mut self, relation: L) -> Self {
        self.loads.push(relation.into_spec());
        self
    }

    /// Overwrites objects that the session has with what the database has, their changes included.
    pub fn populate_existing(mut self) -> Self {
        self.populate_existing = true;
        self
    }

    /// Handles of all rows.
    ///
    /// # Errors
    ///
    /// Any of [`Error`]; those of the flush before it.
    pub async fn all(self) -> Result<Vec<Ref<T>>> {
        let Find { session, select, populate_existing, mut loads, caller } = self;
        session.check()?;
        session.flush_for(|| Reads::of(select.ast())).await?;
        if !loads.is_empty() {
            loads.iter_mut().for_each(|spec| spec.lift(&select.ast().lifted));
        }
        let statement = select.statement();
        let link = session.open(None).await?;
        link.caller = caller;
        link.watch(Command::One(statement))?;
        let found = session.read_rows(statement, populate_existing).await?;
        session.load_all(&found, &loads, populate_existing).await?;
        Ok(found)
    }

    /// The only row.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`], [`Error::MoreThanOneRow`].
    pub async fn one(self) -> Result<Ref<T>> {
        self.optional().await?.ok_or(Error::NoRow)
    }

    /// The only row, or none.
    ///
    /// # Errors
    ///
    /// [`Error::MoreThanOneRow`].
    pub async fn optional(self) -> Result<Option<Ref<T>>> {
        match self.all().await?.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(*only)),
            _ => Err(Error::MoreThanOneRow),
        }
    }

    /// The first row, or none: say which one that is by `order_by`.
    ///
    /// # Errors
    ///
    /// Any of [`Error`].
    pub async fn first(self) -> Result<Option<Ref<T>>> {
        Ok(self.limit(1).all().await?.first().copied())
    }

    /// How many rows there are.
    ///
    /// # Errors
    ///
    /// Any of [`Error`].
    pub async fn count(self) -> Result<i64> {
        let Find { session, select, .. } = self;
        let counted: AggregateExpr<i64> = count_all();
        let mut rows = select.ast().clone();
        rows.order_by.clear();
        let plain = rows.group_by.is_empty()
            && rows.distinct_on.is_empty()
            && rows.operands.is_empty()
            && !rows.distinct
            && rows.limit.is_none()
            && rows.offset.is_none();
        if !plain {
            return Ok(i64::try_from(session.query(select).all().await?.len()).unwrap_or(i64::MAX));
        }
        rows.from = rows.root();
        rows.projection = vec![Projection::Expr(counted.into_tree())];
        session.check()?;
        session.flush_for(|| Reads::of(&rows)).await?;
        let mut sink = Single(None);
        let link = session.open(None).await?;
        let counted = link.run(Command::One(Statement::Select(&rows)), &mut sink).await;
        link.noted(counted)?;
        Ok(sink.0.unwrap_or_default())
    }

    /// Whether there is a row.
    ///
    /// # Errors
    ///
    /// Any of [`Error`].
    pub async fn exists(self) -> Result<bool> {
        Ok(self.first().await?.is_some())
    }

    /// Updates the rows in the database by one statement, and gives their number. Objects of the session that are among
    /// them get their new values.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # let mut session = Session::new(&engine);
    /// let al = session.add(User::builder().name("Al").email("a@example.com").age(41));
    /// let birthdays = session.query(User).filter(User.age.lt(50)).update(|rows| rows.set(User.age, User.age + 1)).await?;
    /// assert_eq!((birthdays, session[al].age), (1, Some(42)));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] if the query has more than filters, or a column of the key is set; any other of [`Error`].
    pub async fn update(self, set: impl FnOnce(Update<T, Filtered>) -> Update<T, Filtered>) -> Result<u64> {
        let (session, table, filter, lifted) = self.criteria("update").await?;
        let start = Update::of(ast::Update {
            table,
            set: ast::Assignments::new(),
            filter: filter.into(),
            returning: Vec::new(),
            lifted,
        });
        let mut update = set(start).into_ast();
        if let Some(key) = update.set.iter().find(|assignment| T::TABLE.primary_key.contains(&assignment.column)) {
            let column = T::TABLE.column(key.column).map_or("?", |column| column.name);
            return Err(Error::Statement(format!(
                "a query cannot update the key `{}.{column}`, by which the session knows its objects: set it in the \
                 objects, or run `update({})` by itself and `clear` the session",
                T::TABLE.name,
                T::TABLE.model
            )));
        }
        let watched = session.arena::<T>().is_some_and(|arena| arena.len() > 0);
        if watched {
            update.returning = vec![Projection::Table(table)];
        }
        let number = session.arena_number::<T>();
        session.open(None).await?;
        // Nobody would know whether the rows were updated if this is dropped half-way.
        let attempt = Attempt::new(session, "update");
        let (arenas, line) = (&mut attempt.session.arenas, &mut attempt.session.line);
        let (Some(arena), Some(link)) = (arenas.get_mut(number), line.link()) else {
            return Err(Error::TransactionEnded);
        };
        let mut sink = Changed { arena, rows: 0 };
        let done = link.run(Command::One(Statement::Update(&update)), &mut sink).await;
        let (done, rows) = (link.noted(done), sink.rows);
        attempt.over();
        done.map(|done| if watched { rows } else { done.rows_affected })
    }

    /// Deletes the rows in the database by one statement, and gives their number. Objects of the session that are among
    /// them are deleted.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] if the query has more than filters; any other of [`Error`].
    pub async fn delete(self) -> Result<u64> {
        let (session, table, filter, lifted) = self.criteria("delete").await?;
        let mut delete = ast::Delete { table, filter, returning: Vec::new(), lifted };
        let watched = session.arena::<T>().is_some_and(|arena| arena.len() > 0);
        if watched {
            delete.returning = vec![Projection::Table(table)];
        }
        let number = session.arena_number::<T>();
        session.open(None).await?;
        let attempt = Attempt::new(&mut *session, "delete");
        let (arenas, line) = (&mut attempt.session.arenas, &mut attempt.session.line);
        let (Some(arena), Some(link)) = (arenas.get_mut(number), line.link()) else {
            return Err(Error::TransactionEnded);
        };
        let mut sink = Removed { arena, rows: 0, slots: Vec::new() };
        let done = link.run(Command::One(Statement::Delete(&delete)), &mut sink).await;
        let (done, rows, slots) = (link.noted(done), sink.rows, sink.slots);
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                attempt.over();
                return Err(error);
            }
        };
        let arena = u16::try_from(number).unwrap_or(u16::MAX);
        let deleted = slots.into_iter().map(|slot| Deleted { place: Place { arena, slot }, when: 0 });
        let followed = attempt.session.follow_deletes(deleted.collect(), &|_, _, _| false);
        let read = match followed {
            Ok(defaulted) => attempt.session.read_defaults(defaulted).await,
            Err(error) => Err(error),
        };
        attempt.over();
        read?;
        Ok(if watched { rows } else { done.rows_affected })
    }

    /// The condition of a query that is nothing but a condition, after a flush.
    async fn criteria(self, verb: &str) -> Result<(&'s mut Session, TableRef, Vec<ast::Expr>, Lifted)> {
        let Find { session, select, .. } = self;
        session.check()?;
        let query = select.ast();
        let plain = query.joins.is_empty()
            && query.group_by.is_empty()
            && query.having.is_empty()
            && query.limit.is_none()
            && query.offset.is_none()
            && query.operands.is_empty()
            && query.distinct_on.is_empty()
            && query.lock.is_none()
            && !query.distinct;
        let table = TableRef { meta: T::TABLE, alias: None };
        if !plain || query.root() != Some(table) {
            return Err(Error::Statement(format!(
                "a query with joins, groups or a limit cannot {verb}: ask for the rows by a subquery in `filter`"
            )));
        }
        if session.autoflush {
            session.flush().await?;
        }
        Ok((session, table, query.filter.clone(), query.lifted.clone()))
    }
}

struct Single(Option<i64>);

impl RowSink for Single {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.0 = Some(crate::model::FromRow::from_row(row, 0)?);
        Ok(Flow::Continue)
    }
}

/// Takes the new values of updated rows. Rows that the session does not have stay out of it.
struct Changed<'a> {
    arena: &'a mut super::Arena,
    rows: u64,
}

impl RowSink for Changed<'_> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.rows += 1;
        self.arena.read_known(row, true)?;
        Ok(Flow::Continue)
    }
}

struct Removed<'a> {
    arena: &'a mut super::Arena,
    rows: u64,
    slots: Vec<u32>,
}

impl RowSink for Removed<'_> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.rows += 1;
        if let Some(slot) = self.arena.read_known(row, false)? {
            if self.arena.slot_state(slot) == Slot::Persistent {
                self.arena.was_deleted(slot);
            }
            self.slots.push(slot);
        }
        Ok(Flow::Continue)
    }
}

/// Core's statements on the session's own transaction. Changes are flushed before each of them, since what it reads is
/// not known here; what it writes is not seen by objects that were loaded before.
impl Executor for Session {
    fn link(&mut self, caller: Caller) -> crate::engine::Lent<'_> {
        crate::engine::Lent::later(async move {
            self.check()?;
            if self.autoflush {
                self.flush_before_query().await?;
            }
            let link = self.open(None).await?;
            link.caller = caller;
            Ok(link)
        })
    }
}
